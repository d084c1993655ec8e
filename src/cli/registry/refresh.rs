//! `agentpulse registry refresh`: lets the daemon scan the definitions now.

use std::time::Duration;

use clap::Args;
use hyper::Method;

use agentpulse_client::Control;
use agentpulse_reports::registry::REFRESH;
use agentpulse_reports::registry::stats::{Query, Stats};

use crate::cli::failure::{Failure, failed};
use crate::cli::output::print;
use crate::cli::runtime::block_on;
use crate::cli::target::Target;

/// As long as a scan may take, and a little more.
const DEADLINE: Duration = Duration::from_secs(35);

#[derive(Args)]
pub struct Refresh {}

impl Refresh {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let control = Control::of(&config);
        let asked = async {
            control.ask(Method::POST, REFRESH, DEADLINE).await?;
            control.report::<Query>(None, &[]).await
        };
        let answer = block_on(asked)??;
        print(&shown(&answer.read().map_err(failed)?))
    }
}

fn shown(stats: &Stats) -> String {
    let (counts, findings) = (&stats.agent_counts, &stats.findings);
    format!(
        "agents: {}, broken: {}, conflicts: {}, errors: {}, warnings: {}, hints: {}\n",
        counts.total,
        counts.error,
        stats.conflicts,
        findings.error,
        findings.warning,
        findings.hint
    )
}
