//! What ends last: the writer, the views that follow it, and the checkpoints of the databases.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::checkpoints::Checkpoints;
use super::context::Context;
use super::control::ViewRequests;
use super::failure::{Failure, cannot_create};
use super::stores::Stores;
use super::tasks::{finish, join};
use super::writer;
use agentpulse_contract::exit;
use agentpulse_pipeline::applier::Runs;
use agentpulse_pipeline::flusher::FlushError;
use agentpulse_pipeline::writer::Message;

/// The views catch up; what they miss they find in the journal at the next start.
pub const VIEWS_DEADLINE: Duration = Duration::from_secs(15);

pub struct Pipeline {
    writer: JoinHandle<()>,
    /// What the writer found damaged.
    damage: mpsc::Receiver<String>,
    views: JoinSet<Result<(), FlushError>>,
    stop_views: watch::Sender<bool>,
    checkpoints: Checkpoints,
}

impl Pipeline {
    pub fn start(
        context: &Context,
        stores: Stores,
        queue: mpsc::Receiver<Message>,
        requests: ViewRequests,
    ) -> Result<Pipeline, Failure> {
        let parts = &context.parts;
        let applier = parts.applier(
            &stores,
            context.live(),
            Runs::Writer(context.writer.clone()),
        )?;
        let flusher = parts.flusher(&stores, context.writer.clone())?;
        let paths = [stores.journal_path.clone(), stores.history_path.clone()];
        let checkpoints = Checkpoints::start(paths)?;
        let (writer, damage) = writer::start(stores, parts, queue)?;
        let (stop_views, stopped) = watch::channel(false);
        let mut views = JoinSet::new();
        views.spawn(async move {
            applier.run(requests.applier, stopped).await;
            Ok(())
        });
        let flushed = flusher.spawn(requests.flusher, stop_views.subscribe());
        views.spawn(flushed.map_err(cannot_create("the flusher's thread"))?);
        Ok(Pipeline {
            writer,
            damage,
            views,
            stop_views,
            checkpoints,
        })
    }

    /// Returns what the daemon cannot run on with, as soon as there is something.
    pub async fn failed(&mut self) -> Failure {
        tokio::select! {
            Some(reason) = self.damage.recv() => Failure::new(exit::CORRUPT, reason),
            ended = self.views.join_next() => match ended {
                Some(Ok(Err(damage))) => Failure::new(exit::CORRUPT, damage.to_string()),
                _ => Failure::new(1, "a view ended unexpectedly"),
            },
        }
    }

    /// Every handle of the writer must be gone by now: its thread ends with the last one.
    pub async fn stop(self) {
        self.stop_views.send_replace(true);
        finish(self.views, VIEWS_DEADLINE, "the views").await;
        join(self.writer);
        self.checkpoints.stop();
    }
}
