//! The executions whose transcripts are waited for, and when each is tried next.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

/// The last line came 24 to 45 ms after the stop.
const FIRST_PAUSE: Duration = Duration::from_millis(60);
/// Each wait is twice the one before, up to here.
pub const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Executions that are waited for at once; the others stay in the queue.
const MAX_WAITED_FOR: usize = 4_096;

#[derive(Default)]
pub struct Waiting {
    pending: HashMap<String, Pending>,
    due: BTreeSet<(Instant, String)>,
}

/// One execution that is waited for.
struct Pending {
    since: Instant,
    /// For this end of it; unknown before the first attempt.
    ended_ms: Option<i64>,
    pause: Duration,
    /// It changed again during an attempt.
    changed: bool,
}

/// An execution whose turn it is, since when it is waited for, and for which end of it.
pub struct Due {
    pub id: String,
    pub since: Instant,
    pub ended_ms: Option<i64>,
}

impl Pending {
    fn new(since: Instant) -> Pending {
        Pending {
            since,
            ended_ms: None,
            pause: FIRST_PAUSE,
            changed: false,
        }
    }
}

impl Waiting {
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// How many more may be waited for.
    pub fn room(&self) -> usize {
        MAX_WAITED_FOR.saturating_sub(self.pending.len())
    }

    pub fn add(&mut self, id: String) {
        let now = Instant::now();
        if let Some(one) = self.pending.get_mut(&id) {
            one.changed = true;
            return;
        }
        self.pending.insert(id.clone(), Pending::new(now));
        self.due.insert((now + FIRST_PAUSE, id));
    }

    /// When the next is due.
    pub fn next_at(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes the next one that is due now.
    pub fn take_due(&mut self) -> Option<Due> {
        self.next_at().filter(|at| *at <= Instant::now())?;
        let (_, id) = self.due.pop_first()?;
        let one = self.pending.get(&id)?;
        Some(Due {
            since: one.since,
            ended_ms: one.ended_ms,
            id,
        })
    }

    /// Done with, unless it changed meanwhile.
    pub fn finish(&mut self, id: String) {
        match self.pending.get_mut(&id) {
            Some(one) if one.changed => {
                *one = Pending::new(Instant::now());
                self.due.insert((Instant::now() + FIRST_PAUSE, id));
            }
            _ => drop(self.pending.remove(&id)),
        }
    }

    /// Later once more. One that has another end than was waited for is waited for from now on.
    pub fn reschedule(&mut self, id: String, ended_ms: Option<i64>) {
        let Some(one) = self.pending.get_mut(&id) else {
            return;
        };
        if one.ended_ms != ended_ms {
            *one = Pending {
                ended_ms,
                ..Pending::new(Instant::now())
            };
        }
        self.due.insert((Instant::now() + one.pause, id));
        one.pause = (one.pause * 2).min(LONGEST_PAUSE);
    }
}
