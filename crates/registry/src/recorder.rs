//! Writes down what the definitions are, so that it is known what they were.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tracing::warn;

use agentpulse_core::bucket::DAY_MS;
use agentpulse_definitions::{Agent, State};
use agentpulse_redact::{redact, without_homes};
use agentpulse_store::registry::{Found, InForce, Store};
use agentpulse_store::sqlite::Error;

use crate::snapshot::Snapshot;

pub struct Recorder {
    store: Store,
    in_force: InForce,
    home: PathBuf,
    pruned_ms: i64,
}

impl Recorder {
    /// `home` is not named in paths.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn new(store: Store, home: PathBuf) -> Result<Recorder, Error> {
        Ok(Recorder {
            in_force: store.in_force()?,
            store,
            home,
            pruned_ms: 0,
        })
    }

    /// Records what is not as it was. What cannot be written now is written after a later scan.
    /// Returns false if it cannot. Blocks.
    pub(crate) fn record(&mut self, snapshot: &Snapshot, now_ms: i64) -> bool {
        let written = self.write(snapshot, now_ms);
        if let Err(error) = &written {
            warn!(%error, "versions of definitions cannot be recorded");
        }
        written.is_ok()
    }

    fn write(&mut self, snapshot: &Snapshot, now_ms: i64) -> Result<(), Error> {
        if now_ms - self.pruned_ms > DAY_MS {
            self.store.prune(now_ms)?;
            self.pruned_ms = now_ms;
        }
        let agents = &snapshot.registered.agents;
        let is_loaded = |agent: &Agent| agent.state == State::Good;
        let is_gone = |id: &&String| !agents.get(*id).is_some_and(|agent| is_loaded(agent));
        let ended: Vec<String> = self.in_force.keys().filter(is_gone).cloned().collect();
        let is_new = |agent: &&Agent| {
            is_loaded(agent) && self.in_force.get(&agent.id) != Some(&agent.version)
        };
        let new: Vec<&Agent> = agents.values().map(AsRef::as_ref).filter(is_new).collect();
        if ended.is_empty() && new.is_empty() {
            return Ok(());
        }
        let changed: HashMap<&Path, i64> = snapshot
            .files
            .iter()
            .filter_map(|file| Some((file.path.as_path(), file.changed_ms?)))
            .collect();
        let found = |agent: &&Agent| Found {
            agent_id: agent.id.clone(),
            run_name: agent.run_name().to_owned(),
            path: shown(&agent.path, Some(&self.home)),
            version: agent.version.clone(),
            config: serde_json::to_string(&*agent.definition).unwrap_or_default(),
            changed_ms: changed.get(agent.path.as_path()).copied().unwrap_or(now_ms),
        };
        let found: Vec<Found> = new.iter().map(found).collect();
        self.store.record(&ended, &found, now_ms)?;
        for id in &ended {
            self.in_force.remove(id);
        }
        let versions = found.into_iter().map(|one| (one.agent_id, one.version));
        self.in_force.extend(versions);
        Ok(())
    }
}

/// A path as it is shown, and written down.
pub fn shown(path: &Path, home: Option<&Path>) -> String {
    let below = home.and_then(|home| path.strip_prefix(home).ok());
    let text = match below {
        Some(below) => Path::new("~").join(below).display().to_string(),
        None => path.display().to_string(),
    };
    without_homes(&redact(&text)).into_owned()
}
