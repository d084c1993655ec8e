//! Connections that hold places and do nothing with them: others come in all the same, and nobody
//! who has asked for something loses it to one who has not.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::harness::events::start;
use crate::harness::watcher::{STREAM, Watcher};
use crate::harness::wire::Client;
use crate::harness::{DEADLINE, Daemon, Setup, eventually, wire};
use crate::security::keys::{create, told};

const CURRENT: &str = "/api/agents/metrics/current";
const EVENTS: &str = "/api/agents/events";

fn counter(daemon: &Daemon, name: &str) -> u64 {
    let status: Value = serde_json::from_str(&told(daemon, &["status", "--json"])).expect("JSON");
    status["counters"][name].as_u64().expect("a counter")
}

fn connect(daemon: &Daemon) -> TcpStream {
    let stream = TcpStream::connect(daemon.http).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
    stream
}

fn is_closed(stream: &mut impl Read) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(read) => read == 0,
        // What it had sent was not read.
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// A request whose body has begun to be read: the rest of it is still to come.
struct Begun(BufReader<TcpStream>);

impl Begun {
    fn post(daemon: &Daemon, body: &str, key: Option<&str>) -> Begun {
        let mut stream = connect(daemon);
        let key = key.map_or(String::new(), |key| format!("x-api-key: {key}\r\n"));
        let length = body.len();
        let head = format!(
            "POST {EVENTS} HTTP/1.1\r\nhost: localhost\r\n{key}content-length: {length}\r\n\
             expect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("it is read");
        let mut begun = Begun(BufReader::new(stream));
        assert!(begun.line().starts_with("HTTP/1.1 100"));
        assert_eq!(begun.line(), "");
        begun
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("an answer");
        line.trim_end().to_owned()
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).expect("it is read");
    }
}

