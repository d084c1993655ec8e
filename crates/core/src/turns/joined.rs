//! Turns that go on in another session than the one in which they began: the client left that one,
//! and its agents in the background live on.

use super::marks::{Start, Turns};
use super::signal::{SessionEvent, SessionMark};
use super::turn::Turn;

impl Turns {
    /// For each session the one whose turns it goes on with, which is itself for most: a session
    /// without a start of the agent goes on with the turn that was open when the agent was first
    /// seen there. `marks` answers what happened to a session.
    pub(super) fn homes(&self, marks: impl Fn(usize) -> Vec<SessionMark>) -> Vec<usize> {
        let sessions = 0..self.sessions.len();
        sessions.map(|session| self.home(session, &marks)).collect()
    }

    fn home(&self, session: usize, marks: impl Fn(usize) -> Vec<SessionMark>) -> usize {
        if self
            .starts
            .iter()
            .any(|start| start.mark.session == session)
        {
            return session;
        }
        let mut of_session = self.stops.iter().filter(|s| s.mark.session == session);
        let first_stop = of_session.next().map(|stop| stop.mark.at_ms);
        let Some(first_ms) = self.sessions[session].first_ms.or(first_stop) else {
            return session;
        };
        let mut before = self.starts.iter().rev();
        let Some(Start { mark: open, .. }) = before.find(|start| start.mark.at_ms <= first_ms)
        else {
            return session;
        };
        let is_between = |at_ms: i64| open.at_ms <= at_ms && at_ms < first_ms;
        let mut stops = self.stops.iter().map(|stop| &stop.mark);
        let mut closings = self.closings.iter();
        let has_ended = stops.any(|stop| stop.session == open.session && is_between(stop.at_ms))
            || closings.any(|closing| is_between(closing.at_ms))
            || marks(open.session)
                .iter()
                .any(|mark| mark.what == SessionEvent::Ended && is_between(mark.at_ms));
        if has_ended { session } else { open.session }
    }

    /// Adds to a turn the sessions into which it went on, and the files of its lines there.
    pub(super) fn go_on(&self, turn: &mut Turn, members: &[usize]) {
        for &member in members {
            let session = &self.sessions[member];
            if session.id != turn.session_id {
                turn.later_sessions.extend(session.id.clone());
                let other = session.transcript.clone();
                turn.later_transcripts
                    .extend(other.filter(|path| Some(path) != turn.transcript.as_ref()));
            }
        }
    }
}
