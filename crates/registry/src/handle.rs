//! Asks the keeper, and reads what it knows.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use agentpulse_pipeline::counters::Counters;

use crate::current::Current;

/// Requests to scan that may wait: one scan answers all.
pub const MAX_REQUESTS: usize = 64;
/// The first scan of a daemon takes less.
const FIRST_SCAN: Duration = Duration::from_secs(2);
/// As long as a scan may take.
const REFRESH: Duration = Duration::from_secs(30);

/// Asks for a scan that begins now.
pub type Request = oneshot::Sender<Arc<Current>>;

/// Why there was no scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotScanned {
    #[error("too many requests to scan at once: try again later")]
    Busy,
    #[error("the scan takes longer than 30 s: a disk does not answer")]
    Late,
    #[error("the scan ended by a fault, which is in the log, or the daemon is stopping")]
    Ended,
}

#[derive(Clone)]
pub struct Handle {
    current: watch::Receiver<Arc<Current>>,
    requests: mpsc::Sender<Request>,
    counters: Arc<Counters>,
}

impl Handle {
    pub(crate) fn new(
        current: watch::Receiver<Arc<Current>>,
        requests: mpsc::Sender<Request>,
        counters: Arc<Counters>,
    ) -> Handle {
        Handle {
            current,
            requests,
            counters,
        }
    }

    /// As the last scan found it.
    pub fn now(&self) -> Arc<Current> {
        self.current.borrow().clone()
    }

    /// The same; just after its start the daemon's first scan is waited for.
    pub async fn scanned(&self) -> Arc<Current> {
        let mut current = self.current.clone();
        let first = current.wait_for(|current| current.last_scan.began_ms.is_some());
        let _ = timeout(FIRST_SCAN, first).await;
        self.now()
    }

    /// Waits for something that came after `seq`, or for as long as `wait`.
    pub async fn beyond(&self, seq: u64, wait: Duration) -> Arc<Current> {
        let mut current = self.current.clone();
        let _ = timeout(wait, current.wait_for(|current| current.seq > seq)).await;
        self.now()
    }

    /// What a scan finds that begins now.
    ///
    /// # Errors
    /// There was none in time.
    pub async fn refresh(&self) -> Result<Arc<Current>, NotScanned> {
        let (request, answer) = oneshot::channel();
        self.requests
            .try_send(request)
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => {
                    self.counters.registry_refreshes_refused.add(1);
                    NotScanned::Busy
                }
                mpsc::error::TrySendError::Closed(_) => NotScanned::Ended,
            })?;
        match timeout(REFRESH, answer).await {
            Ok(Ok(current)) => Ok(current),
            Ok(Err(_)) => Err(NotScanned::Ended),
            Err(_) => Err(NotScanned::Late),
        }
    }
}
