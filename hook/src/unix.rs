//! The two things of a Unix system that the standard library cannot do: wait for one descriptor
//! until a deadline, and connect a socket without waiting.
//!
//! A reading thread with a channel would need neither, but costs 50 to 100 µs, a tenth of the
//! whole run; and nothing else bounds a connect to a daemon that is stopped, with its queue of
//! connections full.

use std::ffi::{c_int, c_short};
use std::fs::File;
use std::io;
use std::mem::{ManuallyDrop, offset_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

#[derive(Clone, Copy)]
#[repr(i16)]
pub enum Readiness {
    Read = 0x001,
    Write = 0x004,
}

/// Without this, a daemon that closes first would end the program: the standard library's own
/// entry does the same.
pub fn ignore_broken_pipes() {
    // SAFETY: SIG_IGN is no function, and SIGPIPE may be ignored.
    unsafe { signal(SIGPIPE, SIG_IGN) };
}

/// Standard input, without a buffer, and never closed.
pub fn standard_input() -> ManuallyDrop<File> {
    // SAFETY: nobody else of this program reads or closes descriptor 0. Where it is closed already,
    // a read of it is an error, as is one of whatever else was opened under this number since.
    ManuallyDrop::new(unsafe { File::from_raw_fd(0) })
}

/// Waits until `file` can be read or written without blocking, or has ended; false at `deadline`.
/// After the deadline it still returns the state at once.
///
/// The wait is counted in whole milliseconds, rounded down: it may end up to 1 ms early.
pub fn wait(file: impl AsFd, readiness: Readiness, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());

        let fd = file.as_fd().as_raw_fd();
        let mut entry = PollEntry {
            fd,
            events: readiness as c_short,
            returned: 0,
        };
        let timeout_ms = c_int::try_from(left.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: `entry` is one valid pollfd, and it outlives the call.
        match unsafe { poll(&mut entry, 1, timeout_ms) } {
            0 => return false,
            1.. => return true,
            _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            _ => return false,
        }
    }
}

/// Connects to a socket, or fails at once; reads and writes of the stream do not block either.
pub fn connect_now(path: &Path) -> io::Result<UnixStream> {
    let (address, length) = socket_address(path)?;
    // SAFETY: `socket` takes no pointers; its result is checked before it is owned.
    let fd = unsafe { socket(AF_UNIX, SOCK_STREAM, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` was just made, is open, and nobody else owns it.
    let stream = UnixStream::from(unsafe { OwnedFd::from_raw_fd(fd) });
    stream.set_nonblocking(true)?;
    // SAFETY: `address` is a valid sockaddr_un of which `length` bytes are filled.
    match unsafe { connect(stream.as_raw_fd(), &address, length) } {
        0 => Ok(stream),
        _ => Err(io::Error::last_os_error()),
    }
}

fn socket_address(path: &Path) -> io::Result<(SocketAddress, u32)> {
    // SAFETY: all fields are integers, for which zero is a valid value.
    let mut address: SocketAddress = unsafe { zeroed() };
    address.family = AF_UNIX as Family;
    let bytes = path.as_os_str().as_bytes();
    // One byte less than the field: the path ends with a NUL.
    if bytes.is_empty() || bytes.contains(&0) || bytes.len() >= address.path.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    address.path[..bytes.len()].copy_from_slice(bytes);
    let length = offset_of!(SocketAddress, path) + bytes.len() + 1;
    Ok((address, length as u32))
}

const SIGPIPE: c_int = 13;
const SIG_IGN: usize = 1;
const AF_UNIX: c_int = 1;
const SOCK_STREAM: c_int = 1;

#[cfg(target_os = "linux")]
type Family = u16;
#[cfg(not(target_os = "linux"))]
type Family = u8;

#[cfg(target_os = "linux")]
type PollCount = std::ffi::c_ulong;
#[cfg(not(target_os = "linux"))]
type PollCount = std::ffi::c_uint;

#[cfg(target_os = "linux")]
const PATH_BYTES: usize = 108;
#[cfg(not(target_os = "linux"))]
const PATH_BYTES: usize = 104;

/// `struct sockaddr_un`. The BSD family, macOS with it, begins with a length that it ignores here.
#[repr(C)]
struct SocketAddress {
    #[cfg(not(target_os = "linux"))]
    length: u8,
    family: Family,
    path: [u8; PATH_BYTES],
}

/// `struct pollfd`.
#[repr(C)]
struct PollEntry {
    fd: c_int,
    events: c_short,
    returned: c_short,
}

unsafe extern "C" {
    fn signal(signal: c_int, handler: usize) -> usize;
    fn poll(entries: *mut PollEntry, count: PollCount, timeout_ms: c_int) -> c_int;
    fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn connect(fd: c_int, address: *const SocketAddress, length: u32) -> c_int;
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::time::Duration;
    use std::{env, fs, process};

    use super::*;

    /// More than the queue of any listener that a system allows by default.
    const CONNECTIONS_MAX: usize = 100_000;

    #[test]
    fn a_full_queue_of_connections_is_an_error_at_once() {
        let path = env::temp_dir().join(format!("agentpulse-hook-queue-{}", process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let error = (0..CONNECTIONS_MAX).find_map(|_| connect_now(&path).err());
        fs::remove_file(&path).unwrap();
        drop(listener);
        assert_eq!(error.unwrap().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_an_error() {
        let path = "/".to_owned() + &"p".repeat(PATH_BYTES - 1);
        let error = connect_now(Path::new(&path)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_wait_ends_with_the_deadline_or_with_the_peer() {
        let (near, far) = UnixStream::pair().unwrap();
        assert!(!wait(&near, Readiness::Read, Instant::now()));
        assert!(!wait(
            &near,
            Readiness::Read,
            Instant::now() + Duration::from_millis(5)
        ));
        assert!(wait(
            &near,
            Readiness::Write,
            Instant::now() + Duration::from_secs(30)
        ));
        drop(far);
        assert!(wait(
            &near,
            Readiness::Read,
            Instant::now() + Duration::from_secs(30)
        ));
        assert!(wait(&near, Readiness::Read, Instant::now()));
    }
}
