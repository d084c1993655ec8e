//! The thread that checkpoints the databases.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::warn;

use super::failure::{Failure, cannot_create};
use super::tasks::join;
use agentpulse_store::sqlite::Checkpointer;

const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// Checkpoints both databases, away from the commits.
pub struct Checkpoints {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Checkpoints {
    pub fn start(paths: [PathBuf; 2]) -> Result<Checkpoints, Failure> {
        let [journal, history] = paths.map(|path| Checkpointer::open(&path));
        let both = [journal?, history?];
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let work = move || {
            while !stopped.load(Ordering::Acquire) {
                std::thread::park_timeout(CHECKPOINT_EVERY);
                for one in &both {
                    if let Err(error) = one.checkpoint() {
                        warn!(%error, "a checkpoint failed");
                    }
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("checkpoints".to_owned())
            .spawn(work);
        let thread = thread.map_err(cannot_create("the checkpoints' thread"))?;
        Ok(Checkpoints { stop, thread })
    }

    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        join(self.thread);
    }
}
