//! Sends the line to the daemon and waits for its acknowledgement, up to a deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use crate::scan;
use crate::unix::{self, Readiness};
use crate::value;

/// The daemon's answer to one line is about 60 bytes; a peer that sends more is not the daemon.
const ANSWER_MAX_BYTES: usize = 16 * 1024;

/// The four totals of the daemon, in one of which every line ends.
const TOTALS: [&str; 4] = ["accepted", "duplicate", "rejected", "progress"];

/// Returns once the daemon has counted the line, in whichever of its totals.
///
/// # Errors
///
/// No daemon listens, or the peer answers something else or nothing until the deadline. The line
/// may have been accepted all the same: it is sent again under its id.
pub fn deliver(socket: &Path, line: &str, deadline: Instant) -> io::Result<()> {
    let mut daemon = unix::connect_now(socket)?;
    send(&mut daemon, line.as_bytes(), deadline)?;
    await_answer(&mut daemon, deadline)
}

fn send(daemon: &mut UnixStream, mut rest: &[u8], deadline: Instant) -> io::Result<()> {
    while !rest.is_empty() {
        match daemon.write(rest) {
            Ok(count) => rest = &rest[count..],
            Err(error) => pass(error, daemon, Readiness::Write, deadline)?,
        }
    }
    Ok(())
}

fn await_answer(daemon: &mut UnixStream, deadline: Instant) -> io::Result<()> {
    let mut received = Vec::new();
    let mut chunk = [0; 1024];
    let mut total = 0;
    while total < ANSWER_MAX_BYTES {
        match daemon.read(&mut chunk) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                total += count;
                received.extend_from_slice(&chunk[..count]);
            }
            Err(error) => pass(error, daemon, Readiness::Read, deadline)?,
        }
        while let Some(end) = received.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = received.drain(..=end).collect();
            match meaning(&line) {
                Answer::Counted => return Ok(()),
                Answer::NotYet => {}
                Answer::Failed => return Err(ErrorKind::InvalidData.into()),
            }
        }
    }
    Err(ErrorKind::InvalidData.into())
}

/// Waits out an error that only says that the socket is not ready; gives back any other.
fn pass(
    error: io::Error,
    daemon: &UnixStream,
    readiness: Readiness,
    deadline: Instant,
) -> io::Result<()> {
    match error.kind() {
        ErrorKind::Interrupted => Ok(()),
        ErrorKind::WouldBlock if unix::wait(daemon, readiness, deadline) => Ok(()),
        ErrorKind::WouldBlock => Err(ErrorKind::TimedOut.into()),
        _ => Err(error),
    }
}

#[derive(Debug, PartialEq)]
enum Answer {
    Counted,
    NotYet,
    Failed,
}

/// A refusal names the line that it refuses; an error without one is about the connection, and
/// says nothing of whether the line was counted.
fn meaning(line: &[u8]) -> Answer {
    let answer = scan::object(line);
    let has = |key| answer.member(key).is_some();
    let counted = |&key| {
        let member = answer.member(key);
        let total = member.and_then(|member| value::count(str::from_utf8(member.value).ok()?));
        total.is_some_and(|total| total > 0)
    };
    match () {
        () if !answer.whole => Answer::Failed,
        () if has("error") && has("line") => Answer::Counted,
        () if has("error") => Answer::Failed,
        () if TOTALS.iter().any(counted) => Answer::Counted,
        () => Answer::NotYet,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(line: &str, expect: Answer) {
        assert_eq!(meaning(line.as_bytes()), expect, "{line}");
    }

    #[test]
    fn answers_of_the_daemon() {
        check(
            r#"{"accepted":1,"duplicate":0,"rejected":0,"progress":0}"#,
            Answer::Counted,
        );
        check(
            r#"{"accepted":0,"duplicate":1,"rejected":0,"progress":0}"#,
            Answer::Counted,
        );
        check(
            r#"{"accepted":0,"duplicate":0,"rejected":1,"progress":0}"#,
            Answer::Counted,
        );
        check(
            r#"{"accepted":0,"duplicate":0,"rejected":0,"progress":1}"#,
            Answer::Counted,
        );
        check(
            r#"{"accepted":0,"duplicate":0,"rejected":0,"progress":0}"#,
            Answer::NotYet,
        );
        check(
            r#"{"line":1,"error":"hook: source is unknown"}"#,
            Answer::Counted,
        );
        check(r#"{"error":"shutting down"}"#, Answer::Failed);
        check("HTTP/1.1 400 Bad Request", Answer::Failed);
    }

    #[test]
    fn an_answer_may_come_in_pieces() {
        let (mut hook, mut daemon) = UnixStream::pair().unwrap();
        hook.set_nonblocking(true).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let writer = std::thread::spawn(move || {
            for piece in [r#"{"accep"#, r#"ted":0}"#, "\n", r#"{"accepted":1}"#, "\n"] {
                daemon.write_all(piece.as_bytes()).unwrap();
            }
            daemon
        });
        await_answer(&mut hook, deadline).unwrap();
        drop(writer.join().unwrap());
    }

    #[test]
    fn an_answer_without_end_is_given_up() {
        for piece in ["x".repeat(1024), "{\"accepted\":0}\n".repeat(64)] {
            let (mut hook, mut daemon) = UnixStream::pair().unwrap();
            hook.set_nonblocking(true).unwrap();
            let deadline = Instant::now() + Duration::from_secs(30);
            let writer =
                std::thread::spawn(move || while daemon.write_all(piece.as_bytes()).is_ok() {});
            let error = await_answer(&mut hook, deadline).unwrap_err();
            drop(hook);
            writer.join().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
        }
    }
}
