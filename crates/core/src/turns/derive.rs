//! From marks to turns.
//!
//! A start opens a turn; a stop belongs to the latest turn of its session whose start was stamped
//! no later. Before the first start the turns count that only a transcript shows, however much
//! later the stop is: a bound would make two turns of one whose stop was late, or one, by which was
//! known first. Two rules correct what clocks do: a stop that was stamped before its start (a clock
//! that was set back, a hook that was slow to begin) ends the next turn if that has no stop of its
//! own; and what two hooks reported within a second is one thing reported twice.

use std::ops::Range;

use super::marks::{Start, Stop, Tool, Turns};
use super::signal::{Imported, Outcome, SessionEvent, SessionMark};
use super::turn::{End, SLACK_MS, Turn};
use crate::execution::UNKNOWN_ERROR;
use crate::kind::Kind;

/// The error of what its user or the end of its client ended.
pub const INTERRUPTED: &str = "interrupted";
/// The error of what another agent ended.
const STOPPED: &str = "stopped";
/// Of two starts, or two stops, with nothing between them.
const REPORTED_TWICE_MS: i64 = 1_000;

impl Turns {
    /// All turns, oldest first. `marks_of` answers what happened to a session.
    pub fn derive(&self, marks_of: impl Fn(&str) -> Vec<SessionMark>) -> Vec<Turn> {
        let mut turns = self.derive_uncounted(marks_of);
        self.count_tools(&mut turns);
        turns
    }

    /// As [`derive`](Self::derive), without the calls of tools.
    pub fn derive_uncounted(&self, marks_of: impl Fn(&str) -> Vec<SessionMark>) -> Vec<Turn> {
        let marks = |session: usize| -> Vec<SessionMark> {
            let id = self.sessions[session].id.as_deref();
            id.map(&marks_of).unwrap_or_default()
        };
        if self.prompt_id.is_some() {
            return self.main_turn(marks).into_iter().collect();
        }
        let homes = self.homes(marks);
        let mut unseen: Vec<&(Imported, usize)> = self.latest_imported().collect();
        let mut turns: Vec<Turn> = Vec::new();
        for home in 0..self.sessions.len() {
            let members = (0..self.sessions.len()).filter(|&session| homes[session] == home);
            let members: Vec<usize> = members.collect();
            let marks = members.iter().flat_map(|&session| marks(session));
            let closings =
                marks.filter_map(|mark| Some((mark.at_ms, self.closing(home, &mark.what)?)));
            let stopped = self.closings.iter().map(|mark| (mark.at_ms, STOPPED));
            let closings: Vec<_> = stopped.chain(closings).collect();
            turns.extend(self.of_session(home, &members, &closings, &mut unseen));
        }
        unseen.retain(|(import, _)| !turns.iter().any(|turn| turn.overlaps(import)));
        let unseen = unseen.into_iter();
        turns.extend(unseen.map(|(import, session)| self.imported_turn(import, *session)));
        turns.sort_by(|a, b| a.order().cmp(&b.order()));
        turns
    }

    /// The number of the turn to which something said at a time in a session belongs; 0 without
    /// any turn.
    pub fn number_at(turns: &[Turn], session_id: Option<&str>, at_ms: i64) -> usize {
        let of_session = |turn: &Turn| turn.is_of(session_id);
        let has_begun = |turn: &Turn| turn.began_ms() <= at_ms;
        let here = turns
            .iter()
            .rposition(|turn| of_session(turn) && has_begun(turn));
        let place = here
            .or_else(|| turns.iter().position(of_session))
            .or_else(|| turns.iter().rposition(has_begun));
        place.map_or(1.min(turns.len()), |place| place + 1)
    }

