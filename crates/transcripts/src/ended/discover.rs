//! Agents that no hook reported: their transcripts lie beside that of the main thread. They are
//! looked for when a turn of it has ended.

use std::collections::HashSet;
use std::fs::read_dir;
use std::path::{Path, PathBuf};

use tracing::debug;
use xxhash_rust::xxh3::xxh3_64;

use crate::files::Files;
use crate::read::turns;
use crate::sidecar::{MAX_SIDECAR_BYTES, sidecar};
use agentpulse_core::event::Event;
use agentpulse_core::turns::{
    AgentSignal, HookEvent, Imported, Outcome, Signal, prompt_of, turn_of,
};
use agentpulse_pipeline::writer::{Unavailable, WriterHandle};
use agentpulse_sources::claude_code::NAME;
use agentpulse_sources::claude_code::transcript::{self, Turn};
use agentpulse_sources::clean_name;

/// Agents of one session that are considered.
const MAX_AGENTS: usize = 4_096;
/// Agents of which is known that they are reported, some 60 bytes each.
const MAX_REPORTED: usize = 65_536;
/// Folders within each other below that of the agents.
const MAX_DEPTH: usize = 4;

#[derive(Default)]
pub struct Discoverer {
    reported: HashSet<PathBuf>,
}

impl Discoverer {
    /// Sends what the transcripts of a session say of agents that nobody reported. A run that they
    /// do not show to have ended may still go on, and is left for later.
    pub async fn look(
        &mut self,
        writer: &WriterHandle,
        files: Files,
        main: &Path,
    ) -> Result<(), Unavailable> {
        let folder = main.with_extension("").join("subagents");
        let listed = tokio::task::spawn_blocking(move || {
            let mut found = Vec::new();
            list(&folder, MAX_DEPTH, &mut found);
            found
        });
        let Ok(listed) = listed.await else {
            return Ok(());
        };
        let mut unreported = Vec::new();
        for (id, path) in listed {
            if self.reported.contains(&path) {
                continue;
            }
            if writer.get(&id).await?.is_none() {
                unreported.push((id, path));
            } else if self.reported.len() < MAX_REPORTED {
                self.reported.insert(path);
            }
        }
        if unreported.is_empty() {
            return Ok(());
        }
        let read = tokio::task::spawn_blocking(move || {
            let unreported = unreported.iter();
            let events = unreported.filter_map(|(id, path)| event(&files, id, path));
            events.collect::<Vec<Event>>()
        });
        if let Ok(events) = read.await
            && !events.is_empty()
        {
            debug!(agents = events.len(), "found agents that no hook reported");
            writer.submit(events).await?;
        }
        Ok(())
    }
}

/// A link to a folder is not followed: it may lead in a circle.
fn list(folder: &Path, depth: usize, found: &mut Vec<(String, PathBuf)>) {
    for entry in read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if depth > 1 {
                list(&path, depth - 1, found);
            }
        } else if found.len() < MAX_AGENTS
            && let Some(id) = agent_id(&path)
        {
            found.push((id.to_owned(), path));
        }
    }
}

fn agent_id(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("agent-")?.strip_suffix(".jsonl")
}

/// Without a file beside its transcript it is one that the client started for its own ends.
fn event(files: &Files, id: &str, path: &Path) -> Option<Event> {
    let is_sound = prompt_of(id).is_none() && turn_of(id).1 == 1;
    let id = clean_name(id.to_owned()).filter(|_| is_sound)?;
    let sidecar = sidecar(&files.roots, path, MAX_SIDECAR_BYTES)?;
    let found = turns(&files.roots, path, files.max_bytes).ok()?;
    let turns: Vec<Imported> = found.turns.iter().filter_map(ended).collect();
    let at_ms = turns.last()?.ended_ms;
    let session_id = found.session_id;
    let key = format!("{session_id:?}\0{id}\0{at_ms}");
    let transcript = path.to_str().map(|path| (path.to_owned(), true));
    Some(Event::Hook(Box::new(HookEvent {
        source: NAME,
        line: xxh3_64(key.as_bytes()),
        at_ms,
        session_id,
        signals: vec![Signal::Agent {
            id,
            what: AgentSignal::Imported {
                name: sidecar.agent_type,
                turns,
            },
            transcript,
        }],
    })))
}

fn ended(turn: &Turn) -> Option<Imported> {
    let outcome = match turn.outcome {
        transcript::Outcome::Success => Outcome::Success,
        transcript::Outcome::Failure => Outcome::Failure,
        transcript::Outcome::Interrupted
        | transcript::Outcome::OpenEnded
        | transcript::Outcome::Unfinished => return None,
    };
    Some(Imported {
        started_ms: turn.first_ms,
        ended_ms: turn.last_ms,
        outcome,
        prompt: turn.prompt_id.clone(),
    })
}
