//! Notifies systemd of the daemon's state (`sd_notify(3)`), if systemd asks for it. One datagram a
//! message is the whole protocol. The crate sd-notify (0.5) blocks its caller while the manager
//! does not read, and reaches no socket of an abstract name.

use std::env;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{debug, warn};

use agentpulse_pipeline::readiness::Readiness;
use agentpulse_pipeline::watchdog::Part;

/// Until it is ready.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Once it was ready, to notice when it is not.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The socket of the service manager, and its watchdog interval.
pub struct Notifier {
    socket: UnixDatagram,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// Returns None if no service manager listens.
    pub fn of_environment() -> Option<Arc<Notifier>> {
        let name = env::var_os("NOTIFY_SOCKET")?;
        let socket = match connect(name.as_encoded_bytes()) {
            Ok(socket) => socket,
            Err(error) => {
                warn!(%error, "the service manager cannot be notified");
                return None;
            }
        };
        let watchdog = watchdog(|variable| env::var(variable).ok(), std::process::id());
        Some(Arc::new(Notifier { socket, watchdog }))
    }

    /// A manager that does not listen changes nothing.
    fn notify(&self, words: &str) {
        if let Err(error) = self.socket.send(words.as_bytes()) {
            debug!(%error, words, "the service manager was not notified");
        }
    }

    pub fn reloading(&self) {
        // systemd's clock: with it systemd recognizes a late answer.
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let now_us = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.notify(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}\n"));
    }

    pub fn ready(&self) {
        self.notify("READY=1\nSTATUS=accepts events\n");
    }

    pub fn stopping(&self) {
        self.notify("STOPPING=1\nSTATUS=drains its queues\n");
    }

    /// Reports that the daemon is ready once `/ready` says so, then whether it still is, and that
    /// it lives as long as the writer and the views move. A daemon that accepts no events is not
    /// restarted for it: that frees no disk.
    pub async fn run(self: Arc<Self>, readiness: Readiness, mut stop: watch::Receiver<bool>) {
        let life = async {
            while let Err(reason) = readiness.ready() {
                self.status(Some(&reason));
                sleep(LOOK_EVERY).await;
            }
            self.ready();
            let (mut stalled, mut reported, mut beat_at) = (None, None, Instant::now());
            loop {
                if let Some(every) = self.watchdog.filter(|_| Instant::now() >= beat_at) {
                    beat_at = Instant::now() + every / 4;
                    let found = readiness.watchdog.stalled(every / 2, Instant::now());
                    self.beat(found, stalled);
                    stalled = found;
                }
                let reason = readiness.ready().err();
                if reason != reported && stalled.is_none() {
                    self.status(reason.as_deref());
                    reported = reason;
                }
                let watched = self.watchdog.map_or(TELL_EVERY, |every| every / 4);
                sleep(watched.min(TELL_EVERY)).await;
            }
        };
        tokio::select! {
            () = life => {}
            // Without a sender the daemon is gone already.
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    fn status(&self, not_ready: Option<&str>) {
        match not_ready {
            Some(reason) => self.notify(&format!("STATUS=not ready: {reason}\n")),
            None => self.notify("STATUS=accepts events\n"),
        }
    }

    /// A part that is stalled is named, and the watchdog not fed.
    fn beat(&self, stalled: Option<Part>, before: Option<Part>) {
        match (stalled, before) {
            (Some(part), before) if before != stalled => {
                let part = part.name();
                warn!(part, "is stalled; the watchdog is not fed");
                self.notify(&format!("STATUS={part} is stalled\n"));
            }
            (Some(_), _) => {}
            (None, Some(_)) => self.notify("WATCHDOG=1\nSTATUS=accepts events\n"),
            (None, None) => self.notify("WATCHDOG=1\n"),
        }
    }
}

/// A name that begins with `@` is not in the file system.
fn connect(name: &[u8]) -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    // A manager that reads late must not delay the daemon.
    socket.set_nonblocking(true)?;
    match name.strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(abstract_name) => {
            use std::os::linux::net::SocketAddrExt;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(abstract_name)?;
            socket.connect_addr(&address)?;
        }
        _ => {
            use std::os::unix::ffi::OsStrExt;
            socket.connect(std::ffi::OsStr::from_bytes(name))?;
        }
    }
    Ok(socket)
}

/// From `WATCHDOG_USEC`, if it is for this process.
fn watchdog(variable: impl Fn(&str) -> Option<String>, pid: u32) -> Option<Duration> {
    if let Some(meant) = variable("WATCHDOG_PID")
        && meant.parse() != Ok(pid)
    {
        return None;
    }
    let us: u64 = variable("WATCHDOG_USEC")?.parse().ok()?;
    (us > 0).then(|| Duration::from_micros(us))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_the_one_of_this_process() {
        let ask = |usec: &str, pid: &str| {
            let (usec, pid) = (usec.to_owned(), pid.to_owned());
            let variable = move |name: &str| match name {
                "WATCHDOG_USEC" => Some(usec.clone()),
                _ => Some(pid.clone()).filter(|pid| !pid.is_empty()),
            };
            watchdog(variable, 7)
        };
        assert_eq!(ask("1500000", "7"), Some(Duration::from_millis(1_500)));
        assert_eq!(ask("1500000", ""), Some(Duration::from_millis(1_500)));
        assert_eq!(ask("1500000", "8"), None);
        assert_eq!(ask("0", ""), None);
        assert_eq!(ask("soon", ""), None);
    }
}
