//! Reading the settings again while the daemon runs: who asks, and what came of the last time.

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::oneshot;

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
