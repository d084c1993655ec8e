//! Alerts as they come.

use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use agentpulse_core::alert::Alert;

/// If too many wait the oldest are skipped; `/api/agents/alerts` lists them.
pub(super) fn next(alerts: &mut Receiver<Arc<Alert>>) -> Option<Arc<Alert>> {
    loop {
        match alerts.try_recv() {
            Ok(alert) => return Some(alert),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
        }
    }
}
