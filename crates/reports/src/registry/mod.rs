//! The definitions of agents: what a client loads, and how its agents do.

pub(crate) mod agent;
pub(crate) mod by_project;
pub mod changes;
pub(crate) mod choice;
pub mod conflicts;
mod detail;
pub mod drift;
mod figures;
mod finding;
pub mod list;
pub(crate) mod metrics;
mod past;
mod rank;
pub mod show;
pub mod stats;
mod versions;

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::error::Error;
use crate::source::Sources;
use agentpulse_pipeline::settings::SettingsWatch;
use agentpulse_registry::{Current, Handle, shown};

use self::choice::Chosen;

pub use self::agent::Agent;
pub use self::choice::{Standings, Status};
pub use self::finding::Finding;
pub use self::past::Past;
pub use self::rank::Sort;
pub use self::show::Named;

/// Asks for a scan.
pub const REFRESH: &str = "/api/registry/refresh";
pub const REFRESH_ALSO: &str = "/registry/refresh";

/// What the reports read of the definitions.
#[derive(Clone)]
pub struct Definitions {
    pub handle: Handle,
    pub past: Past,
    pub standings: Standings,
    pub settings: SettingsWatch,
}

impl Definitions {
    /// Of this moment; a report may then be asked for again with the same number.
    pub(super) fn seq(&self) -> u64 {
        self.handle.now().seq
    }

    pub(super) async fn current(&self) -> Arc<Current> {
        self.handle.scanned().await
    }

    pub fn finding(&self, found: &agentpulse_definitions::Finding) -> Finding {
        Finding::of(found, self.settings.borrow().home.as_deref())
    }

    /// A path as it is shown.
    pub fn shown(&self, path: &Path) -> String {
        shown(path, self.settings.borrow().home.as_deref())
    }
}

impl Sources {
    /// Of all definitions that are asked for.
    async fn choose<T: Send + 'static>(
        &self,
        current: &Arc<Current>,
        then: impl FnOnce(Vec<Chosen>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (current, running, only) = (current.clone(), self.running.clone(), self.only().clone());
        let standings = self.definitions.standings.clone();
        let maintenance = self.definitions.settings.borrow().maintenance.clone();
        in_background(move || then(standings.choose(&current, &running, &only, &maintenance))).await
    }
}

/// Of thousands of definitions it takes milliseconds, in which no connection is to wait.
pub(crate) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    match spawn_blocking(work).await {
        Ok(done) => Ok(done),
        Err(fault) if fault.is_panic() => resume_unwind(fault.into_panic()),
        Err(_) => Err(Error::Unavailable("the daemon is stopping".to_owned())),
    }
}
