//! A finding of a check.

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    /// Worth knowing; nothing is broken by it.
    Hint,
    Error,
}

/// What was checked and its state.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub level: Level,
    pub subject: &'static str,
    pub state: String,
    /// What to do about it; None if it is right.
    pub fix: Option<String>,
}

impl Finding {
    pub fn right(subject: &'static str, state: impl Into<String>) -> Finding {
        Finding {
            level: Level::Ok,
            subject,
            state: state.into(),
            fix: None,
        }
    }

    pub fn hint(
        subject: &'static str,
        state: impl Into<String>,
        fix: impl Into<String>,
    ) -> Finding {
        Finding {
            level: Level::Hint,
            fix: Some(fix.into()),
            ..Finding::right(subject, state)
        }
    }

    pub fn error(
        subject: &'static str,
        state: impl Into<String>,
        fix: impl Into<String>,
    ) -> Finding {
        Finding {
            level: Level::Error,
            ..Finding::hint(subject, state, fix)
        }
    }
}
