//! The data folder and the socket's folder: whose they are, and who holds them.

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use super::{EXIT_ALREADY_RUNNING, EXIT_CANNOT_CREATE, Failure};
use crate::config::Config;
use crate::intake::socket;
use crate::redis_child;

const LOCK: &str = "lock";
const HTTP_ADDRESS: &str = "http.addr";
pub const CONTROL: &str = "control.sock";
pub const JOURNAL: &str = "journal.db";
pub const HISTORY: &str = "history.db";
pub const ACCESS: &str = "access.db";

/// Held as long as the daemon runs, so that two never share a folder.
pub struct Folder {
    dir: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder, 0700, and locks it.
    pub fn claim(config: &Config) -> Result<Folder, Failure> {
        let dir = config.data.dir.clone();
        let cannot = |error: io::Error| {
            Failure::new(
                EXIT_CANNOT_CREATE,
                format!("data.dir {}: {error}", dir.display()),
            )
        };
        // Whatever the user's umask is, nothing that the daemon makes is for others.
        rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o077));
        make_private(&dir).map_err(cannot)?;
        let mut options = File::options();
        let lock = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(dir.join(LOCK));
        let lock = lock.map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => Ok(Folder { dir, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Failure::new(
                EXIT_ALREADY_RUNNING,
                format!("a daemon already runs on {}", dir.display()),
            )),
            Err(TryLockError::Error(error)) => Err(cannot(error)),
        }
    }

    /// Tells where the daemon is to be reached, also when the system chose the port.
    pub fn publish(&self, http: &str) -> Result<(), Failure> {
        fs::write(self.dir.join(HTTP_ADDRESS), http)
            .map_err(|error| Failure::new(EXIT_CANNOT_CREATE, format!("{HTTP_ADDRESS}: {error}")))
    }

    pub fn bind_control(&self) -> Result<UnixListener, Failure> {
        bind(&self.dir.join(CONTROL))
    }

    /// The socket's folder must be the user's own: in another's, anybody could put a socket of
    /// their own in its place.
    pub fn bind_socket(&self, config: &Config) -> Result<UnixListener, Failure> {
        let path = &config.socket.path;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let refuse = |reason: String| {
            Failure::new(
                EXIT_CANNOT_CREATE,
                format!("socket.path {}: {reason}", path.display()),
            )
        };
        if !folder.exists() {
            make_private(folder).map_err(|error| refuse(error.to_string()))?;
        }
        let data = fs::metadata(folder).map_err(|error| refuse(error.to_string()))?;
        if data.uid() != rustix::process::geteuid().as_raw() || data.mode() & 0o022 != 0 {
            return Err(refuse(format!(
                "{} must be your own and not writable by others",
                folder.display()
            )));
        }
        bind(path)
    }

    /// What tells others where the daemon is goes with it.
    pub fn release(self, config: &Config) {
        let own = [CONTROL, HTTP_ADDRESS].map(|name| self.dir.join(name));
        for path in own.iter().chain([&config.socket.path]) {
            // Already gone is as good.
            let _ = fs::remove_file(path);
        }
    }
}

pub fn redis_settings(config: &Config) -> redis_child::Settings {
    redis_child::Settings {
        dir: config.data.dir.clone(),
        server: config.redis.server.clone(),
        maxmemory: config.redis.maxmemory,
        template: include_str!("../../config/redis.conf").to_owned(),
    }
}

fn bind(path: &Path) -> Result<UnixListener, Failure> {
    socket::bind(path)
        .map_err(|error| Failure::new(EXIT_CANNOT_CREATE, format!("{}: {error}", path.display())))
}

fn make_private(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)?;
    fs::set_permissions(dir, Permissions::from_mode(0o700))
}
