//! One server on one folder: adopted or started, watched, ended.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::conf;
use super::ended::ended;
use super::error::Error;
use super::process::{Process, command_line, exists, signal};
use super::program::find;
use super::settings::Settings;
use agentpulse_contract::data_folder::REDIS_SOCKET;

/// `sun_path` of the smallest system that is supported, with its closing zero.
const MAX_SOCKET_PATH_BYTES: usize = if cfg!(target_os = "macos") { 103 } else { 107 };
/// A large append-only file takes a while to load; meanwhile the server answers LOADING.
pub const START_DEADLINE: Duration = Duration::from_secs(60);
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(2);
pub const POLL: Duration = Duration::from_millis(20);
/// For a command that ends it; one that hangs is ended by signals.
const SHUTDOWN_DEADLINE: Duration = Duration::from_millis(200);
/// Between two restarts of a server that keeps dying.
const RESTART_AFTER: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(10),
];
/// A server that lived this long was healthy.
const WELL_AFTER: Duration = Duration::from_secs(30);

pub struct Server {
    pub program: PathBuf,
    pub socket: PathBuf,
    pub config: PathBuf,
    pidfile: PathBuf,
    pub dir: PathBuf,
    pub maxmemory: u64,
    pub template: String,
    process: Mutex<Option<Process>>,
}

pub fn socket(data_dir: &Path) -> PathBuf {
    data_dir.join(REDIS_SOCKET)
}

