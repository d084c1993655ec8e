//! The handle of the writer: what may be asked of it, and what it answers.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::running::RunSnapshot;
use crate::settings::RuntimeSettings;
use agentpulse_core::error::Rejection;
use agentpulse_core::event::Event;
use agentpulse_core::execution::{Execution, TokenUsage};

/// Submissions that wait for the writer; those that come later wait until one is taken. A
/// submission holds at most 256 events, so that the queue stays below some 30 MB.
const MAX_QUEUED: usize = 64;

/// Makes a handle; the other end goes to [`Writer::run`](super::Writer::run).
pub fn channel() -> (WriterHandle, mpsc::Receiver<Message>) {
    let (sender, receiver) = mpsc::channel(MAX_QUEUED);
    (WriterHandle(sender), receiver)
}

#[derive(Clone, Debug, PartialEq)]
pub enum IngestOutcome {
    Accepted,
    Duplicate,
    Progress,
    Rejected(Rejection),
}

/// The journal cannot be written: nothing of the submission was accepted.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Events that are accepted in one commit, or not at all, and who waits for the answer.
pub struct Submission {
    pub events: Vec<Event>,
    pub reply: oneshot::Sender<Result<Vec<IngestOutcome>, Unavailable>>,
}

pub enum Message {
    Submit(Submission),
    /// Ends what is past its deadline, and prunes.
    Tick {
        reap: bool,
    },
    /// History has committed all up to here: memory may let go of it.
    Flushed(u64),
    /// An execution as it is now; `None` if it is not known.
    Get(String, oneshot::Sender<Option<Arc<Execution>>>),
    /// Goes by other settings from the next event on.
    Reconfigure(Arc<RuntimeSettings>),
    /// Everything that runs, with its last heartbeat.
    Running(oneshot::Sender<Vec<RunSnapshot>>),
    /// What running executions have spent so far; a sign, which is in no number.
    LiveUsage(Vec<(String, Option<TokenUsage>)>),
}

/// Sends to the writer.
#[derive(Clone)]
pub struct WriterHandle(mpsc::Sender<Message>);

impl WriterHandle {
    pub async fn submit(&self, events: Vec<Event>) -> Result<Vec<IngestOutcome>, Unavailable> {
        let (reply, outcomes) = oneshot::channel();
        self.send(Message::Submit(Submission { events, reply }))
            .await?;
        outcomes.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// As [`submit`](Self::submit), but answers as soon as the events have their place in line.
    pub async fn enqueue(
        &self,
        events: Vec<Event>,
    ) -> Result<oneshot::Receiver<Result<Vec<IngestOutcome>, Unavailable>>, Unavailable> {
        let (reply, outcomes) = oneshot::channel();
        self.send(Message::Submit(Submission { events, reply }))
            .await?;
        Ok(outcomes)
    }

    /// Ends what is past its deadline if `reap` says so, and prunes.
    pub async fn tick(&self, reap: bool) -> Result<(), Unavailable> {
        self.send(Message::Tick { reap }).await
    }

    /// Goes by other settings from the next event on.
    pub async fn reconfigure(&self, settings: Arc<RuntimeSettings>) -> Result<(), Unavailable> {
        self.send(Message::Reconfigure(settings)).await
    }

    /// What running executions have used so far; it is shown, and in no number.
    pub async fn live_usage(
        &self,
        usage: Vec<(String, Option<TokenUsage>)>,
    ) -> Result<(), Unavailable> {
        self.send(Message::LiveUsage(usage)).await
    }

    async fn send(&self, message: Message) -> Result<(), Unavailable> {
        self.0.send(message).await.map_err(|_| stopped())
    }

    /// Records that history has committed all up to `seq`. Blocks while the queue is full.
    pub fn flushed(&self, seq: u64) {
        // The writer is only gone when the daemon is; then nobody needs to know.
        drop(self.0.blocking_send(Message::Flushed(seq)));
    }

    pub async fn get(&self, id: &str) -> Result<Option<Arc<Execution>>, Unavailable> {
        let (reply, execution) = oneshot::channel();
        self.send(Message::Get(id.to_owned(), reply)).await?;
        execution.await.map_err(|_| stopped())
    }

    pub async fn running(&self) -> Result<Vec<RunSnapshot>, Unavailable> {
        let (reply, running) = oneshot::channel();
        self.send(Message::Running(reply)).await?;
        running.await.map_err(|_| stopped())
    }
}

fn stopped() -> Unavailable {
    Unavailable("the daemon is stopping".to_owned())
}
