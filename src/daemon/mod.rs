//! Builds everything, and owns the order in which it ends: what sends stops before what receives.

mod folder;
mod stores;

use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

use self::folder::Folder;
use self::stores::Stores;
use crate::config::{Config, mask_password};
use crate::domain::names::Names;
use crate::flow::applier::{self, Applier};
use crate::flow::changes::Changes;
use crate::flow::clock::now_ms;
use crate::flow::counters::Counters;
use crate::flow::flusher::Flusher;
use crate::flow::live_state::LiveState;
use crate::flow::operations::{Facts, Operations};
use crate::flow::reaper::Reaper;
use crate::flow::running::Timeouts;
use crate::flow::writer::{self, Door, Signs, Writer, WriterConfig};
use crate::http::doors::Doors;
use crate::http::{self, HttpState};
use crate::intake::spool::Spool;
use crate::intake::{Intake, socket};
use crate::journal::Tail;
use crate::live::{Live, LiveConfig};
use crate::redis_child::RedisChild;
use crate::report::Reports;
use crate::sqlite::Checkpointer;

/// Connections may finish what they are sending.
const INTAKE_DEADLINE: Duration = Duration::from_secs(10);
/// The views catch up; what they miss they find in the journal at the next start.
const VIEWS_DEADLINE: Duration = Duration::from_secs(15);
/// For the first answer of Redis.
const REDIS_DEADLINE: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(20);
const REDIS_STOP_DEADLINE: Duration = Duration::from_secs(10);
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

pub const EXIT_CORRUPT: u8 = 65;
pub const EXIT_NO_REDIS: u8 = 69;
pub const EXIT_CANNOT_CREATE: u8 = 73;
pub const EXIT_ALREADY_RUNNING: u8 = 75;
pub const EXIT_CONFIG: u8 = 78;

/// Why the daemon does not run, in one line, with the code that it exits with.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub code: u8,
    pub message: String,
}

impl Failure {
    pub fn new(code: u8, message: impl Into<String>) -> Failure {
        Failure {
            code,
            message: message.into(),
        }
    }
}

/// Everything that the parts share.
struct Parts {
    names: Arc<RwLock<Names>>,
    changes: Arc<Changes>,
    signs: Arc<Signs>,
    state: Arc<LiveState>,
    counters: Arc<Counters>,
    hold: Arc<AtomicU64>,
}

/// Runs until `shutdown`, then ends in order.
///
/// # Errors
/// What keeps the daemon from starting, and damage that it finds while it runs.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), Failure> {
    check_doors(&config)?;
    let folder = Folder::claim(&config)?;
    let listener = TcpListener::bind(config.http.listen)
        .await
        .map_err(|error| {
            Failure::new(
                EXIT_CANNOT_CREATE,
                format!("http.listen {}: {error}", config.http.listen),
            )
        })?;
    let stores = Stores::open(&config)?;
    let redis = reach_redis(&config, &stores).await?;
    let outcome = serve(&config, &folder, listener, stores, &redis, shutdown).await;
    redis.stop().await;
    folder.release(&config);
    info!("stopped");
    outcome
}

/// Makes the live picture anew without a daemon.
///
/// # Errors
/// As [`run`]; also while a daemon runs on the folder.
pub async fn rebuild_offline(config: Config, force: bool) -> Result<(), Failure> {
    let folder = Folder::claim(&config)?;
    let stores = Stores::open(&config)?;
    let redis = match force {
        true => connect_redis(&config, &stores.names).await?,
        false => reach_redis(&config, &stores).await?,
    };
    let (stop, stopped) = watch::channel(false);
    let parts = Parts::new(&stores);
    let (door, queue) = writer::door();
    let (commands, received) = mpsc::channel(1);
    let applier = parts.applier(&config, &stores, &redis.live, door)?;
    let writer = spawn_writer(&config, stores, &parts, queue)?.0;
    let running = tokio::spawn(applier.run(received, stopped));
    let (reply, answer) = tokio::sync::oneshot::channel();
    let sent = commands
        .send(applier::Command::Rebuild { force, reply })
        .await;
    let outcome = match sent {
        Ok(()) => answer
            .await
            .unwrap_or_else(|_| Err("the rebuild broke off".to_owned())),
        Err(_) => Err("the rebuild did not begin".to_owned()),
    };
    stop.send_replace(true);
    let _ = timeout(VIEWS_DEADLINE, running).await;
    join(writer);
    redis.stop().await;
    folder.release(&config);
    outcome.map_err(|reason| Failure::new(EXIT_NO_REDIS, reason))
}

