//! Until when tasks are held: on the monotonic clock, so that a clock that is set, or a machine
//! that sleeps, takes no lease.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use agentpulse_tasks::limits::MIN_LEASE_LEFT_MS;
use agentpulse_tasks::task::Task;
use agentpulse_tasks::work::Loss;

#[derive(Debug, Default)]
pub struct Leases {
    by_task: HashMap<i64, Lease>,
    /// Those that end first.
    ends: BTreeSet<(Instant, i64)>,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    claim: i64,
    ends: Instant,
    /// Of the whole attempt.
    times_out: Option<Instant>,
}

/// A lease that begins.
#[derive(Clone, Copy, Debug)]
pub struct Begin {
    pub task: i64,
    pub claim: i64,
    pub lease_ms: i64,
    pub timeout_ms: Option<i64>,
}

impl Begin {
    pub fn of(task: &Task) -> Begin {
        Begin {
            task: task.id,
            claim: task.claim.unwrap_or_default(),
            lease_ms: task.lease_of_attempt_ms(),
            timeout_ms: task.timeout_ms,
        }
    }
}

impl Lease {
    fn begin(of: &Begin, now: Instant) -> Lease {
        Lease {
            claim: of.claim,
            ends: now + ms(of.lease_ms),
            times_out: of.timeout_ms.map(|timeout_ms| now + ms(timeout_ms)),
        }
    }

    fn first_end(&self) -> Instant {
        self.times_out.map_or(self.ends, |end| end.min(self.ends))
    }
}

impl Leases {
    /// Of what was held when the daemon ended: each has its lease again, and not too little of it.
    pub fn again(tasks: &[Task], now: Instant) -> Leases {
        let mut leases = Leases::default();
        for task in tasks {
            let mut begin = Begin::of(task);
            begin.lease_ms = begin.lease_ms.max(MIN_LEASE_LEFT_MS);
            leases.begin(&begin, now);
        }
        leases
    }

    pub fn begin(&mut self, begin: &Begin, now: Instant) {
        self.end(begin.task);
        let lease = Lease::begin(begin, now);
        self.ends.insert((lease.first_end(), begin.task));
        self.by_task.insert(begin.task, lease);
    }

    /// From now on, as long again. Never shorter than it is.
    pub fn renew(&mut self, task: i64, lease_ms: i64, now: Instant) {
        let Some(lease) = self.by_task.get_mut(&task) else {
            return;
        };
        self.ends.remove(&(lease.first_end(), task));
        lease.ends = lease.ends.max(now + ms(lease_ms));
        self.ends.insert((lease.first_end(), task));
    }

    pub fn end(&mut self, task: i64) {
        if let Some(lease) = self.by_task.remove(&task) {
            self.ends.remove(&(lease.first_end(), task));
        }
    }

    pub fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|(end, _)| *end)
    }

    /// Those that have ended by now, and why.
    pub fn ended(&self, now: Instant) -> Vec<(i64, Loss)> {
        let ended = self.ends.iter().take_while(|(end, _)| *end <= now);
        let loss = |task: &i64| {
            let times_out = self.by_task.get(task).and_then(|lease| lease.times_out);
            match times_out.is_some_and(|end| end <= now) {
                true => Loss::Timeout,
                false => Loss::Lease,
            }
        };
        ended.map(|(_, task)| (*task, loss(task))).collect()
    }

    /// How long a task is held without a word once its lease is renewed.
    pub fn left(&self, task: &Task, now: Instant) -> Duration {
        let renewed = Lease::begin(&Begin::of(task), now);
        // One that is not known yet begins with this commit, as its claim does.
        let known = self.by_task.get(&task.id);
        let known = known.filter(|known| known.claim == renewed.claim);
        let lease = known.map_or(renewed, |lease| Lease {
            ends: lease.ends.max(renewed.ends),
            ..*lease
        });
        lease.first_end().saturating_duration_since(now)
    }
}

fn ms(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_end_in_their_order_and_a_renewed_one_later() {
        let begin = Instant::now();
        let at = |s| begin + Duration::from_secs(s);
        let mut leases = Leases::default();
        let of = |task, lease_ms, timeout_ms| Begin {
            task,
            claim: task,
            lease_ms,
            timeout_ms,
        };
        leases.begin(&of(1, 10_000, None), begin);
        leases.begin(&of(2, 20_000, Some(15_000)), begin);
        assert_eq!(leases.next_end(), Some(at(10)));
        leases.renew(1, 10_000, at(6));
        leases.renew(1, 1_000, at(7));
        assert_eq!(leases.ended(at(14)), []);
        assert_eq!(leases.ended(at(15)), [(2, Loss::Timeout)]);
        leases.renew(2, 60_000, at(8));
        assert_eq!(leases.ended(at(16)), [(2, Loss::Timeout), (1, Loss::Lease)]);
        leases.end(2);
        assert_eq!(leases.ended(at(16)), [(1, Loss::Lease)]);
    }
}