impl Server {
    pub fn prepare(settings: &Settings) -> Result<Server, Error> {
        let dir = settings.dir.join("redis");
        let socket = socket(&settings.dir);
        if socket.as_os_str().len() > MAX_SOCKET_PATH_BYTES {
            return Err(Error::other(format!(
                "the path of the private Redis's socket, {}, must be at most \
                 {MAX_SOCKET_PATH_BYTES} bytes: choose a shorter data.dir",
                socket.display()
            )));
        }
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700);
        folder
            .create(&dir)
            .map_err(|error| Error::of_file(&dir, &error))?;
        let server = Server {
            program: find(settings.server.as_deref())?,
            config: dir.join("redis.conf"),
            pidfile: dir.join("redis.pid"),
            socket,
            maxmemory: settings.maxmemory,
            template: settings.template.clone(),
            dir,
            process: Mutex::new(None),
        };
        // A disk without room shows here, before a server is started on it.
        server.write_config()?;
        Ok(server)
    }

    /// Written again for each start, so that changes in it have no effect.
    fn write_config(&self) -> Result<(), Error> {
        let config = self
            .template
            .replace("{socket}", &conf::quoted(&self.socket))
            .replace("{pidfile}", &conf::quoted(&self.pidfile))
            .replace("{logfile}", &conf::quoted(&self.logfile()))
            .replace("{dir}", &conf::quoted(&self.dir))
            .replace("{maxmemory}", &self.maxmemory.to_string());
        fs::write(&self.config, config).map_err(|error| Error::of_file(&self.config, &error))
    }

    /// Takes over a server that answers and has our folder; it may still be loading. Nothing is
    /// sent to one that is not ours, and its socket is not taken from it.
    pub async fn adopt(&self) -> Result<bool, Error> {
        let end = Instant::now() + START_DEADLINE;
        loop {
            match self.ask("PING").await {
                Ok(reply) if reply.starts_with("+PONG") => break,
                Ok(reply) if reply.starts_with("-LOADING") && Instant::now() < end => {
                    sleep(POLL).await;
                }
                Ok(reply) if reply.starts_with('-') => return Err(self.refused(&reply)),
                _ => return Ok(false),
            }
        }
        let is_ours = self.is_ours().await?;
        let (true, Some(pid)) = (is_ours, self.answering_pid().await) else {
            return Err(Error::other(format!(
                "{} belongs to another server: end it or choose another data.dir",
                self.socket.display()
            )));
        };
        let limit = format!("CONFIG SET maxmemory {}", self.maxmemory);
        // Whether it accepted the value is checked with the other settings.
        let _ = self.ask(&limit).await;
        *self.process() = Some(Process::Adopted(pid));
        match self.check().await {
            Ok(()) => Ok(true),
            Err(error) => {
                warn!(%error, pid, "the Redis that an earlier daemon left is ended");
                self.end(pid, ANSWER_DEADLINE).await;
                Ok(false)
            }
        }
    }

    /// Ends the process of the pid file, if it is a server on our socket, and removes its files.
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
                Err(Error::of_file(&self.socket, &error))
            }
            _ => Ok(()),
        }
    }

    /// In a process group of its own: a Ctrl-C on the terminal must not end it before the daemon.
    ///
    /// The configuration is its standard input: a path on the command line would be taken for a
    /// pattern, and where that matches nothing it starts without one, on port 6379 of all
    /// interfaces. The socket is named again there, so that its command line shows whose it is.
    pub fn spawn(&self) -> Result<(), Error> {
        self.write_config()?;
        let config = fs::File::open(&self.config);
        let config = config.map_err(|error| Error::of_file(&self.config, &error))?;
        // Messages before it has opened its log, for example of its configuration.
        let logfile = self.logfile();
        let log = fs::File::options().create(true).append(true).open(&logfile);
        let log = log.map_err(|error| Error::of_file(&logfile, &error))?;
        let child = Command::new(&self.program)
            .args(["-", "--unixsocket"])
            .arg(&self.socket)
            .stdin(config)
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(|error| Error::other(format!("{}: {error}", self.program.display())))?;
        *self.process() = Some(Process::Child(child));
        Ok(())
    }

    /// Starts the server and waits until it answers. A server with other settings than it was given
    /// is ended.
    pub async fn begin(&self) -> Result<(), Error> {
        self.begin_with_or_without_files().await?;
        let checked = self.check().await;
        if checked.is_err() {
            // One that made itself a daemon is in no group of ours.
            if let Some(pid) = self.answering_pid().await {
                self.end(pid, ANSWER_DEADLINE).await;
            }
            self.end_own(ANSWER_DEADLINE).await;
        }
        checked
    }

    /// The content of the files can be rebuilt from the history, and a power cut may leave them in
    /// a state that no server reads: if it ends at once, it is started without them.
    async fn begin_with_or_without_files(&self) -> Result<(), Error> {
        let begun = self.spawn_and_wait().await;
        match &begun {
            Err(error) if self.has_exited() && !error.is_of_file() => {}
            _ => return begun,
        }
        let [files, aside] = ["appendonlydir", "appendonlydir.unread"].map(|d| self.dir.join(d));
        // Those of an earlier time.
        let _ = fs::remove_dir_all(&aside);
        if fs::rename(&files, &aside).is_err() {
            return begun;
        }
        if self.spawn_and_wait().await.is_ok() {
            let aside = aside.display();
            warn!(%aside, "the private Redis cannot read its files: it begins without them");
            return Ok(());
        }
        // It was not for them.
        self.end_own(ANSWER_DEADLINE).await;
        let _ = fs::remove_dir_all(&files);
        let _ = fs::rename(&aside, &files);
        begun
    }

    async fn spawn_and_wait(&self) -> Result<(), Error> {
        self.spawn()?;
        self.wait_until_it_answers(START_DEADLINE).await
    }

    /// The process that answers on the socket, as it reports.
    async fn answering_pid(&self) -> Option<i32> {
        let info = self.ask("INFO server").await.ok()?;
        let mut lines = info.lines();
        lines.find_map(|line| line.strip_prefix("process_id:")?.trim().parse().ok())
    }

    pub async fn wait_until_it_answers(&self, deadline: Duration) -> Result<(), Error> {
        let end = Instant::now() + deadline;
        while Instant::now() < end {
            match self.ask("PING").await {
                Ok(reply) if reply.starts_with("+PONG") => return Ok(()),
                Ok(reply) if reply.starts_with("-MISCONF") => return Err(self.refused(&reply)),
                _ if self.has_exited() => return Err(self.ended_at_once()),
                _ => sleep(POLL).await,
            }
        }
        Err(Error::other(format!(
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
            if let Some(pid) = self.pid() {
                ended(pid).await;
            }
            if !self.has_exited() {
                // Its parent has still to collect it.
                sleep(POLL).await;
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
            // The program may have been a script: what it started is ended before there is another,
            // and its number forgotten, which may become somebody else's.
            self.end_own(ANSWER_DEADLINE).await;
            *self.process() = None;
            let begun = match self.clear().await {
                Ok(()) => self.begin().await,
                cleared => cleared,
            };
            if let Err(error) = begun {
                warn!(%error, "the private Redis was restarted in vain");
            }
        }
    }

    pub fn logfile(&self) -> PathBuf {
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
        let names = |word: &[u8]| args.windows(word.len()).any(|part| part == word);
        let is_server = names(b"redis-server") || names(b"valkey-server");
        // That of version 0.1.0 had its configuration on its command line.
        let is_ours = [&self.socket, &self.config]
            .iter()
            .any(|path| names(path.as_os_str().as_bytes()));
        (is_server && is_ours).then_some(pid)
    }

    pub async fn end_own(&self, deadline: Duration) {
        if let Some(pid) = self.pid() {
            self.end(pid, deadline).await;
        }
    }

    pub async fn end(&self, pid: i32, deadline: Duration) {
        if self.is_gone(pid) {
            return;
        }
        self.signal(pid, Signal::TERM);
        let _ = timeout(SHUTDOWN_DEADLINE, self.shut_down(pid)).await;
        if !self.wait_until_it_is_gone(pid, deadline).await {
            warn!(pid, "Redis did not end within its deadline: it is killed");
            self.signal(pid, Signal::KILL);
            // Another one must not begin on its files before it has let go of them.
            self.wait_until_it_is_gone(pid, ANSWER_DEADLINE).await;
        }
    }

    /// It acts on a signal within a second, and on a command at once.
    async fn shut_down(&self, pid: i32) {
        if self.answering_pid().await == Some(pid) {
            // Its end is the answer.
            let _ = self.ask("SHUTDOWN").await;
        }
    }

    fn signal(&self, pid: i32, what: Signal) {
        match self.process().as_ref() {
            Some(process) if process.pid() == pid => process.signal(what),
            _ => signal(pid, what),
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
            Some(process) if process.pid() == pid => process.is_gone(),
            _ => !exists(pid),
        }
    }

    pub fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock()
    }
}
