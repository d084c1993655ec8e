//! The private Redis or Valkey server: found, started, adopted after a crash of the daemon,
//! restarted when it dies, stopped last. The caller holds the lock of the data folder, so that two
//! daemons never have one server.

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

/// Looked for in `PATH`, in this order.
const PROGRAMS: [&str; 2] = ["valkey-server", "redis-server"];
/// `sun_path` of the smallest system that is supported, with its closing zero.
const MAX_SOCKET_PATH_BYTES: usize = if cfg!(target_os = "macos") { 103 } else { 107 };
/// A large append-only file takes a while to load; meanwhile the server answers LOADING.
const START_DEADLINE: Duration = Duration::from_secs(60);
const ANSWER_DEADLINE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(20);
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// Between two restarts of a server that keeps dying.
const RESTART_AFTER: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(10),
];
/// A server that lived this long was well.
const WELL_AFTER: Duration = Duration::from_secs(30);

/// Why there is no server, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

#[derive(Clone, Debug)]
pub struct Settings {
    /// The data folder.
    pub dir: PathBuf,
    /// The program, if it is not to be looked for in `PATH`.
    pub server: Option<PathBuf>,
    /// In bytes.
    pub maxmemory: u64,
    /// The configuration, with `{socket}`, `{dir}`, `{pidfile}`, `{logfile}` inside quotes and
    /// `{maxmemory}`.
    pub template: String,
}

pub struct RedisChild {
    server: Arc<Server>,
    watch: JoinHandle<()>,
}

struct Server {
    program: PathBuf,
    socket: PathBuf,
    config: PathBuf,
    pidfile: PathBuf,
    dir: PathBuf,
    maxmemory: u64,
    process: Mutex<Option<Process>>,
}

enum Process {
    Child(Child),
    /// It outlived an earlier daemon, and has another parent.
    Adopted(i32),
}

impl Process {
    fn pid(&self) -> i32 {
        match self {
            Process::Child(child) => child.id() as i32,
            Process::Adopted(pid) => *pid,
        }
    }

    /// A child that has ended is also seen off by this.
    fn has_exited(&mut self) -> bool {
        match self {
            Process::Child(child) => !matches!(child.try_wait(), Ok(None)),
            Process::Adopted(pid) => !exists(*pid),
        }
    }
}

impl RedisChild {
    /// Adopts the server that runs on the folder, or starts one; it answers when this returns.
    ///
    /// # Errors
    /// No program is found, the socket's path is too long, another server answers on the socket,
    /// or the server does not come up.
    pub async fn start(settings: &Settings) -> Result<RedisChild, Error> {
        let server = Arc::new(Server::prepare(settings)?);
        if server.adopt().await? {
            info!("adopted the Redis that an earlier daemon left");
        } else {
            server.clear().await?;
            server.spawn()?;
            if let Err(error) = server.wait_until_it_answers(START_DEADLINE).await {
                server.end_own(ANSWER_DEADLINE).await;
                return Err(error);
            }
        }
        let watch = tokio::spawn(server.clone().watch());
        Ok(RedisChild { server, watch })
    }

    pub fn url(&self) -> String {
        format!("unix://{}", self.server.socket.display())
    }

    /// Lets the server write what it has and end; after the deadline it is killed.
    pub async fn stop(self, deadline: Duration) {
        self.watch.abort();
        self.server.end_own(deadline).await;
    }
}

