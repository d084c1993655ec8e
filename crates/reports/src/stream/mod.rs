//! The stream of changes. Each frame is built once, and shared by all clients:
//!
//! ```text
//! {"type":"snapshot","seq":n,"data":<metrics/current>,"active":[<as in /active>],
//!  "omitted":<as in /active>}
//! {"type":"changes","seq":n+1,"data":[
//!     {"kind":"started","execution":<as in /active>},       it runs now, or runs again
//!     {"kind":"progress","execution":<as in /active>},      its last heartbeat
//!     {"kind":"stopped","execution":<as in /executions>},   it ended, or timed out
//!     {"kind":"corrected","execution":<as in /executions>}, it had ended, and was corrected
//!     {"kind":"alert","alert":<as in /alerts>},             it fires, or is resolved
//!     {"kind":"totals","data":<metrics/current>}]}          twice a second at most
//! {"type":"resync","seq":n+2,"reason":"…","data":…,"active":[…],"omitted":…}
//! ```
//!
//! The snapshot comes first; its number is that of the last frame before it. Every frame of
//! `changes` and every `resync` has the next number, so that a client sees a gap; the stream itself
//! allows no gap: if it has not shown every change, because there were more than one frame holds or
//! because it lost them, it sends all clients a new snapshot. Executions that ended in such a gap
//! must be read again.
//!
//! A change is shown once it is true for reads, which are answered by the live view or, while that
//! is unreachable or behind, by history: so what a client adds up and what it reads fit together.
//! (A cached answer may be a quarter of a second older.) A snapshot may hold changes whose frame is
//! still to come; each of them sets values and adds nothing, so that it may be shown twice.
//! Heartbeats are shown as they arrive, after their execution's start and never after its end.
//!
//! A client that is too slow for its frames is closed with that reason and has to connect again.

mod element;
mod frame;
mod hub;
mod snapshot;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit, broadcast, mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::service::Reports;
use agentpulse_core::alert::Alert;
use agentpulse_core::bucket::Hour;
use agentpulse_pipeline::changes::Changes;
use agentpulse_pipeline::counters::Counters;
use agentpulse_pipeline::live_state::LiveState;
use agentpulse_pipeline::places::{self, Holder, Places, Reserve};
use agentpulse_pipeline::settings::SettingsWatch;
use agentpulse_pipeline::writer::Heartbeats;
pub use hub::Hub;

/// Frames that may wait for a client: three seconds of them at the fastest, and longer than one
/// send may take at the usual pace.
const MAX_QUEUED: usize = 32;
/// Clients that get their first snapshot at once; the next ones wait.
const MAX_JOINING: usize = 64;
/// If both views are unavailable for so long, a client is closed.
const JOIN_DEADLINE: Duration = Duration::from_secs(10);
/// A frame is copied for every connection while it is sent. Small ones may be, in any number of
/// clients; of large ones only so much at once: eight of the largest.
const MAX_COPIED_KIB: u32 = 64 << 10;
const LARGE: usize = 256 << 10;

/// The sources of the stream.
pub struct Watched {
    pub reports: Arc<Reports>,
    pub changes: Arc<Changes>,
    pub state: Arc<LiveState>,
    pub heartbeats: Arc<Heartbeats>,
    pub counters: Arc<Counters>,
    pub settings: SettingsWatch,
    pub max_clients: usize,
    /// Alerts that fire or are resolved.
    pub alerts: broadcast::Receiver<Arc<Alert>>,
}

/// The stream, as a client's connection needs it.
pub struct Stream {
    state: Arc<LiveState>,
    counters: Arc<Counters>,
    now_ms: fn() -> i64,
    places: Arc<Places>,
    copies: Semaphore,
    joins: mpsc::Sender<oneshot::Sender<Joined>>,
    stop: watch::Receiver<bool>,
}

/// The start of a client: `frames` follow `snapshot` without a gap.
pub struct Joined {
    pub snapshot: Bytes,
    pub frames: broadcast::Receiver<Bytes>,
}

/// A client's place, until it is dropped.
pub struct Place {
    counters: Arc<Counters>,
    place: places::Place,
}

/// Creates the stream, and the hub that must run for it. `stop` ends both.
pub fn open(watched: Watched, stop: watch::Receiver<bool>) -> (Stream, Hub) {
    let (joins, joining) = mpsc::channel(MAX_JOINING);
    let (max, counters) = (watched.max_clients, watched.counters.clone());
    let evicted = move || counters.stream_clients_evicted.add(1);
    let places = Places::new(max, Reserve::for_keys(max), evicted);
    let stream = Stream {
        state: watched.state.clone(),
        counters: watched.counters.clone(),
        now_ms: watched.reports.now_ms,
        places: places.clone(),
        copies: Semaphore::new(MAX_COPIED_KIB as usize),
        joins,
        stop: stop.clone(),
    };
    (stream, Hub::new(watched, joining, places, stop))
}

impl Stream {
    /// Returns None if all places are taken, and none by a client that owes a pong.
    pub fn enter(&self, holder: Holder) -> Option<Place> {
        let rank = holder.rank();
        let Ok(place) = self.places.admit(holder, rank) else {
            self.counters.stream_clients_refused.add(1);
            return None;
        };
        self.counters.stream_clients.rise();
        Some(Place {
            counters: self.counters.clone(),
            place,
        })
    }

    /// Returns None if no snapshot is available in time.
    pub async fn join(&self) -> Option<Joined> {
        let (reply, joined) = oneshot::channel();
        let ask = async {
            self.joins.send(reply).await.ok()?;
            joined.await.ok()
        };
        timeout(JOIN_DEADLINE, ask).await.ok().flatten()
    }

    /// Changes whenever a report may have another answer than before.
    pub fn moment(&self) -> (u64, Hour) {
        (self.state.shown(), Hour::of((self.now_ms)()))
    }

    /// Memory for a copy of a frame; it is released when the frame is sent.
    pub async fn room(&self, frame: &Bytes) -> Option<SemaphorePermit<'_>> {
        if frame.len() <= LARGE {
            return None;
        }
        let kib = u32::try_from(frame.len() >> 10).unwrap_or(u32::MAX);
        self.copies.acquire_many(kib.min(MAX_COPIED_KIB)).await.ok()
    }

    /// Ends when the daemon does.
    pub async fn stopped(&self) {
        // Without a sender the daemon is gone already.
        let _ = self.stop.clone().wait_for(|stop| *stop).await;
    }

    /// Counts a connection that is closed for a fault of the client.
    pub fn count_cut(&self) {
        self.counters.stream_clients_disconnected.add(1);
    }
}

impl Place {
    /// The client owes a pong, or has sent something.
    pub fn owes_pong(&self, owes: bool) {
        self.place.stall(owes);
    }

    /// Waits until the place is given to another.
    pub async fn lost(&self) {
        self.place.lost().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counters.stream_clients.fall();
    }
}
