//! `agentpulse doctor`: checks everything that the daemon depends on. Each finding is one line; an
//! error says how to fix it, and a hint what could be better.

mod age;
mod daemon;
mod folders;
mod hooks;

mod limits;
mod redis;
mod server;
mod settings;
mod spool;

use clap::Args;
use serde::Serialize;

use super::client::Control;
use super::table::aligned;
use super::{Failure, Target, block_on, failed, print, print_json};

#[derive(Args)]
pub struct Doctor {
    /// Print the findings as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    /// Worth knowing; nothing is broken by it.
    Hint,
    Error,
}

/// What was checked and its state.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    level: Level,
    subject: &'static str,
    state: String,
    /// What to do about it; None if it is right.
    fix: Option<String>,
}

/// With the field names of v0.1.0, which go with the next release.
#[derive(Serialize)]
struct JsonFinding<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    mark: &'static str,
    mend: Option<&'a str>,
}

/// The answer of `--json`.
#[derive(Serialize)]
struct Report<'a> {
    /// There is no error; hints do not count.
    healthy: bool,
    findings: Vec<JsonFinding<'a>>,
}

impl Finding {
    fn right(subject: &'static str, state: impl Into<String>) -> Finding {
        Finding {
            level: Level::Ok,
            subject,
            state: state.into(),
            fix: None,
        }
    }

    fn hint(subject: &'static str, state: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            level: Level::Hint,
            fix: Some(fix.into()),
            ..Finding::right(subject, state)
        }
    }

    fn error(subject: &'static str, state: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            level: Level::Error,
            ..Finding::hint(subject, state, fix)
        }
    }
}

impl Doctor {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let control = Control::of(&config);
        let mut findings = settings::findings(&config, target.file().as_deref());
        findings.extend(folders::findings(&config));
        block_on(async {
            let status = control.status().await;
            let running = status.as_ref().ok();
            findings.push(server::finding(&config).await);
            findings.extend(redis::findings(&config, running).await);
            findings.extend(daemon::findings(&config, &control, &status).await);
            findings.extend(running.and_then(|status| limits::finding(&config, status)));
            findings.push(spool::finding(&config.spool.path, running.is_some()));
            findings.extend(hooks::findings(&config, running));
            findings.extend(age::findings(&config));
        })?;
        let errors = findings
            .iter()
            .filter(|finding| finding.level == Level::Error)
            .count();
        if self.json {
            let report = Report {
                healthy: errors == 0,
                findings: findings.iter().map(json).collect(),
            };
            let line = serde_json::to_string(&report).map_err(failed)?;
            print_json(&line)?;
        } else {
            print(&shown(&findings))?;
        }
        match errors {
            0 => Ok(()),
            1 => Err(failed("1 error")),
            errors => Err(failed(format_args!("{errors} errors"))),
        }
    }
}

fn json(finding: &Finding) -> JsonFinding<'_> {
    JsonFinding {
        finding,
        mark: match finding.level {
            Level::Ok => "ok",
            Level::Hint => "hint",
            Level::Error => "wrong",
        },
        mend: finding.fix.as_deref(),
    }
}

fn shown(findings: &[Finding]) -> String {
    let rows = findings.iter().map(|finding| {
        let level = match finding.level {
            Level::Ok => "ok",
            Level::Hint => "hint",
            Level::Error => "ERROR",
        };
        let text = match &finding.fix {
            None => finding.state.clone(),
            Some(fix) => format!("{}: {fix}", finding.state),
        };
        [level.to_owned(), finding.subject.to_owned(), text]
    });
    aligned(&rows.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_finding_with_its_fix() {
        let findings = [
            Finding::right("data folder", "/d has mode 0700"),
            Finding::hint("backup", "there is none", "make one"),
            Finding::error("disk", "no room", "make room"),
        ];
        let expect = "ok     data folder  /d has mode 0700\n\
                      hint   backup       there is none: make one\n\
                      ERROR  disk         no room: make room\n";
        assert_eq!(shown(&findings), expect);
    }

    #[test]
    fn json_has_the_old_names_beside_the_new_ones() {
        let finding = Finding::error("disk", "no room", "make room");
        let expect = serde_json::json!({
            "level": "error", "subject": "disk", "state": "no room", "fix": "make room",
            "mark": "wrong", "mend": "make room",
        });
        assert_eq!(serde_json::to_value(json(&finding)).unwrap(), expect);
    }
}
