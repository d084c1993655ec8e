//! Tickets: a browser sends one instead of a key when it opens a WebSocket, where it can set no
//! header. A ticket that is found in a log is worth nothing: it is valid once, and for half a
//! minute.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::error::Error;
use super::grant::Grant;
use super::key::{Digest, MAX_KEYS};

pub const TICKET_LIFE: Duration = Duration::from_secs(30);
/// Unused ones of one key. With one more the oldest of them becomes invalid: nobody uses up what
/// others need.
const MAX_TICKETS_OF_KEY: usize = 64;
/// All keys at once. Those of keys that were revoked meanwhile count until they are past.
const MAX_TICKETS: usize = MAX_KEYS * MAX_TICKETS_OF_KEY;

#[derive(Default)]
pub struct Tickets(HashMap<Digest, (Grant, Instant)>);

impl Tickets {
    /// # Errors
    /// [`Error::TooManyTickets`] while so many are out.
    pub fn put(&mut self, ticket: &str, grant: Grant, now: Instant) -> Result<(), Error> {
        self.0.retain(|_, (_, until)| *until > now);
        let own = |(_, (other, _)): &(&Digest, &(Grant, Instant))| other.id() == grant.id();
        if self.0.iter().filter(own).count() >= MAX_TICKETS_OF_KEY {
            let oldest = self
                .0
                .iter()
                .filter(own)
                .min_by_key(|(_, (_, until))| *until);
            let oldest = oldest.map(|(digest, _)| *digest);
            oldest.and_then(|digest| self.0.remove(&digest));
        }
        if self.0.len() >= MAX_TICKETS {
            return Err(Error::TooManyTickets);
        }
        self.0
            .insert(Digest::of(ticket), (grant, now + TICKET_LIFE));
        Ok(())
    }

    /// What the ticket stands for; it is gone then.
    pub fn take(&mut self, ticket: &str, now: Instant) -> Option<Grant> {
        let (grant, until) = self.0.remove(&Digest::of(ticket))?;
        (until > now).then_some(grant)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{grant, grant_of};
    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_not_for_long() {
        let (mut tickets, now) = (Tickets::default(), Instant::now());
        tickets.put("a", grant(), now).unwrap();
        tickets.put("b", grant(), now).unwrap();
        assert!(tickets.take("c", now).is_none());
        assert!(tickets.take("a", now).is_some());
        assert!(tickets.take("a", now).is_none());
        assert!(tickets.take("b", now + TICKET_LIFE).is_none());
    }

    #[test]
    fn there_are_no_more_than_can_be_kept() {
        let (mut tickets, now) = (Tickets::default(), Instant::now());
        let at = |n: usize| now + Duration::from_millis(n as u64);
        tickets.put("of another", grant_of("b"), now).unwrap();
        for n in 0..=MAX_TICKETS_OF_KEY {
            tickets.put(&n.to_string(), grant(), at(n)).unwrap();
        }
        assert_eq!(tickets.0.len(), MAX_TICKETS_OF_KEY + 1);
        assert!(tickets.take("0", now).is_none(), "the oldest");
        assert!(tickets.take("1", now).is_some());
        assert!(tickets.take("of another", now).is_some());
        for n in tickets.0.len()..MAX_TICKETS {
            let grant = grant_of(&n.to_string());
            tickets.put(&format!("k{n}"), grant, now).unwrap();
        }
        assert!(tickets.put("more", grant_of("c"), now).is_err());
        tickets
            .put("later", grant(), now + 2 * TICKET_LIFE)
            .unwrap();
        assert_eq!(tickets.0.len(), 1);
    }
}
