//! What those who watch cost those who send, and what they see.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tungstenite::Message;

use super::load::Load;
use super::reads::p99_while;
use super::result::{Row, row};
use super::subject::{Subject, is_level};
use super::sustained::paced;
use crate::cli::delivery::{connect, deliver};
use crate::cli::failure::{Failure, failed, io_failed};

const CLIENTS: usize = 100;
const EVENTS_A_SECOND: u64 = 5_000;
/// Rounds without and with clients by turns: on a shared machine one of each says little.
const ROUNDS: usize = 3;
/// How often a client without messages checks whether it may stop.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// From the last event to the last frame: a snapshot follows a gap within a second.
const LAST_FRAME: Duration = Duration::from_millis(1_500);
const PATIENCE: Duration = Duration::from_secs(60);

/// What one client was sent after its snapshot.
#[derive(Debug, Default)]
pub struct Seen {
    first_seq: u64,
    last_seq: u64,
    bytes: u64,
}

pub struct Clients {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<Seen, Failure>>>,
}

/// As many events as the daemon takes, with and without clients.
pub fn at_maximum(subject: &Subject, load: &mut Load, events: u64) -> Result<Vec<Row>, Failure> {
    let (mut without, mut with) = (0.0f64, 0.0f64);
    for _ in 0..ROUNDS {
        without = without.max(burst(subject, load, events)?);
        let clients = Clients::connect(subject.http()?, CLIENTS)?;
        with = with.max(burst(subject, load, events)?);
        clients.leave()?;
    }
    let part = "100 who watch a burst";
    Ok(vec![
        row(part, "acknowledged, best of 3", with, "events/s"),
        row(part, "without them, best of 3", without, "events/s"),
        row(part, "against without them", with / without, "×"),
    ])
}

/// So many events a second, with clients: what they are sent, and how reads fare meanwhile.
pub fn at_pace(subject: &Subject, load: Load, seconds: u64) -> Result<Vec<Row>, Failure> {
    let address = subject.http()?;
    let clients = Clients::connect(address, CLIENTS)?;
    let stream = connect(&subject.socket())?;
    let events = seconds * EVENTS_A_SECOND;
    let begun = Instant::now();
    let sender = std::thread::spawn(move || {
        let chunks = paced(load, events, EVENTS_A_SECOND);
        let totals = deliver(stream, chunks, PATIENCE, |_| {})?;
        Ok::<_, Failure>((totals, begun.elapsed()))
    });
    let p99_ms = p99_while(address, || !sender.is_finished())?;
    let panicked = |_| failed("the client's thread panicked");
    let (totals, took) = sender.join().map_err(panicked)??;
    if totals.accepted != events {
        return Err(failed(format_args!("of {events} events were {totals:?}")));
    }
    settle(subject)?;
    std::thread::sleep(LAST_FRAME);
    let watched = begun.elapsed();
    let seen = clients.leave()?;
    let last = seen.iter().map(|seen| seen.last_seq).max().unwrap_or(0);
    let behind = seen.iter().filter(|seen| seen.last_seq < last).count();
    let frames = seen
        .iter()
        .map(|seen| seen.last_seq - seen.first_seq)
        .sum::<u64>();
    let bytes = seen.iter().map(|seen| seen.bytes).sum::<u64>();
    // The list that follows the load is among what they are sent, and so is its time.
    let a_client = |sum: u64| sum as f64 / CLIENTS as f64 / watched.as_secs_f64();
    let part = "100 who watch 5,000 events/s";
    let a_second = events as f64 / took.as_secs_f64();
    Ok(vec![
        row(part, "acknowledged", a_second, "events/s"),
        row(part, "frames to a client", a_client(frames), "frames/s"),
        row(part, "bytes to a client", a_client(bytes) / 1024.0, "KiB/s").at_most(120.0),
        row(
            part,
            "clients without the last frame",
            behind as f64,
            "clients",
        ),
        row(part, "metrics/current meanwhile, p99", p99_ms, "ms").at_most(25.0),
    ])
}