impl Server {
    fn prepare(settings: &Settings) -> Result<Server, Error> {
        let dir = settings.dir.join("redis");
        let socket = settings.dir.join("redis.sock");
        if socket.as_os_str().len() > MAX_SOCKET_PATH_BYTES {
            return Err(Error(format!(
                "the path of the private Redis's socket, {}, must be at most \
                 {MAX_SOCKET_PATH_BYTES} bytes: choose a shorter data.dir",
                socket.display()
            )));
        }
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700);
        folder
            .create(&dir)
            .map_err(|error| Error(format!("{}: {error}", dir.display())))?;
        let server = Server {
            program: find(settings.server.as_deref())?,
            config: dir.join("redis.conf"),
            pidfile: dir.join("redis.pid"),
            socket,
            maxmemory: settings.maxmemory,
            dir,
            process: Mutex::new(None),
        };
        let config = server.fill(&settings.template);
        fs::write(&server.config, config)
            .map_err(|error| Error(format!("{}: {error}", server.config.display())))?;
        Ok(server)
    }

    fn fill(&self, template: &str) -> String {
        let quoted = |path: &Path| {
            path.display()
                .to_string()
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
        };
        template
            .replace("{socket}", &quoted(&self.socket))
            .replace("{pidfile}", &quoted(&self.pidfile))
            .replace("{logfile}", &quoted(&self.logfile()))
            .replace("{dir}", &quoted(&self.dir))
            .replace("{maxmemory}", &self.maxmemory.to_string())
    }

    /// Takes over a server that answers and has our folder; it may be loading still. Nothing is
    /// asked of one that is not ours, and its socket is not taken from it.
    async fn adopt(&self) -> Result<bool, Error> {
        let end = Instant::now() + START_DEADLINE;
        loop {
            match self.ask("PING").await {
                Ok(reply) if reply.starts_with("+PONG") => break,
                Ok(reply) if reply.starts_with("-LOADING") && Instant::now() < end => {
                    sleep(POLL).await;
                }
                Ok(reply) if reply.starts_with('-') => {
                    let reply = reply.trim_end();
                    return Err(Error(format!("{}: {reply}", self.socket.display())));
                }
                _ => return Ok(false),
            }
        }
        let reply = self.ask("CONFIG GET dir").await.unwrap_or_default();
        let found = reply.lines().last().map(|dir| fs::canonicalize(dir.trim()));
        let wanted = fs::canonicalize(&self.dir).ok();
        let is_ours = wanted.is_some() && found.and_then(Result::ok) == wanted;
        let info = self.ask("INFO server").await.unwrap_or_default();
        let pid = info
            .lines()
            .find_map(|line| line.strip_prefix("process_id:")?.trim().parse().ok());
        let (true, Some(pid)) = (is_ours, pid) else {
            return Err(Error(format!(
                "{} belongs to another server: end it or choose another data.dir",
                self.socket.display()
            )));
        };
        let limit = format!("CONFIG SET maxmemory {}", self.maxmemory);
        let reply = self.ask(&limit).await;
        if !reply.is_ok_and(|reply| reply.starts_with("+OK")) {
            warn!("the Redis that an earlier daemon left keeps its maxmemory");
        }
        *self.process() = Some(Process::Adopted(pid));
        Ok(true)
    }

    /// Ends what the pid file names, if it is a server on our socket, and removes what it left.
    async fn clear(&self) -> Result<(), Error> {
        if let Some(pid) = self.pid_in_file() {
            warn!(
                pid,
                "a Redis that an earlier daemon left does not answer: it is ended"
            );
            self.end(pid, ANSWER_DEADLINE).await;
        }
        match fs::remove_file(&self.socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error(format!("{}: {error}", self.socket.display())))
            }
            _ => Ok(()),
        }
    }

    /// In a process group of its own: a Ctrl-C on the terminal must not end it before the daemon.
    fn spawn(&self) -> Result<(), Error> {
        // Whatever it says before it has opened its log, of its configuration for instance.
        let logfile = self.logfile();
        let log = fs::File::options().create(true).append(true).open(&logfile);
        let log = log.map_err(|error| Error(format!("{}: {error}", logfile.display())))?;
        let child = Command::new(&self.program)
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(|error| Error(format!("{}: {error}", self.program.display())))?;
        *self.process() = Some(Process::Child(child));
        Ok(())
    }

    async fn wait_until_it_answers(&self, deadline: Duration) -> Result<(), Error> {
        let end = Instant::now() + deadline;
        while Instant::now() < end {
            if self.is_up().await {
                return Ok(());
            }
            if self.has_exited() {
                return Err(Error(format!(
                    "{} ended at once: see {}",
                    self.program.display(),
                    self.logfile().display()
                )));
            }
            sleep(POLL).await;
        }
        Err(Error(format!(
            "the private Redis did not answer within {} s",
            deadline.as_secs()
        )))
    }

    /// Restarts the server whenever it has died. One that was only stopped is left alone: it may
    /// go on, and a second one on its folder would be worse.
    async fn watch(self: Arc<Self>) {
        let mut failures = 0;
        let mut started = Instant::now();
        loop {
            sleep(WATCH_EVERY).await;
            if !self.has_exited() {
                continue;
            }
            failures = if started.elapsed() > WELL_AFTER {
                0
            } else {
                failures + 1
            };
            let after = RESTART_AFTER[failures.min(RESTART_AFTER.len() - 1)];
            warn!(
                after_ms = after.as_millis() as u64,
                "the private Redis has died: restarting it"
            );
            sleep(after).await;
            started = Instant::now();
            let cleared = self.clear().await;
            if let Err(error) = cleared.and_then(|()| self.spawn()) {
                warn!(%error, "the private Redis could not be restarted");
            } else if let Err(error) = self.wait_until_it_answers(START_DEADLINE).await {
                warn!(%error, "the private Redis was restarted in vain");
            }
        }
    }

    fn logfile(&self) -> PathBuf {
        self.dir.join("redis.log")
    }

    fn has_exited(&self) -> bool {
        self.process().as_mut().is_none_or(Process::has_exited)
    }

    fn pid(&self) -> Option<i32> {
        self.process().as_ref().map(Process::pid)
    }

    /// The process of the pid file, if it is a server on our socket or configuration: a number
    /// alone may meanwhile be somebody else's.
    fn pid_in_file(&self) -> Option<i32> {
        let pid: i32 = fs::read_to_string(&self.pidfile)
            .ok()?
            .trim()
            .parse()
            .ok()?;
        let args = command_line(pid)?;
        let is_server = args.contains("redis-server") || args.contains("valkey-server");
        let is_ours = [&self.socket, &self.config]
            .iter()
            .any(|path| args.contains(&path.display().to_string()));
        (is_server && is_ours).then_some(pid)
    }

    async fn end_own(&self, deadline: Duration) {
        if let Some(pid) = self.pid() {
            self.end(pid, deadline).await;
        }
    }

    async fn end(&self, pid: i32, deadline: Duration) {
        signal(pid, Signal::TERM);
        if !self.wait_until_it_is_gone(pid, deadline).await {
            warn!(pid, "Redis did not end within its deadline: it is killed");
            signal(pid, Signal::KILL);
            // Another one must not begin on its files before it has let go of them.
            self.wait_until_it_is_gone(pid, ANSWER_DEADLINE).await;
        }
    }

    async fn wait_until_it_is_gone(&self, pid: i32, deadline: Duration) -> bool {
        let end = Instant::now() + deadline;
        while !self.is_gone(pid) {
            if Instant::now() > end {
                return false;
            }
            sleep(POLL).await;
        }
        true
    }

    fn is_gone(&self, pid: i32) -> bool {
        match self.process().as_mut() {
            Some(process) if process.pid() == pid => process.has_exited(),
            _ => !exists(pid),
        }
    }

    /// LOADING is an answer, but not yet the word.
    async fn is_up(&self) -> bool {
        self.ask("PING")
            .await
            .is_ok_and(|reply| reply.starts_with("+PONG"))
    }

    async fn ask(&self, command: &str) -> io::Result<String> {
        let exchange = async {
            let mut stream = UnixStream::connect(&self.socket).await?;
            stream
                .write_all(format!("{command}\r\n").as_bytes())
                .await?;
            // Every reply that is asked for here fits one read.
            let mut reply = [0; 4096];
            let count = stream.read(&mut reply).await?;
            Ok(String::from_utf8_lossy(&reply[..count]).into_owned())
        };
        timeout(ANSWER_DEADLINE, exchange).await?
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // Gone already is as good.
        let _ = kill_process(pid, signal);
    }
}

fn exists(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
}

/// From /proc where there is one, because a container may be without `ps`.
fn command_line(pid: i32) -> Option<String> {
    if let Ok(args) = fs::read(format!("/proc/{pid}/cmdline")) {
        return Some(String::from_utf8_lossy(&args).replace('\0', " "));
    }
    let pid = pid.to_string();
    let output = Command::new("ps")
        .args(["-ww", "-o", "args=", "-p", &pid])
        .output()
        .ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn find(configured: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(program) = configured {
        return if program.is_file() {
            Ok(program.to_owned())
        } else {
            Err(Error(format!(
                "redis.server {}: no such program",
                program.display()
            )))
        };
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let programs = PROGRAMS.iter().flat_map(|name| {
        std::env::split_paths(&folders)
            .map(move |folder| folder.join(name))
            .collect::<Vec<_>>()
    });
    programs
        .into_iter()
        .find(|program| program.is_file())
        .ok_or_else(|| {
            Error(
            "neither valkey-server nor redis-server is in PATH: make setup installs one, or give \
             --redis URL"
                .to_owned(),
        )
        })
}
