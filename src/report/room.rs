//! What all answers take together while they are kept and sent: a client that reads slowly, or not
//! at all, holds its answer until it is closed.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Three times what the cache keeps.
const MAX_KIB: usize = 192 << 10;
/// Smaller ones are as many as there are connections, and need no room.
const SMALL_BYTES: usize = 64 << 10;

pub(super) struct Room(Arc<Semaphore>);

/// An answer, and its room until the last who is sent it is done.
struct Held {
    body: Bytes,
    _room: OwnedSemaphorePermit,
}

impl Default for Room {
    fn default() -> Room {
        Room(Arc::new(Semaphore::new(MAX_KIB)))
    }
}

impl Room {
    /// Returns None if there is no room. To wait for it would hold the answer meanwhile.
    pub fn hold(&self, body: Bytes) -> Option<Bytes> {
        if body.len() <= SMALL_BYTES {
            return Some(body);
        }
        let kib = u32::try_from(body.len().div_ceil(1024)).ok()?;
        let room = self.0.clone().try_acquire_many_owned(kib).ok()?;
        Some(Bytes::from_owner(Held { body, _room: room }))
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
        let large = || room.hold(vec![b'x'; 64 << 20].into());
        let mut held: Vec<Bytes> = (0..3).map(|_| large().unwrap()).collect();
        assert_eq!(held[0].len(), 64 << 20);
        let copy = held[0].clone();
        held.remove(0);
        assert!(large().is_none() && room.hold(vec![0; SMALL_BYTES].into()).is_some());
        drop(copy);
        assert!(large().is_some());
    }
}
