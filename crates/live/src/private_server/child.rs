//! The running server as the daemon holds it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::info;

use super::error::Error;
use super::server::{ANSWER_DEADLINE, Server, socket};
use super::settings::Settings;
use agentpulse_core::redis_url::RedisUrl;

/// Where the server of a data folder is to be reached, if it runs.
pub fn url(data_dir: &Path) -> RedisUrl {
    RedisUrl::of_socket(&socket(data_dir))
}

pub struct RedisChild {
    pub(super) server: Arc<Server>,
    pub(super) watch: JoinHandle<()>,
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
