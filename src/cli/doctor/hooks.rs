//! The hooks of coding agents: whether they are installed, whole, and mean this daemon.

use std::path::Path;

use serde_json::Value;

use super::Finding;
use crate::cli::hooks::status;
use crate::config::Config;

const SUBJECT: &str = "hooks";

/// `running`: what the daemon says of itself.
pub fn findings(config: &Config, running: Option<&Value>) -> Vec<Finding> {
    let socket = running.and_then(|status| status["socket"].as_str());
    match status::problems(config, socket.map(Path::new)) {
        Ok(Some(problems)) if problems.is_empty() => {
            vec![Finding::right(
                SUBJECT,
                "those of Claude Code tell the daemon",
            )]
        }
        Ok(Some(problems)) => {
            let mend = "`agentpulse hooks status` says more, and tries them";
            let wrong = |problem| Finding::wrong(SUBJECT, problem, mend);
            problems.into_iter().map(wrong).collect()
        }
        Ok(None) => {
            let mend = "with Claude Code, run `agentpulse hooks install`";
            vec![Finding::hint(
                SUBJECT,
                "none of Claude Code are installed",
                mend,
            )]
        }
        Err(failure) => vec![Finding::hint(SUBJECT, failure.message, "set HOME")],
    }
}
