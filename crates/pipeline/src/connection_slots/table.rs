//! The connections by what they do, and how many each holder has.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use super::holder::{ConnectionHolder, Rank};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Idle,
    Working,
    Stalled,
}

pub struct Seat {
    pub holder: ConnectionHolder,
    pub rank: Rank,
    pub since: Instant,
    pub lost: Arc<Notify>,
    state: State,
    /// Requests that have begun and not ended.
    begun: usize,
}

#[derive(Default)]
struct Held {
    seats: usize,
    busy: usize,
}

#[derive(Default)]
pub struct Table {
    seats: HashMap<u64, Seat>,
    held: HashMap<ConnectionHolder, Held>,
    busy: usize,
    last_id: u64,
}

impl Table {
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Those at work and those that are stalled.
    pub fn busy(&self) -> usize {
        self.busy
    }

    pub fn busy_of(&self, holder: &ConnectionHolder) -> usize {
        self.held.get(holder).map_or(0, |held| held.busy)
    }

    pub fn whose(&self, id: u64) -> Option<(ConnectionHolder, Rank)> {
        let seat = self.seats.get(&id)?;
        Some((seat.holder.clone(), seat.rank))
    }

    pub fn has(&self, id: u64) -> bool {
        self.seats.contains_key(&id)
    }

    pub fn insert(&mut self, holder: ConnectionHolder, lost: Arc<Notify>) -> u64 {
        self.last_id += 1;
        let seat = Seat {
            holder,
            rank: Rank::Anonymous,
            since: Instant::now(),
            lost,
            state: State::Idle,
            begun: 0,
        };
        self.put(self.last_id, seat);
        self.last_id
    }

    pub fn begin(&mut self, id: u64, holder: ConnectionHolder, rank: Rank) {
        // A probe shows no key: the place is still whose it was.
        if rank != Rank::Probe {
            self.give(id, holder, rank);
        }
        self.begin_again(id);
    }

    pub fn begin_again(&mut self, id: u64) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.begun += 1;
            self.put_into(id, State::Working);
        }
    }

    /// Returns whether it idles now.
    pub fn end(&mut self, id: u64) -> bool {
        let Some(seat) = self.seats.get_mut(&id) else {
            return false;
        };
        seat.begun = seat.begun.saturating_sub(1);
        let idles = seat.begun == 0;
        if idles {
            self.put_into(id, State::Idle);
        }
        idles
    }

    pub fn stall(&mut self, id: u64, stalled: bool) {
        let seat = self.seats.get(&id);
        if seat.is_some_and(|seat| seat.state != State::Idle) {
            let state = match stalled {
                true => State::Stalled,
                false => State::Working,
            };
            self.put_into(id, state);
        }
    }

    pub fn remove(&mut self, id: u64) -> Option<Seat> {
        let seat = self.seats.remove(&id)?;
        self.busy -= usize::from(seat.state != State::Idle);
        if let Some(held) = self.held.get_mut(&seat.holder) {
            held.seats -= 1;
            held.busy -= usize::from(seat.state != State::Idle);
            if held.seats == 0 {
                self.held.remove(&seat.holder);
            }
        }
        Some(seat)
    }

    /// The one to be closed first of those in this state. Looks at all of them: of a thousand that
    /// takes some tens of microseconds.
    pub fn longest(&self, state: State, may_go: impl Fn(&Seat) -> bool) -> Option<u64> {
        let may_go = |(_, seat): &(&u64, &Seat)| seat.state == state && may_go(seat);
        let seats = |holder: &ConnectionHolder| self.held.get(holder).map_or(0, |held| held.seats);
        let first = |(id, seat): &(&u64, &Seat)| {
            (seat.rank, Reverse(seats(&seat.holder)), seat.since, **id)
        };
        let found = self.seats.iter().filter(may_go).min_by_key(first);
        found.map(|(id, _)| *id)
    }

    #[cfg(test)]
    pub fn age(&mut self, id: u64, by: std::time::Duration) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.since -= by;
        }
    }

    fn put(&mut self, id: u64, seat: Seat) {
        let is_busy = usize::from(seat.state != State::Idle);
        let held = self.held.entry(seat.holder.clone()).or_default();
        held.seats += 1;
        held.busy += is_busy;
        self.busy += is_busy;
        self.seats.insert(id, seat);
    }

    /// Most requests of a connection are of one holder.
    fn give(&mut self, id: u64, holder: ConnectionHolder, rank: Rank) {
        let seat = self.seats.get_mut(&id);
        if let Some(seat) = seat.filter(|seat| seat.holder == holder) {
            seat.rank = rank;
        } else if let Some(mut seat) = self.remove(id) {
            (seat.holder, seat.rank) = (holder, rank);
            self.put(id, seat);
        }
    }

    /// What was closed for another is here no more. To wait again is no progress.
    fn put_into(&mut self, id: u64, state: State) {
        let Some(seat) = self.seats.get_mut(&id).filter(|seat| seat.state != state) else {
            return;
        };
        let was_busy = usize::from(seat.state != State::Idle);
        let is_busy = usize::from(state != State::Idle);
        (seat.state, seat.since) = (state, Instant::now());
        if was_busy != is_busy {
            self.busy = self.busy + is_busy - was_busy;
            if let Some(held) = self.held.get_mut(&seat.holder) {
                held.busy = held.busy + is_busy - was_busy;
            }
        }
    }
}
