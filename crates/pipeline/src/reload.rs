//! Reading the settings again while the daemon runs: who asks, and what came of the last time.

use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::request::request;

/// Files are read, and one may lie on a slow disk.
const DEADLINE: Duration = Duration::from_secs(30);

/// What came of reading the settings again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// Settings that are other than they were, and go by what they are now.
    pub changed: Vec<String>,
    /// Settings that are other than those that the daemon goes by.
    pub needs_restart: Vec<String>,
}

/// Asks for it. An error is one line that names the place.
pub type Command = oneshot::Sender<Result<Reloaded, String>>;

/// Asks the task that reloads.
#[derive(Clone)]
pub struct ReloadHandle(mpsc::Sender<Command>);

/// Makes a handle; the other end goes to the task that reloads.
pub fn channel() -> (ReloadHandle, mpsc::Receiver<Command>) {
    let (sender, receiver) = mpsc::channel(1);
    (ReloadHandle(sender), receiver)
}

impl ReloadHandle {
    /// Reads the settings again.
    pub async fn reload(&self) -> Result<Reloaded, String> {
        request(&self.0, DEADLINE, |reply| reply).await
    }
}

/// How the last time went.
#[derive(Debug, Default)]
pub struct ReloadState(Mutex<Last>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Last {
    /// Why the settings were not taken: those from before are still in force.
    pub failed: Option<String>,
    pub needs_restart: Vec<String>,
}

impl ReloadState {
    pub fn last(&self) -> Last {
        self.0.lock().clone()
    }

    pub fn set(&self, outcome: &Result<Reloaded, String>) {
        let mut last = self.0.lock();
        match outcome {
            Ok(reloaded) => {
                last.failed = None;
                last.needs_restart.clone_from(&reloaded.needs_restart);
            }
            // What waits for a restart does so still.
            Err(reason) => last.failed = Some(reason.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_ends_what_a_failure_began() {
        let state = ReloadState::default();
        let needs_restart = vec!["http.listen".to_owned()];
        let reloaded = Reloaded {
            changed: Vec::new(),
            needs_restart: needs_restart.clone(),
        };
        state.set(&Ok(reloaded));
        state.set(&Err("bad".to_owned()));
        let failed = Some("bad".to_owned());
        assert_eq!(
            state.last(),
            Last {
                failed,
                needs_restart
            }
        );
        state.set(&Ok(Reloaded::default()));
        assert_eq!(state.last(), Last::default());
    }
}
