//! The definitions in the metrics for Prometheus.

use std::collections::BTreeMap;

use agentpulse_definitions::{Severity, State};
use agentpulse_registry::Current;

use super::finding::severity;
use super::list::SCOPES;
use crate::exposition::{Kind, Page};

const SEVERITIES: [Severity; 3] = [Severity::Error, Severity::Warning, Severity::Hint];

pub fn write(page: &mut Page, current: &Current) {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for agent in current.snapshot.registered.agents.values() {
        let state = state(agent.state);
        *counts.entry((agent.scope.name(), state)).or_default() += 1;
    }
    let mut definitions = page.family(
        "agentpulse_registry_definitions",
        Kind::Gauge,
        "Definitions of agents by their place, and whether the client loads them.",
    );
    for (scope, _) in SCOPES {
        for state in ["good", "broken"] {
            let count = counts.get(&(scope, state)).copied().unwrap_or(0);
            definitions.value(&[("scope", scope), ("state", state)], count as f64);
        }
    }
    let files = &current.snapshot.files;
    let found = || files.iter().flat_map(|file| file.findings());
    let mut findings = page.family(
        "agentpulse_registry_findings",
        Kind::Gauge,
        "What is wrong in the files of definitions.",
    );
    for of in SEVERITIES {
        let count = found().filter(|finding| finding.severity == of).count();
        findings.value(&[("severity", severity(of))], count as f64);
    }
    let last = &current.last_scan;
    let gauges = [
        (
            "agentpulse_registry_conflicts",
            "Findings between definitions.",
            current.together.conflicts.len() as f64,
        ),
        (
            "agentpulse_registry_scan_seconds",
            "Seconds that the last scan of the definitions took.",
            last.took.as_secs_f64(),
        ),
        (
            "agentpulse_registry_watched",
            "1 where the system reports each change of the definitions.",
            f64::from(u8::from(last.is_watched)),
        ),
        (
            "agentpulse_registry_late",
            "1 while a scan of the definitions takes longer than 30 s.",
            f64::from(u8::from(last.is_late)),
        ),
    ];
    for (name, help, value) in gauges {
        page.family(name, Kind::Gauge, help).value(&[], value);
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Good => "good",
        State::Broken => "broken",
    }
}
