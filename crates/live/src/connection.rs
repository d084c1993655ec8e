//! The one connection to Redis: how it is made, kept, and what is said when it is lost.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use fred::clients::{Client, WithOptions};
use fred::error::{Error as Cause, ErrorKind};
use fred::interfaces::{ClientLike, EventInterface};
use fred::types::config::{Config, Options, ReconnectPolicy, ServerConfig, TlsConnector};
use fred::types::{Builder, RespVersion, Value};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::error::Error;
use agentpulse_core::redis_url::{Place, RedisUrl};

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
/// A connection that is silent for so long is given up: the other end may be gone without a
/// word.
const SILENT_AFTER: Duration = Duration::from_secs(10);
/// Between two questions that only find out whether it answers. Two in a row have `COMMAND_TIMEOUT`
/// each.
const PING_EVERY: Duration = Duration::from_secs(5);

/// Ends when it is dropped.
pub(super) struct Connection {
    keeper: JoinHandle<()>,
    last_error: Arc<Mutex<Option<Cause>>>,
}

impl Connection {
    pub(super) async fn open(url: &RedisUrl) -> Result<(Connection, WithOptions<Client>), Error> {
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
        Ok((Connection { keeper, last_error }, impatient(&client)))
    }

    /// A command that was not even sent says nothing of why; the last attempt to connect does.
    pub(super) fn explain(&self, cause: Cause) -> Error {
        let last_error = self.last_error.lock();
        match (&*last_error, cause.kind()) {
            (Some(last), ErrorKind::Canceled) => {
                let details = plain(last.details()).to_owned();
                Error::from(Cause::new(last.kind().clone(), details))
            }
            _ => Error::from(cause),
        }
    }
}

/// A report has history to ask instead, now rather than in five seconds.
fn impatient(client: &Client) -> WithOptions<Client> {
    client.with_options(&Options {
        fail_fast: true,
        ..Options::default()
    })
}

/// The client shows an error of the system by its debug form: its message is in the quotes.
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

fn client(url: &RedisUrl) -> Result<Client, Error> {
    let config = Config {
        // Only RESP3 can be spoken while the server loads, so that it says that it does.
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
        })
        .set_policy(policy)
        .build()
        .map_err(Error::from)
}

fn config(url: &RedisUrl) -> Result<Config, Error> {
    let tls = matches!(url.place, Place::Tcp { tls: true, .. });
    let tls = tls.then(TlsConnector::default_rustls).transpose()?;
    Ok(Config {
        server: match &url.place {
            Place::Tcp { host, port, .. } => ServerConfig::new_centralized(host, *port),
            Place::Unix(path) => ServerConfig::new_unix_socket(path),
        },
        username: url.user.clone(),
        password: url.password.clone(),
        database: url.database,
        tls: tls.map(Into::into),
        ..Config::default()
    })
}

/// The client reconnects by itself for ever, but for a queue that is full at the wrong moment, when
/// its task ends, and for a connection that is silent: its own bound for that begins again with
/// whatever is sent. Then the task has to be begun again. One that hangs in a write would not heed
/// a request to reconnect, so that it is ended.
async fn keep(client: Client, last_error: Arc<Mutex<Option<Cause>>>) {
    let note = |error| {
        *last_error.lock() = error;
    };
    let mut errors = client.error_rx();
    let mut connected = client.reconnect_rx();
    loop {
        let mut task = AbortOnDrop(client.connect());
        let mut silent = pin!(silent(&client));
        loop {
            tokio::select! {
                _ = &mut task.0 => break,
                () = &mut silent => {
                    let seconds = SILENT_AFTER.as_secs();
                    let message = format!("no answer for {seconds} s, connecting again");
                    note(Some(Cause::new(ErrorKind::Timeout, message)));
                    break;
                }
                Ok((error, _)) = errors.recv() => note(Some(error)),
                // What was wrong before is no reason of what will be.
                Ok(_) = connected.recv() => note(None),
            }
        }
        drop(task);
        tokio::time::sleep(Duration::from_millis(RECONNECT_MOST_MS.into())).await;
    }
}

/// Ends when a connection that is there has been silent for too long. An error that the server
/// reports, as while it loads, is an answer; a connection that is lost is made again by the client.
async fn silent(client: &Client) {
    let impatient = impatient(client);
    let mut answered = Instant::now();
    loop {
        let asked = Instant::now();
        let answer = Box::pin(impatient.ping::<Value>(None)).await;
        let is_silent = answer.is_err_and(|error| {
            matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Backpressure)
        });
        if !(is_silent && client.is_connected()) {
            answered = Instant::now();
        } else if answered.elapsed() >= SILENT_AFTER {
            return;
        }
        sleep_until(asked + PING_EVERY).await;
    }
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
