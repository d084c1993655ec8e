//! Deletes history that is older than it is kept, in steps: a flush comes between two, so that
//! history falls behind by one of them at most.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::{error, info};

use super::flush::Flusher;
use crate::clock::now_ms;
use crate::watchdog::Part;
use agentpulse_core::retention::forgotten_before_ms;
use agentpulse_failpoint::failpoint;
use agentpulse_store::history::{self, Pruned};

const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// Rows that one step deletes, in one transaction.
const STEP_ROWS: usize = 5_000;

/// What a prune answers to the one that asked for it.
type Reply = oneshot::Sender<Result<Pruned, String>>;

/// The prune of every hour, and the one that is under way.
pub(super) struct Pruning {
    next_at: Instant,
    under_way: Option<UnderWay>,
}

#[derive(Default)]
struct UnderWay {
    all: Pruned,
    /// Those that asked for it; none for the one of every hour.
    replies: Vec<Reply>,
}

impl Pruning {
    /// The first is due now.
    pub fn new() -> Pruning {
        Pruning {
            next_at: Instant::now(),
            under_way: None,
        }
    }

    pub fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    pub fn begin(&mut self, reply: Reply) {
        self.under_way.get_or_insert_default().replies.push(reply);
    }

    pub fn begin_if_due(&mut self) {
        if Instant::now() >= self.next_at {
            self.next_at = Instant::now() + PRUNE_EVERY;
            self.under_way.get_or_insert_default();
        }
    }

    /// Takes one step of what is under way. With `is_last` it is the last of it.
    pub fn step(&mut self, flusher: &mut Flusher, is_last: bool) {
        let Some(mut under_way) = self.under_way.take() else {
            return;
        };
        let outcome = match flusher.prune() {
            Ok(pruned) => {
                under_way.all.executions += pruned.executions;
                under_way.all.buckets += pruned.buckets;
                if pruned.rows() == STEP_ROWS && !is_last {
                    self.under_way = Some(under_way);
                    return;
                }
                Ok(under_way.all)
            }
            Err(error) => {
                error!(%error, "old history could not be pruned");
                Err(error.to_string())
            }
        };
        under_way.finish(outcome);
    }
}

impl UnderWay {
    fn finish(self, outcome: Result<Pruned, String>) {
        let Pruned {
            executions,
            buckets,
        } = self.all;
        if self.all.rows() > 0 {
            info!(executions, buckets, "pruned old history");
        }
        for reply in self.replies {
            drop(reply.send(outcome.clone()));
        }
    }
}

impl Flusher {
    fn prune(&mut self) -> Result<Pruned, history::Error> {
        self.watchdog.busy(Part::History);
        // Whole days of its zone, so that their sums go with what ended in them.
        let forgotten_ms = forgotten_before_ms(now_ms(), self.settings.borrow().remember_ms);
        let oldest = self.history.zone().day_of(forgotten_ms);
        let pruned = self.history.prune(oldest, STEP_ROWS);
        failpoint("prune.history");
        self.bound_wal();
        pruned
    }
}
