//! Waits for the end of a process, also of one that has another parent.

use std::time::Duration;

use tokio::time::sleep;

/// Where the system does not notify.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Returns when the process has ended, or when it is time to look whether it has.
pub async fn ended(pid: i32) {
    #[cfg(target_os = "linux")]
    if let Some(process) = linux::handle(pid)
        && process.readable().await.is_ok()
    {
        return;
    }
    let _ = pid;
    sleep(LOOK_EVERY).await;
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::OwnedFd;

    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// Can be read once the process has ended. Returns `None` if there is none, or before
    /// Linux 5.3.
    #[expect(
        deprecated,
        reason = "an OwnedFd is safe in it, and what replaces it is an unsafe function"
    )]
    pub fn handle(pid: i32) -> Option<AsyncFd<OwnedFd>> {
        let handle = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        AsyncFd::with_interest(handle, Interest::READABLE).ok()
    }
}
