//! The Unix socket: one JSON object a line. A connection is two halves that never wait for each
//! other longer than a bounded queue: one reads, decodes and submits; the other answers what became
//! of it.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing::{debug, warn};

use super::answer::Answer;
use super::decoded::{Decoded, MAX_SUBMISSION, decode_line, too_long};
use super::delivery::Delivery;
use super::lines::{Begun, Lines};
use super::outbox::Outbox;
use super::submit::Intake;
use agentpulse_pipeline::connection_slots::{ConnectionHolder, Place, Places, Reserve};
use agentpulse_pipeline::writer::{IngestOutcome, Unavailable};

/// Submissions of one connection that wait for their commit while more is read.
const MAX_OUTSTANDING: usize = 8;
const READ_BYTES: usize = 64 << 10;
/// Connections of which lines are decoded and handed on at once. What others send waits in the
/// kernel: decoded, that of a thousand took a gigabyte.
static READING: Semaphore = Semaphore::const_new(64);
/// How long a client may take to read its last totals.
const FINAL_REPLY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may go on sending after the daemon was asked to stop.
const DRAIN: Duration = Duration::from_millis(500);
/// After an accept that failed, for want of file descriptors say.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Opens the socket; 0600 whatever the umask. What another daemon left there is replaced: the lock
/// of the data folder says that it is gone.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves connections until `stop`, and then until each has got its totals. When all places
/// are taken, one that waits for nothing of ours is closed for the next: its last answer is final.
pub async fn serve(
    listener: UnixListener,
    intake: Intake,
    max_connections: usize,
    mut stop: watch::Receiver<bool>,
) {
    let counters = intake.counters.clone();
    let evicted = move || counters.socket_connections_evicted.add(1);
    let places = Places::new(max_connections, Reserve::default(), evicted);
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    // It may be for want of files, of which one that idles holds one.
                    places.evict_idle();
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
            _ = stop.changed() => break,
        };
        intake.counters.socket_connections.add(1);
        if !is_own(&stream) {
            intake.counters.socket_peers_refused.add(1);
            continue;
        }
        let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
        let Some(place) = places.try_enter(ConnectionHolder::Process(pid)) else {
            intake.counters.socket_connections_refused.add(1);
            continue;
        };
        let (intake, stop) = (intake.clone(), stop.clone());
        connections.spawn(async move {
            tokio::select! {
                () = connection(stream, intake, &place, stop) => {}
                () = place.lost() => debug!("a connection was closed to make room for another"),
            }
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// File modes keep others out; this holds also where a mode was changed. Root may look after all.
pub fn is_own(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

struct Outstanding {
    decoded: Decoded,
    outcomes: Option<oneshot::Receiver<Result<Vec<IngestOutcome>, Unavailable>>>,
}

async fn connection(
    stream: UnixStream,
    intake: Intake,
    place: &Place,
    stop: watch::Receiver<bool>,
) {
    let (reader, writer) = stream.into_split();
    let (outstanding, settled) = mpsc::channel(MAX_OUTSTANDING);
    let reading = read(reader, intake, place, outstanding, stop);
    let (_, replied) = tokio::join!(reading, write_replies(writer, place, settled));
    if let Err(error) = replied {
        debug!(%error, "a client left before it got its totals");
    }
}

async fn read(
    reader: OwnedReadHalf,
    intake: Intake,
    place: &Place,
    outstanding: mpsc::Sender<Outstanding>,
    mut stop: watch::Receiver<bool>,
) {
    let delivery = intake.deliveries.begin();
    let mut lines = Lines::default();
    let mut begun = Begun::default();
    let mut last_call = None;
    loop {
        tokio::select! {
            reason = begun.late() => return cut(&intake, reason, &outstanding).await,
            readable = reader.readable() => if readable.is_err() { break },
            () = outstanding.closed() => return,
            _ = stop.changed(), if last_call.is_none() => {
                last_call = Some(Instant::now() + DRAIN);
                continue;
            }
            () = sleep_until(last_call.unwrap_or_else(Instant::now)), if last_call.is_some() => {
                break;
            }
        }
        let Ok(turn) = READING.acquire().await else {
            break;
        };
        // A buffer for as long as there is something in it: a thousand that wait took 64 MB.
        let mut bytes = Vec::with_capacity(READ_BYTES);
        match reader.try_read_buf(&mut bytes) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => break,
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (some, more) = rest.split_at(end_of_lines(rest, MAX_SUBMISSION));
            let decoded = decode_some(&intake, &delivery, |each| lines.feed(some, each));
            if forward(&intake, place, decoded, &outstanding)
                .await
                .is_err()
            {
                return;
            }
            rest = more;
        }
        drop(turn);
        if let Err(reason) = begun.hold(lines.begun()).await {
            return cut(&intake, reason, &outstanding).await;
        }
    }
    let decoded = decode_some(&intake, &delivery, |each| lines.finish(each));
    // When the other half is gone there is nobody left to answer.
    let _ = forward(&intake, place, decoded, &outstanding).await;
}

/// Ends a connection for a fault of the client's, and answers which.
async fn cut(intake: &Intake, reason: &str, outstanding: &mpsc::Sender<Outstanding>) {
    intake.counters.socket_connections_cut.add(1);
    let last = Outstanding {
        decoded: Decoded::default(),
        outcomes: Some(failed(Unavailable(reason.to_owned()))),
    };
    // When the other half is gone there is nobody left to answer.
    let _ = outstanding.send(last).await;
}

/// Where so many lines end, or all bytes do. Short lines that are refused take more memory than
/// they have bytes: all of a read at once, of many clients that read no answer, took 200 MB.
fn end_of_lines(bytes: &[u8], lines: usize) -> usize {
    let mut ends = memchr::memchr_iter(b'\n', bytes);
    ends.nth(lines - 1).map_or(bytes.len(), |end| end + 1)
}

fn decode_some(
    intake: &Intake,
    delivery: &Delivery,
    feed: impl FnOnce(&mut dyn FnMut(u64, Option<&[u8]>)),
) -> Decoded {
    let clock = intake.clock();
    let mut decoded = Decoded::default();
    feed(&mut |number, line| {
        let event = match line {
            None => Err(too_long()),
            Some(line) if line.trim_ascii().is_empty() => return,
            Some(line) => decode_line(line, &clock, delivery.key(number)),
        };
        decoded.push(number, event);
    });
    decoded
}

async fn forward(
    intake: &Intake,
    place: &Place,
    mut decoded: Decoded,
    outstanding: &mpsc::Sender<Outstanding>,
) -> Result<(), ()> {
    if decoded.len() == 0 {
        return Ok(());
    }
    intake.note(&decoded);
    // Until what became of it is known.
    place.begin();
    let events = decoded.take_events();
    let outcomes = if events.is_empty() {
        None
    } else {
        Some(intake.writer.enqueue(events).await.unwrap_or_else(failed))
    };
    let next = Outstanding { decoded, outcomes };
    outstanding.send(next).await.map_err(|_| ())
}

/// An answer that is already there.
fn failed(unavailable: Unavailable) -> oneshot::Receiver<Result<Vec<IngestOutcome>, Unavailable>> {
    let (reply, outcomes) = oneshot::channel();
    drop(reply.send(Err(unavailable)));
    outcomes
}

async fn write_replies(
    writer: OwnedWriteHalf,
    place: &Place,
    mut settled: mpsc::Receiver<Outstanding>,
) -> io::Result<()> {
    let mut outbox = Outbox::default();
    loop {
        tokio::select! {
            biased;
            next = settled.recv() => match next {
                None => break,
                Some(next) => if !settle(next, &mut outbox).await {
                    // What follows would be accepted after a gap; the client sends it all again.
                    settled.close();
                    break;
                } else {
                    place.end();
                },
            },
            writable = writer.writable(), if !outbox.is_empty() => {
                writable?;
            }
        }
        send(&writer, &mut outbox)?;
    }
    let deadline = Instant::now() + FINAL_REPLY_TIMEOUT;
    while !outbox.is_empty() {
        timeout_at(deadline, writer.writable()).await??;
        send(&writer, &mut outbox)?;
    }
    Ok(())
}

/// False when the events are not in the journal.
async fn settle(next: Outstanding, outbox: &mut Outbox) -> bool {
    let outcomes = match next.outcomes {
        None => Ok(Vec::new()),
        Some(outcomes) => outcomes
            .await
            .unwrap_or_else(|_| Err(Unavailable("the daemon is stopping".to_owned()))),
    };
    match outcomes {
        Ok(outcomes) => {
            let mut answer = Answer::default();
            next.decoded.settle(outcomes, &mut answer);
            outbox.put(answer);
            true
        }
        Err(unavailable) => {
            outbox.fail(unavailable.0);
            false
        }
    }
}

/// Writes what the client's buffer takes, without waiting.
fn send(writer: &OwnedWriteHalf, outbox: &mut Outbox) -> io::Result<()> {
    while !outbox.is_empty() {
        match writer.try_write(outbox.bytes()) {
            Ok(count) => outbox.consume(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether a daemon answers on the socket.
pub async fn answers(path: &Path, deadline: Duration) -> bool {
    matches!(
        timeout(deadline, UnixStream::connect(path)).await,
        Ok(Ok(_))
    )
}