    /// The turns that began in a session. `members` are this one, and those into which its turns
    /// went on. Takes away the unseen turns that have a stop.
    fn of_session(
        &self,
        session: usize,
        members: &[usize],
        closings: &[(i64, &str)],
        unseen: &mut Vec<&(Imported, usize)>,
    ) -> Vec<Turn> {
        let starts = self.starts_of(session);
        let times: Vec<i64> = starts.iter().map(|start| start.mark.at_ms).collect();
        let first_ms = times.first().copied().unwrap_or(i64::MAX);
        let is_before = |(import, of): &(Imported, usize)| {
            members.contains(of) && import.ended_ms.saturating_add(SLACK_MS) < first_ms
        };
        let shown: Vec<_> = unseen.iter().copied().filter(|it| is_before(it)).collect();
        let shown_at = shown.iter().map(|(import, _)| import.started_ms);
        let begins: Vec<i64> = shown_at.chain(times.iter().copied()).collect();
        let mut without_start = self.stops_by_turn(members, &begins, shown.len());
        let stops = without_start.split_off(shown.len() + 1);
        let mut turns = Vec::new();
        for (i, stops) in without_start.iter().enumerate() {
            let Some(end) = last_named(stops) else {
                continue;
            };
            unseen.retain(|&it| i == 0 || it != shown[i - 1]);
            turns.push(Turn {
                end: Some(end),
                ..self.blank(session)
            });
        }
        for (i, start) in starts.iter().enumerate() {
            let (from, next) = (times[i], times.get(i + 1).copied());
            let until = next.unwrap_or(i64::MAX);
            // An end before the start may be that of the turn before.
            let before: Option<&End> = turns.last().and_then(|turn: &Turn| turn.end.as_ref());
            let after_ms = before.map_or(i64::MIN, |end| end.at_ms.saturating_add(1));
            let read_from = from.saturating_sub(SLACK_MS).max(after_ms);
            let end = last_named(&stops[i])
                .or_else(|| stops[i].last().map(|stop| stop.end()))
                .or_else(|| self.last_read_end(members, read_from..until))
                .or_else(|| first_closing(closings, from, until))
                .or_else(|| next.map(ended_by_next));
            let mut turn = Turn {
                prompt: start.prompt.clone(),
                started_ms: Some(from),
                end,
                ..self.blank(session)
            };
            if next.is_none() {
                self.go_on(&mut turn, members);
            }
            turns.push(turn);
        }
        turns
    }

    /// How what happened to a session ends the turns that run in it. That an agent is one of a
    /// workflow is known late: its launch is no call of a tool.
    fn closing(&self, session: usize, event: &SessionEvent) -> Option<&'static str> {
        match event {
            SessionEvent::Ended => Some(INTERRUPTED),
            SessionEvent::WorkflowStopped => {
                let who = self.who(self.sessions[session].id.as_deref());
                let is_of_one = match who.kind() {
                    Some(kind) => kind == Kind::Workflow,
                    None => !who.is_launched(),
                };
                is_of_one.then_some(STOPPED)
            }
            SessionEvent::Left | SessionEvent::Prompted(_) => None,
        }
    }

    fn starts_of(&self, session: usize) -> Vec<&Start> {
        let mut starts: Vec<&Start> = Vec::new();
        for start in self.starts.iter().filter(|s| s.mark.session == session) {
            let at_ms = start.mark.at_ms;
            let twice = starts.last().is_some_and(|last| {
                let last = last.mark.at_ms;
                let between = |at: i64| last <= at && at <= at_ms;
                at_ms - last < REPORTED_TWICE_MS
                    && !self.stops.iter().any(|stop| between(stop.mark.at_ms))
                    && !self.closings.iter().any(|closing| between(closing.at_ms))
            });
            if !twice {
                starts.push(start);
            }
        }
        starts
    }

    /// The stops before all turns, then those of each. The first turns, as many as are `shown`, have
    /// no start.
    fn stops_by_turn(&self, sessions: &[usize], begins: &[i64], shown: usize) -> Vec<Vec<&Stop>> {
        let mut by_turn: Vec<Vec<&Stop>> = vec![Vec::new(); begins.len() + 1];
        let stops = self.stops.iter();
        for stop in stops.filter(|stop| sessions.contains(&stop.mark.session)) {
            by_turn[begins.partition_point(|&at| at <= stop.mark.at_ms)].push(stop);
        }
        for turn in shown..begins.len() {
            if !by_turn[turn + 1].is_empty() {
                continue;
            }
            let surplus = match turn {
                0 => by_turn[0].iter().rposition(|stop| !stop.nameless),
                _ => second(&by_turn[turn]),
            };
            if let Some(last) = surplus {
                let first = if turn == 0 { 0 } else { last };
                by_turn[turn + 1] = by_turn[turn].drain(first..=last).collect();
            }
        }
        by_turn
    }

    /// The last end that a transcript shows within a time, in whatever way it was read.
    pub(super) fn last_read_end(&self, sessions: &[usize], within: Range<i64>) -> Option<End> {
        let read = self.read_ends.iter();
        let read = read.map(|end| (end.at_ms, end.session, end.failure.clone()));
        let is_over = |import: &Imported| import.outcome != Outcome::Interrupted;
        let imported = self.imported.iter().filter(|(import, _)| is_over(import));
        let imported =
            imported.map(|(import, session)| (import.ended_ms, *session, failure(import)));
        let ends = read
            .chain(imported)
            .filter(|(at_ms, session, _)| sessions.contains(session) && within.contains(at_ms));
        ends.max().map(|(at_ms, _, failure)| End {
            at_ms,
            failure,
            is_closing: true,
        })
    }

    /// A turn that was still going on when it was imported, and once more later, is the later one.
    pub(super) fn latest_imported(&self) -> impl Iterator<Item = &(Imported, usize)> {
        let mut imported = self.imported.iter().peekable();
        std::iter::from_fn(move || {
            let mut last = imported.next()?;
            while let Some(later) =
                imported.next_if(|(turn, _)| turn.started_ms == last.0.started_ms)
            {
                last = later;
            }
            Some(last)
        })
    }

    pub(super) fn imported_turn(&self, import: &Imported, session: usize) -> Turn {
        Turn {
            prompt: import.prompt.clone(),
            started_ms: Some(import.started_ms),
            end: Some(End {
                at_ms: import.ended_ms,
                failure: failure(import),
                is_closing: false,
            }),
            is_discovered: true,
            ..self.blank(session)
        }
    }

    pub(super) fn blank(&self, session: usize) -> Turn {
        Turn {
            session_id: self.sessions[session].id.clone(),
            transcript: self.sessions[session].transcript.clone(),
            ..Turn::default()
        }
    }

    fn count_tools(&self, turns: &mut [Turn]) {
        for &Tool(at_ms, session, name, failed) in self.tools.values() {
            let session_id = self.sessions[session].id.as_deref();
            let number = Turns::number_at(turns, session_id, at_ms);
            let (Some(turn), Some(name)) = (
                turns.get_mut(number.wrapping_sub(1)),
                self.tool_names.get(name),
            ) else {
                continue;
            };
            if let Some(calls) = turn.tool_calls.get_mut(name) {
                *calls += 1;
            } else {
                turn.tool_calls.insert(name.clone(), 1);
            }
            turn.tool_errors += u64::from(failed);
        }
    }
}