#[test]
fn silent_connections_shut_nobody_out() {
    const MAX: usize = 16;
    let daemon = Setup::new()
        .set("http.max_connections", &MAX.to_string())
        .start();
    let body = json!([start("begun")]).to_string();
    let mut begun = Begun::post(&daemon, &body, None);
    let half_head = format!("GET {CURRENT} HTTP/1.1\r\nhost: localhost\r\nx-slow: ");
    let ask = format!("GET {CURRENT} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut silent = Vec::new();
    for n in 0..4 * MAX {
        let mut stream = connect(&daemon);
        // Some say half of something, some ask once and then stay.
        let said = ["", &half_head, &ask][n % 3];
        let _ = stream.write_all(said.as_bytes());
        silent.push(stream);
    }
    for _ in 0..2 * MAX {
        assert_eq!(daemon.get(CURRENT).status, 200);
        assert_eq!(daemon.get("/health").status, 200);
        assert_eq!(daemon.get("/ready").status, 200);
    }
    assert!(counter(&daemon, "http_connections_evicted") >= 3 * MAX as u64);
    // What was asked before all of them is answered.
    begun.send(body.as_bytes());
    assert!(begun.line().starts_with("HTTP/1.1 200"));
    assert_eq!(counter(&daemon, "events_accepted"), 1);
    drop(silent);
}

#[test]
fn the_longest_idle_is_closed_first() {
    const MAX: usize = 8;
    let daemon = Setup::new()
        .set("http.max_connections", &MAX.to_string())
        .start();
    let mut silent: Vec<TcpStream> = (0..MAX).map(|_| connect(&daemon)).collect();
    let next = connect(&daemon);
    let answer = wire::request_on(next, "GET", CURRENT, &[], b"").expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(is_closed(&mut silent[0]));
    let asked = silent.drain(..).skip(1);
    let mut answers = asked.map(|stream| wire::request_on(stream, "GET", "/health", &[], b""));
    // The connection that waited until the daemon was ready may have had a place still.
    let second = answers.next().expect("enough");
    assert!(second.is_err() || second.is_ok_and(|answer| answer.status == 200));
    for answer in answers {
        assert_eq!(answer.expect("an answer").status, 200);
    }
}

#[test]
fn a_key_that_sends_slowly_stops_neither_another_nor_a_probe_nor_itself() {
    const MAX: usize = 16;
    let daemon = Setup::new()
        .set("http.max_connections", &MAX.to_string())
        .start();
    let [slow, other] = ["slow", "other"].map(|name| create(&daemon, name, "ingest"));
    // Three quarters: more are not one key's.
    let held: Vec<Begun> = (0..MAX - MAX / 4)
        .map(|_| Begun::post(&daemon, "[]", Some(&slow)))
        .collect();
    let post = |key: &str| daemon.request("POST", EVENTS, &[("x-api-key", key)], b"[]");
    for _ in 0..MAX {
        assert_eq!(post(&other).status, 200);
        assert_eq!(daemon.get("/health").status, 200);
    }
    eventually("the slow ones give way to their own key", || {
        let told = post(&slow);
        if told.status == 503 {
            assert_eq!(told.json()["error"]["code"], "too_many_connections");
            assert_eq!(told.header("retry-after"), Some("1"));
        }
        (told.status == 200)
            .then_some(())
            .ok_or_else(|| told.text())
    });
    assert!(counter(&daemon, "http_connections_evicted") >= 1);
    drop(held);
}

#[test]
fn half_bodies_give_back_their_room() {
    let daemon = Setup::new().start();
    let large = format!("[{}]", " ".repeat((8 << 20) - 2));
    let held: Vec<Begun> = (0..8)
        .map(|_| {
            let mut begun = Begun::post(&daemon, &large, None);
            begun.send(&large.as_bytes()[1..]);
            begun
        })
        .collect();
    let body = json!([start("small")]).to_string();
    let told = daemon.request("POST", EVENTS, &[], body.as_bytes());
    assert_eq!(told.status, 200, "{}", told.text());
    drop(held);
}

#[test]
fn silent_connections_to_the_event_socket_give_way() {
    const MAX: usize = 8;
    let daemon = Setup::new()
        .set("limits.connections", &MAX.to_string())
        .start();
    let mut said = Client::connect(&daemon.socket()).expect("the socket is open");
    said.send_line(&start("first")).expect("it is read");
    assert_eq!(said.read_until(1).expect("totals").totals.accepted, 1);
    let mut silent: Vec<UnixStream> = Vec::new();
    for _ in 0..4 * MAX {
        let mut stream = UnixStream::connect(daemon.socket()).expect("the socket is open");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
        let _ = stream.write_all(b"{\"event\":");
        silent.push(stream);
    }
    for n in 0..2 * MAX {
        daemon.accept(&[start(&format!("run{n}"))]);
    }
    assert!(is_closed(&mut silent[0]));
    assert!(counter(&daemon, "socket_connections_evicted") >= 3 * MAX as u64);
    assert_eq!(counter(&daemon, "socket_connections_refused"), 0);
    assert_eq!(counter(&daemon, "events_accepted"), 1 + 2 * MAX as u64);
}

#[test]
fn silent_connections_to_the_control_socket_give_way() {
    const MAX: usize = 8;
    let daemon = Setup::new()
        .set("http.max_connections", &MAX.to_string())
        .start();
    let control = daemon.data.join("control.sock");
    let open = || UnixStream::connect(&control).expect("the socket is open");
    let silent: Vec<UnixStream> = (0..4 * MAX).map(|_| open()).collect();
    assert!(counter(&daemon, "http_connections_evicted") >= 3 * MAX as u64);
    drop(silent);
}

#[test]
fn clients_of_the_stream_that_never_answer_give_way_and_those_that_do_stay() {
    let daemon = Setup::new().set("limits.stream_clients", "4").start();
    let mut alive = Watcher::connect(&daemon, STREAM);
    alive.answer_ping();
    let silent: Vec<Watcher> = (0..3).map(|_| Watcher::connect(&daemon, STREAM)).collect();
    let mut held = Vec::new();
    for n in 1..=3 {
        let mut next = eventually("one that owes a pong gives way", || {
            let asked = Watcher::ask(daemon.http, STREAM, &[]);
            asked.map_err(|refusal| format!("{refusal:?}"))
        });
        next.answer_ping();
        assert_eq!(counter(&daemon, "stream_clients_evicted"), n);
        held.push(next);
    }
    daemon.accept(&[start("x")]);
    alive.read_type("changes");
    drop(silent);
}

#[test]
fn one_key_leaves_clients_of_the_stream_to_others() {
    let daemon = Setup::new().set("limits.stream_clients", "8").start();
    let [one, other] = ["one", "other"].map(|name| create(&daemon, name, "read"));
    let ask = |key: &str| Watcher::ask(daemon.http, STREAM, &[("x-api-key", key)]);
    let mut held: Vec<Watcher> = Vec::new();
    for _ in 0..6 {
        let mut watcher = ask(&one).expect("a place");
        watcher.answer_ping();
        held.push(watcher);
    }
    assert_eq!(ask(&one).err().expect("no more").0, 503);
    held.push(ask(&other).expect("a place"));
    assert_eq!(counter(&daemon, "stream_clients"), 7);
    assert_eq!(counter(&daemon, "stream_clients_evicted"), 0);
}
