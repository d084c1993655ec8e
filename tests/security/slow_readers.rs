//! Clients that take much memory, and give it back slowly or never: others are served all the same.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Daemon, Setup, eventually, now_ms};
use crate::security::keys::create;

const EVENTS: &str = "/api/agents/events";
const PAGE: &str = "/api/agents/executions?limit=500";

fn ask(daemon: &Daemon, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(daemon.http).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
    stream.set_write_timeout(Some(DEADLINE)).expect("a socket");
    let head = format!("{head}host: localhost\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it is read");
    stream
}

#[test]
fn a_key_whose_bodies_come_slowly_leaves_room_to_another() {
    const LEFT: usize = 256 << 10;
    let daemon = Setup::new().start();
    let slow = create(&daemon, "slow", "ingest");
    let other = create(&daemon, "other", "ingest");
    let size = 8 << 20;
    let head = format!("POST {EVENTS} HTTP/1.1\r\nx-api-key: {slow}\r\ncontent-length: {size}\r\n");
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut body = ask(&daemon, &head);
                let mut went = body.write_all(&vec![b' '; size - LEFT]);
                // A byte for each answer of the daemon: it always sends, and is never through.
                for _ in 0..LEFT / 2 {
                    if went.is_err() || end.load(Ordering::Relaxed) {
                        return;
                    }
                    went = body.write_all(b" ");
                    assert_eq!(daemon.get("/health").status, 200);
                }
            });
        }
        for n in 0..20 {
            let line = json!([{"event": "stop", "agent_id": format!("run{n}"), "agent_name": "a"}]);
            let key = [("x-api-key", other.as_str())];
            let told = daemon.request("POST", EVENTS, &key, line.to_string().as_bytes());
            assert_eq!(told.status, 200, "{}", told.text());
        }
        end.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_key_that_reads_nothing_leaves_room_for_answers_to_another() {
    let daemon = Setup::new().start();
    let text = "x ".repeat(2_000);
    let lines: Vec<Value> = (0..500)
        .map(|n| {
            let error = json!({"type": "E", "message": text, "stack_trace": text});
            json!({"event": "stop", "agent_id": format!("run{n}"), "agent_name": "a",
                "status": "failure", "error_details": error})
        })
        .collect();
    for some in lines.chunks(100) {
        daemon.accept(some);
    }
    let greedy = create(&daemon, "greedy", "read");
    let other = create(&daemon, "other", "read");
    let read = |key: &str, path: &str| daemon.request("GET", path, &[("x-api-key", key)], b"");
    eventually("history has all", || {
        let told = read(&other, "/api/agents/costs").json();
        let runs = told["costs"][0]["executions"].as_u64();
        (runs == Some(500))
            .then_some(())
            .ok_or_else(|| told.to_string())
    });
    let size = read(&other, PAGE).body.len();
    assert!(size > 3_000_000, "{size} bytes");
    // More than all room, one after the other, and each another question.
    let until = |n: usize| format!("{PAGE}&until={}", now_ms() + 1_000_000 + n as i64);
    for n in 0..(192 << 20) / size + 2 {
        assert_eq!(read(&other, &until(n)).status, 200);
    }
    // Each is begun before the next is asked for, so that none waits for a reader. The system may
    // take the first answer of a connection whole, and then none of the second.
    let mut unread = Vec::new();
    loop {
        let paths = [1_000, 2_000].map(|from| until(from + unread.len()));
        let line = |path: &str| format!("GET {path} HTTP/1.1\r\nx-api-key: {greedy}\r\n");
        let first = format!("{}host: localhost\r\n\r\n", line(&paths[0]));
        let mut asked = ask(&daemon, &(first + &line(&paths[1])));
        let mut began = [0; 12];
        asked.read_exact(&mut began).expect("it is answered");
        unread.push(asked);
        match &began {
            b"HTTP/1.1 200" => assert!(unread.len() <= (192 << 20) / size, "it may have it all"),
            b"HTTP/1.1 429" => break,
            _ => panic!("{}", String::from_utf8_lossy(&began)),
        }
    }
    let told = read(&other, &until(0));
    assert_eq!(told.status, 200, "{}", told.text());
    drop(unread);
}
