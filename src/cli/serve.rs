//! `agentpulse serve`: the daemon in the foreground.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tracing::Level;
use tracing_subscriber::EnvFilter;

use super::failure::{Failure, io_failed};
use super::target::{Target, flag};
use agentpulse_config::{Log, LogFormat};
use agentpulse_server::daemon::{self, Signals, Source};

/// What is still at work after the daemon has drained is a blocking thread without anything
/// that would be lost.
const LEFTOVER_WAIT: Duration = Duration::from_secs(1);

/// The exit code after a second signal to stop.
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
    pub fn run(self, target: &Target) -> Result<(), Failure> {
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
        let config = target.load(flags.clone())?;
        flags.extend(target.flags()?);
        let set_log_level = start_log(&config.log);
        let target = target.clone();
        let settings = Source {
            load: Box::new(move || target.resolve(&flags)),
            set_log_level,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| io_failed("no event loop", &error))?;
        let result = runtime.block_on(async {
            let (shutdown, hangups) = signals()?;
            let signals = Signals {
                shutdown,
                hangups,
                settings,
            };
            Ok::<(), Failure>(daemon::run(config, signals).await?)
        });
        runtime.shutdown_timeout(LEFTOVER_WAIT);
        result
    }
}

/// The first answer resolves at the first SIGTERM or SIGINT, or when the terminal is closed that
/// the daemon was started on; a second one ends the process at once, for whom the draining takes
/// too long. Nothing acknowledged is lost by that. The second answer has a word for each SIGHUP
/// that asks to read the settings again.
fn signals() -> Result<(impl Future<Output = ()>, mpsc::Receiver<()>), Failure> {
    let listen = |kind| signal(kind).map_err(|error| io_failed("signals", &error));
    let mut signals = [
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
        listen(SignalKind::hangup())?,
    ];
    let (begin, begun) = oneshot::channel();
    let (reload, hangups) = mpsc::channel(1);
    tokio::spawn(async move {
        let was_terminal = std::io::stderr().is_terminal();
        let mut begin = Some(begin);
        loop {
            let is_hangup = any(&mut signals).await;
            // One that was closed is none any more.
            if is_hangup && (!was_terminal || std::io::stderr().is_terminal()) {
                // One that waits already will read what this one asks for.
                let _ = reload.try_send(());
                continue;
            }
            match begin.take() {
                // A daemon that has ended by itself does not wait for signals.
                Some(begin) => drop(begin.send(())),
                None => std::process::exit(EXIT_HURRIED),
            }
        }
    });
    let shutdown = async {
        let _ = begun.await;
    };
    Ok((shutdown, hangups))
}

/// Whether it is a hang-up.
async fn any([terminate, interrupt, hangup]: &mut [Signal; 3]) -> bool {
    tokio::select! {
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
        _ = hangup.recv() => true,
    }
}

type SetLevel = Box<dyn Fn(Level) + Send + Sync>;

/// The log goes to standard error. `RUST_LOG` refines it for debugging, and then the level stays as
/// that says. Returns the function that sets another level.
fn start_log(log: &Log) -> SetLevel {
    let by_environment = EnvFilter::try_from_default_env().ok();
    let is_fixed = by_environment.is_some();
    let is_terminal = std::io::stderr().is_terminal();
    let is_json = match log.format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(by_environment.unwrap_or_else(|| filter(log.level)))
        .with_writer(std::io::stderr)
        .with_ansi(is_terminal);
    // Without the log there is no place to report that it is gone.
    let set_level: SetLevel = if is_json {
        let builder = builder.json().flatten_event(true).with_filter_reloading();
        let handle = builder.reload_handle();
        builder.init();
        Box::new(move |level| drop(handle.reload(filter(level))))
    } else {
        let builder = builder.with_filter_reloading();
        let handle = builder.reload_handle();
        builder.init();
        Box::new(move |level| drop(handle.reload(filter(level))))
    };
    match is_fixed {
        true => Box::new(|_| {}),
        false => set_level,
    }
}

/// The library of migrations logs with every start what no operator needs, with a path of the
/// machine that built the program.
fn filter(level: Level) -> EnvFilter {
    let of_migrations = level.min(Level::WARN);
    EnvFilter::new(format!("{level},rusqlite_migration={of_migrations}"))
}

#[cfg(test)]
mod tests {
    use tracing::{dispatcher, enabled};

    use super::*;

    /// Whether our own information is logged, and messages of the library of migrations as
    /// information and as a warning.
    fn logged(level: Level) -> [bool; 3] {
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter(level));
        dispatcher::with_default(&subscriber.finish().into(), || {
            [
                enabled!(target: "agentpulse_server::daemon", Level::INFO),
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
