//! The clients of one stream: those that wait for their first frame, and those that follow.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{broadcast, oneshot};

use super::frame::Frame;

/// Frames that may wait for a client: three seconds of them at the fastest, and longer than one
/// send may take at the usual pace.
const MAX_QUEUED: usize = 32;

/// Between two snapshots for all, as long as there is more to show than frames can hold. Larger
/// snapshots come more rarely, so that a client, and all clients together, take so many bytes a
/// second.
pub const RESYNC_EVERY: Duration = Duration::from_secs(1);
const RESYNC_AT_LEAST_EVERY: Duration = Duration::from_secs(10);
const BYTES_A_SECOND_OF_ONE: u64 = 96 << 10;
const BYTES_A_SECOND_OF_ALL: u64 = 64 << 20;

/// Which messages a client understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The daemon's own.
    Own,
    /// That of the existing dashboard.
    Dashboard,
    /// The definitions of agents and their numbers alone.
    Registry,
}

/// The start of a client: `frames` follow `first` without a gap.
pub struct Joined {
    pub first: Frame,
    pub frames: broadcast::Receiver<Frame>,
}

/// A client that asks for its start.
pub struct Join {
    pub dialect: Dialect,
    pub reply: oneshot::Sender<Joined>,
}

/// The clients of one dialect.
pub(super) struct Channel {
    frames: broadcast::Sender<Frame>,
    waiting: Vec<oneshot::Sender<Joined>>,
}

impl Channel {
    pub fn new() -> Channel {
        Channel {
            frames: broadcast::Sender::new(MAX_QUEUED),
            waiting: Vec::new(),
        }
    }

    pub fn wait(&mut self, reply: oneshot::Sender<Joined>) {
        self.waiting.push(reply);
    }

    /// Whether there is no client, also none that waits.
    pub fn is_empty(&mut self) -> bool {
        self.waiting.retain(|join| !join.is_closed());
        self.waiting.is_empty() && self.clients() == 0
    }

    /// Those that wait learn that nothing comes.
    pub fn dismiss(&mut self) {
        self.waiting.clear();
    }

    /// Those that follow.
    pub fn clients(&self) -> usize {
        self.frames.receiver_count()
    }

    pub fn is_awaited(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub fn send(&self, frame: Frame) {
        // An error only means that there is no receiver.
        let _ = self.frames.send(frame);
    }

    pub fn send_text(&self, text: Bytes) {
        self.send(Arc::from([text]));
    }

    /// How long after a snapshot of so many bytes for all clients the next may come.
    pub fn pace(&self, bytes: usize) -> Duration {
        pace(bytes, self.clients())
    }

    /// Gives all that wait their start.
    pub fn admit(&mut self, first: &Frame) {
        for join in self.waiting.drain(..) {
            // A client that has gone meanwhile needs no start.
            let _ = join.send(Joined {
                first: first.clone(),
                frames: self.frames.subscribe(),
            });
        }
    }
}

fn pace(bytes: usize, clients: usize) -> Duration {
    let one = bytes as u64;
    let all = one.saturating_mul(clients as u64);
    let takes = |bytes: u64, a_second| Duration::from_millis(bytes.saturating_mul(1000) / a_second);
    let takes = takes(one, BYTES_A_SECOND_OF_ONE).max(takes(all, BYTES_A_SECOND_OF_ALL));
    takes.clamp(RESYNC_EVERY, RESYNC_AT_LEAST_EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_snapshots_come_more_rarely_and_so_they_do_for_many() {
        assert_eq!(pace(1_000, 100), Duration::from_secs(1));
        assert_eq!(pace(192 << 10, 1), Duration::from_secs(2));
        assert_eq!(pace(1 << 20, 1), Duration::from_secs(10));
        assert_eq!(pace(64 << 10, 4_096), Duration::from_secs(4));
    }
}