/// Without keys nobody but this machine may read.
fn check_doors(config: &Config) -> Result<(), Failure> {
    if config.http.listen.ip().is_loopback() {
        return Ok(());
    }
    Err(Failure::new(
        EXIT_CONFIG,
        format!(
            "http.listen {} is not a loopback address, and there are no API keys: listen on \
             127.0.0.1",
            config.http.listen
        ),
    ))
}

/// Redis, and what is to be known of it.
struct Redis {
    child: Option<RedisChild>,
    live: Live,
    url: String,
    version: String,
}

impl Redis {
    /// A client that has just been made may not be connected yet, and a server that was just
    /// started may be loading. Answers its version.
    async fn wait_until_fit(&self) -> Result<String, Failure> {
        let deadline = Instant::now() + REDIS_DEADLINE;
        loop {
            match self.live.check().await {
                Ok(facts) => return Ok(facts.version),
                Err(error)
                    if (error.is_away() || error.is_loading()) && Instant::now() < deadline =>
                {
                    sleep(ASK_AGAIN).await;
                }
                Err(error) => return Err(no_redis(error)),
            }
        }
    }

    async fn stop(self) {
        drop(self.live);
        if let Some(child) = self.child {
            child.stop(REDIS_STOP_DEADLINE).await;
        }
    }
}

/// Only where the numbers in it are ours, or none.
async fn reach_redis(config: &Config, stores: &Stores) -> Result<Redis, Failure> {
    let redis = connect_redis(config, &stores.names).await?;
    let cursor = redis.live.cursor().await.map_err(no_redis)?;
    if let Err(reason) = stores.cursor_is_ours(cursor.as_deref()) {
        redis.stop().await;
        return Err(Failure::new(EXIT_NO_REDIS, reason));
    }
    Ok(redis)
}

async fn connect_redis(config: &Config, names: &Arc<RwLock<Names>>) -> Result<Redis, Failure> {
    let (redis, url) = match &config.redis.url {
        Some(url) => (None, url.clone()),
        None => {
            let redis = RedisChild::start(&folder::redis_settings(config))
                .await
                .map_err(|error| Failure::new(EXIT_NO_REDIS, error.to_string()))?;
            let url = redis.url();
            (Some(redis), url)
        }
    };
    let place = LiveConfig {
        url: url.clone(),
        prefix: config.redis.prefix.clone(),
    };
    let live = Live::connect(&place, names.clone())
        .await
        .map_err(no_redis)?;
    let mut redis = Redis {
        child: redis,
        live,
        url,
        version: String::new(),
    };
    match redis.wait_until_fit().await {
        Ok(version) => redis.version = version,
        Err(failure) => {
            redis.stop().await;
            return Err(failure);
        }
    }
    info!(
        version = redis.version,
        private = redis.child.is_some(),
        "reached Redis"
    );
    Ok(redis)
}

fn no_redis(error: crate::live::Error) -> Failure {
    Failure::new(EXIT_NO_REDIS, error.to_string())
}

