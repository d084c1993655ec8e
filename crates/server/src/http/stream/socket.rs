//! One connection: its limits, timeouts and liveness.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing::debug;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Error as WireError, Message, Utf8Bytes};

use super::upgrade::Wire;
use agentpulse_reports::stream::{Place, Stream};

/// A text is copied for every connection while it is sent, and the connection keeps that room: a
/// longer one goes in parts.
const MAX_PART_BYTES: usize = 32 << 10;
/// Of one client within [`MESSAGES_WITHIN`]; the dashboard sends one in 30 s.
const MAX_MESSAGES: u32 = 100;
const MESSAGES_WITHIN: Duration = Duration::from_secs(10);
/// Routers forget connections that are silent for some 30 s.
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(10);
/// A client that owes a pong for so long may lose its place, and after `STALLED_AFTER` does if
/// another needs it.
const PONG_OWED: Duration = Duration::from_secs(1);
/// A client that does not take a frame for so long does not read.
const SEND_DEADLINE: Duration = Duration::from_secs(5);
/// To take the reason of the end, and to answer it.
const CLOSE_DEADLINE: Duration = Duration::from_secs(3);

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client disconnected, or its connection broke.
    Gone,
    Stopping,
    /// Neither view answers.
    NoSnapshot,
    /// The key that it came with was revoked or has expired.
    KeyEnded,
    /// It came without a key, and by now one is required.
    KeyNeeded,
    /// It owed a pong, and another client needed the place.
    Evicted,
    TooSlow,
    Silent,
    TooLarge,
    TooMany,
    NoText,
    NoWebSocket,
}

impl Ending {
    /// The close code with its reason; None for a client that has gone.
    fn close_frame(self) -> Option<(u16, &'static str)> {
        Some(match self {
            Ending::Gone => return None,
            Ending::Stopping => (1001, "the daemon is stopping"),
            Ending::NoWebSocket => (1002, "this is not the protocol of WebSockets"),
            Ending::NoText => (1007, "text must be UTF-8"),
            Ending::KeyEnded => (1008, "the key has ended"),
            Ending::KeyNeeded => (1008, "a key is needed by now"),
            Ending::Silent => (1008, "no pong within 10 s"),
            Ending::TooMany => (1008, "more than 100 messages within 10 s"),
            Ending::TooLarge => (1009, "a message must be 0..=65536 bytes"),
            Ending::Evicted => (1013, "no pong came, and another client needed the place"),
            Ending::NoSnapshot => (1013, "no snapshot is available now"),
            Ending::TooSlow => (1013, "too slow: frames were waiting"),
        })
    }

    /// Nothing that the client sends can be understood any more.
    fn ends_reading(self) -> bool {
        matches!(
            self,
            Ending::TooLarge | Ending::NoText | Ending::NoWebSocket
        )
    }

    fn is_fault(self) -> bool {
        !matches!(
            self,
            Ending::Gone
                | Ending::Stopping
                | Ending::NoSnapshot
                | Ending::KeyEnded
                | Ending::KeyNeeded
                | Ending::Evicted
        )
    }
}

pub struct Socket<'a> {
    pub stream: &'a Stream,
    place: &'a Place,
    wire: Wire,
    pulse: Pulse,
    budget: Budget,
}

impl<'a> Socket<'a> {
    pub fn new(wire: Wire, stream: &'a Stream, place: &'a Place) -> Socket<'a> {
        let now = Instant::now();
        Socket {
            stream,
            place,
            wire,
            pulse: Pulse::new(now),
            budget: Budget::new(now),
        }
    }

    /// The next message of the client; None if it is no text. Control frames of the protocol are
    /// handled on the way. Nothing is lost if this is cancelled and called again.
    pub async fn next(&mut self) -> Result<Utf8Bytes, Ending> {
        loop {
            let message = tokio::select! {
                message = self.wire.next() => message.ok_or(Ending::Gone)?.map_err(ending_of)?,
                () = sleep_until(self.pulse.due()) => {
                    match self.pulse.beat(Instant::now())? {
                        // If cancelled, the pong waits in the connection for the next frame.
                        Beat::Ping => self.ping().await?,
                        Beat::Owed => self.place.owes_pong(true),
                    }
                    continue;
                }
                () = self.stream.stopped() => return Err(Ending::Stopping),
            };
            if self.pulse.on_message() {
                self.place.owes_pong(false);
            }
            self.budget.spend(Instant::now())?;
            match message {
                Message::Text(text) => return Ok(text),
                Message::Binary(_) => return Ok(Utf8Bytes::default()),
                // The library answers both, and reads no frames.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                Message::Close(_) => return Err(Ending::Gone),
            }
        }
    }

    /// Sends one text.
    pub async fn send(&mut self, mut text: Bytes) -> Result<(), Ending> {
        let parts = async {
            let mut kind = Data::Text;
            loop {
                let part = text.split_to(text.len().min(MAX_PART_BYTES));
                let frame = Frame::message(part, OpCode::Data(kind), text.is_empty());
                self.wire.send(Message::Frame(frame)).await?;
                if text.is_empty() {
                    return Ok(());
                }
                kind = Data::Continue;
            }
        };
        in_time(parts).await
    }

    async fn ping(&mut self) -> Result<(), Ending> {
        in_time(self.wire.send(Message::Ping(Bytes::new()))).await
    }

    /// Sends the reason, and waits until the client has read it: a connection that is closed with
    /// bytes unread loses its last frame.
    pub async fn close(mut self, ending: Ending) {
        debug!(?ending, "a client of the stream ends");
        if ending.is_fault() {
            self.stream.count_cut();
        }
        let until = Instant::now() + CLOSE_DEADLINE;
        let close = async {
            if let Some((code, reason)) = ending.close_frame() {
                let reason = Utf8Bytes::from_static(reason);
                let code = code.into();
                let frame = CloseFrame { code, reason };
                self.wire.send(Message::Close(Some(frame))).await.ok()?;
            }
            // To a client that has closed this sends the answer.
            while matches!(self.wire.next().await, Some(Ok(_))) {}
            if ending.ends_reading() {
                // What it still sends is left to the kernel.
                sleep_until(until).await;
            }
            Some(())
        };
        let _ = timeout_at(until, close).await;
    }
}

