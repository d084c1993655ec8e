//! The definitions that may be chosen, and why others may not.

use agentpulse_definitions::Severity;
use agentpulse_selection::candidate::Candidate;

use super::indexed::tool_name;
use super::record::Record;
use crate::registry::Status;
use crate::registry::choice::Chosen;

pub fn candidates(chosen: &[Chosen], record: &Record, tools: &[String]) -> Vec<Candidate> {
    let candidate = |one: &Chosen| {
        let mut candidate = Candidate::new(one.agent.id.as_str());
        candidate.running = u32::try_from(one.runs.count).unwrap_or(u32::MAX);
        candidate.ineligible = ineligible(one, tools);
        record.fill(&mut candidate);
        candidate
    };
    chosen.iter().map(candidate).collect()
}

fn ineligible(one: &Chosen, tools: &[String]) -> Option<String> {
    let agent = &one.agent;
    let is_denied = |tool: &&String| {
        let denied = &agent.definition.config.disallowed_tools;
        denied.iter().any(|name| name == *tool)
    };
    match one.status {
        Status::Error => {
            let error =
                |finding: &&agentpulse_definitions::Finding| finding.severity == Severity::Error;
            let why = agent.findings.iter().find(error);
            let why = why.map_or("its file is broken", |finding| finding.message.as_str());
            Some(format!("the client does not load it: {why}"))
        }
        Status::Maintenance => Some("it is in maintenance".to_owned()),
        Status::Active | Status::Idle if !one.is_effective => {
            Some("the client takes another definition of its name".to_owned())
        }
        Status::Active | Status::Idle => {
            let denied = tools.iter().find(is_denied)?;
            Some(format!("it has no tool {}", tool_name(denied)))
        }
    }
}
