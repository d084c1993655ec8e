//! The number of answers of a kind that are built for one client at once: it never holds all
//! readers of the history.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use agentpulse_pipeline::connection_slots::ConnectionHolder;

/// Requests of one client that wait for its share; a page sends less than ten at once.
const MAX_WAITING: usize = 16;
/// Clients that are remembered before idle ones are forgotten.
const MAX_CLIENTS: usize = 1_024;

pub(super) struct Shares {
    most: usize,
    clients: Mutex<HashMap<ConnectionHolder, Share>>,
}

#[derive(Clone)]
struct Share {
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// Held while an answer is being made.
pub(super) type Place = OwnedSemaphorePermit;

/// The client has its whole share, and its queue is full.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Shares {
    /// `most` answers of a client are built at once.
    pub fn new(most: usize) -> Shares {
        Shares {
            most,
            clients: Mutex::default(),
        }
    }

    /// Does not wait.
    pub fn try_take(&self, asker: &ConnectionHolder) -> Option<Place> {
        self.share(asker).places.try_acquire_owned().ok()
    }

    /// The same for what counts more than one.
    pub fn try_take_many(&self, asker: &ConnectionHolder, count: u32) -> Option<Place> {
        let places = self.share(asker).places;
        places.try_acquire_many_owned(count).ok()
    }

    /// Waits until another answer of the client is made.
    pub async fn take(
        &self,
        asker: &ConnectionHolder,
        deadline: Duration,
    ) -> Result<Place, TooMany> {
        let share = self.share(asker);
        let _waiting = share.waiting.try_acquire().map_err(|_| TooMany)?;
        match timeout(deadline, share.places.acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(TooMany),
        }
    }

    fn share(&self, asker: &ConnectionHolder) -> Share {
        let mut clients = self.clients.lock();
        if clients.len() >= MAX_CLIENTS {
            // One whose semaphore is held elsewhere has a place, or waits for one.
            clients.retain(|_, share| Arc::strong_count(&share.places) > 1);
        }
        let new = || Share {
            places: Arc::new(Semaphore::new(self.most)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        };
        clients.entry(asker.clone()).or_insert_with(new).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(60);

    fn asker(name: &str) -> ConnectionHolder {
        ConnectionHolder::Key(name.to_owned())
    }

    #[tokio::test]
    async fn one_client_has_no_more_than_its_share_and_leaves_others_theirs() {
        let shares = Shares::new(2);
        let (greedy, other) = (asker("greedy"), asker("other"));
        let held: Vec<_> = (0..2).map(|_| shares.try_take(&greedy).unwrap()).collect();
        assert!(shares.try_take(&greedy).is_none());
        assert!(shares.try_take(&other).is_some());

        let mut waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| Box::pin(shares.take(&greedy, DEADLINE)))
            .collect();
        for wait in &mut waiting {
            let polled = poll_fn(|context| Poll::Ready(wait.as_mut().poll(context)));
            assert!(polled.await.is_pending());
        }
        let refused = shares.take(&greedy, DEADLINE).await;
        assert_eq!(refused.unwrap_err(), TooMany);
        drop(held);
        for wait in waiting {
            drop(wait.await.unwrap());
        }
        assert!(shares.try_take(&greedy).is_some());
    }

    #[tokio::test]
    async fn an_idle_client_is_forgotten() {
        let shares = Shares::new(1);
        let busy = asker("busy");
        let _place = shares.try_take(&busy).unwrap();
        for n in 0..2 * MAX_CLIENTS {
            drop(shares.try_take(&asker(&n.to_string())));
        }
        assert!(shares.clients.lock().len() <= MAX_CLIENTS);
        assert!(shares.try_take(&busy).is_none());
    }
}
