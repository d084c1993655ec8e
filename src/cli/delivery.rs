//! Delivers lines over the event socket, and reads the replies.
//!
//! One thread writes while this one reads: a client that only wrote would fill the daemon's
//! answers up, and one that waited for each answer would be slow.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::failure::{Failure, failed, io_failed};

/// A refusal quotes a field's name at most; the daemon's own lines are far shorter.
const MAX_REPLY_BYTES: u64 = 64 << 10;

/// What became of the lines of one connection; every line is in exactly one of the four.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub accepted: u64,
    pub duplicate: u64,
    pub rejected: u64,
    pub progress: u64,
}

/// One line of the daemon's answer.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    Refused {
        line: u64,
        error: String,
    },
    Omitted {
        refusals_omitted: u64,
    },
    Totals(Totals),
    /// The daemon takes no more for now; what is not in the totals is not in.
    Unavailable {
        error: String,
    },
}

/// How far the writing thread is.
#[derive(Default)]
struct Written {
    lines: AtomicU64,
    is_done: AtomicBool,
}

impl Totals {
    pub fn sum(&self) -> u64 {
        self.accepted + self.duplicate + self.rejected + self.progress
    }
}

/// Connects to the event socket.
pub fn connect(socket: &Path) -> Result<UnixStream, Failure> {
    UnixStream::connect(socket).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => failed(format_args!(
            "no daemon listens at {}: start one with `agentpulse serve`",
            socket.display()
        )),
        _ => io_failed(socket.display(), &error),
    })
}

/// Writes all chunks (whole files or parts of lines alike), closes its half, and reads until the
/// daemon has answered for every line. `on_refusal` gets the refusals as they come.
///
/// # Errors
/// No daemon; chunks that cannot be read; a daemon that leaves written lines unanswered for
/// `patience`, or closes before the end.
pub fn deliver(
    stream: UnixStream,
    chunks: impl Iterator<Item = io::Result<Vec<u8>>> + Send + 'static,
    patience: Duration,
    mut on_refusal: impl FnMut(&Reply),
) -> Result<Totals, Failure> {
    let broken = |error: io::Error| io_failed("the event socket", &error);
    stream.set_read_timeout(Some(patience)).map_err(broken)?;
    stream.set_write_timeout(Some(patience)).map_err(broken)?;
    let written = Arc::new(Written::default());
    let writer = {
        let written = Arc::clone(&written);
        let stream = stream.try_clone().map_err(broken)?;
        std::thread::spawn(move || write(stream, chunks, &written))
    };
    let mut replies = BufReader::new(stream);
    let mut line = Vec::new();
    let mut totals = Totals::default();
    let mut due = 0;
    loop {
        match next_line(&mut replies, &mut line) {
            Ok(false) => break,
            Ok(true) => {
                match serde_json::from_slice(&line) {
                    Ok(Reply::Totals(now)) => totals = now,
                    Ok(Reply::Unavailable { error }) => return Err(unavailable(&totals, &error)),
                    Ok(refusal) => on_refusal(&refusal),
                    Err(error) => return Err(failed(format_args!("answer: {error}"))),
                }
                line.clear();
            }
            Err(error) if is_timeout(&error) => {
                if totals.sum() < due {
                    return Err(unanswered(&totals, &written, patience));
                }
                let is_done = written.is_done.load(Ordering::Acquire);
                // Lines written just now have all of the next wait.
                due = written.lines.load(Ordering::Acquire);
                if is_done && totals.sum() >= due {
                    break;
                }
            }
            Err(error) => return Err(broken(error)),
        }
    }
    if !written.is_done.load(Ordering::Acquire) {
        return Err(failed(format_args!(
            "the daemon closed the connection after {} lines",
            totals.sum()
        )));
    }
    match writer.join() {
        Ok(result) => result.map_err(|error| io_failed("cannot send", &error))?,
        Err(_) => return Err(failed("the writing thread panicked")),
    }
    if totals.sum() < written.lines.load(Ordering::Acquire) {
        return Err(unanswered(&totals, &written, patience));
    }
    Ok(totals)
}

fn write(
    mut stream: UnixStream,
    chunks: impl Iterator<Item = io::Result<Vec<u8>>>,
    written: &Written,
) -> io::Result<()> {
    let mut counter = LineCounter::default();
    let result = chunks.into_iter().try_for_each(|chunk| {
        let chunk = chunk?;
        stream.write_all(&chunk)?;
        written
            .lines
            .store(counter.count(&chunk), Ordering::Release);
        Ok(())
    });
    written.lines.store(counter.finish(), Ordering::Release);
    written.is_done.store(true, Ordering::Release);
    // A daemon that has closed its end has nothing more to learn.
    let _ = stream.shutdown(Shutdown::Write);
    result
}

