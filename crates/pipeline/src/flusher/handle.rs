//! The handle of the flusher: what may be asked of it.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::error::FlushError;
use crate::request::request;
use agentpulse_store::history::Pruned;

const FLUSH_DEADLINE: Duration = Duration::from_secs(60);
const PRUNE_DEADLINE: Duration = Duration::from_secs(600);
/// Requests that wait; those that come later wait until one is taken.
const MAX_QUEUED: usize = 4;

/// Makes a handle; the other end goes to [`Flusher::spawn`](super::Flusher::spawn).
pub fn channel() -> (FlusherHandle, mpsc::Receiver<Command>) {
    let (sender, receiver) = mpsc::channel(MAX_QUEUED);
    (FlusherHandle(sender), receiver)
}

pub enum Command {
    /// Flushes what was committed when it was asked.
    Flush(oneshot::Sender<Result<(), String>>),
    Prune(oneshot::Sender<Result<Pruned, String>>),
}

impl Command {
    pub(super) fn refuse(self, error: &FlushError) {
        match self {
            Command::Flush(reply) => drop(reply.send(Err(error.to_string()))),
            Command::Prune(reply) => drop(reply.send(Err(error.to_string()))),
        }
    }
}

#[derive(Clone)]
pub struct FlusherHandle(mpsc::Sender<Command>);

impl FlusherHandle {
    /// Returns once history has all that is committed now.
    pub async fn flush(&self) -> Result<(), String> {
        request(&self.0, FLUSH_DEADLINE, Command::Flush).await
    }

    /// Deletes what is older than history is kept.
    pub async fn prune(&self) -> Result<Pruned, String> {
        request(&self.0, PRUNE_DEADLINE, Command::Prune).await
    }
}
