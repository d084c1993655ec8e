//! Which execution works on a task: what it costs is theirs, and their heartbeats keep it.

use std::cmp::{max, min};

use agentpulse_core::turns::turn_of;

/// An execution that works on a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub execution: String,
    pub session: Option<String>,
    /// It is a turn of the main thread of its session.
    pub is_main: bool,
}

impl Link {
    /// Of one agent each turn is an execution; so is each turn of a main thread.
    pub fn is_of_agent_of(&self, other: &Link) -> bool {
        match (self.is_main, other.is_main) {
            (true, true) => self.session.is_some() && self.session == other.session,
            (false, false) => turn_of(&self.execution).0 == turn_of(&other.execution).0,
            _ => false,
        }
    }
}

/// From when to when something lasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from_ms: i64,
    pub to_ms: i64,
}

impl Span {
    /// At least 1 ms: what took no time is not nothing.
    fn within(self, other: Span) -> i64 {
        let overlap_ms = min(self.to_ms, other.to_ms) - max(self.from_ms, other.from_ms);
        overlap_ms.max(1)
    }
}

/// Which share of an execution is that of one of its claims, 0..1: by the time that each was held
/// while it ran. All shares together are 1.
pub fn share(execution: Span, claims: &[Span], one: usize) -> f64 {
    let held: Vec<i64> = claims.iter().map(|claim| claim.within(execution)).collect();
    let all: i64 = held.iter().sum();
    held.get(one).map_or(0.0, |held| *held as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(execution: &str, session: &str, is_main: bool) -> Link {
        Link {
            execution: execution.to_owned(),
            session: Some(session.to_owned()),
            is_main,
        }
    }

    #[test]
    fn turns_are_of_one_agent_and_those_of_a_main_thread_of_one_session() {
        let agent = |execution| link(execution, "s", false);
        assert!(agent("a").is_of_agent_of(&agent("a#2")));
        assert!(!agent("a").is_of_agent_of(&agent("b")));
        let main = |prompt, session| link(prompt, session, true);
        assert!(main("main-1", "s").is_of_agent_of(&main("main-2", "s")));
        assert!(!main("main-1", "s").is_of_agent_of(&main("main-2", "t")));
        assert!(!main("main-1", "s").is_of_agent_of(&agent("a")));
    }

    #[test]
    fn an_execution_is_shared_by_the_time_that_each_claim_was_held() {
        let span = |from_ms, to_ms| Span { from_ms, to_ms };
        let execution = span(1_000, 11_000);
        let claims = [span(2_000, 5_000), span(5_000, 20_000), span(0, 0)];
        // 3,000 ms, 6,000 ms, and one that was over before it began.
        let shares: Vec<f64> = (0..3).map(|one| share(execution, &claims, one)).collect();
        assert!((shares[0] - 3_000.0 / 9_001.0).abs() < 1e-12);
        assert!((shares[1] - 6_000.0 / 9_001.0).abs() < 1e-12);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((share(execution, &claims[..1], 0) - 1.0).abs() < 1e-12);
        assert!(share(execution, &[], 0) == 0.0);
    }
}
