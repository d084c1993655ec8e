//! One run of an agent, as its marks show it.

use std::collections::BTreeMap;

use super::signal::Imported;

/// The first and last lines of a transcript are not stamped in the moment of its hooks.
pub(super) const SLACK_MS: i64 = 5_000;

/// One run of the agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    pub session_id: Option<String>,
    /// Sessions into which it went on: its client left the one in which it began.
    pub later_sessions: Vec<String>,
    /// The file that holds its lines, and those of the agent's other turns in the session.
    pub transcript: Option<String>,
    /// The files of the later sessions.
    pub later_transcripts: Vec<String>,
    /// Of the turn of the main thread in which it was launched.
    pub prompt: Option<String>,
    /// `None` if only its stop was reported.
    pub started_ms: Option<i64>,
    pub end: Option<End>,
    /// No hook reported it: only its transcript shows it.
    pub is_discovered: bool,
    pub tool_calls: BTreeMap<String, u64>,
    pub tool_errors: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct End {
    pub at_ms: i64,
    /// The error's name; `None` for a success.
    pub failure: Option<String>,
    /// It was ended from outside, or only its transcript shows it: a stop of its own, from any
    /// source, says better how.
    pub is_closing: bool,
}

impl Turn {
    /// Turns are sorted by this.
    pub(super) fn order(&self) -> (i64, Option<&str>) {
        (self.began_ms(), self.session_id.as_deref())
    }

    /// When it began, as far as that is known; else when it ended.
    pub fn began_ms(&self) -> i64 {
        self.started_ms
            .or(self.end.as_ref().map(|end| end.at_ms))
            .unwrap_or(i64::MIN)
    }

    /// Whether it ran in a session, at any time.
    pub(super) fn is_of(&self, session_id: Option<&str>) -> bool {
        let is_later = |id: &str| self.later_sessions.iter().any(|later| later == id);
        self.session_id.as_deref() == session_id || session_id.is_some_and(is_later)
    }

    /// Whether what was imported is this turn. One without an end is no more than the run that
    /// its beginning lies in.
    pub(super) fn overlaps(&self, other: &Imported) -> bool {
        let until = match &self.end {
            Some(end) => end.at_ms.max(self.began_ms()),
            None => self.began_ms(),
        };
        self.began_ms() <= other.ended_ms.saturating_add(SLACK_MS)
            && other.started_ms <= until.saturating_add(SLACK_MS)
    }
}
