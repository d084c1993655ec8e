//! One turn of the main thread: from its prompt to its last stop, or to what came first of the next
//! prompt of the session and the end of the session.

use super::derive::{INTERRUPTED, first_closing};
use super::marks::Turns;
use super::signal::{SessionEvent, SessionMark};
use super::turn::{SLACK_MS, Turn};

impl Turns {
    /// `None` if nothing but tools was reported of it.
    pub(super) fn main_turn(&self, marks: impl Fn(usize) -> Vec<SessionMark>) -> Option<Turn> {
        let sessions: Vec<usize> = (0..self.sessions.len()).collect();
        let start = self.starts.first();
        // Where hooks report no prompt, as an older installation does, they report no success
        // either: failures alone would say that all turns fail.
        let is_reported = start.is_some() || self.stops.iter().any(|stop| stop.failure.is_none());
        let stop = self.stops.last().filter(|_| is_reported);
        let Some(session) = start
            .map(|start| start.mark.session)
            .or(stop.map(|stop| stop.mark.session))
        else {
            let (import, session) = self.latest_imported().last()?;
            return Some(self.imported_turn(import, *session));
        };
        let started_ms = start.map(|start| start.mark.at_ms);
        let closed = started_ms.and_then(|from| {
            let marks = sessions.iter().flat_map(|&session| marks(session));
            let marks = marks.filter(|mark| self.is_ended_by(&mark.what));
            let closings: Vec<_> = marks.map(|mark| (mark.at_ms, INTERRUPTED)).collect();
            first_closing(&closings, from, i64::MAX)
        });
        let from = started_ms.unwrap_or(i64::MIN).saturating_sub(SLACK_MS);
        let until = closed.as_ref().map_or(i64::MAX, |end| end.at_ms);
        let mut turn = Turn {
            started_ms,
            end: stop
                .map(|stop| stop.end())
                .or_else(|| self.last_read_end(&sessions, from..until))
                .or(closed),
            ..self.blank(session)
        };
        self.go_on(&mut turn, &sessions);
        Some(turn)
    }

    fn is_ended_by(&self, event: &SessionEvent) -> bool {
        match event {
            SessionEvent::Ended | SessionEvent::Left => true,
            SessionEvent::Prompted(prompt) => Some(prompt) != self.prompt_id.as_ref(),
            SessionEvent::WorkflowStopped => false,
        }
    }
}
