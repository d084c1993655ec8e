//! Builds everything, and owns the order of the shutdown: senders stop before receivers.

mod access;
mod alerts;
mod backup;
mod checkpoints;
mod failure;
mod files;
mod folder;
mod names;
mod notify;
mod ownership;
mod parts;
mod rebuild;
mod redis;
mod reload;
mod restore;
mod stores;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::{error, info, warn};

use self::access::AuditFlusher;
pub use self::access::{access_offline, access_to_read};
pub use self::backup::backup_offline;
use self::checkpoints::Checkpoints;
pub use self::failure::Failure;
use self::failure::cannot_create;
pub use self::files::files_needed;
pub use self::folder::Folder;
use self::notify::Notifier;
pub use self::ownership::{Found, inspect};
use self::parts::{Parts, spawn_writer};
pub use self::rebuild::rebuild_offline;
use self::redis::Redis;
pub use self::reload::Source;
use self::reload::{ActiveSettings, Reloader};
pub use self::restore::{Keys, finish_before_reading, restore};
use self::stores::Stores;
pub use self::stores::{FOREIGN_FIX, cursor_is_ours};
use agentpulse_config::Config;
use agentpulse_contract::exit;
use agentpulse_store::access::Access;

use crate::http::{self, Bodies, HttpState};
use crate::intake::spool::Spool;
use crate::intake::{Intake, socket};
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::operations::{Facts, Operations};
use agentpulse_pipeline::reaper::Reaper;
use agentpulse_pipeline::settings::RuntimeSettings;
use agentpulse_pipeline::writer;
use agentpulse_reports::system::System;
use agentpulse_reports::{Reports, stream};

/// Connections may finish what they are sending.
const INTAKE_DEADLINE: Duration = Duration::from_secs(10);
/// The views catch up; what they miss they find in the journal at the next start.
const VIEWS_DEADLINE: Duration = Duration::from_secs(15);

/// Signals to the running daemon.
pub struct Signals<F> {
    /// Resolves when it is to end.
    pub shutdown: F,
    /// Asks to read the settings again.
    pub hangups: mpsc::Receiver<()>,
    pub settings: Source,
}

/// Runs until the shutdown, then ends in order.
///
/// # Errors
/// What keeps the daemon from starting, and damage that it finds while it runs.
pub async fn run<F: Future<Output = ()>>(
    config: Config,
    signals: Signals<F>,
) -> Result<(), Failure> {
    if !config.redact.emails {
        agentpulse_redact::keep_emails();
    }
    files::allow(&config);
    let folder = Folder::claim(&config)?;
    folder::check_socket_is_free(&config)?;
    let access = Arc::new(access::open(&config)?);
    access::check(&config, &access)?;
    let listener = TcpListener::bind(config.http.listen)
        .await
        .map_err(|error| {
            Failure::new(
                exit::CANNOT_CREATE,
                format!("http.listen {}: {error}", config.http.listen),
            )
        })?;
    let stores = Stores::open(&config)?;
    folder.close_to_others()?;
    let redis = redis::connect_checked(&config, &stores).await?;
    let tasks = HttpListener { listener, access };
    let outcome = serve(&config, &folder, tasks, stores, &redis, signals).await;
    redis.stop().await;
    folder.release();
    info!("stopped");
    outcome
}

/// The HTTP listener with its keys.
struct HttpListener {
    listener: TcpListener,
    access: Arc<Access>,
}