async fn serve(
    config: &Config,
    folder: &Folder,
    listener: TcpListener,
    stores: Stores,
    redis: &Redis,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let parts = Parts::new(&stores);
    let (stop_intake, intake_stopped) = watch::channel(false);
    let (stop_views, views_stopped) = watch::channel(false);
    let (door, queue) = writer::door();
    let intake = Intake {
        door: door.clone(),
        counters: parts.counters.clone(),
        keep_ms: config.history.keep.as_millis() as i64,
        zone: TimeZone::system(),
    };
    let address = listener
        .local_addr()
        .map_err(cannot_create("http.listen"))?;
    folder.publish(&address.to_string())?;
    let (applier_commands, applier_received) = mpsc::channel(4);
    let (flusher_commands, flusher_received) = mpsc::channel(4);
    let open = Arc::new(AtomicBool::new(false));
    let operations = Operations {
        changes: parts.changes.clone(),
        state: parts.state.clone(),
        counters: parts.counters.clone(),
        applier: applier_commands,
        flusher: flusher_commands,
        facts: Arc::new(facts(config, redis, &address.to_string())),
        head_at_start: parts.changes.head(),
        open: open.clone(),
    };
    let reports = Arc::new(Reports::new(
        redis.live.clone(),
        stores.readers.clone(),
        parts.names.clone(),
        parts.state.clone(),
        now_ms,
    ));

    let applier = parts.applier(config, &stores, &redis.live, door.clone())?;
    let flusher = parts.flusher(config, &stores, door.clone())?;
    let checkpoints =
        Checkpoints::start([stores.journal_path.clone(), stores.history_path.clone()])?;
    let (writer, mut damage) = spawn_writer(config, stores, &parts, queue)?;
    let mut views = JoinSet::new();
    views.spawn(async move {
        applier.run(applier_received, views_stopped).await;
        Ok(())
    });
    let flusher_stopped = stop_views.subscribe();
    views.spawn(flusher.run(flusher_received, flusher_stopped));

    let mut doors = JoinSet::new();
    let guards = Doors::new(&config.http.allowed_hosts, &config.http.allowed_origins);
    let places = config.http.max_connections;
    let state = HttpState::new(reports, intake.clone(), operations, guards, places);
    let state = Arc::new(state);
    let control = folder.bind_control()?;
    doors.spawn(http::serve_control(
        control,
        state.clone(),
        stopped_of(intake_stopped.clone()),
    ));
    doors.spawn(http::serve_tcp(
        listener,
        state,
        stopped_of(intake_stopped.clone()),
    ));
    let spool = Spool {
        folder: config.spool.path.clone(),
        intake: intake.clone(),
    };
    if let Err(unavailable) = spool.drain().await {
        warn!(%unavailable, "the spool could not be emptied");
    }
    let socket = folder.bind_socket(config)?;
    open.store(true, Ordering::Release);
    doors.spawn(socket::serve(
        socket,
        intake,
        config.limits.connections,
        intake_stopped.clone(),
    ));
    doors.spawn(spool.watch(intake_stopped.clone()));
    let reaper = Reaper {
        door,
        changes: parts.changes.clone(),
        state: parts.state.clone(),
        grace: config.reaper.idle_timeout,
    };
    doors.spawn(reaper.run(intake_stopped));
    info!(
        socket = %config.socket.path.display(),
        http = %address,
        data = %config.data.dir.display(),
        "ready to listen"
    );

    let outcome = tokio::select! {
        () = shutdown => Ok(()),
        Some(reason) = damage.recv() => Err(Failure::new(EXIT_CORRUPT, reason)),
        Some(ended) = views.join_next() => match ended {
            Ok(Err(damage)) => Err(Failure::new(EXIT_CORRUPT, damage.to_string())),
            _ => Err(Failure::new(1, "a view ended unexpectedly")),
        },
    };
    if let Err(failure) = &outcome {
        error!(%failure, "stopping");
    }
    stop_intake.send_replace(true);
    finish(doors, INTAKE_DEADLINE, "intake").await;
    stop_views.send_replace(true);
    finish(views, VIEWS_DEADLINE, "the views").await;
    join(writer);
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
        redis_url: mask_password(&redis.url),
        redis_private: redis.child.is_some(),
        redis_version: redis.version.clone(),
        flush_interval_ms: config.history.flush_interval.as_millis() as i64,
    }
}

