//! The data folder and the socket's folder: their owner and their lock.

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use super::failure::{Failure, cannot_create};
use super::ownership::{Found, inspect};
use super::settle::settle;
use crate::intake::socket;
use agentpulse_config::Config;
use agentpulse_contract::data_folder::{CONTROL_SOCKET, HTTP_ADDRESS, LOCK};
use agentpulse_contract::exit;
use agentpulse_store::backup::make_folder;

/// Locked as long as the daemon runs, so that two never share a folder.
pub struct Folder {
    dir: PathBuf,
    _lock: File,
}

impl Folder {
    /// Creates the folder, 0700, if there is none, and locks it.
    pub fn claim(config: &Config) -> Result<Folder, Failure> {
        Folder::claim_if(config, |_| true)?.settled()
    }

    /// Locks a folder that a daemon has worked on; creates nothing.
    pub fn claim_existing(config: &Config) -> Result<Folder, Failure> {
        Folder::claim_if(config, |found| found == Found::Ours)?.settled()
    }

    /// As [`Folder::claim`], with the remains of an earlier restore.
    pub fn claim_to_restore(config: &Config) -> Result<Folder, Failure> {
        Folder::claim_if(config, |_| true)
    }

    fn settled(self) -> Result<Folder, Failure> {
        settle(&self.dir)?;
        Ok(self)
    }

    fn claim_if(config: &Config, may_take: fn(Found) -> bool) -> Result<Folder, Failure> {
        let dir = config.data.dir.clone();
        let refuse = |reason: String| {
            let shown = dir.display();
            Failure::new(exit::CANNOT_CREATE, format!("data.dir {shown}: {reason}"))
        };
        let cannot = |error: io::Error| refuse(error.to_string());
        let found = inspect(&dir).map_err(refuse)?;
        if !may_take(found) {
            return Err(nothing_in(&dir));
        }
        // Whatever the user's umask is, no file of the daemon is for others.
        rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o077));
        if found == Found::Missing {
            make_private(&dir).map_err(cannot)?;
        }
        let mut options = File::options();
        let lock = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(dir.join(LOCK));
        let lock = lock.map_err(cannot)?;
        let folder = match lock.try_lock() {
            Ok(()) => Folder { dir, _lock: lock },
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new(
                    exit::ALREADY_RUNNING,
                    format!("a daemon already runs on {}", dir.display()),
                ));
            }
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        };
        if found == Found::Ours {
            folder.close_to_others()?;
        }
        Ok(folder)
    }

    /// Closes the folder to other users, once it is known to be a daemon's.
    pub fn close_to_others(&self) -> Result<(), Failure> {
        let closed = fs::metadata(&self.dir).and_then(|data| match data.mode() & 0o077 {
            0 => Ok(()),
            _ => fs::set_permissions(&self.dir, Permissions::from_mode(0o700)),
        });
        closed.map_err(cannot_create(&self.dir.display().to_string()))
    }

    /// Writes down the address of the daemon, also if the system chose the port.
    pub fn publish(&self, http: &str) -> Result<(), Failure> {
        fs::write(self.dir.join(HTTP_ADDRESS), http)
            .map_err(|error| Failure::new(exit::CANNOT_CREATE, format!("{HTTP_ADDRESS}: {error}")))
    }

    pub fn bind_control(&self) -> Result<UnixListener, Failure> {
        bind(&self.dir.join(CONTROL_SOCKET))
    }

    /// The socket's folder must be the user's own: in another's, anybody could put a socket of
    /// their own in its place. A daemon on another data folder may have taken the path meanwhile.
    pub fn bind_socket(&self, config: &Config) -> Result<(UnixListener, BoundSocket), Failure> {
        check_socket_is_free(config)?;
        let path = &config.socket.path;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let refuse = |reason: String| {
            Failure::new(
                exit::CANNOT_CREATE,
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
        let listener = bind(path)?;
        let file = file_of(path).map_err(|error| refuse(error.to_string()))?;
        let path = path.clone();
        Ok((listener, BoundSocket { path, file }))
    }

    /// Removes the files that name the daemon's addresses. The folder is locked: nobody else has
    /// put them there.
    pub fn release(self) {
        for name in [CONTROL_SOCKET, HTTP_ADDRESS] {
            // A file that is already gone is fine.
            let _ = fs::remove_file(self.dir.join(name));
        }
    }
}

/// The event socket, whose path several data folders may share: its file is removed with this, and
/// only where it is still the one that was bound.
pub struct BoundSocket {
    path: PathBuf,
    file: (u64, u64),
}

impl Drop for BoundSocket {
    fn drop(&mut self) {
        if file_of(&self.path).is_ok_and(|file| file == self.file) {
            // A file that is already gone is fine.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Identifies a file among those that had its path.
fn file_of(path: &Path) -> io::Result<(u64, u64)> {
    let data = fs::symlink_metadata(path)?;
    Ok((data.dev(), data.ino()))
}

/// A socket without a listener was left behind by a daemon that was killed. One of a daemon with
/// another data folder must not be taken from it.
pub fn check_socket_is_free(config: &Config) -> Result<(), Failure> {
    let path = &config.socket.path;
    match UnixStream::connect(path) {
        Err(_) => Ok(()),
        Ok(_) => Err(Failure::new(
            exit::ALREADY_RUNNING,
            format!(
                "socket.path {}: another process listens there",
                path.display()
            ),
        )),
    }
}

fn bind(path: &Path) -> Result<UnixListener, Failure> {
    socket::bind(path)
        .map_err(|error| Failure::new(exit::CANNOT_CREATE, format!("{}: {error}", path.display())))
}

/// Creates a folder and its parents.
fn make_private(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    dir.parent().map_or(Ok(()), make_private)?;
    match make_folder(dir) {
        // It ends with `..`, or was created by another program meanwhile.
        Err(_) if dir.is_dir() => Ok(()),
        made => made,
    }
}

/// The error of a command that needs existing data.
pub fn nothing_in(dir: &Path) -> Failure {
    let message = format!(
        "no daemon has worked on {}: name its folder with --data-dir",
        dir.display()
    );
    Failure::new(1, message)
}
