//! `agentpulse rebuild`: the live picture anew, by the running daemon or without one.

use clap::Args;
use hyper::Method;

use super::client::{AskError, Control, LONG};
use super::{Failure, Place, block_on, print};
use crate::daemon;

#[derive(Args)]
pub struct Rebuild {
    /// Take over keys that another daemon wrote under the same prefix
    #[arg(long)]
    force: bool,
}

impl Rebuild {
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let config = place.load(Vec::new())?;
        let path = if self.force {
            "/control/rebuild?force=true"
        } else {
            "/control/rebuild"
        };
        block_on(async {
            match Control::of(&config).ask(Method::POST, path, LONG).await {
                Ok(_) => {}
                Err(AskError::NotRunning(_)) => daemon::rebuild_offline(config, self.force).await?,
                Err(error) => return Err(error.into()),
            }
            print("the live picture is rebuilt\n")
        })?
    }
}
