//! Answers that are still fresh, and those that are being made: equal requests wait for one
//! computation.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::OnceCell;

/// A dashboard that polls every second sees nothing older, and a thousand of them cost four
/// computations a second.
pub const FRESH: Duration = Duration::from_millis(250);
/// Reports with different parameters that are kept at once. The one that was made first makes room;
/// while all are being made, one more is made for the client that asks, and not kept.
const MAX_SLOTS: usize = 256;
/// All bodies together. A list has at most 4 MiB, most answers have a few KiB.
const MAX_BYTES: usize = 64 << 20;

pub struct Cache<K, V> {
    slots: Mutex<HashMap<K, Arc<Slot<V>>>>,
    weigh: fn(&V) -> usize,
}

/// Empty while the answer is being made; with it stands when that began.
struct Slot<V>(OnceCell<(Instant, V)>);

impl<V> Slot<V> {
    fn is_stale(&self, now: Instant) -> bool {
        let made = self.0.get();
        made.is_some_and(|(began, _)| now.saturating_duration_since(*began) >= FRESH)
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    /// `weigh` returns the bytes of a value.
    pub fn new(weigh: fn(&V) -> usize) -> Cache<K, V> {
        Cache {
            slots: Mutex::default(),
            weigh,
        }
    }

    /// The value of `key`, if there is one that is fresh.
    pub fn fresh(&self, key: &K, now: Instant) -> Option<V> {
        let slots = self.slots.lock();
        let slot = slots.get(key).filter(|slot| !slot.is_stale(now))?;
        slot.0.get().map(|(_, value)| value.clone())
    }

    /// The value of `key` that is fresh or being made, else the one that `make` makes. If the task
    /// that makes it is cancelled, the next one that waits makes it.
    pub async fn get<F>(&self, key: &K, now: Instant, make: impl FnOnce() -> F) -> V
    where
        F: Future<Output = V>,
    {
        let make = || async { Ok::<V, Infallible>(make().await) };
        let Ok(value) = self.try_get(key, now, make).await;
        value
    }

    /// As [`get`](Self::get). An error only goes to the task that made it: the next one that waits
    /// tries again.
    pub async fn try_get<F, E>(
        &self,
        key: &K,
        now: Instant,
        make: impl FnOnce() -> F,
    ) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let slot = self.slot(key, now);
        let mut made_here = false;
        let make = || async {
            let value = make().await?;
            made_here = true;
            Ok((now, value))
        };
        let value = slot.0.get_or_try_init(make).await?.1.clone();
        if made_here && self.weight() > MAX_BYTES {
            self.shed(key, now);
        }
        Ok(value)
    }

    fn slot(&self, key: &K, now: Instant) -> Arc<Slot<V>> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(key)
            && !slot.is_stale(now)
        {
            return slot.clone();
        }
        let slot = Arc::new(Slot(OnceCell::new()));
        // A stale value is of no use, and may be large.
        slots.retain(|_, slot| is_wanted(slot, now));
        if slots.len() >= MAX_SLOTS && !slots.contains_key(key) {
            forget_oldest(&mut slots);
        }
        if slots.len() < MAX_SLOTS || slots.contains_key(key) {
            slots.insert(key.clone(), slot.clone());
        }
        slot
    }

    fn weight(&self) -> usize {
        let slots = self.slots.lock();
        let made = slots.values().filter_map(|slot| slot.0.get());
        made.map(|(_, value)| (self.weigh)(value)).sum()
    }

    /// Drops stale values, and if that is not enough `key`, which came last.
    fn shed(&self, key: &K, now: Instant) {
        self.slots.lock().retain(|_, slot| is_wanted(slot, now));
        if self.weight() > MAX_BYTES {
            self.slots.lock().remove(key);
        }
    }
}