async fn serve<F: Future<Output = ()>>(
    config: &Config,
    folder: &Folder,
    HttpListener { listener, access }: HttpListener,
    stores: Stores,
    redis: &Redis,
    signals: Signals<F>,
) -> Result<(), Failure> {
    let notifier = Notifier::of_environment();
    let (settings, watched) = watch::channel(settings(config, &stores));
    let parts = Parts::new(&stores, watched);
    let (stop_intake, intake_stopped) = watch::channel(false);
    let (stop_views, views_stopped) = watch::channel(false);
    let (writer, queue) = writer::channel();
    let intake = Intake {
        writer: writer.clone(),
        counters: parts.counters.clone(),
        settings: parts.settings.clone(),
        zone: TimeZone::system(),
    };
    let address = listener
        .local_addr()
        .map_err(cannot_create("http.listen"))?;
    folder.publish(&address.to_string())?;
    let (applier_commands, applier_received) = mpsc::channel(4);
    let (flusher_commands, flusher_received) = mpsc::channel(4);
    let (reload_commands, reload_received) = mpsc::channel(1);
    let open = Arc::new(AtomicBool::new(false));
    let operations = Operations {
        changes: parts.changes.clone(),
        state: parts.state.clone(),
        counters: parts.counters.clone(),
        applier: applier_commands,
        flusher: flusher_commands,
        backups: Arc::new(parts.backups(config, writer.clone())),
        reload: reload_commands,
        reloaded: Arc::default(),
        settings: parts.settings.clone(),
        watchdog: parts.watchdog.clone(),
        facts: Arc::new(facts(config, redis, &address.to_string())),
        head_at_start: parts.changes.head(),
        open: open.clone(),
    };
    let reports = Arc::new(Reports::new(
        parts.views(&stores, &redis.live),
        parts.counters.clone(),
        now_ms,
    ));

    let system = Arc::new(System::new(
        operations.clone(),
        parts.kept.clone(),
        redis.live.clone(),
        stores.lanes.own.clone(),
    ));
    alerts::restore(&stores, &parts.changes.ends)?;
    let collector = alerts::collector(&operations, &system, &redis.live, &stores);

    let applier = parts.applier(&stores, &redis.live, writer.clone())?;
    let flusher = parts.flusher(&stores, writer.clone())?;
    let usage_reader = parts.usage_reader(&stores, writer.clone());
    let live_usage_reader = parts.live_usage_reader(writer.clone());
    let checkpoints =
        Checkpoints::start([stores.journal_path.clone(), stores.history_path.clone()])?;
    let (writer_thread, mut damage) = spawn_writer(stores, &parts, queue)?;
    let mut views = JoinSet::new();
    views.spawn(async move {
        applier.run(applier_received, views_stopped).await;
        Ok(())
    });
    let flusher_stopped = stop_views.subscribe();
    views.spawn(flusher.run(flusher_received, flusher_stopped));

    let mut tasks = JoinSet::new();
    let security = access::security(config, address, &access, &parts.counters);
    let (layers, security) = watch::channel(Arc::new(security));
    let reloader = Reloader {
        source: Arc::new(signals.settings),
        address,
        access: access.clone(),
        counters: parts.counters.clone(),
        writer: writer.clone(),
        settings,
        security: layers,
        state: operations.reloaded.clone(),
        notifier: notifier.clone(),
        active: ActiveSettings::of(config),
    };
    let reloads = reloader.run(reload_received, signals.hangups, intake_stopped.clone());
    tasks.spawn(reloads);
    if let Some(notifier) = &notifier {
        let notifier = notifier.clone();
        tasks.spawn(notifier.run(operations.clone(), intake_stopped.clone()));
    }
    let watched = parts.watched(config, reports.clone());
    let (stream, hub) = stream::open(watched, intake_stopped.clone());
    tasks.spawn(hub.run());
    alerts::start(config, &parts, collector, &mut tasks, &intake_stopped);
    let audit_flusher = AuditFlusher::new(access.clone(), parts.counters.clone());
    tasks.spawn(audit_flusher.run(intake_stopped.clone()));
    let state = HttpState {
        reports,
        system,
        alerts: parts.alerts.clone(),
        intake: intake.clone(),
        operations,
        access,
        security,
        stream,
        max_connections: config.http.max_connections,
        bodies: Bodies::default(),
    };
    let state = Arc::new(state);
    let control = folder.bind_control()?;
    tasks.spawn(http::serve_control(
        control,
        state.clone(),
        stopped_of(intake_stopped.clone()),
    ));
    tasks.spawn(http::serve_tcp(
        listener,
        state,
        stopped_of(intake_stopped.clone()),
    ));
    let mut spool = Spool::new(
        config.spool.path.clone(),
        &config.socket.path,
        intake.clone(),
    );
    spool.tell_bound(config.spool.max_bytes);
    if let Err(unavailable) = spool.drain().await {
        warn!(%unavailable, "the spool could not be emptied");
    }
    let (socket, _bound) = folder.bind_socket(config)?;
    open.store(true, Ordering::Release);
    tasks.spawn(socket::serve(
        socket,
        intake,
        config.limits.connections,
        intake_stopped.clone(),
    ));
    tasks.spawn(spool.watch(intake_stopped.clone()));
    let reaper = Reaper {
        writer,
        changes: parts.changes.clone(),
        state: parts.state.clone(),
    };
    tasks.spawn(usage_reader.run(intake_stopped.clone()));
    tasks.spawn(live_usage_reader.run(intake_stopped.clone()));
    tasks.spawn(reaper.run(intake_stopped));
    info!(
        socket = %config.socket.path.display(),
        http = %address,
        data = %config.data.dir.display(),
        "ready to listen"
    );

    let outcome = tokio::select! {
        () = signals.shutdown => Ok(()),
        Some(reason) = damage.recv() => Err(Failure::new(exit::CORRUPT, reason)),
        Some(ended) = views.join_next() => match ended {
            Ok(Err(damage)) => Err(Failure::new(exit::CORRUPT, damage.to_string())),
            _ => Err(Failure::new(1, "a view ended unexpectedly")),
        },
    };
    if let Err(failure) = &outcome {
        error!(%failure, "stopping");
    }
    notifier.inspect(|notifier| notifier.stopping());
    stop_intake.send_replace(true);
    finish(tasks, INTAKE_DEADLINE, "intake").await;
    stop_views.send_replace(true);
    finish(views, VIEWS_DEADLINE, "the views").await;
    join(writer_thread);
    checkpoints.stop();
    outcome
}

async fn stopped_of(mut stop: watch::Receiver<bool>) {
    // Without a sender the daemon is gone, which is as good a reason to stop.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn facts(config: &Config, redis: &Redis, http: &str) -> Facts {
    Facts {
        started: Instant::now(),
        http: http.to_owned(),
        socket: config.socket.path.display().to_string(),
        data_dir: config.data.dir.display().to_string(),
        spool_dir: config.spool.path.clone(),
        spool_max_bytes: config.spool.max_bytes,
        redis_url: redis.url.to_string(),
        redis_private: redis.child.is_some(),
        redis_version: redis.version.clone(),
    }
}

fn settings(config: &Config, stores: &Stores) -> Arc<RuntimeSettings> {
    Arc::new(parts::settings(config, stores.catalog.clone()))
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        error!("a thread of the daemon has panicked");
    }
}

async fn finish<T: 'static>(mut tasks: JoinSet<T>, deadline: Duration, what: &str) {
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
