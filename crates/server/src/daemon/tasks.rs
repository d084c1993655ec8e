//! The tasks that end first, and how tasks and threads end.

use std::future::Future;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{error, warn};

/// Connections may finish what they are sending.
const DEADLINE: Duration = Duration::from_secs(10);

/// The tasks that send: they end before the [`Pipeline`](super::pipeline::Pipeline), which receives.
pub struct Tasks {
    pub set: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Tasks {
    pub fn new() -> Tasks {
        let (stop, _) = watch::channel(false);
        Tasks {
            set: JoinSet::new(),
            stop,
        }
    }

    /// Becomes true when the tasks are to end.
    pub fn stopped(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Starts a task that ends with the receiver that it is given.
    pub fn spawn<T>(&mut self, task: impl FnOnce(watch::Receiver<bool>) -> T)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        self.set.spawn(task(self.stopped()));
    }

    pub async fn stop(self) {
        self.stop.send_replace(true);
        finish(self.set, DEADLINE, "intake").await;
    }
}

/// Waits for all tasks; those that do not end within the deadline are aborted.
pub async fn finish<T: 'static>(mut tasks: JoinSet<T>, deadline: Duration, what: &str) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if timeout(deadline, all).await.is_err() {
        warn!(
            what,
            deadline_s = deadline.as_secs(),
            "did not end within its deadline"
        );
    }
    tasks.abort_all();
}

pub fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        error!("a thread of the daemon has panicked");
    }
}
