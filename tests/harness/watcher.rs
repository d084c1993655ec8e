//! A client of the WebSockets, and the picture that it makes of what it is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, HandshakeError, Message, WebSocket};

use super::daemon::Daemon;
use super::time::DEADLINE;

pub const STREAM: &str = "/api/agents/stream";
pub const DASHBOARD: &str = "/stream";

/// A client, as a page has one.
pub struct Watcher {
    pub socket: WebSocket<TcpStream>,
    /// Of the last text.
    pub bytes: usize,
}

/// How a connection ended: the close code and its reason, if there was any.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended(pub Option<(u16, String)>);

impl Ended {
    pub fn code(&self) -> Option<u16> {
        self.0.as_ref().map(|(code, _)| *code)
    }
}

impl Watcher {
    /// A refusal answers its status and its body.
    pub fn ask(
        to: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Watcher, (u16, Value)> {
        let stream = TcpStream::connect(to).expect("the daemon listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream.set_write_timeout(Some(DEADLINE)).expect("a timeout");
        let mut request = format!("ws://{to}{path}")
            .into_client_request()
            .expect("a valid request");
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a valid header");
            let name = HeaderName::from_static(name);
            request.headers_mut().insert(name, value);
        }
        // The largest picture has 8 MiB and the details of a thousand.
        let config = WebSocketConfig::default().max_frame_size(Some(32 << 20));
        match tungstenite::client::client_with_config(request, stream, Some(config)) {
            Ok((socket, _)) => Ok(Watcher { socket, bytes: 0 }),
            Err(HandshakeError::Failure(Error::Http(response))) => {
                let body = response.body().clone().unwrap_or_default();
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                Err((response.status().as_u16(), body))
            }
            Err(error) => panic!("{path}: {error}"),
        }
    }

    pub fn connect(daemon: &Daemon, path: &str) -> Watcher {
        Watcher::ask(daemon.http, path, &[]).unwrap_or_else(|refusal| panic!("{refusal:?}"))
    }

    pub fn send(&mut self, message: Message) {
        self.socket.send(message).expect("the daemon reads");
    }

    /// The next text, or how the connection ended. Pings are answered on the way.
    pub fn next(&mut self) -> Result<Value, Ended> {
        let begin = Instant::now();
        loop {
            assert!(begin.elapsed() < DEADLINE, "nothing comes");
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    self.bytes = text.len();
                    return Ok(serde_json::from_str(&text).expect("a text is JSON"));
                }
                Ok(Message::Close(frame)) => {
                    let told = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                    return Err(Ended(told));
                }
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(Ended(None)),
            }
        }
    }

    #[track_caller]
    pub fn read(&mut self) -> Value {
        self.next().unwrap_or_else(|ended| panic!("{ended:?}"))
    }

    /// The next text of a type; others are passed over.
    #[track_caller]
    pub fn read_type(&mut self, kind: &str) -> Value {
        let begin = Instant::now();
        loop {
            let message = self.read();
            if message["type"] == kind {
                return message;
            }
            assert!(begin.elapsed() < DEADLINE, "no {kind} comes");
        }
    }

    /// Reads to the end.
    pub fn ended(&mut self) -> Ended {
        loop {
            if let Err(ended) = self.next() {
                return ended;
            }
        }
    }

    /// Answers the ping that a connection begins with; what comes before it is passed over.
    pub fn answer_ping(&mut self) {
        while !self.socket.read().expect("a message").is_ping() {}
        self.socket.flush().expect("the daemon reads");
    }

    /// Whether nothing but pings comes for so long.
    pub fn is_quiet(&mut self, patience: Duration) -> bool {
        let stream = self.socket.get_ref();
        stream.set_read_timeout(Some(patience)).expect("a timeout");
        let quiet = loop {
            match self.socket.read() {
                Ok(Message::Ping(_)) => {}
                Err(Error::Io(error)) => break error.kind() == io::ErrorKind::WouldBlock,
                _ => break false,
            }
        };
        let stream = self.socket.get_ref();
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        quiet
    }
}

