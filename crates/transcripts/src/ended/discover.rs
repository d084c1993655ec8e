//! Agents that no hook reported: their transcripts lie beside that of the main thread. They are
//! looked for when a turn of it has ended.

use std::collections::HashSet;
use std::path::Path;

use tracing::debug;
use xxhash_rust::xxh3::xxh3_64;

use crate::files::Files;
use crate::layout::{SUBAGENTS, agents_below};
use crate::open::folder;
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

/// Transcripts of which is known that their agents are reported; of others the writer is asked.
const MAX_REPORTED: usize = 65_536;

#[derive(Default)]
pub struct Discoverer {
    /// By the hash of their paths.
    reported: HashSet<u64>,
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
        let agents = main.with_extension("").join(SUBAGENTS);
        let roots = files.roots.clone();
        let listed = tokio::task::spawn_blocking(move || {
            let folder = folder(&roots, &agents);
            folder.map_or_else(Vec::new, |folder| agents_below(&folder))
        });
        let Ok(listed) = listed.await else {
            return Ok(());
        };
        let mut unreported = Vec::new();
        for (id, path) in listed {
            let key = xxh3_64(path.as_os_str().as_encoded_bytes());
            if self.reported.contains(&key) {
                continue;
            }
            if writer.get(&id).await?.is_none() {
                unreported.push((id, path));
            } else if self.reported.len() < MAX_REPORTED {
                self.reported.insert(key);
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
