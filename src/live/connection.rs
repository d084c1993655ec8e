//! The one connection to Redis: how it is made, kept, and what is said when it is lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fred::clients::{Client, WithOptions};
use fred::error::{Error as Cause, ErrorKind};
use fred::interfaces::{ClientLike, EventInterface};
use fred::types::config::{Config, Options, ReconnectPolicy, ServerConfig, UnresponsiveConfig};
use fred::types::{Builder, RespVersion};
use tokio::task::JoinHandle;

use super::error::Error;

/// A batch of 1,024 takes Redis some 25 ms; without a bound a lost answer would be waited for for
/// ever.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the first connection is waited for.
const CONNECT_WAIT: Duration = Duration::from_secs(2);
/// Commands that wait for the socket. There is one applier and each report asks once, so that
/// more means that nothing moves.
const QUEUED_COMMANDS: usize = 256;
/// The first attempt follows a loss at once, because until then commands wait instead of failing.
const RECONNECT_FIRST_MS: u32 = 1;
const RECONNECT_MOST_MS: u32 = 250;
/// A connection whose answer is so late is given up: the other end may be gone without a word.
const UNRESPONSIVE_AFTER: Duration = Duration::from_secs(10);

/// Ends when it is dropped.
pub(super) struct Connection {
    keeper: JoinHandle<()>,
    last_error: Arc<Mutex<Option<Cause>>>,
}

impl Connection {
    pub(super) async fn open(url: &str) -> Result<(Connection, WithOptions<Client>), Error> {
        let client = client(url)?;
        let last_error = Arc::default();
        let mut connected = client.reconnect_rx();
        let mut errors = client.error_rx();
        let keeper = tokio::spawn(keep(client.clone(), Arc::clone(&last_error)));
        let _ = tokio::time::timeout(CONNECT_WAIT, async {
            tokio::select! {
                _ = connected.recv() => {}
                _ = errors.recv() => {}
            }
        })
        .await;
        // Whoever asks has history to ask instead, now rather than in five seconds.
        let options = Options {
            fail_fast: true,
            ..Options::default()
        };
        let client = client.with_options(&options);
        Ok((Connection { keeper, last_error }, client))
    }

    /// A command that was not even sent says nothing of why; the last attempt to connect does.
    pub(super) fn explain(&self, cause: Cause) -> Error {
        let last_error = self.last_error.lock();
        let last_error = last_error.unwrap_or_else(PoisonError::into_inner);
        match (&*last_error, cause.kind()) {
            (Some(last), ErrorKind::Canceled) => Error::away(plain(last.details())),
            _ => Error::from(cause),
        }
    }
}

/// The client tells an error of the system by its debug form: its message is in the quotes.
fn plain(details: &str) -> &str {
    let message = details.split_once("message: \"");
    message
        .and_then(|(_, rest)| rest.split('"').next())
        .unwrap_or(details)
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

fn client(url: &str) -> Result<Client, Error> {
    let config = Config {
        // Only RESP3 can be spoken while the server loads, so that we are told that it does.
        version: RespVersion::RESP3,
        fail_fast: false,
        ..config(url)?
    };
    let mut policy = ReconnectPolicy::new_exponential(0, RECONNECT_FIRST_MS, RECONNECT_MOST_MS, 2);
    policy.set_jitter(0);
    Builder::from_config(config)
        .with_performance_config(|performance| {
            performance.default_command_timeout = COMMAND_TIMEOUT;
        })
        .with_connection_config(|connection| {
            connection.connection_timeout = COMMAND_TIMEOUT;
            connection.internal_command_timeout = COMMAND_TIMEOUT;
            // More would repeat what may have been applied, without asking for the cursor.
            connection.max_command_attempts = 1;
            connection.max_command_buffer_len = QUEUED_COMMANDS;
            connection.unresponsive = UnresponsiveConfig {
                max_timeout: Some(UNRESPONSIVE_AFTER),
                ..UnresponsiveConfig::default()
            };
        })
        .set_policy(policy)
        .build()
        .map_err(Error::from)
}

fn config(url: &str) -> Result<Config, Error> {
    if let Some(path) = url.strip_prefix("unix://") {
        return Ok(Config {
            server: ServerConfig::new_unix_socket(path),
            ..Config::default()
        });
    }
    if !(url.starts_with("redis://") || url.starts_with("rediss://")) {
        return Err(Error::unfit(
            "its URL must begin with redis://, rediss:// or unix://",
        ));
    }
    Config::from_url_centralized(url).map_err(Error::from)
}

/// The client reconnects by itself for ever, but for a queue that is full at the wrong moment: then
/// its task ends and has to be begun again.
async fn keep(client: Client, last_error: Arc<Mutex<Option<Cause>>>) {
    let mut errors = client.error_rx();
    loop {
        let mut task = AbortOnDrop(client.connect());
        loop {
            tokio::select! {
                _ = &mut task.0 => break,
                Ok((error, _)) = errors.recv() => {
                    let mut last_error =
                        last_error.lock().unwrap_or_else(PoisonError::into_inner);
                    *last_error = Some(error);
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(RECONNECT_MOST_MS.into())).await;
    }
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
