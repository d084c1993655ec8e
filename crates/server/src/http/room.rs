//! Memory for requests of clients: bounded for all together, and for each of them.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use parking_lot::Mutex;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::seat::Seat;
use agentpulse_pipeline::connection_slots::{ConnectionHolder, STALLED_AFTER};

/// Waits for memory, each as long as it takes until a client that sends nothing is stalled.
/// Together shorter than a body may take, so that half bodies do not block each other.
const WAITS: usize = 5;
/// Clients that are remembered before those that hold nothing are forgotten.
const MAX_CLIENTS: usize = 1_024;

pub struct Room {
    kib: usize,
    all: Arc<Semaphore>,
    /// What each client may still take.
    shares: Mutex<HashMap<ConnectionHolder, Arc<Semaphore>>>,
}

/// The client that needs memory; tests have no connection.
#[derive(Clone, Default)]
pub struct Client {
    holder: Option<ConnectionHolder>,
    seat: Option<Seat>,
}

/// Released when it is dropped.
#[derive(Default)]
pub struct Held {
    all: Option<OwnedSemaphorePermit>,
    share: Option<OwnedSemaphorePermit>,
}

/// Others hold the memory, or the client has its whole share.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Client {
    pub fn of(request: &Request<Body>) -> Client {
        let extensions = request.extensions();
        Client {
            holder: extensions.get().cloned(),
            seat: extensions.get().cloned(),
        }
    }
}

impl Held {
    pub fn kib(&self) -> usize {
        self.all.as_ref().map_or(0, |held| held.num_permits())
    }

    pub fn merge(&mut self, more: Held) {
        merge(&mut self.all, more.all);
        merge(&mut self.share, more.share);
    }
}

fn merge(held: &mut Option<OwnedSemaphorePermit>, more: Option<OwnedSemaphorePermit>) {
    match (held, more) {
        (Some(held), Some(more)) => held.merge(more),
        (held @ None, more) => *held = more,
        (Some(_), None) => {}
    }
}

impl Room {
    pub fn new(kib: usize) -> Room {
        Room {
            kib,
            all: Arc::new(Semaphore::new(kib)),
            shares: Mutex::default(),
        }
    }

    /// Waits while it is taken: of the client itself if it has its whole share, else of all, the
    /// connection that has been stalled the longest is closed and releases its memory. A body
    /// larger than a share counts as a share.
    ///
    /// # Errors
    /// No memory was released in time.
    pub async fn take(&self, kib: usize, client: &Client) -> Result<Held, Full> {
        let kib = kib.min(self.share_kib());
        let share = client.holder.as_ref().and_then(|holder| self.share(holder));
        let has_share = || {
            let left = share.as_ref().map(|share| share.available_permits());
            left.is_none_or(|left| left >= kib)
        };
        let mut taken = pin!(self.acquire(kib as u32, share.clone()));
        for _ in 0..WAITS {
            if let Ok(Ok(held)) = timeout(Duration::ZERO, &mut taken).await {
                return Ok(held);
            }
            if let Some(seat) = &client.seat {
                seat.displace_stalled(!has_share());
            }
            if let Ok(Ok(held)) = timeout(STALLED_AFTER, &mut taken).await {
                return Ok(held);
            }
        }
        Err(Full)
    }

    async fn acquire(&self, kib: u32, share: Option<Arc<Semaphore>>) -> Result<Held, AcquireError> {
        let share = match share {
            Some(share) => Some(share.acquire_many_owned(kib).await?),
            None => None,
        };
        let all = Some(self.all.clone().acquire_many_owned(kib).await?);
        Ok(Held { all, share })
    }

    /// One client leaves a quarter to others.
    fn share_kib(&self) -> usize {
        self.kib - self.kib / 4
    }

    /// Returns None for loopback without a key: it is many clients, and often all that there are.
    fn share(&self, holder: &ConnectionHolder) -> Option<Arc<Semaphore>> {
        if holder.is_many() {
            return None;
        }
        let mut shares = self.shares.lock();
        if shares.len() >= MAX_CLIENTS {
            // A client that holds something, or waits for it, has another reference.
            shares.retain(|_, share| Arc::strong_count(share) > 1);
        }
        let new = || Arc::new(Semaphore::new(self.share_kib()));
        Some(shares.entry(holder.clone()).or_insert_with(new).clone())
    }

    #[cfg(test)]
    pub fn free_kib(&self) -> usize {
        self.all.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::IpAddr;
    use std::task::Poll;

    use super::*;
    use agentpulse_pipeline::address::Network;

    fn client(holder: ConnectionHolder) -> Client {
        Client {
            holder: Some(holder),
            seat: None,
        }
    }

    fn key(id: &str) -> Client {
        client(ConnectionHolder::Key(id.to_owned()))
    }

    async fn waits(room: &Room, kib: usize, client: &Client) -> bool {
        let mut taken = pin!(room.take(kib, client));
        poll_fn(|cx| Poll::Ready(taken.as_mut().poll(cx).is_pending())).await
    }

    #[tokio::test]
    async fn one_client_leaves_a_quarter_to_others() {
        let room = Room::new(8);
        let greedy = key("greedy");
        let mut held = room.take(5, &greedy).await.unwrap();
        held.merge(room.take(1, &greedy).await.unwrap());
        assert_eq!((held.kib(), room.free_kib()), (6, 2));
        assert!(waits(&room, 1, &greedy).await);
        let other = room.take(2, &key("other")).await.unwrap();
        assert!(waits(&room, 1, &key("third")).await);
        drop((held, other));
        assert_eq!(room.free_kib(), 8);
        let larger = room.take(100, &greedy).await.unwrap();
        assert_eq!(larger.kib(), 6);
        assert_eq!(room.free_kib(), 2);
    }

    #[tokio::test]
    async fn loopback_without_a_key_may_have_it_all() {
        let room = Room::new(8);
        let local = client(ConnectionHolder::Network(Network::of(IpAddr::from([
            127, 0, 0, 1,
        ]))));
        let held = [room.take(6, &local).await, room.take(2, &local).await];
        assert!(held.iter().all(Result::is_ok));
        assert_eq!(room.free_kib(), 0);
    }

    #[tokio::test]
    async fn a_client_that_holds_nothing_is_forgotten() {
        let room = Room::new(8);
        let _held = room.take(6, &key("busy")).await.unwrap();
        for n in 0..2 * MAX_CLIENTS {
            drop(room.take(1, &key(&n.to_string())).await.unwrap());
        }
        assert!(room.shares.lock().len() <= MAX_CLIENTS);
        assert!(waits(&room, 1, &key("busy")).await);
    }
}
