//! Runs all checks.

use clap::Args;

use super::answer::{as_json, as_text};
use super::finding::Level;
use super::{
    age, daemon, folders, hooks, limits, redis, server, settings, spool, transcripts, zone,
};
use crate::cli::failure::{Failure, failed};
use crate::cli::output::{print, print_json};
use crate::cli::runtime::block_on;
use crate::cli::target::Target;
use agentpulse_client::Control;

#[derive(Args)]
pub struct Doctor {
    /// Print the findings as one JSON object
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let control = Control::of(&config);
        let mut findings = settings::findings(&config, target.file().as_deref());
        findings.extend(folders::findings(&config));
        findings.extend(zone::finding(&config));
        block_on(async {
            let status = control.status().await;
            let running = status.as_ref().ok();
            findings.push(server::finding(&config).await);
            findings.extend(redis::findings(&config, running).await);
            findings.extend(daemon::findings(&config, &control, &status).await);
            findings.extend(running.and_then(|status| limits::finding(&config, status)));
            findings.push(spool::finding(&config.spool.path, running.is_some()));
            findings.extend(hooks::findings(&config, running));
            findings.extend(transcripts::findings(&config, running));
            findings.extend(age::findings(&config));
        })?;
        let errors = findings
            .iter()
            .filter(|finding| finding.level == Level::Error)
            .count();
        if self.json {
            print_json(as_json(&findings, errors == 0).map_err(failed)?)?;
        } else {
            print(&as_text(&findings))?;
        }
        match errors {
            0 => Ok(()),
            1 => Err(failed("1 error")),
            errors => Err(failed(format_args!("{errors} errors"))),
        }
    }
}