impl Stop {
    pub(super) fn end(&self) -> End {
        End {
            at_ms: self.mark.at_ms,
            failure: self.failure.clone(),
            is_closing: false,
        }
    }

    /// It ends a turn by itself, and does not merely move an end. A failure may come after a stop
    /// that a stop hook did not let pass.
    fn is_first(&self) -> bool {
        !self.again && !self.nameless && self.failure.is_none()
    }
}

fn last_named(stops: &[&Stop]) -> Option<End> {
    let named = stops.iter().rev().find(|stop| !stop.nameless);
    named.map(|stop| stop.end())
}

fn failure(import: &Imported) -> Option<String> {
    match import.outcome {
        Outcome::Success => None,
        Outcome::Failure => Some(UNKNOWN_ERROR.to_owned()),
        Outcome::Interrupted => Some(INTERRUPTED.to_owned()),
    }
}

/// An agent runs once at a time: its next turn shows that this one is over, and no more.
fn ended_by_next(began_ms: i64) -> End {
    End {
        at_ms: began_ms,
        failure: Some(INTERRUPTED.to_owned()),
        is_closing: true,
    }
}

pub(super) fn first_closing(closings: &[(i64, &str)], from: i64, until: i64) -> Option<End> {
    let within = closings.iter().filter(|(at, _)| (from..until).contains(at));
    within.min().map(|&(at_ms, failure)| End {
        at_ms,
        failure: Some(failure.to_owned()),
        is_closing: true,
    })
}

/// The last stop of a turn that has two of them, not one reported twice.
fn second(stops: &[&Stop]) -> Option<usize> {
    let mut firsts = (0..stops.len()).rev().filter(|&i| stops[i].is_first());
    let (last, before) = (firsts.next()?, firsts.next()?);
    let twice = stops[last].mark.at_ms - stops[before].mark.at_ms < REPORTED_TWICE_MS;
    (!twice).then_some(last)
}