/// Appends to `line` up to a line's end; false at the end of the answers.
fn next_line(replies: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let room = MAX_REPLY_BYTES.saturating_sub(line.len() as u64);
    replies.by_ref().take(room).read_until(b'\n', line)?;
    if line.len() as u64 >= MAX_REPLY_BYTES {
        return Err(io::Error::other("an answer without an end"));
    }
    Ok(!line.is_empty())
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn unavailable(totals: &Totals, error: &str) -> Failure {
    let counted = totals.sum();
    failed(format_args!(
        "the daemon takes no events: {error}; {counted} lines were counted, send all again"
    ))
}

fn unanswered(totals: &Totals, written: &Written, patience: Duration) -> Failure {
    let lines = written.lines.load(Ordering::Acquire);
    failed(format_args!(
        "the daemon has answered for {} of {lines} lines, and no more within {} s",
        totals.sum(),
        patience.as_secs()
    ))
}

/// Counts the lines that the daemon answers for: those that are not blank.
#[derive(Default)]
struct LineCounter {
    lines: u64,
    has_content: bool,
}

impl LineCounter {
    /// The lines that have ended so far.
    fn count(&mut self, chunk: &[u8]) -> u64 {
        for &byte in chunk {
            if byte == b'\n' {
                self.lines += u64::from(std::mem::take(&mut self.has_content));
            } else {
                self.has_content |= !byte.is_ascii_whitespace();
            }
        }
        self.lines
    }

    /// The end of the input ends a line as well.
    fn finish(&mut self) -> u64 {
        self.count(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use std::thread::JoinHandle;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn chunks(texts: &[&str]) -> impl Iterator<Item = io::Result<Vec<u8>>> + Send + use<> {
        let chunks: Vec<_> = texts
            .iter()
            .map(|text| Ok(text.as_bytes().to_vec()))
            .collect();
        chunks.into_iter()
    }

    /// A daemon of one connection: reads all, then answers with fixed lines.
    fn stand_in(answers: &'static str) -> (UnixStream, JoinHandle<String>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let server = std::thread::spawn(move || {
            let mut got = String::new();
            theirs.read_to_string(&mut got).unwrap();
            theirs.write_all(answers.as_bytes()).unwrap();
            got
        });
        (ours, server)
    }

    #[test]
    fn every_line_is_answered_for() {
        let (stream, server) = stand_in(
            "{\"line\":2,\"error\":\"stop: no\"}\n{\"refusals_omitted\":3}\n\
             {\"accepted\":1,\"duplicate\":0,\"rejected\":1,\"progress\":0}\n",
        );
        let mut refusals = Vec::new();
        let totals = deliver(
            stream,
            chunks(&["{\"a\"", ":1}\n", "\n \n{}"]),
            PATIENCE,
            |r| {
                refusals.push(format!("{r:?}"));
            },
        )
        .unwrap();
        assert_eq!((totals.accepted, totals.rejected, totals.sum()), (1, 1, 2));
        assert_eq!(
            refusals,
            [
                "Refused { line: 2, error: \"stop: no\" }",
                "Omitted { refusals_omitted: 3 }"
            ]
        );
        assert_eq!(server.join().unwrap(), "{\"a\":1}\n\n \n{}");
    }

    #[test]
    fn a_line_without_an_answer_is_a_failure() {
        let (stream, server) =
            stand_in("{\"accepted\":1,\"duplicate\":0,\"rejected\":0,\"progress\":0}\n");
        let error = deliver(stream, chunks(&["{}\n{}\n"]), PATIENCE, |_| {}).unwrap_err();
        assert!(error.to_string().contains("1 of 2 lines"), "{error}");
        server.join().unwrap();
    }

    #[test]
    fn a_daemon_that_cannot_write_says_so() {
        let (stream, server) = stand_in(
            "{\"accepted\":1,\"duplicate\":0,\"rejected\":0,\"progress\":0}\n\
             {\"error\":\"the journal cannot be written\"}\n",
        );
        let error = deliver(stream, chunks(&["{}\n{}\n"]), PATIENCE, |_| {}).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the daemon takes no events: the journal cannot be written; 1 lines were counted, \
             send all again"
        );
        server.join().unwrap();
    }

    #[test]
    fn a_daemon_that_says_nothing_is_not_waited_for_for_ever() {
        let (stream, silent) = UnixStream::pair().unwrap();
        let patience = Duration::from_millis(20);
        let error = deliver(stream, chunks(&["{}\n"]), patience, |_| {}).unwrap_err();
        assert!(error.to_string().contains("0 of 1 lines"), "{error}");
        drop(silent);
    }

    #[test]
    fn without_a_daemon_one_line_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agentpulse.sock");
        let error = connect(&socket).unwrap_err().to_string();
        assert!(
            error.ends_with("start one with `agentpulse serve`"),
            "{error}"
        );
    }

    #[test]
    fn blank_lines_do_not_count() {
        let mut counter = LineCounter::default();
        assert_eq!(counter.count(b"\n  \r\n{}\n{"), 1);
        assert_eq!(counter.finish(), 2);
        assert_eq!(counter.finish(), 2);
    }
}