/// Events a second until all are acknowledged; then waits for the views.
fn burst(subject: &Subject, load: &mut Load, events: u64) -> Result<f64, Failure> {
    let chunks = load.chunks(events);
    let stream = connect(&subject.socket())?;
    let begun = Instant::now();
    let totals = deliver(stream, chunks.into_iter().map(Ok), PATIENCE, |_| {})?;
    let took = begun.elapsed();
    if totals.accepted != events {
        return Err(failed(format_args!("of {events} events were {totals:?}")));
    }
    settle(subject)?;
    Ok(events as f64 / took.as_secs_f64())
}

fn settle(subject: &Subject) -> Result<Duration, Failure> {
    subject.wait(PATIENCE, "the views", |status| {
        is_level(status, "live") && is_level(status, "history")
    })
}

impl Clients {
    /// All of them, each with its first snapshot.
    pub fn connect(address: SocketAddr, count: usize) -> Result<Clients, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, all_ready) = std::sync::mpsc::channel();
        let threads = Vec::from_iter((0..count).map(|_| {
            let (stop, ready) = (Arc::clone(&stop), ready.clone());
            // An error only means that the waiting thread has failed.
            let on_first = move || ready.send(()).unwrap_or_default();
            std::thread::spawn(move || watch(address, &stop, on_first))
        }));
        let clients = Clients { stop, threads };
        for _ in 0..count {
            let late = |_| failed("a client of the stream had no first snapshot");
            all_ready.recv_timeout(PATIENCE).map_err(late)?;
        }
        Ok(clients)
    }

    pub fn leave(self) -> Result<Vec<Seen>, Failure> {
        self.stop.store(true, Ordering::Release);
        let panicked = |_| failed("a client's thread panicked");
        let threads = self.threads.into_iter();
        threads
            .map(|thread| thread.join().map_err(panicked)?)
            .collect()
    }
}

/// Reads until it may go. A frame that is missing is a failure, and so is a connection that ends.
fn watch(address: SocketAddr, stop: &AtomicBool, on_first: impl FnOnce()) -> Result<Seen, Failure> {
    let broken = |error: std::io::Error| io_failed("the stream", &error);
    let stream = TcpStream::connect(address).map_err(broken)?;
    let url = format!("ws://{address}/api/agents/stream");
    let (mut socket, _) = tungstenite::client(url, stream)
        .map_err(|error| failed(format_args!("the stream: {error}")))?;
    let timeout = socket.get_ref().set_read_timeout(Some(POLL_INTERVAL));
    timeout.map_err(broken)?;
    let mut seen = Seen::default();
    let mut on_first = Some(on_first);
    while !stop.load(Ordering::Acquire) {
        let text = match socket.read() {
            Ok(Message::Text(text)) => text,
            Ok(Message::Close(frame)) => {
                return Err(failed(format_args!("the stream ended: {frame:?}")));
            }
            Ok(_) => continue,
            Err(tungstenite::Error::Io(error))
                if error.kind() == std::io::ErrorKind::WouldBlock =>
            {
                continue;
            }
            Err(error) => return Err(failed(format_args!("the stream: {error}"))),
        };
        let seq = seq_of(&text).ok_or_else(|| failed("a frame of the stream has no number"))?;
        if let Some(on_first) = on_first.take() {
            (seen.first_seq, seen.last_seq) = (seq, seq);
            on_first();
            continue;
        }
        if seq != seen.last_seq + 1 {
            let last = seen.last_seq;
            return Err(failed(format_args!("after frame {last} came {seq}")));
        }
        seen.last_seq = seq;
        seen.bytes += text.len() as u64;
    }
    Ok(seen)
}

/// The number of a frame. The daemon is measured, not this client: the rest of the text is not
/// parsed.
fn seq_of(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once(r#""seq":"#)?;
    rest.split(',').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_known_by_its_number() {
        let frame = r#"{"type":"resync","seq":17,"reason":"x","data":{"seq":3}}"#;
        assert_eq!(seq_of(frame), Some(17));
        assert_eq!(seq_of("{}"), None);
    }
}