/// A client with many different requests must not evict answers that many ask for. What is being
/// made stays.
fn forget_oldest<K: Clone + Eq + Hash, V>(slots: &mut HashMap<K, Arc<Slot<V>>>) {
    let made = slots
        .iter()
        .filter_map(|(key, slot)| Some((slot.0.get()?.0, key)));
    let oldest = made.min_by_key(|(began, _)| *began);
    if let Some(key) = oldest.map(|(_, key)| key.clone()) {
        slots.remove(&key);
    }
}

/// Fresh, or still being made: a value whose maker and waiters have all gone is only held by the
/// map.
fn is_wanted<V>(slot: &Arc<Slot<V>>, now: Instant) -> bool {
    !slot.is_stale(now) && (slot.0.initialized() || Arc::strong_count(slot) > 1)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    fn cache() -> Cache<usize, usize> {
        Cache::new(|_| 1)
    }

    #[tokio::test]
    async fn a_value_is_made_anew_once_it_is_stale() {
        let (cache, begin) = (cache(), Instant::now());
        let at = |ms| begin + Duration::from_millis(ms);
        assert_eq!(cache.get(&1, at(0), || async { 10 }).await, 10);
        assert_eq!(cache.get(&1, at(249), || async { 11 }).await, 10);
        assert_eq!(cache.fresh(&1, at(249)), Some(10));
        assert_eq!(cache.fresh(&1, at(250)), None);
        assert_eq!(cache.get(&2, at(249), || async { 20 }).await, 20);
        assert_eq!(cache.get(&1, at(250), || async { 12 }).await, 12);
        assert_eq!(cache.get(&1, at(499), || async { 13 }).await, 12);
    }

    #[tokio::test]
    async fn concurrent_requests_share_one_answer() {
        let (cache, now, made) = (cache(), Instant::now(), AtomicUsize::new(0));
        let open = Notify::new();
        let make = || async {
            made.fetch_add(1, Ordering::Relaxed);
            open.notified().await;
            7
        };
        let release = async { open.notify_one() };
        let both = async { tokio::join!(cache.get(&1, now, make), cache.get(&1, now, make)) };
        let ((first, second), ()) = tokio::join!(both, release);
        assert_eq!((first, second, made.load(Ordering::Relaxed)), (7, 7, 1));
    }

    #[tokio::test]
    async fn if_the_maker_goes_away_the_next_one_makes_it() {
        let (cache, now) = (cache(), Instant::now());
        {
            let mut given_up = Box::pin(cache.get(&1, now, std::future::pending));
            let poll = std::future::poll_fn(|context| {
                std::task::Poll::Ready(given_up.as_mut().poll(context).is_ready())
            });
            assert!(!poll.await);
        }
        assert_eq!(cache.get(&1, now, || async { 5 }).await, 5);
    }

    #[tokio::test]
    async fn it_holds_no_more_than_its_slots() {
        let (cache, now) = (cache(), Instant::now());
        for key in 0..MAX_SLOTS + 10 {
            assert_eq!(cache.get(&key, now, || async { key }).await, key);
        }
        assert_eq!(cache.slots.lock().len(), MAX_SLOTS);
        let later = now + FRESH;
        assert_eq!(cache.get(&9_999, later, || async { 1 }).await, 1);
        assert_eq!(cache.slots.lock().len(), 1);
    }

    #[tokio::test]
    async fn an_error_is_of_who_makes_it() {
        let (cache, now) = (cache(), Instant::now());
        let refused = cache.try_get(&1, now, || async { Err("no place") }).await;
        assert_eq!(refused, Err("no place"));
        let made = cache.try_get(&1, now, || async { Ok::<_, &str>(4) }).await;
        assert_eq!(made, Ok(4));
    }

    #[tokio::test]
    async fn it_holds_no_more_than_its_bytes() {
        let (cache, now) = (Cache::new(|_: &usize| MAX_BYTES / 2), Instant::now());
        for key in 0..3 {
            assert_eq!(cache.get(&key, now, || async move { key }).await, key);
        }
        assert_eq!(cache.weight(), MAX_BYTES);
        cache.get(&3, now + FRESH, || async { 3 }).await;
        assert_eq!(cache.weight(), MAX_BYTES / 2);
    }
}
