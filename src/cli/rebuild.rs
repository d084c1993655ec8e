//! `agentpulse rebuild`: rebuilds the live view, by the running daemon or without one.

use clap::Args;
use hyper::Method;
use serde_json::Value;

use super::bar;
use super::failure::Failure;
use super::output::print;
use super::runtime::block_on;
use super::target::Target;
use agentpulse_client::{AskError, Control, LONG};
use agentpulse_server::daemon;

const STAGE: &str = "rebuild";

/// How far the daemon is, out of its status.
fn rebuilt(status: &Value) -> Option<(String, u64)> {
    Some((
        STAGE.to_owned(),
        status["live"]["rebuilt_percent"].as_u64()?,
    ))
}

#[derive(Args)]
pub struct Rebuild {
    /// Take over keys that another daemon wrote under the same prefix
    #[arg(long)]
    force: bool,
}

impl Rebuild {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let path = if self.force {
            "/control/rebuild?force=true"
        } else {
            "/control/rebuild"
        };
        block_on(async {
            let control = Control::of(&config);
            let asked = control.ask(Method::POST, path, LONG);
            match bar::while_asked(asked, &control, rebuilt).await {
                Ok(_) => {}
                Err(AskError::NotRunning(_)) => {
                    let bar = bar::stages();
                    let shown = |percent| bar::show(&bar, STAGE, percent);
                    daemon::rebuild_offline(config, self.force, shown).await?;
                }
                Err(error) => return Err(error.into()),
            }
            print("the live view is rebuilt\n")
        })?
    }
}
