//! What is installed, whether the daemon answers, and what became of a test event.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use super::installed::{self, Installed, Program};
use super::problems::disagreements;
use super::spool::{Spool, as_hooks_see};
use super::trial::{Trial, version};
use crate::cli::hooks::hook_command::{self, OurCommand};
use crate::cli::table::aligned;
use agentpulse_client::{AskError, Control};
use agentpulse_config::Config;

#[derive(Serialize)]
pub struct Report {
    healthy: bool,
    /// Each with what to do about it.
    pub problems: Vec<String>,
    files: Vec<Installed>,
    /// None when there is no program at all.
    hook: Option<Hook>,
    daemon: Daemon,
    /// None where the hook program has no place for it, as without a home folder.
    spool: Option<Spool>,
    /// None when there is nothing installed that could be run.
    test: Option<Trial>,
}

#[derive(Serialize)]
struct Hook {
    command: String,
    /// None when only a shell knows.
    path: Option<PathBuf>,
    version: Option<String>,
}

#[derive(Serialize)]
struct Daemon {
    reachable: bool,
    version: Option<String>,
    socket: Option<PathBuf>,
    error: Option<String>,
}

impl Report {
    pub async fn of(files: Vec<Installed>, config: &Config) -> Report {
        let control = Control::of(config);
        let daemon = Daemon::of(control.status().await);
        let mut problems = installed::problems(&files);
        problems.extend(daemon.error.clone());
        let installed = installed::first_command(&files);
        let variables = installed
            .as_ref()
            .map(|(_, ours)| ours.variables.as_slice());
        let seen = as_hooks_see(variables.unwrap_or_default());
        if let Some(seen) = &seen {
            problems.extend(disagreements(seen, config, daemon.socket.as_deref()));
        }
        let folder = seen.as_ref().map(|seen| seen.spool.path.as_path());
        let test = match &installed {
            Some((command, _)) => Some(Trial::run(command, folder, &control).await),
            None => None,
        };
        problems.extend(
            test.as_ref()
                .and_then(|test| test.problem(daemon.reachable)),
        );
        let hook = Hook::of(installed).await;
        let spool = folder.map(Spool::of);
        Report {
            healthy: problems.is_empty(),
            problems,
            files,
            hook,
            daemon,
            spool,
            test,
        }
    }

    pub fn shown(&self) -> String {
        let row = |subject: &str, text: String| [subject.to_owned(), text];
        let mut rows: Vec<[String; 2]> = Vec::new();
        rows.extend(self.files.iter().map(|file| row(file.scope, file.shown())));
        if let Some(hook) = &self.hook {
            let program = match &hook.path {
                Some(path) => path.display().to_string(),
                None => hook.command.clone(),
            };
            let version = hook.version.as_deref().unwrap_or("unknown");
            rows.push(row("program", format!("{program}, version {version}")));
        }
        rows.push(row("daemon", self.daemon.shown()));
        if let Some(spool) = &self.spool {
            rows.push(row("spool", spool.shown()));
        }
        if let Some(test) = &self.test {
            rows.push(row("test", test.shown()));
        }
        let mut text = aligned(&rows);
        for problem in &self.problems {
            text.push_str(&format!("WRONG: {problem}\n"));
        }
        text
    }
}

impl Hook {
    /// The program that is installed, else the one that would be.
    async fn of(installed: Option<(&str, OurCommand)>) -> Option<Hook> {
        let (command, ours) = match installed {
            Some((command, ours)) => (command.to_owned(), ours),
            None => {
                let command = hook_command::beside_us().ok()?;
                let ours = hook_command::parse(&command)?;
                (command, ours)
            }
        };
        let path = match Program::of(&ours) {
            Program::At(path) => Some(path),
            _ => None,
        };
        Some(Hook {
            command,
            version: version(path.as_deref()).await,
            path,
        })
    }
}

impl Daemon {
    fn of(status: Result<Value, AskError>) -> Daemon {
        let text = |status: &Value, name: &str| status[name].as_str().map(str::to_owned);
        match status {
            Ok(status) => Daemon {
                reachable: true,
                version: text(&status, "version"),
                socket: text(&status, "socket").map(PathBuf::from),
                error: None,
            },
            Err(error) => Daemon {
                reachable: false,
                version: None,
                socket: None,
                error: Some(error.to_string()),
            },
        }
    }

    fn shown(&self) -> String {
        match (&self.version, &self.socket) {
            (Some(version), Some(socket)) => {
                format!("version {version} listens at {}", socket.display())
            }
            _ => "not reached".to_owned(),
        }
    }
}
