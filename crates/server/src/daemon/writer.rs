//! Starts the writer on a thread of its own.

use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::mpsc;

use super::failure::{Failure, cannot_create};
use super::parts::Parts;
use super::stores::Stores;
use agentpulse_pipeline::writer::{Message, Writer};

/// Returns the thread, and the channel on which it reports damage.
pub fn start(
    stores: Stores,
    parts: &Parts,
    queue: mpsc::Receiver<Message>,
) -> Result<(JoinHandle<()>, mpsc::Receiver<String>), Failure> {
    let (damage, damaged) = mpsc::channel(1);
    let settings = parts.settings.borrow().clone();
    let memory = stores.memory(parts.running.clone(), &parts.live_usage)?;
    memory.unread().for_each(|id| parts.unread.put(id));
    let listening = stores.listening()?;
    let writer = Writer {
        settings,
        noted: listening.now().listened,
        listening,
        journal: stores.journal,
        history: stores.lookup,
        names: parts.names.clone(),
        changes: parts.changes.clone(),
        heartbeats: parts.heartbeats.clone(),
        unread: parts.unread.clone(),
        live_usage: parts.live_usage.clone(),
        task_lists: parts.task_lists.clone(),
        counters: parts.counters.clone(),
        watchdog: parts.watchdog.clone(),
        holds: parts.holds.clone(),
        damage,
        try_at: Instant::now(),
        is_writable: true,
        has_deferred: true,
        forget_at: Instant::now(),
    };
    let thread = std::thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || writer.run(memory, queue))
        .map_err(cannot_create("the writer's thread"))?;
    Ok((thread, damaged))
}
