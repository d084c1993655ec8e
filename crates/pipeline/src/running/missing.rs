//! Agents that run, as far as their hooks say, and that their client no longer lists.

use std::sync::Arc;

use super::Running;
use super::run::Run;
use crate::writer::TaskList;
use agentpulse_core::kind::Kind;
use agentpulse_core::turns::turn_of;

/// A start that is stamped so shortly before a list may come from after it: each hook stamps when
/// its program begins.
const START_LAG_MS: i64 = 2_000;

impl Running {
    /// The executions of a session whose agents its client would list if they ran. It lists those
    /// that the main thread launched: not those that an agent launched, which it waits for, and
    /// teammates and workflows by ids of their own.
    pub fn missing(&self, list: &TaskList) -> Vec<Arc<str>> {
        let runs = self.runs();
        let of_session = runs.by_id.iter();
        let of_session = of_session.filter(|(_, run)| run.is_of_session(&list.session_id));
        let missing = of_session.filter(|(id, run)| {
            run.is_listed_while_it_runs()
                && run.known.started_ms + START_LAG_MS <= list.at_ms
                && !run.has_heartbeat_after(list.at_ms)
                && !list.has(turn_of(id).0)
        });
        missing.map(|(id, _)| id.clone()).collect()
    }
}

impl Run {
    /// The depth is known once the launch was answered.
    fn is_listed_while_it_runs(&self) -> bool {
        self.known.kind == Kind::Agent && self.known.depth == Some(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{TIMEOUTS, at, progress};
    use super::*;
    use agentpulse_core::event::Progress;
    use agentpulse_core::execution::{Catalog, Execution, Origin, Start, TurnFacts};

    fn agent(id: &str, kind: Kind, depth: Option<u64>, started_s: u64) -> Execution {
        let mut execution = Execution::new(id.to_owned());
        let start = Start {
            agent_name: "a".to_owned(),
            agent_type: None,
            started_ms: at(started_s).wall_ms,
            task_description: None,
            tools_granted: Vec::new(),
            context_size: None,
            origin: Origin {
                session_id: Some("s".to_owned()),
                ..Origin::default()
            },
        };
        let turn = TurnFacts {
            start: Some(start),
            stop: None,
            is_closed: false,
            kind,
            is_discovered: false,
            transcript: None,
            later_transcripts: Vec::new(),
            later_sessions: vec!["later".to_owned()],
            tool_calls: Default::default(),
            tool_errors: 0,
            task_description: None,
            depth,
        };
        execution.apply_turn(turn, &Catalog::default());
        execution
    }

    #[test]
    fn an_agent_of_the_main_thread_that_is_not_listed_and_does_nothing_is_missing() {
        let running = Running::new(TIMEOUTS, usize::MAX);
        let start = |id: &str, kind, depth, started_s| {
            running.follow(&agent(id, kind, depth, started_s), 1, at(11));
        };
        start("gone", Kind::Agent, Some(1), 0);
        start("again#2", Kind::Agent, Some(1), 8);
        start("listed", Kind::Agent, Some(1), 0);
        start("listed#2", Kind::Agent, Some(1), 8);
        start("nested", Kind::Agent, Some(2), 0);
        start("unanswered", Kind::Agent, None, 0);
        start("teammate", Kind::Teammate, Some(1), 0);
        start("workflow", Kind::Workflow, Some(1), 0);
        start("main-p", Kind::Main, Some(0), 0);
        start("busy", Kind::Agent, Some(1), 0);
        start("plain", Kind::Agent, Some(1), 0);
        start("new", Kind::Agent, Some(1), 9);
        // By the stamps, whenever they are received: the list is of 10 s.
        for (id, observed_ms) in [
            ("gone", Some(at(10).wall_ms)),
            ("busy", Some(at(11).wall_ms)),
            ("busy", Some(at(9).wall_ms)),
            ("plain", None),
        ] {
            let progress = Progress {
                observed_ms,
                ..progress(id, Some(true))
            };
            running.record_heartbeat(&progress, at(12));
        }
        let missing = |session: &str, ids: &[&str]| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            let list = TaskList::new(session, at(10).wall_ms, &ids);
            let mut missing = running.missing(&list);
            missing.sort();
            missing
        };
        let gone = ["again#2", "gone"].map(Arc::from);
        assert_eq!(missing("s", &["listed"]), gone);
        assert_eq!(missing("later", &["listed", "gone"]), gone[..1]);
        assert_eq!(missing("other", &[]), []);
    }
}
