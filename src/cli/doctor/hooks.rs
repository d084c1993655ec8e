//! The hooks of coding agents: whether they are installed, complete, and report to this daemon.

use std::path::Path;

use serde_json::Value;

use super::finding::Finding;
use crate::cli::hooks::status;
use agentpulse_config::Config;

const SUBJECT: &str = "hooks";

/// `running`: the status of the daemon, if it runs.
pub fn findings(config: &Config, running: Option<&Value>) -> Vec<Finding> {
    let socket = running.and_then(|status| status["socket"].as_str());
    match status::problems(config, socket.map(Path::new)) {
        Ok(Some(problems)) if problems.is_empty() => {
            vec![Finding::right(
                SUBJECT,
                "those of Claude Code report to the daemon",
            )]
        }
        Ok(Some(problems)) => {
            let fix = "`agentpulse hooks status` shows details and tests them";
            let error = |problem| Finding::error(SUBJECT, problem, fix);
            problems.into_iter().map(error).collect()
        }
        Ok(None) => {
            let fix = "with Claude Code, run `agentpulse hooks install`";
            vec![Finding::hint(
                SUBJECT,
                "none of Claude Code are installed",
                fix,
            )]
        }
        Err(failure) => vec![Finding::hint(SUBJECT, failure.message, "set HOME")],
    }
}
