//! What the daemon answers of failed executions, against the model.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::compare::{Check, rows, text};
use crate::harness::Daemon;
use crate::model::{Ended, World};

/// As many as an answer shows.
const SHOWN: usize = 50;

/// The last failures of every agent, the newest end first, by id where two ended at once.
pub fn errors(daemon: &Daemon, world: &World) -> Check {
    let mut by_name: BTreeMap<&str, Vec<&Ended>> = BTreeMap::new();
    for one in &world.ended {
        let of_name = by_name.entry(&one.name).or_default();
        if one.status != "success" {
            of_name.push(one);
        }
    }
    for (name, mut failed) in by_name {
        failed.sort_by_key(|one| (Reverse(one.end_ms), &one.id));
        failed.truncate(SHOWN);
        let want: Vec<(String, String)> = failed
            .iter()
            .map(|one| (one.id.clone(), one.status.to_owned()))
            .collect();
        let told = daemon.read(&format!("/api/agents/errors/{name}"))?;
        let told: Vec<(String, String)> = rows(&told["errors"])?
            .iter()
            .map(|row| (text(row, "agent_id"), text(row, "status")))
            .collect();
        if told != want {
            return Err(format!("errors of {name}: {told:?}, expected {want:?}"));
        }
    }
    Ok(())
}
