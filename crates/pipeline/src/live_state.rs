//! How the live view is: whether it can be read, and if not, why.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use tokio::sync::watch;

use super::changes::{Changes, View};
use super::clock::now_ms;

/// A live view further behind than this is not shown: history is then the truer one. An answer
/// may be 250 ms old itself, and a reader was promised a second.
const MAX_READ_LAG_MS: i64 = 700;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Follows the journal.
    Following,
    Rebuilding,
    /// Redis cannot be reached, or cannot be written for now; or what is to be written cannot be
    /// read. The reason says which.
    Unreachable(String),
    /// Redis answers, and cannot be followed. Where somebody goes on changing what it holds, it is
    /// rebuilt by itself within ten minutes; all else is tried again every hour. `agentpulse
    /// rebuild` repairs both at once.
    Broken(String),
}

impl Condition {
    pub const FOLLOWING: &str = "following";
    pub const REBUILDING: &str = "rebuilding";
    pub const AWAY: &str = "away";
    pub const BROKEN: &str = "broken";
    /// All that [`word`](Self::word) returns.
    pub const WORDS: [&str; 4] = [
        Condition::FOLLOWING,
        Condition::REBUILDING,
        Condition::AWAY,
        Condition::BROKEN,
    ];

    /// As answers and metrics name it.
    pub fn word(&self) -> &'static str {
        match self {
            Condition::Following => Condition::FOLLOWING,
            Condition::Rebuilding => Condition::REBUILDING,
            Condition::Unreachable(_) => Condition::AWAY,
            Condition::Broken(_) => Condition::BROKEN,
        }
    }

    /// Why it is so, if it is not as it should be.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Condition::Following | Condition::Rebuilding => None,
            Condition::Unreachable(reason) | Condition::Broken(reason) => Some(reason),
        }
    }
}

/// `away`, or `away: and why`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            Some(reason) => write!(f, "{}: {reason}", self.word()),
            None => f.write_str(self.word()),
        }
    }
}

pub struct LiveState {
    condition: watch::Sender<Condition>,
    /// Of the last rebuild.
    rebuilt_percent: AtomicU64,
    /// The last that Redis did not hold as it should, since the daemon started.
    difference: RwLock<Option<String>>,
    changes: Arc<Changes>,
}

impl LiveState {
    pub fn new(changes: Arc<Changes>) -> LiveState {
        let (condition, _) = watch::channel(Condition::Unreachable("not reached yet".to_owned()));
        LiveState {
            condition,
            rebuilt_percent: AtomicU64::new(0),
            difference: RwLock::default(),
            changes,
        }
    }

    pub fn condition(&self) -> Condition {
        self.condition.borrow().clone()
    }

    /// Says whether that is news.
    pub fn set(&self, condition: Condition) -> bool {
        self.condition.send_if_modified(|current| {
            let news = *current != condition;
            *current = condition;
            news
        })
    }

    /// How much of a rebuild is done. Returns `None` if there is none.
    pub fn rebuilt_percent(&self) -> Option<u64> {
        let percent = self.rebuilt_percent.load(Ordering::Relaxed);
        (self.condition() == Condition::Rebuilding).then_some(percent)
    }

    pub fn set_rebuilt(&self, done: usize, all: usize) {
        let percent = done * 100 / all.max(1);
        self.rebuilt_percent
            .store(percent as u64, Ordering::Relaxed);
    }

    pub fn difference(&self) -> Option<String> {
        self.difference.read().clone()
    }

    pub fn set_difference(&self, reason: &str) {
        *self.difference.write() = Some(reason.to_owned());
    }

    /// Notifies when the condition changes.
    pub fn subscribe(&self) -> watch::Receiver<Condition> {
        self.condition.subscribe()
    }

    pub fn is_following(&self) -> bool {
        *self.condition.borrow() == Condition::Following
    }

    pub fn lag_ms(&self) -> i64 {
        self.changes.lag_ms(View::Live, now_ms())
    }

    /// Up to where the view that answers reads has applied the journal.
    pub fn shown(&self) -> u64 {
        let view = if self.readable() {
            View::Live
        } else {
            View::History
        };
        self.changes.position(view)
    }

    /// Whether an answer from it is true enough.
    pub fn readable(&self) -> bool {
        self.is_following() && self.lag_ms() <= MAX_READ_LAG_MS
    }
}
