//! A bounded number of places for connections: who gets one, and who loses it to another.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::holder::{ConnectionHolder, Rank};
use super::table::{Seat, State, Table};

/// A client that owes something for less is not stalled: it may be far away.
pub const STALLED_AFTER: Duration = Duration::from_secs(1);

/// Places that are kept: of all those for keys and probes, of these those for probes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reserve {
    keys: usize,
    probes: usize,
}

impl Reserve {
    /// An eighth for keys and probes, half of it for probes. Of fewer than four nothing is kept.
    pub fn for_keys_and_probes(max: usize) -> Reserve {
        let probes = if max < 4 { 0 } else { (max / 16).max(1) };
        let keys = (max / 8).max(2 * probes);
        Reserve { keys, probes }
    }

    pub fn for_keys(max: usize) -> Reserve {
        let keys = max / 8;
        Reserve { keys, probes: 0 }
    }
}

/// There is no place for this request, or its connection has lost its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

pub struct Places {
    max: usize,
    reserve: Reserve,
    table: Mutex<Table>,
    /// A place became free, or one that holds it idles.
    changed: Notify,
    /// Is called for each connection that is closed for another.
    on_evicted: Box<dyn Fn() + Send + Sync>,
}

impl Places {
    pub fn new(
        max: usize,
        reserve: Reserve,
        on_evicted: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Places> {
        Arc::new(Places {
            max,
            reserve,
            table: Mutex::default(),
            changed: Notify::new(),
            on_evicted: Box::new(on_evicted),
        })
    }

    /// An idle place, for a connection that has not asked for anything yet. Waits while all others
    /// are at work.
    pub async fn enter(self: &Arc<Places>, holder: ConnectionHolder) -> Place {
        loop {
            // Takes part before the look, so that no change is missed.
            let changed = self.changed.notified();
            if let Some(place) = self.try_enter(holder.clone()) {
                return place;
            }
            changed.await;
        }
    }

    /// Returns None while all others are at work.
    pub fn try_enter(self: &Arc<Places>, holder: ConnectionHolder) -> Option<Place> {
        let mut table = self.table.lock();
        if table.len() >= self.max {
            let victim = table.longest(State::Idle, |_| true)?;
            self.evict(&mut table, victim);
        }
        Some(self.seat(&mut table, holder))
    }

    /// A place that works from the start, for what is one request as long as it lasts.
    ///
    /// # Errors
    /// All are taken, and none of those that may be closed for this one is stalled.
    pub fn admit(self: &Arc<Places>, holder: ConnectionHolder, rank: Rank) -> Result<Place, Full> {
        let mut table = self.table.lock();
        self.make_room(&mut table, &holder, rank)?;
        let place = self.seat(&mut table, holder.clone());
        table.begin(place.id, holder, rank);
        Ok(place)
    }

    /// Closes the connection that has been idle the longest; false where none is. For when the
    /// system has no more files.
    pub fn evict_idle(&self) -> bool {
        let mut table = self.table.lock();
        let victim = table.longest(State::Idle, |_| true);
        victim.inspect(|id| self.evict(&mut table, *id)).is_some()
    }

    /// Waits until nobody holds a place.
    pub async fn emptied(&self) {
        loop {
            let changed = self.changed.notified();
            if self.table.lock().len() == 0 {
                return;
            }
            changed.await;
        }
    }

    fn seat(self: &Arc<Places>, table: &mut Table, holder: ConnectionHolder) -> Place {
        let lost = Arc::new(Notify::new());
        Place {
            id: table.insert(holder, lost.clone()),
            lost,
            places: self.clone(),
        }
    }

    /// Sees to it that one more request of this holder may be at work.
    fn make_room(
        &self,
        table: &mut Table,
        holder: &ConnectionHolder,
        rank: Rank,
    ) -> Result<(), Full> {
        let kept = match rank {
            Rank::Anonymous => self.reserve.keys,
            Rank::Keyed => self.reserve.probes,
            Rank::Probe => return Ok(()),
        };
        let has_share = table.busy_of(holder) < self.share(holder);
        if has_share && table.busy() + kept < self.max {
            return Ok(());
        }
        let until = Instant::now().checked_sub(STALLED_AFTER).ok_or(Full)?;
        let may_go = |seat: &Seat| {
            seat.since <= until && seat.rank <= rank && (has_share || seat.holder == *holder)
        };
        let victim = table.longest(State::Stalled, may_go).ok_or(Full)?;
        self.evict(table, victim);
        Ok(())
    }

    /// One address or key leaves a quarter to others.
    fn share(&self, holder: &ConnectionHolder) -> usize {
        match holder.is_many() {
            true => self.max,
            false => self.max - self.max / 4,
        }
    }

    fn evict(&self, table: &mut Table, id: u64) {
        if let Some(seat) = table.remove(id) {
            seat.lost.notify_one();
            (self.on_evicted)();
        }
    }
}

/// A connection's place, until it is dropped.
pub struct Place {
    id: u64,
    lost: Arc<Notify>,
    places: Arc<Places>,
}

impl Place {
    /// A request begins. The place may be another's from now on: of the key that it shows.
    ///
    /// # Errors
    /// There is no room for it; the connection idles on.
    pub fn admit(&self, holder: ConnectionHolder, rank: Rank) -> Result<(), Full> {
        let mut table = self.places.table.lock();
        if !table.has(self.id) {
            return Err(Full);
        }
        self.places.make_room(&mut table, &holder, rank)?;
        table.begin(self.id, holder, rank);
        Ok(())
    }

    /// A request begins that nothing has to be shown for.
    pub fn begin(&self) {
        self.places.table.lock().begin_again(self.id);
    }

    /// As many requests have ended as have begun: the connection idles.
    pub fn end(&self) {
        if self.places.table.lock().end(self.id) {
            self.places.changed.notify_one();
        }
    }

    /// What is at work waits for its client, or does not any more.
    pub fn stall(&self, stalled: bool) {
        self.places.table.lock().stall(self.id, stalled);
    }

    /// Closes the request that has been stalled the longest: this one needs what it holds. Of
    /// `own` only where its holder has used up what it may have itself.
    pub fn displace_stalled(&self, own: bool) {
        let mut table = self.places.table.lock();
        let Some(until) = Instant::now().checked_sub(STALLED_AFTER) else {
            return;
        };
        let Some((holder, rank)) = table.whose(self.id) else {
            return;
        };
        let may_go = |seat: &Seat| {
            seat.since <= until && seat.rank <= rank && (!own || seat.holder == holder)
        };
        if let Some(victim) = table.longest(State::Stalled, may_go) {
            self.places.evict(&mut table, victim);
        }
    }

    /// Waits until the place is given to another. Is to be waited for once.
    pub async fn lost(&self) {
        self.lost.notified().await;
    }

    /// Gives the place back before the end of this.
    pub fn leave(&self) {
        self.places.table.lock().remove(self.id);
        self.places.changed.notify_one();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}
