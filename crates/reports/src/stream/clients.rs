//! The stream, as the connections of clients need it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::channels::{Dialect, Join, Joined};
use super::hub::{Hub, Watched};
use agentpulse_pipeline::connection_slots::{self, ConnectionHolder, Places, Reserve};
use agentpulse_pipeline::counters::Counters;

/// Clients that get their first snapshot at once; the next ones wait.
const MAX_JOINING: usize = 64;
/// If both views are unavailable for so long, a client is closed.
const JOIN_DEADLINE: Duration = Duration::from_secs(10);

pub struct Stream {
    counters: Arc<Counters>,
    places: Arc<Places>,
    joins: mpsc::Sender<Join>,
    stop: watch::Receiver<bool>,
}

/// A client's place, until it is dropped.
pub struct Place {
    counters: Arc<Counters>,
    place: connection_slots::Place,
}

/// Creates the stream, and the hub that must run for it. `stop` ends both.
pub fn open(watched: Watched, stop: watch::Receiver<bool>) -> (Stream, Hub) {
    let (joins, joining) = mpsc::channel(MAX_JOINING);
    let (max, counters) = (watched.max_clients, watched.counters.clone());
    let evicted = move || counters.stream_clients_evicted.add(1);
    let places = Places::new(max, Reserve::for_keys(max), evicted);
    let stream = Stream {
        counters: watched.counters.clone(),
        places: places.clone(),
        joins,
        stop: stop.clone(),
    };
    (stream, Hub::new(watched, joining, places, stop))
}

impl Stream {
    /// Returns None if all places are taken, and none by a client that owes a pong.
    pub fn enter(&self, holder: ConnectionHolder) -> Option<Place> {
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
    pub async fn join(&self, dialect: Dialect) -> Option<Joined> {
        let (reply, joined) = oneshot::channel();
        let ask = async {
            self.joins.send(Join { dialect, reply }).await.ok()?;
            joined.await.ok()
        };
        timeout(JOIN_DEADLINE, ask).await.ok().flatten()
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
