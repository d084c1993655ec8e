//! Where a turn begins whose earlier turns nobody reported.

use std::ops::ControlFlow;

use super::line::{Line, readable};
use super::span::{OLDER_THAN_ITS_TURN_MS, Span};

/// Finds the first prompt within a turn's own time, in a file that begins before it: hooks were
/// put in later, or older turns were left out of an import. Where no line is of that time, the
/// stamps of the file do not show it, and the turn begins where the file does.
#[derive(Debug)]
pub struct Beginning {
    span: Span,
    is_old: bool,
    found: Option<u64>,
}

impl Beginning {
    pub fn new(span: Span) -> Beginning {
        Beginning {
            span,
            is_old: false,
            found: None,
        }
    }

    /// Takes the next line, which begins at an offset in bytes. Break means that no more need to
    /// come.
    pub fn line(&mut self, bytes: &[u8], offset: u64) -> ControlFlow<()> {
        let Some(started_ms) = self.span.started_ms else {
            return ControlFlow::Break(());
        };
        let text = readable(bytes);
        let Some(line) = Line::parse(text.as_bytes()) else {
            return ControlFlow::Continue(());
        };
        let Some(time_ms) = line.time_ms() else {
            return ControlFlow::Continue(());
        };
        if time_ms < started_ms.saturating_sub(OLDER_THAN_ITS_TURN_MS) {
            self.is_old = true;
            return ControlFlow::Continue(());
        }
        if !self.is_old {
            return ControlFlow::Break(());
        }
        if line.is_prompt()
            && self
                .span
                .ended_ms
                .is_none_or(|ended_ms| time_ms <= ended_ms)
        {
            self.found = Some(offset);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// The offset in the file, in bytes.
    pub fn finish(&self) -> u64 {
        self.found.unwrap_or(0)
    }
}
