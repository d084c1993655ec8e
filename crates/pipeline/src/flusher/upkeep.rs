//! What history needs every hour: what is older than it is kept is deleted, and days that are over
//! get their facets. It is done in steps: a flush comes between two, so that history falls behind
//! by one of them at most.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::flush::Flusher;
use crate::clock::now_ms;
use crate::watchdog::Part;
use agentpulse_core::retention::forgotten_before_ms;
use agentpulse_failpoint::failpoint;
use agentpulse_store::history::{self, Pruned};

const UPKEEP_EVERY: Duration = Duration::from_secs(3600);
/// Rows that one step deletes, in one transaction.
const STEP_ROWS: usize = 5_000;
/// Executions that one step reads for the facets of their day.
const FACET_ROWS: usize = 1_000;

/// What a prune answers to the one that asked for it.
type Reply = oneshot::Sender<Result<Pruned, String>>;

/// The upkeep of every hour, and what of it is under way.
pub(super) struct Upkeep {
    next_at: Instant,
    pruning: Option<Pruning>,
    has_facets: bool,
}

#[derive(Default)]
struct Pruning {
    all: Pruned,
    /// Those that asked for it; none for the one of every hour.
    replies: Vec<Reply>,
}

impl Upkeep {
    /// The first is due now.
    pub fn new() -> Upkeep {
        Upkeep {
            next_at: Instant::now(),
            pruning: None,
            has_facets: true,
        }
    }

    pub fn is_under_way(&self) -> bool {
        self.pruning.is_some() || !self.has_facets
    }

    pub fn prune(&mut self, reply: Reply) {
        self.pruning.get_or_insert_default().replies.push(reply);
    }

    pub fn begin_if_due(&mut self) {
        if Instant::now() >= self.next_at {
            self.next_at = Instant::now() + UPKEEP_EVERY;
            self.pruning.get_or_insert_default();
            self.has_facets = false;
        }
    }

    /// Takes one step of what is under way. With `is_last` it is the last of it.
    pub fn step(&mut self, flusher: &mut Flusher, is_last: bool) {
        let Some(mut pruning) = self.pruning.take() else {
            if !self.has_facets {
                self.has_facets = is_last || !flusher.add_to_facets();
            }
            return;
        };
        let outcome = match flusher.prune() {
            Ok(pruned) => {
                pruning.all.executions += pruned.executions;
                pruning.all.buckets += pruned.buckets;
                if pruned.rows() == STEP_ROWS && !is_last {
                    self.pruning = Some(pruning);
                    return;
                }
                Ok(pruning.all)
            }
            Err(error) => {
                error!(%error, "old history could not be pruned");
                Err(error.to_string())
            }
        };
        pruning.finish(outcome);
    }
}

impl Pruning {
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
    /// Says whether there is more to do. After an error the next hour tries again.
    fn add_to_facets(&mut self) -> bool {
        self.watchdog.busy(Part::History);
        let today = self.history.zone().day_of(now_ms());
        let added = self.history.add_to_facets(today, FACET_ROWS);
        self.bound_wal();
        added.unwrap_or_else(|error| {
            warn!(%error, "days that are over have no facets yet; filtered answers read executions");
            false
        })
    }

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
