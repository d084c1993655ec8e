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
    ends: Instant,
    /// Of the whole attempt.
    times_out: Option<Instant>,
}

impl Lease {
    fn first_end(&self) -> Instant {
        self.times_out.map_or(self.ends, |end| end.min(self.ends))
    }
}

impl Leases {
    /// Of what was held when the daemon ended: each has its lease again, and not too little of it.
    pub fn again(tasks: &[Task], now: Instant) -> Leases {
        let mut leases = Leases::default();
        for task in tasks {
            let lease_ms = task.lease_ms.max(MIN_LEASE_LEFT_MS);
            leases.begin(task.id, lease_ms, task.timeout_ms, now);
        }
        leases
    }

    pub fn begin(&mut self, task: i64, lease_ms: i64, timeout_ms: Option<i64>, now: Instant) {
        self.end(task);
        let lease = Lease {
            ends: now + ms(lease_ms),
            times_out: timeout_ms.map(|timeout_ms| now + ms(timeout_ms)),
        };
        self.ends.insert((lease.first_end(), task));
        self.by_task.insert(task, lease);
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

    /// How long a task is held still.
    pub fn left(&self, task: i64, now: Instant) -> Option<Duration> {
        let lease = self.by_task.get(&task)?;
        Some(lease.first_end().saturating_duration_since(now))
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
        leases.begin(1, 10_000, None, begin);
        leases.begin(2, 20_000, Some(15_000), begin);
        assert_eq!(leases.next_end(), Some(at(10)));
        leases.renew(1, 10_000, at(6));
        leases.renew(1, 1_000, at(7));
        assert_eq!(leases.ended(at(14)), []);
        assert_eq!(leases.ended(at(15)), [(2, Loss::Timeout)]);
        leases.renew(2, 60_000, at(8));
        assert_eq!(leases.ended(at(16)), [(2, Loss::Timeout), (1, Loss::Lease)]);
        leases.end(2);
        assert_eq!(leases.ended(at(16)), [(1, Loss::Lease)]);
        assert_eq!(leases.left(1, at(9)), Some(Duration::from_secs(7)));
        assert_eq!(leases.left(2, at(9)), None);
    }
}
