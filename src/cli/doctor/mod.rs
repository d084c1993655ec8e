//! `agentpulse doctor`: looks at everything that the daemon stands on. Each finding is one line;
//! one that is wrong says how to mend it, and a hint what could be better.

mod daemon;
mod hooks;
mod kept;
mod limits;
mod place;
mod redis;
mod server;
mod settings;
mod spool;

use clap::Args;
use serde::Serialize;

use super::client::Control;
use super::table::aligned;
use super::{Failure, Place, block_on, failed, print, print_json};

#[derive(Args)]
pub struct Doctor {
    /// Print what was found as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    Ok,
    /// Worth to know; nothing is broken by it.
    Hint,
    Wrong,
}

/// What was looked at and how it is.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    mark: Mark,
    subject: &'static str,
    state: String,
    /// What to do about it; nothing when it is right.
    mend: Option<String>,
}

/// The answer of `--json`.
#[derive(Serialize)]
struct Report<'a> {
    /// Nothing is wrong; hints do not count.
    healthy: bool,
    findings: &'a [Finding],
}

impl Finding {
    fn right(subject: &'static str, state: impl Into<String>) -> Finding {
        Finding {
            mark: Mark::Ok,
            subject,
            state: state.into(),
            mend: None,
        }
    }

    fn hint(subject: &'static str, state: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding {
            mark: Mark::Hint,
            mend: Some(mend.into()),
            ..Finding::right(subject, state)
        }
    }

    fn wrong(subject: &'static str, state: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding {
            mark: Mark::Wrong,
            ..Finding::hint(subject, state, mend)
        }
    }
}

impl Doctor {
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let config = place.load(Vec::new())?;
        let control = Control::of(&config);
        let mut findings = settings::findings(&config, place.file().as_deref());
        findings.extend(place::findings(&config));
        block_on(async {
            let status = control.status().await;
            let running = status.as_ref().ok();
            findings.push(server::finding(&config).await);
            findings.extend(redis::findings(&config, running).await);
            findings.extend(daemon::findings(&config, &control, &status).await);
            findings.extend(running.and_then(|status| limits::finding(&config, status)));
            findings.push(spool::finding(&config.spool.path, running.is_some()));
            findings.extend(hooks::findings(&config, running));
            findings.extend(kept::findings(&config));
        })?;
        let wrong = findings
            .iter()
            .filter(|finding| finding.mark == Mark::Wrong)
            .count();
        if self.json {
            let report = Report {
                healthy: wrong == 0,
                findings: &findings,
            };
            let line = serde_json::to_string(&report).map_err(failed)?;
            print_json(&line)?;
        } else {
            print(&shown(&findings))?;
        }
        match wrong {
            0 => Ok(()),
            1 => Err(failed("one thing is wrong")),
            wrong => Err(failed(format_args!("{wrong} things are wrong"))),
        }
    }
}

fn shown(findings: &[Finding]) -> String {
    let rows = findings.iter().map(|finding| {
        let mark = match finding.mark {
            Mark::Ok => "ok",
            Mark::Hint => "hint",
            Mark::Wrong => "WRONG",
        };
        let text = match &finding.mend {
            None => finding.state.clone(),
            Some(mend) => format!("{}: {mend}", finding.state),
        };
        [mark.to_owned(), finding.subject.to_owned(), text]
    });
    aligned(&rows.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_finding_with_what_mends_it() {
        let findings = [
            Finding::right("data folder", "/d has mode 0700"),
            Finding::hint("backup", "there is none", "make one"),
            Finding::wrong("disk", "no room", "make room"),
        ];
        let expect = "ok     data folder  /d has mode 0700\n\
                      hint   backup       there is none: make one\n\
                      WRONG  disk         no room: make room\n";
        assert_eq!(shown(&findings), expect);
    }
}
