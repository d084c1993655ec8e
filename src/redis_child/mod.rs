//! The private Redis or Valkey server: found, started, adopted after a crash of the daemon,
//! restarted when it dies, stopped last. The caller holds the lock of the data folder, so that two
//! daemons never have one server.

mod process;
mod program;
mod server;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::info;

use self::server::{ANSWER_DEADLINE, START_DEADLINE, Server};

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

/// Where the server of a data folder is to be reached, if it runs.
pub fn url(data_dir: &Path) -> String {
    format!("unix://{}", server::socket(data_dir).display())
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
