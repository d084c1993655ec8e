//! The memory of all answers while they are cached and sent: a client that reads slowly, or not at
//! all, holds its answer until it is closed.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::share::{Place, Shares};
use agentpulse_pipeline::connection_slots::ConnectionHolder;

/// Three times what the cache keeps.
const MAX_KIB: usize = 192 << 10;
/// Of one client, so that it leaves some to others.
const MAX_CLIENT_KIB: usize = MAX_KIB / 4 * 3;
/// Smaller ones are as many as there are connections, and are not counted.
const SMALL_BYTES: usize = 64 << 10;

pub(super) struct Room {
    all: Arc<Semaphore>,
    shares: Shares,
}

/// Why there is no memory.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Full {
    OfAll,
    /// The client has its share.
    OfClient,
}

/// An answer, and its memory until the last copy is sent.
struct Held {
    body: Bytes,
    _room: OwnedSemaphorePermit,
    _share: Option<Place>,
}

impl Default for Room {
    fn default() -> Room {
        Room {
            all: Arc::new(Semaphore::new(MAX_KIB)),
            shares: Shares::new(MAX_CLIENT_KIB),
        }
    }
}

impl Room {
    /// Waiting for memory would hold the answer meanwhile. The daemon itself has no share.
    pub fn hold(&self, body: Bytes, asker: Option<&ConnectionHolder>) -> Result<Bytes, Full> {
        if body.len() <= SMALL_BYTES {
            return Ok(body);
        }
        let kib = u32::try_from(body.len().div_ceil(1024)).map_err(|_| Full::OfAll)?;
        let share = match asker {
            Some(asker) => {
                let share = self.shares.try_take_many(asker, kib);
                Some(share.ok_or(Full::OfClient)?)
            }
            None => None,
        };
        let room = self.all.clone().try_acquire_many_owned(kib);
        let room = room.map_err(|_| Full::OfAll)?;
        Ok(Bytes::from_owner(Held {
            body,
            _room: room,
            _share: share,
        }))
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_answers_share_their_room_until_the_last_copy_is_sent() {
        let room = Room::default();
        let large = || room.hold(vec![b'x'; 64 << 20].into(), None);
        let mut held: Vec<Bytes> = (0..3).map(|_| large().unwrap()).collect();
        assert_eq!(held[0].len(), 64 << 20);
        let copy = held[0].clone();
        held.remove(0);
        assert!(large().is_err() && room.hold(vec![0; SMALL_BYTES].into(), None).is_ok());
        drop(copy);
        assert!(large().is_ok());
    }

    #[test]
    fn one_client_leaves_room_to_others() {
        let room = Room::default();
        let [greedy, other] =
            ["greedy", "other"].map(|name| ConnectionHolder::Key(name.to_owned()));
        let large = |asker| room.hold(vec![b'x'; 48 << 20].into(), Some(asker));
        let held: Vec<Bytes> = (0..3).map(|_| large(&greedy).unwrap()).collect();
        assert_eq!(large(&greedy), Err(Full::OfClient));
        assert!(large(&other).is_ok());
        drop(held);
        assert!(large(&greedy).is_ok());
    }
}
