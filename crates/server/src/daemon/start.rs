//! Starts everything in its order, and ends it in the reverse order.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tracing::info;

use super::audit::AuditFlusher;
use super::context::{Context, Site, Unstarted};
use super::failure::Failure;
use super::folder::BoundSocket;
use super::notify::Notifier;
use super::parts::nonce;
use super::pipeline::Pipeline;
use super::queue::QueueThread;
use super::reload::{self, ReloadRequests, Source};
use super::stores::Stores;
use super::tasks::Tasks;
use super::{alerts, http, intake, settings};
use crate::intake::Deliveries;
use agentpulse_contract::data_folder::REGISTRY;
use agentpulse_pipeline::reaper::Reaper;
use agentpulse_pipeline::writer;
use agentpulse_queue::liveness::Liveness;
use agentpulse_reports::selection::ledger;

/// What runs.
pub struct Daemon {
    pub pipeline: Pipeline,
    tasks: Tasks,
    queue: QueueThread,
    notifier: Option<Arc<Notifier>>,
    _socket: BoundSocket,
}

impl Daemon {
    /// First what receives, then what sends; hooks come last, when the spool is empty.
    pub async fn start(
        site: Site<'_>,
        listener: TcpListener,
        stores: Stores,
        hangups: mpsc::Receiver<()>,
        source: Source,
    ) -> Result<Daemon, Failure> {
        let notifier = Notifier::of_environment();
        let runtime = settings::runtime(site.config, stores.catalog.clone());
        let (settings, watched) = watch::channel(Arc::new(runtime));
        let (writer, queue) = writer::channel();
        let deliveries = Deliveries::new(nonce()?);
        let (handle, ledger) = ledger::open(&site.config.data.dir.join(REGISTRY));
        let (context, unstarted) =
            Context::new(site, &stores, watched, writer, deliveries, handle)?;
        let Unstarted {
            requests,
            registrar,
            queue: work,
        } = unstarted;
        let parts = &context.parts;
        site.folder.publish(&site.address.to_string())?;
        alerts::restore(&stores, &parts.changes.ends)?;
        let pipeline = Pipeline::start(&context, stores, queue, requests.views)?;

        let mut tasks = Tasks::new();
        let reloads = ReloadRequests {
            commands: requests.reload,
            hangups,
        };
        let security = reload::start(&context, source, settings, &notifier, reloads, &mut tasks);
        if let Some(notifier) = notifier.clone() {
            tasks.spawn(|stop| notifier.run(context.readiness.clone(), stop));
        }
        alerts::start(&context, &mut tasks);
        let audit = AuditFlusher::new(site.access.clone(), parts.counters.clone());
        tasks.spawn(|stop| audit.run(stop));
        if let Some(queue) = context.queue.clone() {
            let (running, changes) = (parts.running.clone(), parts.changes.clone());
            let liveness = Liveness::new(queue, running, changes);
            tasks.spawn(|stop| liveness.run(stop));
        }
        http::start(&context, listener, security, &mut tasks)?;
        let socket = intake::start(&context, &mut tasks).await?;
        tasks.spawn(|stop| registrar.run(stop));
        if let Some(ledger) = ledger {
            tasks.spawn(|stop| ledger.run(stop));
        }
        tasks.spawn(|stop| context.reports.selections.clone().run(stop));
        start_followers(&context, &mut tasks);
        info!(
            socket = %site.config.socket.path.display(),
            http = %site.address,
            data = %site.config.data.dir.display(),
            "ready to listen"
        );
        Ok(Daemon {
            pipeline,
            tasks,
            queue: work,
            notifier,
            _socket: socket,
        })
    }

    /// Senders stop before receivers.
    pub async fn stop(self) {
        self.notifier.inspect(|notifier| notifier.stopping());
        self.tasks.stop().await;
        self.queue.stop();
        self.pipeline.stop().await;
    }
}

/// Starts the tasks that follow what runs: the readers of transcripts, and the reaper.
fn start_followers(context: &Context, tasks: &mut Tasks) {
    let (parts, writer) = (&context.parts, &context.writer);
    let ended = parts.ended_reader(&context.lanes, writer.clone());
    tasks.spawn(|stop| ended.run(stop));
    let running = parts.running_reader(writer.clone());
    tasks.spawn(|stop| running.run(stop));
    let reaper = Reaper {
        writer: writer.clone(),
        changes: parts.changes.clone(),
        state: parts.state.clone(),
        running: parts.running.clone(),
    };
    tasks.spawn(|stop| reaper.run(stop));
}
