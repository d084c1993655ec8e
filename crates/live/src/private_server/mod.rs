//! The private Redis or Valkey server: found, started, adopted after a crash of the daemon,
//! restarted when it dies, stopped last. The caller holds the lock of the data folder, so that two
//! daemons never have one server.

mod ask;
mod conf;
mod process;
mod program;
mod server;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::info;

use self::server::{ANSWER_DEADLINE, Server};
use agentpulse_core::redis_url::RedisUrl;

/// Why there is no server, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    message: String,
    is_of_file: bool,
}

impl Error {
    /// A file or a folder cannot be written, because the disk is full for instance.
    pub fn is_of_file(&self) -> bool {
        self.is_of_file
    }

    fn other(message: impl Into<String>) -> Error {
        Error {
            message: message.into(),
            is_of_file: false,
        }
    }

    fn no_file(message: String) -> Error {
        Error {
            message,
            is_of_file: true,
        }
    }

    fn of_file(path: &Path, error: &io::Error) -> Error {
        let shown = path.display();
        Error::no_file(match error.kind() {
            io::ErrorKind::StorageFull => format!("{shown}: {error}, {}", free(path)),
            _ => format!("{shown}: {error}"),
        })
    }
}

/// How much room there is on the disk of a file or a folder, in words.
fn free(path: &Path) -> String {
    match free_bytes(path) {
        Some(bytes) => format!("{} KiB are free", bytes >> 10),
        None => "nobody knows how much is free".to_owned(),
    }
}

fn free_bytes(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

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

/// Where the server of a data folder is to be reached, if it runs.
pub fn url(data_dir: &Path) -> RedisUrl {
    RedisUrl::of_socket(&server::socket(data_dir))
}

pub struct RedisChild {
    server: Arc<Server>,
    watch: JoinHandle<()>,
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
            if let Err(error) = server.begin().await {
                server.end_own(ANSWER_DEADLINE).await;
                return Err(error);
            }
        }
        let watch = tokio::spawn(server.clone().watch());
        Ok(RedisChild { server, watch })
    }

    pub fn url(&self) -> RedisUrl {
        RedisUrl::of_socket(&self.server.socket)
    }

    /// Lets the server write what it has and end; after the deadline it is killed.
    pub async fn stop(self, deadline: Duration) {
        self.watch.abort();
        self.server.end_own(deadline).await;
    }
}