async fn in_time(sent: impl Future<Output = Result<(), WireError>>) -> Result<(), Ending> {
    match timeout(SEND_DEADLINE, sent).await {
        Ok(sent) => sent.map_err(|_| Ending::Gone),
        Err(_) => Err(Ending::TooSlow),
    }
}

/// The end of a connection by an error of reading.
fn ending_of(error: WireError) -> Ending {
    match error {
        WireError::Capacity(_) => Ending::TooLarge,
        WireError::Utf8(_) => Ending::NoText,
        WireError::Protocol(_) => Ending::NoWebSocket,
        _ => Ending::Gone,
    }
}

/// Whether a text is `{"type":"ping",…}`.
pub fn is_ping(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(rename = "type", borrow)]
        kind: std::borrow::Cow<'a, str>,
    }
    serde_json::from_str::<Typed>(text).is_ok_and(|typed| typed.kind == "ping")
}

/// When to ping the client, and until when it must answer. Any message counts as an answer. The
/// first ping goes out at once: it exposes a client that only opens connections.
struct Pulse {
    due: Instant,
    ping: PingState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PingState {
    Idle,
    Sent,
    /// Sent for longer ago than an answer takes.
    Overdue,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beat {
    Ping,
    Owed,
}

impl Pulse {
    fn new(now: Instant) -> Pulse {
        Pulse {
            due: now,
            ping: PingState::Idle,
        }
    }

    fn due(&self) -> Instant {
        self.due
    }

    /// At [`due`](Self::due): a ping is to be sent, a pong is owed, or the client is gone.
    fn beat(&mut self, now: Instant) -> Result<Beat, Ending> {
        match self.ping {
            PingState::Idle => {
                (self.due, self.ping) = (now + PONG_OWED, PingState::Sent);
                Ok(Beat::Ping)
            }
            PingState::Sent => {
                (self.due, self.ping) = (self.due + (PONG_WITHIN - PONG_OWED), PingState::Overdue);
                Ok(Beat::Owed)
            }
            PingState::Overdue => Err(Ending::Silent),
        }
    }

    /// Whether a pong was owed until now.
    fn on_message(&mut self) -> bool {
        match std::mem::replace(&mut self.ping, PingState::Idle) {
            PingState::Idle => false,
            PingState::Sent => {
                self.due += PING_EVERY - PONG_OWED;
                false
            }
            PingState::Overdue => {
                self.due += PING_EVERY - PONG_WITHIN;
                true
            }
        }
    }
}

/// How many messages a client may still send.
struct Budget {
    until: Instant,
    left: u32,
}

impl Budget {
    fn new(now: Instant) -> Budget {
        Budget {
            until: now + MESSAGES_WITHIN,
            left: MAX_MESSAGES,
        }
    }

    fn spend(&mut self, now: Instant) -> Result<(), Ending> {
        if now >= self.until {
            *self = Budget::new(now);
        }
        self.left = self.left.checked_sub(1).ok_or(Ending::TooMany)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_answers_is_asked_every_20_s() {
        let begin = Instant::now();
        let at = |s| begin + Duration::from_secs(s);
        let mut pulse = Pulse::new(begin);
        assert_eq!(pulse.due(), at(0));
        assert_eq!(pulse.beat(at(0)), Ok(Beat::Ping));
        assert_eq!(pulse.due(), at(1));
        assert!(!pulse.on_message(), "in time");
        assert!(!pulse.on_message());
        assert_eq!(pulse.due(), at(20));
        assert_eq!(pulse.beat(at(20)), Ok(Beat::Ping));
        assert_eq!(pulse.beat(at(21)), Ok(Beat::Owed));
        assert_eq!(pulse.due(), at(30));
        assert!(pulse.on_message(), "late");
        assert_eq!(pulse.due(), at(40));
        assert_eq!(pulse.beat(at(40)), Ok(Beat::Ping));
        assert_eq!(pulse.beat(at(41)), Ok(Beat::Owed));
        assert_eq!(pulse.due(), at(50));
        assert_eq!(pulse.beat(at(50)), Err(Ending::Silent));
    }

    #[test]
    fn a_client_may_send_so_much_and_later_as_much_again() {
        let begin = Instant::now();
        let mut budget = Budget::new(begin);
        for _ in 0..MAX_MESSAGES {
            assert_eq!(budget.spend(begin), Ok(()));
        }
        assert_eq!(budget.spend(begin), Err(Ending::TooMany));
        assert_eq!(budget.spend(begin + MESSAGES_WITHIN), Ok(()));
    }

    #[test]
    fn a_ping_is_known_by_its_type() {
        assert!(is_ping(r#"{"type":"ping","timestamp":1795200000000}"#));
        assert!(is_ping(r#"{"type":"pi\u006eg"}"#));
        for other in [
            "",
            "ping",
            "{}",
            "[]",
            r#"{"type":"pong"}"#,
            r#"{"type":7}"#,
        ] {
            assert!(!is_ping(other), "{other}");
        }
    }
}
