//! One server on one folder: adopted or started, watched, ended.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::process::{Process, command_line, exists, signal};
use super::program::find;
use super::{Error, Settings};

/// `sun_path` of the smallest system that is supported, with its closing zero.
const MAX_SOCKET_PATH_BYTES: usize = if cfg!(target_os = "macos") { 103 } else { 107 };
/// A large append-only file takes a while to load; meanwhile the server answers LOADING.
pub const START_DEADLINE: Duration = Duration::from_secs(60);
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(2);
pub const POLL: Duration = Duration::from_millis(20);
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

pub struct Server {
    program: PathBuf,
    pub socket: PathBuf,
    pub config: PathBuf,
    pidfile: PathBuf,
    dir: PathBuf,
    maxmemory: u64,
    process: Mutex<Option<Process>>,
}

pub fn socket(data_dir: &Path) -> PathBuf {
    data_dir.join("redis.sock")
}

impl Server {
    pub fn prepare(settings: &Settings) -> Result<Server, Error> {
        let dir = settings.dir.join("redis");
        let socket = socket(&settings.dir);
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

    pub fn fill(&self, template: &str) -> String {
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
    pub async fn adopt(&self) -> Result<bool, Error> {
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
    pub async fn clear(&self) -> Result<(), Error> {
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
    pub fn spawn(&self) -> Result<(), Error> {
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

    pub async fn wait_until_it_answers(&self, deadline: Duration) -> Result<(), Error> {
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
    pub async fn watch(self: Arc<Self>) {
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

    pub fn has_exited(&self) -> bool {
        self.process().as_mut().is_none_or(Process::has_exited)
    }

    pub fn pid(&self) -> Option<i32> {
        self.process().as_ref().map(Process::pid)
    }

    /// The process of the pid file, if it is a server on our socket or configuration: a number
    /// alone may meanwhile be somebody else's.
    pub fn pid_in_file(&self) -> Option<i32> {
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

    pub async fn end_own(&self, deadline: Duration) {
        if let Some(pid) = self.pid() {
            self.end(pid, deadline).await;
        }
    }

    pub async fn end(&self, pid: i32, deadline: Duration) {
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

    pub fn is_gone(&self, pid: i32) -> bool {
        match self.process().as_mut() {
            Some(process) if process.pid() == pid => process.has_exited(),
            _ => !exists(pid),
        }
    }

    /// LOADING is an answer, but not yet the word.
    pub async fn is_up(&self) -> bool {
        self.ask("PING")
            .await
            .is_ok_and(|reply| reply.starts_with("+PONG"))
    }

    pub async fn ask(&self, command: &str) -> io::Result<String> {
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

    pub fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
