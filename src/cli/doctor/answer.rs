//! The findings as text and as JSON.

use serde::Serialize;

use super::finding::{Finding, Level};
use crate::cli::table::aligned;

/// With the field names of v0.1.0, which go with the next release.
#[derive(Serialize)]
struct JsonFinding<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    mark: &'static str,
    mend: Option<&'a str>,
}

#[derive(Serialize)]
struct Report<'a> {
    /// There is no error; hints do not count.
    healthy: bool,
    findings: Vec<JsonFinding<'a>>,
}

/// The answer of `--json`.
pub fn as_json(findings: &[Finding], healthy: bool) -> serde_json::Result<String> {
    let findings = findings.iter().map(json).collect();
    serde_json::to_string(&Report { healthy, findings })
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

/// A line a finding.
pub fn as_text(findings: &[Finding]) -> String {
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
        assert_eq!(as_text(&findings), expect);
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
