//! How the queue stands, for metrics, health and alerts: read again only after something happened.

use std::sync::Arc;

use parking_lot::Mutex;

use agentpulse_store::tasks::{Counted, DiskError, Since, Tables, Trouble};
use agentpulse_tasks::status::Status;

use crate::handle::{Denied, Queue};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// By role or agent, and status.
    pub counted: Vec<Counted>,
    /// By to whom they are.
    pub unread: Vec<(String, i64)>,
}

/// The last one, with the event before which it was read.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Option<(i64, Arc<Standing>)>>);

impl Standing {
    fn read(tables: &Tables) -> Result<Standing, DiskError> {
        Ok(Standing {
            counted: tables.counted()?,
            unread: tables.unread()?,
        })
    }

    /// Of all roles and agents.
    pub fn count(&self, status: Status) -> i64 {
        let of_status = self.counted.iter().filter(|one| one.status == status);
        of_status.map(|one| one.count).sum()
    }

    /// When the oldest task that waits was made.
    pub fn oldest_pending_ms(&self) -> Option<i64> {
        let counted = self.counted.iter();
        let pending = counted.filter(|one| one.status == Status::Pending);
        pending.map(|one| one.oldest_ms).min()
    }
}

impl Known {
    fn of(&self, seq: i64) -> Option<Arc<Standing>> {
        let known = self.0.lock();
        let known = known.as_ref().filter(|(known, _)| *known == seq);
        known.map(|(_, standing)| standing.clone())
    }
}

impl Queue {
    /// # Errors
    /// It cannot be read.
    pub async fn standing(&self) -> Result<Arc<Standing>, Denied> {
        let seq = *self.seq().borrow();
        if let Some(standing) = self.known().of(seq) {
            return Ok(standing);
        }
        let standing = Arc::new(self.read(Standing::read).await?);
        *self.known().0.lock() = Some((seq, standing.clone()));
        Ok(standing)
    }

    /// What is wrong.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn trouble(&self, since: Since) -> Result<Trouble, Denied> {
        // Of a queue that nobody uses there is none.
        if *self.seq().borrow() == 0 {
            return Ok(Trouble::default());
        }
        self.read(move |tables| tables.trouble(&since)).await
    }
}
