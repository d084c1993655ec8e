//! What is wrong with the definitions of agents.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentpulse_definitions::{Code, Scope, Severity, State};
use agentpulse_pipeline::settings::RuntimeSettings;
use agentpulse_registry::{Conflict, Current, Handle, shown};
use agentpulse_reports::registry::Finding;

/// Without a scan for so many times the longest pause between two.
const MISSED_SCANS: i64 = 3;
/// Folders that a message names.
const MAX_NAMED: usize = 3;

/// A fault of one agent, or of one project.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub subject: String,
    pub message: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Definitions {
    pub broken: Vec<Fault>,
    pub twins: Vec<Fault>,
    pub over_budget: Vec<Fault>,
    /// Why the definitions may not be as they are shown.
    pub stale: Option<String>,
}

/// Looks again after each scan.
pub struct Follower {
    handle: Handle,
    seen: Option<(Arc<Current>, Definitions)>,
}

impl Follower {
    pub fn new(handle: Handle) -> Follower {
        Follower { handle, seen: None }
    }

    pub fn look(&mut self, settings: &RuntimeSettings, now_ms: i64) -> Definitions {
        let current = self.handle.now();
        let is_known = self.seen.as_ref();
        let is_known = is_known.is_some_and(|(seen, _)| Arc::ptr_eq(seen, &current));
        if !is_known {
            self.seen = Some((current.clone(), faults(&current, settings)));
        }
        let known = self.seen.as_ref().map(|(_, known)| known.clone());
        Definitions {
            stale: stale(
                &current,
                settings.definition_rescan,
                settings.home.as_deref(),
                now_ms,
            ),
            ..known.unwrap_or_default()
        }
    }
}

fn faults(current: &Current, settings: &RuntimeSettings) -> Definitions {
    let home = settings.home.as_deref();
    let agents = current.snapshot.registered.agents.values();
    let broken = agents.filter(|agent| agent.state == State::Broken);
    let broken = broken.map(|agent| {
        let mut errors = agent.findings.iter();
        let error = errors.find(|finding| finding.severity == Severity::Error);
        let why = error.map(|finding| Finding::of(finding, home));
        let why = why.map_or(String::new(), |why| {
            format!(": {} (line {})", why.message, why.line)
        });
        let name = agent.run_name();
        let message = match agent.scope {
            Scope::Library => format!("{name} of the library is broken{why}"),
            _ => format!("the client does not load {name} any more{why}"),
        };
        Fault {
            subject: name.to_owned(),
            message,
        }
    });
    let of_code = |code: Code, subject: fn(&Conflict) -> &str| {
        let conflicts = current.together.conflicts.iter();
        let conflicts = conflicts.filter(|conflict| conflict.finding.code == code);
        let fault = |conflict: &Conflict| Fault {
            subject: subject(conflict).to_owned(),
            message: Finding::of(&conflict.finding, home).message,
        };
        conflicts.map(fault).collect()
    };
    Definitions {
        broken: broken.collect(),
        twins: of_code(Code::SameTreeTwin, |conflict| conflict.agent.run_name()),
        over_budget: of_code(Code::OverBudget, |conflict| {
            conflict.project.as_deref().unwrap_or("~")
        }),
        stale: None,
    }
}

fn stale(current: &Current, rescan: Duration, home: Option<&Path>, now_ms: i64) -> Option<String> {
    let last = &current.last_scan;
    // Before the first scan nothing is shown.
    let began_ms = last.began_ms?;
    let age_ms = now_ms - began_ms;
    let longest_ms = rescan.as_millis() as i64 * MISSED_SCANS;
    if last.is_late || age_ms > longest_ms {
        let age_s = age_ms / 1_000;
        return Some(format!("the definitions were last scanned {age_s} s ago"));
    }
    let unreadable = &current.snapshot.unreadable;
    let named = unreadable.iter().take(MAX_NAMED);
    let named = named.map(|path| shown(path, home));
    let named = named.collect::<Vec<_>>().join(", ");
    let count = unreadable.len();
    (count > 0).then(|| format!("{count} folders of definitions cannot be read: {named}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_registry::{LastScan, Snapshot};

    const MINUTE: Duration = Duration::from_secs(60);

    fn scanned(began_ms: Option<i64>, is_late: bool, unreadable: &[&str]) -> Current {
        let mut snapshot = Snapshot::default();
        snapshot.unreadable = unreadable.iter().map(Into::into).collect();
        let mut current = Current::default();
        current.snapshot = Arc::new(snapshot);
        current.last_scan = LastScan {
            began_ms,
            is_late,
            ..LastScan::default()
        };
        current
    }

    #[test]
    fn definitions_are_stale_after_three_scans_that_did_not_come() {
        let said = |current: &Current, now_ms| stale(current, MINUTE, None, now_ms);
        assert_eq!(said(&scanned(None, false, &[]), 10_000_000), None);
        let fresh = scanned(Some(1_000), false, &[]);
        assert_eq!(said(&fresh, 181_000), None);
        let expected = "the definitions were last scanned 180 s ago";
        assert_eq!(said(&fresh, 181_001).as_deref(), Some(expected));
        let expected = "the definitions were last scanned 31 s ago";
        assert_eq!(
            said(&scanned(Some(0), true, &[]), 31_000).as_deref(),
            Some(expected)
        );
    }

    #[test]
    fn folders_that_cannot_be_read_are_named_below_the_home_folder() {
        let four = ["/h/a", "/h/b", "/x", "/y"];
        let current = scanned(Some(0), false, &four);
        let expected = "4 folders of definitions cannot be read: ~/a, ~/b, /x";
        let said = stale(&current, MINUTE, Some(Path::new("/h")), 0);
        assert_eq!(said.as_deref(), Some(expected));
    }
}
