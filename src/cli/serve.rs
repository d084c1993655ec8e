//! `agentpulse serve`: the daemon in the foreground.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::Level;
use tracing_subscriber::EnvFilter;

use super::{Failure, Place, flag, io_failed};
use crate::config::{Log, LogFormat};
use crate::daemon;

/// What is still at work after the daemon has drained is a blocking thread without anything
/// that would be lost.
const LEFTOVER_WAIT: Duration = Duration::from_secs(1);

/// Of a daemon that was told twice to stop.
const EXIT_HURRIED: i32 = 1;

#[derive(Args)]
pub struct Serve {
    /// The Unix socket that hooks write to
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// The address of the HTTP API [default: 127.0.0.1:4056]
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// A Redis of your own [default: a private server]
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
}

impl Serve {
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let mut flags = Vec::new();
        if let Some(socket) = &self.socket {
            flags.push(flag("socket.path", socket)?);
        }
        if let Some(http) = self.http {
            flags.push(("http.listen".to_owned(), http));
        }
        if let Some(redis) = self.redis {
            flags.push(("redis.url".to_owned(), redis));
        }
        let config = place.load(flags)?;
        start_log(&config.log);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| io_failed("no event loop", &error))?;
        let result = runtime.block_on(async {
            let shutdown = shutdown()?;
            daemon::run(config, shutdown).await
        });
        runtime.shutdown_timeout(LEFTOVER_WAIT);
        result
    }
}

/// Resolves at the first SIGTERM, SIGINT or SIGHUP (a terminal that was closed); a second one ends
/// the process at once, for whom the draining takes too long. Nothing acknowledged is lost by that.
fn shutdown() -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| signal(kind).map_err(|error| io_failed("signals", &error));
    let mut signals = [
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
        listen(SignalKind::hangup())?,
    ];
    let (begin, begun) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        any(&mut signals).await;
        let _ = begin.send(()); // A daemon that has ended by itself waits for nobody.
        any(&mut signals).await;
        std::process::exit(EXIT_HURRIED);
    });
    Ok(async {
        let _ = begun.await;
    })
}

async fn any([terminate, interrupt, hangup]: &mut [Signal; 3]) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hangup.recv() => {}
    }
}

/// The log goes to standard error. `RUST_LOG` refines it for whoever looks for a fault.
fn start_log(log: &Log) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| filter(log.level));
    let is_terminal = std::io::stderr().is_terminal();
    let is_json = match log.format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_terminal);
    if is_json {
        log.json().flatten_event(true).init();
    } else {
        log.init();
    }
}

/// The library of migrations tells of every start what no operator needs, with a path of the
/// machine that built the program.
fn filter(level: Level) -> EnvFilter {
    let of_migrations = level.min(Level::WARN);
    EnvFilter::new(format!("{level},rusqlite_migration={of_migrations}"))
}

#[cfg(test)]
mod tests {
    use tracing::{dispatcher, enabled};

    use super::*;

    /// Whether our own information is logged, and what the library of migrations has to tell as
    /// information and as a warning.
    fn logged(level: Level) -> [bool; 3] {
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter(level));
        dispatcher::with_default(&subscriber.finish().into(), || {
            [
                enabled!(target: "agentpulse::daemon", Level::INFO),
                enabled!(target: "rusqlite_migration", Level::INFO),
                enabled!(target: "rusqlite_migration", Level::WARN),
            ]
        })
    }

    #[test]
    fn migrations_are_told_of_when_they_go_wrong() {
        assert_eq!(logged(Level::TRACE), [true, false, true]);
        assert_eq!(logged(Level::INFO), [true, false, true]);
        assert_eq!(logged(Level::WARN), [false, false, true]);
        assert_eq!(logged(Level::ERROR), [false, false, false]);
    }
}
