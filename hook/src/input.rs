//! Reads the payload, however long it is and whether or not it ever ends.

use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::time::Instant;

use crate::unix::{self, Readiness};

/// Payloads are unbounded, as tools' inputs and outputs are in them; this many bytes can be read
/// in the time there is, and a pipe that never stops cannot take the machine's memory.
const INPUT_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Memory for a usual payload: fresh memory costs a fault for each 4 KiB.
const FIRST_BYTES: usize = 8 * 1024;

/// What a pipe holds on Linux: one read empties it.
const CHUNK_BYTES: usize = 64 * 1024;

/// A process that got no processor before its deadline still finds a usual payload in the pipe: by
/// one read its contents, by one its end.
const LATE_READS: usize = 2;

#[derive(Default)]
pub struct Input {
    pub bytes: Vec<u8>,
    /// Whether the end was reached, within the limits of size and time.
    pub ended: bool,
}

/// Reads until the end of `source`, the size limit or the deadline, whichever comes first.
pub fn read(source: &mut (impl Read + AsFd), deadline: Instant) -> Input {
    let mut input = Input::default();
    let mut late_reads = 0;
    while unix::wait(&mut *source, Readiness::Read, deadline) {
        late_reads += usize::from(Instant::now() >= deadline);
        if late_reads > LATE_READS {
            break;
        }
        match read_some(source, &mut input.bytes) {
            Ok(0) => {
                input.ended = true;
                break;
            }
            Ok(_) if input.bytes.len() > INPUT_MAX_BYTES => break,
            Ok(_) => {}
            Err(error) if is_passing(error.kind()) => {}
            Err(_) => break,
        }
    }
    input.bytes.truncate(INPUT_MAX_BYTES);
    input
}

/// Appends what one read gives. No memory is an error, where the standard library would abort.
fn read_some(source: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let filled = bytes.len();
    let room = if filled == 0 {
        FIRST_BYTES
    } else {
        CHUNK_BYTES
    };
    bytes.try_reserve(room)?;
    bytes.resize(filled + room, 0);
    let read = source.read(&mut bytes[filled..]);
    bytes.truncate(filled + read.as_ref().copied().unwrap_or(0));
    read
}

fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Interrupted | ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Far beyond what the test needs: it bounds a failure, it measures nothing.
    fn far() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    #[test]
    fn all_of_an_input_that_ends_is_read() {
        let (mut near_end, mut far_end) = UnixStream::pair().unwrap();
        let sent = vec![b'x'; 3 * CHUNK_BYTES + 1];
        let expected = sent.clone();
        let writer = thread::spawn(move || far_end.write_all(&sent).unwrap());
        let input = read(&mut near_end, far());
        writer.join().unwrap();
        assert!(input.ended);
        assert!(input.bytes == expected);
    }

    #[test]
    fn an_input_that_stays_open_gives_what_was_seen() {
        let (mut near_end, mut far_end) = UnixStream::pair().unwrap();
        far_end.write_all(b"{\"a\":").unwrap();
        let input = read(&mut near_end, Instant::now() + Duration::from_millis(20));
        assert!(!input.ended);
        assert_eq!(input.bytes, b"{\"a\":");
    }

    #[test]
    fn an_input_that_was_there_all_along_is_read_after_the_deadline() {
        let (mut near_end, mut far_end) = UnixStream::pair().unwrap();
        far_end.write_all(b"{}").unwrap();
        drop(far_end);
        let input = read(&mut near_end, Instant::now());
        assert!(input.ended);
        assert_eq!(input.bytes, b"{}");
    }

    #[test]
    fn an_input_without_end_stops_at_the_deadline() {
        let (mut near_end, mut far_end) = UnixStream::pair().unwrap();
        far_end.write_all(&[b'x'; 4096]).unwrap();
        let writer = thread::spawn(move || while far_end.write_all(&[b'x'; 4096]).is_ok() {});
        let input = read(&mut near_end, Instant::now());
        drop(near_end);
        writer.join().unwrap();
        assert!(!input.ended);
        assert!((1..=LATE_READS * CHUNK_BYTES).contains(&input.bytes.len()));
    }

    #[test]
    fn an_input_without_end_stops_at_the_limit() {
        let (mut near_end, mut far_end) = UnixStream::pair().unwrap();
        let writer = thread::spawn(move || while far_end.write_all(&[b'x'; 4096]).is_ok() {});
        let input = read(&mut near_end, far());
        drop(near_end);
        writer.join().unwrap();
        assert!(!input.ended);
        assert!(input.bytes.len() <= INPUT_MAX_BYTES);
        assert!(input.bytes.len() > INPUT_MAX_BYTES - CHUNK_BYTES);
    }
}
