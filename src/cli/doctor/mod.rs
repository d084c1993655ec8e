//! `agentpulse doctor`: looks at everything that the daemon stands on. Each finding is one line;
//! one that is wrong says how to mend it.

mod daemon;
mod place;
mod server;

use clap::Args;

use super::table::aligned;
use super::{Failure, Place, block_on, failed, print};

#[derive(Args)]
pub struct Doctor {}

/// What was looked at and how it is.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    subject: &'static str,
    state: String,
    /// What to do about it; nothing when it is right.
    mend: Option<String>,
}

impl Finding {
    fn right(subject: &'static str, state: impl Into<String>) -> Finding {
        Finding {
            subject,
            state: state.into(),
            mend: None,
        }
    }

    fn wrong(subject: &'static str, state: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding {
            subject,
            state: state.into(),
            mend: Some(mend.into()),
        }
    }
}

impl Doctor {
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let config = place.load(Vec::new())?;
        let mut findings = place::findings(&config);
        block_on(async {
            findings.push(server::finding(&config).await);
            findings.extend(daemon::findings(&config).await);
        })?;
        print(&shown(&findings))?;
        match findings
            .iter()
            .filter(|finding| finding.mend.is_some())
            .count()
        {
            0 => Ok(()),
            1 => Err(failed("one thing is wrong")),
            wrong => Err(failed(format_args!("{wrong} things are wrong"))),
        }
    }
}

fn shown(findings: &[Finding]) -> String {
    let rows = findings.iter().map(|finding| {
        let (mark, text) = match &finding.mend {
            None => ("ok", finding.state.clone()),
            Some(mend) => ("WRONG", format!("{}: {mend}", finding.state)),
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
            Finding::wrong("disk", "no room", "make room"),
        ];
        let expect = "ok     data folder  /d has mode 0700\n\
                      WRONG  disk         no room: make room\n";
        assert_eq!(shown(&findings), expect);
    }
}
