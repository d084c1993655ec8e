//! The handle of the applier: what may be asked of it.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::request::request;

/// A rebuild of a million executions takes seconds; this is the end of patience.
const REBUILD_DEADLINE: Duration = Duration::from_secs(600);
/// Requests that wait; those that come later wait until one is taken.
const MAX_QUEUED: usize = 4;

pub enum Command {
    Rebuild {
        force: bool,
        reply: oneshot::Sender<Result<(), String>>,
    },
}

/// Asks the applier.
#[derive(Clone)]
pub struct ApplierHandle(mpsc::Sender<Command>);

/// Makes a handle; the other end goes to [`Applier::run`](super::Applier::run).
pub fn channel() -> (ApplierHandle, mpsc::Receiver<Command>) {
    let (sender, receiver) = mpsc::channel(MAX_QUEUED);
    (ApplierHandle(sender), receiver)
}

impl ApplierHandle {
    /// Rebuilds the live view; with `force` also one that another daemon wrote.
    pub async fn rebuild(&self, force: bool) -> Result<(), String> {
        let command = |reply| Command::Rebuild { force, reply };
        request(&self.0, REBUILD_DEADLINE, command).await
    }
}
