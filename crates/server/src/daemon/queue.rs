//! The task queue, on a thread of its own.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tracing::error;

use super::failure::{Failure, cannot_create};
use super::parts::Parts;
use super::tasks::join;
use agentpulse_config::Config;
use agentpulse_contract::data_folder::TASKS;
use agentpulse_queue::{Queue, open};

/// Without a database that can be opened there is no queue, which is no reason not to take events.
#[derive(Default)]
pub struct QueueThread {
    pub queue: Option<Arc<Queue>>,
    thread: Option<JoinHandle<()>>,
}

impl QueueThread {
    /// # Errors
    /// `tasks.db` is of a newer version.
    pub fn start(config: &Config, parts: &Parts) -> Result<QueueThread, Failure> {
        let (settings, counters) = (parts.settings.clone(), parts.counters.clone());
        let current = Arc::new(move || settings.borrow().tasks.clone());
        let (queue, writer) = match open(&config.data.dir.join(TASKS), current, counters) {
            Ok(opened) => opened,
            Err(error) if error.is_newer() => return Err(error.into()),
            Err(error) => {
                error!(%error, "there is no task queue");
                return Ok(QueueThread::default());
            }
        };
        let named = thread::Builder::new().name("queue".to_owned());
        let thread = named.spawn(move || writer.run());
        let thread = thread.map_err(cannot_create("the queue's thread"))?;
        Ok(QueueThread {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Every other handle of the queue must be gone by now: its thread ends with the last one.
    pub fn stop(self) {
        drop(self.queue);
        self.thread.into_iter().for_each(join);
    }
}
