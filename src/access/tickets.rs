//! Tickets: what a browser shows in the place of a key when it opens a WebSocket, where it can set
//! no header. A ticket in a URL is worth nothing to who finds it in a log: it is good once, and
//! for half a minute.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::key::Digest;
use super::{Error, Pass};

pub const TICKET_LIFE: Duration = Duration::from_secs(30);
/// Thirty-four a second, all of them unused.
const MAX_TICKETS: usize = 1_024;

#[derive(Default)]
pub struct Tickets(HashMap<Digest, (Pass, Instant)>);

impl Tickets {
    /// # Errors
    /// [`Error::TooManyTickets`] while so many are out.
    pub fn put(&mut self, ticket: &str, pass: Pass, now: Instant) -> Result<(), Error> {
        if self.0.len() >= MAX_TICKETS {
            self.0.retain(|_, (_, until)| *until > now);
        }
        if self.0.len() >= MAX_TICKETS {
            return Err(Error::TooManyTickets);
        }
        self.0.insert(Digest::of(ticket), (pass, now + TICKET_LIFE));
        Ok(())
    }

    /// What the ticket stands for; it is gone then.
    pub fn take(&mut self, ticket: &str, now: Instant) -> Option<Pass> {
        let (pass, until) = self.0.remove(&Digest::of(ticket))?;
        (until > now).then_some(pass)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::pass;
    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_not_for_long() {
        let (mut tickets, now) = (Tickets::default(), Instant::now());
        tickets.put("a", pass(), now).unwrap();
        tickets.put("b", pass(), now).unwrap();
        assert!(tickets.take("c", now).is_none());
        assert!(tickets.take("a", now).is_some());
        assert!(tickets.take("a", now).is_none());
        assert!(tickets.take("b", now + TICKET_LIFE).is_none());
    }

    #[test]
    fn there_are_no_more_than_can_be_kept() {
        let (mut tickets, now) = (Tickets::default(), Instant::now());
        for n in 0..MAX_TICKETS {
            tickets.put(&n.to_string(), pass(), now).unwrap();
        }
        assert!(tickets.put("more", pass(), now).is_err());
        tickets.put("later", pass(), now + TICKET_LIFE).unwrap();
        assert_eq!(tickets.0.len(), 1);
    }
}
