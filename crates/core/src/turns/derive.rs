//! From marks to turns.
//!
//! A start opens a turn; a stop belongs to the latest turn of its session whose start was stamped
//! no later. Two rules correct what clocks do: a stop that was stamped before its start (a clock
//! that was set back, a hook that was slow to begin) ends the next turn if that has no stop of its
//! own; and what two hooks reported within a second is one thing reported twice.

use std::collections::BTreeMap;

use super::marks::{Stop, Tool, Turns};
use super::signal::{Imported, Outcome};

/// Of two starts, or two stops, with nothing between them.
const REPORTED_TWICE_MS: i64 = 1_000;
/// The first and last lines of a transcript are not stamped in the moment of its hooks.
const SLACK_MS: i64 = 5_000;

/// One run of the agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    pub session_id: Option<String>,
    /// The file that holds its lines, and those of the agent's other turns in the session.
    pub transcript: Option<String>,
    /// `None` if only its stop was reported.
    pub started_ms: Option<i64>,
    pub end: Option<End>,
    pub tool_calls: BTreeMap<String, u64>,
    pub tool_errors: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct End {
    pub at_ms: i64,
    /// The error's name; `None` for a success.
    pub failure: Option<String>,
    /// It was ended from outside: a stop of its own, from any source, says better how.
    pub is_closing: bool,
}

impl Turn {
    /// Turns are sorted by this.
    fn order(&self) -> (i64, Option<&str>) {
        (self.began_ms(), self.session_id.as_deref())
    }

    /// When it began, as far as that is known; else when it ended.
    pub fn began_ms(&self) -> i64 {
        self.started_ms
            .or(self.end.as_ref().map(|end| end.at_ms))
            .unwrap_or(i64::MIN)
    }

    /// Whether what was imported is this turn. One without an end is no more than the run that
    /// its beginning lies in.
    fn overlaps(&self, other: &Imported) -> bool {
        let until = match &self.end {
            Some(end) => end.at_ms.max(self.began_ms()),
            None => self.began_ms(),
        };
        self.began_ms() <= other.ended_ms.saturating_add(SLACK_MS)
            && other.started_ms <= until.saturating_add(SLACK_MS)
    }
}

impl Turns {
    /// All turns, oldest first. `ends_of` answers when a session ended.
    pub fn derive(&self, ends_of: impl Fn(&str) -> Vec<i64>) -> Vec<Turn> {
        let mut turns = self.derive_uncounted(ends_of);
        self.count_tools(&mut turns);
        turns
    }

    /// As [`derive`](Self::derive), without the calls of tools.
    pub fn derive_uncounted(&self, ends_of: impl Fn(&str) -> Vec<i64>) -> Vec<Turn> {
        let mut turns: Vec<Turn> = Vec::new();
        for (session, of_session) in self.sessions.iter().enumerate() {
            let ends = of_session.id.as_deref().map(&ends_of).unwrap_or_default();
            turns.extend(self.of_session(session, &ends));
        }
        let unseen: Vec<Turn> = self
            .latest_imported()
            .filter(|(import, _)| !turns.iter().any(|turn| turn.overlaps(import)))
            .map(|&(import, session)| self.imported_turn(&import, session))
            .collect();
        turns.extend(unseen);
        turns.sort_by(|a, b| a.order().cmp(&b.order()));
        turns
    }

    /// The number of the turn to which something said at a time in a session belongs; 0 without
    /// any turn.
    pub fn number_at(turns: &[Turn], session_id: Option<&str>, at_ms: i64) -> usize {
        let of_session = |turn: &Turn| turn.session_id.as_deref() == session_id;
        let has_begun = |turn: &Turn| turn.began_ms() <= at_ms;
        let here = turns
            .iter()
            .rposition(|turn| of_session(turn) && has_begun(turn));
        let place = here
            .or_else(|| turns.iter().position(of_session))
            .or_else(|| turns.iter().rposition(has_begun));
        place.map_or(1.min(turns.len()), |place| place + 1)
    }

    fn of_session(&self, session: usize, ends: &[i64]) -> Vec<Turn> {
        let starts = self.starts_of(session);
        let mut stops = self.stops_by_turn(session, &starts);
        let blank = self.blank(session);
        let closings: Vec<(i64, &str)> = {
            let stopped = self.closings.iter().map(|mark| (mark.at_ms, "stopped"));
            let interrupted = ends.iter().map(|&at| (at, "interrupted"));
            stopped.chain(interrupted).collect()
        };
        let mut turns = Vec::new();
        let before_all = std::mem::take(&mut stops[0]);
        if let Some(end) = last_named(&before_all) {
            turns.push(Turn {
                end: Some(end),
                ..blank.clone()
            });
        }
        for (i, &started_ms) in starts.iter().enumerate() {
            let until = starts.get(i + 1).copied().unwrap_or(i64::MAX);
            let end = last_named(&stops[i + 1])
                .or_else(|| stops[i + 1].last().map(|stop| stop.end()))
                .or_else(|| first_closing(&closings, started_ms, until));
            turns.push(Turn {
                started_ms: Some(started_ms),
                end,
                ..blank.clone()
            });
        }
        turns
    }

    fn starts_of(&self, session: usize) -> Vec<i64> {
        let mut starts: Vec<i64> = Vec::new();
        for mark in self.starts.iter().filter(|mark| mark.session == session) {
            let twice = starts.last().is_some_and(|&last| {
                let between = |at: i64| last <= at && at <= mark.at_ms;
                mark.at_ms - last < REPORTED_TWICE_MS
                    && !self.stops.iter().any(|stop| between(stop.mark.at_ms))
                    && !self.closings.iter().any(|closing| between(closing.at_ms))
            });
            if !twice {
                starts.push(mark.at_ms);
            }
        }
        starts
    }

    /// The stops before the first start, then those of each turn.
    fn stops_by_turn(&self, session: usize, starts: &[i64]) -> Vec<Vec<&Stop>> {
        let mut by_turn: Vec<Vec<&Stop>> = vec![Vec::new(); starts.len() + 1];
        for stop in self.stops.iter().filter(|s| s.mark.session == session) {
            by_turn[starts.partition_point(|&at| at <= stop.mark.at_ms)].push(stop);
        }
        for turn in 0..starts.len() {
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

    /// A turn that was still going on when it was imported, and once more later, is the later one.
    fn latest_imported(&self) -> impl Iterator<Item = &(Imported, usize)> {
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

    fn imported_turn(&self, import: &Imported, session: usize) -> Turn {
        let failure = match import.outcome {
            Outcome::Success => None,
            Outcome::Failure => Some("unknown".to_owned()),
            Outcome::Interrupted => Some("interrupted".to_owned()),
        };
        Turn {
            started_ms: Some(import.started_ms),
            end: Some(End {
                at_ms: import.ended_ms,
                failure,
                is_closing: false,
            }),
            ..self.blank(session)
        }
    }

    fn blank(&self, session: usize) -> Turn {
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
    fn end(&self) -> End {
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

fn first_closing(closings: &[(i64, &str)], from: i64, until: i64) -> Option<End> {
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