fn spawn_writer(
    config: &Config,
    stores: Stores,
    parts: &Parts,
    queue: mpsc::Receiver<writer::Message>,
) -> Result<(JoinHandle<()>, mpsc::Receiver<String>), Failure> {
    let (damage, damaged) = mpsc::channel(1);
    let timeouts = timeouts(config);
    let memory = stores.memory(timeouts)?;
    let writer = Writer {
        config: WriterConfig {
            timeouts,
            max_running: config.limits.running,
            keep_rows: config.journal.keep_rows as u64,
            keep_ms: config.journal.keep.as_millis() as i64,
        },
        journal: stores.journal,
        history: stores.lookup,
        catalog: stores.catalog,
        names: parts.names.clone(),
        changes: parts.changes.clone(),
        signs: parts.signs.clone(),
        counters: parts.counters.clone(),
        hold: parts.hold.clone(),
        damage,
    };
    let thread = std::thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || writer.run(memory, queue))
        .map_err(cannot_create("the writer's thread"))?;
    Ok((thread, damaged))
}

fn timeouts(config: &Config) -> Timeouts {
    Timeouts {
        idle: config.reaper.idle_timeout,
        tool: config.reaper.tool_timeout,
    }
}

impl Parts {
    fn new(stores: &Stores) -> Parts {
        let changes = Arc::new(Changes::new(stores.journal.last_seq()));
        changes.applied(crate::flow::changes::View::History, stores.history_seq);
        Parts {
            names: stores.names.clone(),
            signs: Arc::default(),
            state: Arc::new(LiveState::new(changes.clone())),
            changes,
            counters: Arc::default(),
            hold: Arc::new(AtomicU64::new(u64::MAX)),
        }
    }

    fn applier(
        &self,
        config: &Config,
        stores: &Stores,
        live: &Live,
        door: Door,
    ) -> Result<Applier, Failure> {
        Ok(Applier {
            live: live.clone(),
            epoch: stores.journal.epoch().to_owned(),
            past_epochs: stores.journal.past_epochs().to_vec(),
            idle_ms: config.reaper.idle_timeout.as_millis() as i64,
            names: self.names.clone(),
            changes: self.changes.clone(),
            tail: Tail::open(&stores.journal_path).map_err(stores::failure)?,
            history_path: stores.history_path.clone(),
            signs: self.signs.clone(),
            door,
            state: self.state.clone(),
            counters: self.counters.clone(),
            hold: self.hold.clone(),
            must_rebuild: stores.names_grew,
            look_at: Instant::now(),
        })
    }

    fn flusher(&self, config: &Config, stores: &Stores, door: Door) -> Result<Flusher, Failure> {
        let flusher = Flusher {
            history: crate::history::History::open(&stores.history_path)
                .map_err(stores::failure)?,
            epoch: stores.journal.epoch().to_owned(),
            keep_days: (config.history.keep.as_secs() / 86_400) as i32,
            interval: config.history.flush_interval,
            changes: self.changes.clone(),
            tail: Tail::open(&stores.journal_path).map_err(stores::failure)?,
            door,
            state: self.state.clone(),
            counters: self.counters.clone(),
        };
        Ok(flusher)
    }
}

/// Writes the logs of both databases back, away from the commits.
struct Checkpoints {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Checkpoints {
    fn start(paths: [PathBuf; 2]) -> Result<Checkpoints, Failure> {
        let [journal, history] = paths.map(|path| Checkpointer::open(&path));
        let both = [
            journal.map_err(stores::failure)?,
            history.map_err(stores::failure)?,
        ];
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let work = move || {
            while !stopped.load(Ordering::Acquire) {
                std::thread::park_timeout(CHECKPOINT_EVERY);
                for one in &both {
                    if let Err(error) = one.checkpoint() {
                        warn!(%error, "a log could not be written back");
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

    fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        join(self.thread);
    }
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

fn cannot_create(what: &str) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::new(EXIT_CANNOT_CREATE, format!("{what}: {error}"))
}
