//! Which lines of a transcript are those of one turn.

use std::ops::ControlFlow;

use super::line::{Line, is_fork, readable};
use super::span::{OLDER_THAN_ITS_TURN_MS, Span};
use super::sums::Sums;

/// Reads the lines of a transcript from where a turn begins to where it ends.
///
/// A turn ends before the prompt of the next one: a prompt later than the turn's stop, after a
/// line of the model or one that is not later than the stop. Lines of the model are the turn's
/// even when they are later, because the client writes the last of them after the stop.
///
/// Where the stamps of the lines do not show it, a prompt after a final message of the model is the
/// next turn's: when no hook said when the turn began, or when the lines are older than that (a
/// clock that was set, a run that is reported once more). So is one just before the moment by which
/// the turn was over: the start of the next turn, which is a little later than its first line.
///
/// A client that resumes an agent writes its earlier lines once more, and a fork begins with those
/// of its parent: these are not the turn's. The earlier ones are known by their time, which was
/// read before. Where all lines are so old, a clock was set, and they count.
#[derive(Debug)]
pub struct Slice {
    span: Span,
    has_begun: bool,
    age: Age,
    /// The lines of a parent come first, up to the first that is not of the model.
    is_parents: bool,
    sums: Sums,
}

/// How old the lines are that came so far, beside those of the turns before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Unknown,
    /// None is younger.
    Older {
        /// By them, the turn is over.
        is_over: bool,
    },
    /// One is younger.
    Younger,
}

impl Slice {
    /// `from` is the offset in the file, in bytes, of the first line that will come. Without a
    /// stop the turn is all that comes.
    pub fn new(from: u64, span: Span) -> Slice {
        Slice {
            span,
            has_begun: false,
            age: Age::Unknown,
            is_parents: false,
            sums: Sums::new(from),
        }
    }

    /// As [`TurnLines::line`](super::TurnLines::line).
    pub fn line(&mut self, bytes: &[u8], end: u64, is_ended: bool) -> ControlFlow<()> {
        let text = readable(bytes);
        let Some(line) = Line::parse(text.as_bytes()) else {
            self.is_parents |= !self.has_begun && is_fork(bytes);
            if is_ended {
                self.skip(end);
            }
            return ControlFlow::Continue(());
        };
        self.is_parents &= line.is_assistant();
        if self.is_parents || line.is_inherited() {
            self.skip(end);
            return ControlFlow::Continue(());
        }
        let time_ms = line.time_ms();
        self.grow_younger(time_ms);
        if self.age == Age::Younger && self.was_read(time_ms) {
            self.skip(end);
            return ControlFlow::Continue(());
        }
        if self.ends_before(&line, time_ms) {
            let Age::Older { is_over } = &mut self.age else {
                return ControlFlow::Break(());
            };
            *is_over = true;
        }
        if self.age == (Age::Older { is_over: true }) {
            return ControlFlow::Continue(());
        }
        let is_in_time = time_ms.is_some_and(|time_ms| Some(time_ms) <= self.span.ended_ms);
        self.has_begun |= line.is_assistant() || is_in_time;
        self.sums.add(&line, text.as_bytes(), end);
        ControlFlow::Continue(())
    }

    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    pub fn sums_mut(&mut self) -> &mut Sums {
        &mut self.sums
    }

    fn skip(&mut self, end: u64) {
        if self.age != (Age::Older { is_over: true }) {
            self.sums.skip(end);
        }
    }

    /// With the first younger line, those before it turn out to be copies.
    fn grow_younger(&mut self, time_ms: Option<i64>) {
        if time_ms.is_none() {
            return;
        }
        if self.was_read(time_ms) {
            if self.age == Age::Unknown {
                self.age = Age::Older { is_over: false };
            }
            return;
        }
        if matches!(self.age, Age::Older { .. }) {
            self.sums = Sums::new(self.sums.end_offset());
            self.has_begun = false;
        }
        self.age = Age::Younger;
    }

    fn was_read(&self, time_ms: Option<i64>) -> bool {
        let until_ms = self.span.read_until_ms;
        time_ms.is_some_and(|time_ms| Some(time_ms) <= until_ms)
    }

    fn ends_before(&self, line: &Line, time_ms: Option<i64>) -> bool {
        let (Some(time_ms), Some(ended_ms)) = (time_ms, self.span.ended_ms) else {
            return false;
        };
        let started_ms = self.span.started_ms;
        let cannot_tell = started_ms
            .is_none_or(|started_ms| time_ms < started_ms.saturating_sub(OLDER_THAN_ITS_TURN_MS));
        let is_just_before = time_ms >= ended_ms.saturating_sub(OLDER_THAN_ITS_TURN_MS);
        let is_later = time_ms > ended_ms
            || cannot_tell && self.sums.is_final()
            || self.span.is_closed && is_just_before && self.sums.end().is_some();
        self.has_begun && is_later && line.is_prompt()
    }
}