/// What a page shows: made of frames, by the rules that the protocol has for it.
#[derive(Debug, Default)]
pub struct Seen {
    pub seq: u64,
    pub active: BTreeSet<String>,
    /// Ended executions with their status, since the last picture.
    pub ended: BTreeMap<String, String>,
    pub totals: Value,
    /// Pictures after the first.
    pub resyncs: u64,
    pub changes: u64,
    pub largest: usize,
}

impl Seen {
    /// The picture of a client that has read its snapshot.
    pub fn first(watcher: &mut Watcher) -> Seen {
        let mut seen = Seen::default();
        let snapshot = watcher.read();
        assert_eq!(snapshot["type"], "snapshot", "{snapshot}");
        seen.picture(&snapshot);
        seen
    }

    /// Takes in the next frame, and answers it.
    #[track_caller]
    pub fn follow(&mut self, watcher: &mut Watcher) -> Value {
        let frame = watcher.read();
        let seq = frame["seq"].as_u64().expect("a frame has its number");
        assert_eq!(seq, self.seq + 1, "a frame is missing before {frame}");
        match frame["type"].as_str() {
            Some("resync") => {
                assert!(frame["reason"].is_string(), "{frame}");
                self.resyncs += 1;
                self.picture(&frame);
            }
            Some("changes") => {
                self.seq = seq;
                let elements = frame["data"].as_array().expect("an array");
                assert!(!elements.is_empty(), "an empty frame");
                self.largest = self.largest.max(elements.len());
                for element in elements {
                    self.take(element);
                }
            }
            other => panic!("{other:?} in {frame}"),
        }
        frame
    }

    /// Takes in frames until the picture is as it should be.
    #[track_caller]
    pub fn until(&mut self, watcher: &mut Watcher, holds: impl Fn(&Seen) -> bool) {
        let begin = Instant::now();
        while !holds(self) {
            assert!(begin.elapsed() < DEADLINE, "it never came to hold");
            self.follow(watcher);
        }
    }

    fn picture(&mut self, frame: &Value) {
        self.seq = frame["seq"].as_u64().expect("a frame has its number");
        let active = frame["active"].as_array().expect("what runs");
        self.active = active.iter().map(id).collect();
        self.ended.clear();
        self.totals = frame["data"].clone();
    }

    fn take(&mut self, element: &Value) {
        let execution = &element["execution"];
        match element["kind"].as_str() {
            Some("started") => {
                self.ended.remove(&id(execution));
                self.active.insert(id(execution));
                self.changes += 1;
            }
            Some("progress") => {
                let known = self.active.contains(&id(execution));
                assert!(known, "a sign of what does not run: {element}");
            }
            Some("stopped" | "corrected") => {
                self.active.remove(&id(execution));
                let status = execution["status"].as_str().expect("a status").to_owned();
                self.ended.insert(id(execution), status);
                self.changes += 1;
            }
            // What runs fails, or there are many of it.
            Some("alert" | "definition" | "definitions_skipped") => {}
            Some("totals") => self.totals = element["data"].clone(),
            other => panic!("{other:?} in {element}"),
        }
    }
}

pub fn id(execution: &Value) -> String {
    let id = execution["agent_id"].as_str();
    id.unwrap_or_else(|| panic!("no id in {execution}"))
        .to_owned()
}

/// Ids that run, as the daemon answers.
pub fn active(daemon: &Daemon) -> Result<BTreeSet<String>, String> {
    let told = daemon.read("/api/agents/active")?;
    Ok(told["active"]
        .as_array()
        .into_iter()
        .flatten()
        .map(id)
        .collect())
}

/// Ended executions with their status, as the daemon answers page by page.
pub fn ended(daemon: &Daemon) -> Result<BTreeMap<String, String>, String> {
    let mut all = BTreeMap::new();
    let mut path = "/api/agents/executions?limit=500".to_owned();
    loop {
        let page = daemon.read(&path)?;
        for execution in page["executions"].as_array().into_iter().flatten() {
            let status = execution["status"].as_str().unwrap_or_default().to_owned();
            all.insert(id(execution), status);
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            return Ok(all);
        };
        path = format!("/api/agents/executions?limit=500&cursor={cursor}");
    }
}
