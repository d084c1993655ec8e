//! What is sent and never ended: lines on the socket share their room, and an event in an array has
//! the bound of a line.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::events::stops;
use crate::harness::{Daemon, Setup, eventually};

/// The daemon keeps 64 MiB of lines that have begun: 256 of these.
const LINE: usize = 256 << 10;
const CONNECTIONS: usize = 300;

fn cut(daemon: &Daemon) -> u64 {
    let output = daemon.command(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).expect("status is JSON");
    let cut = &status["counters"]["socket_connections_cut"];
    cut.as_u64().expect("a counter")
}

#[test]
fn lines_that_begin_and_never_end_share_their_room_and_keep_nobody_from_sending() {
    let daemon = Setup::new().start();
    let begun: Vec<UnixStream> = (0..CONNECTIONS)
        .map(|_| {
            let mut stream = UnixStream::connect(daemon.socket()).expect("the socket is open");
            let patience = Some(Duration::from_millis(50));
            stream.set_write_timeout(patience).expect("a socket");
            // One that finds no room is not read to its end.
            let _ = stream.write_all(&vec![b'x'; LINE]);
            stream
        })
        .collect();
    let beyond = CONNECTIONS - (64 << 20) / LINE;
    eventually("those without room are cut", || {
        let cut = cut(&daemon) as usize;
        (cut >= beyond)
            .then_some(())
            .ok_or(format!("{cut} of {beyond}"))
    });
    daemon.accept(&stops("short", 100));
    let told = begun.into_iter().filter_map(|mut stream| {
        stream.set_nonblocking(true).expect("a socket");
        let mut told = [0; 200];
        let length = stream.read(&mut told).ok()?;
        Some(String::from_utf8_lossy(&told[..length]).into_owned())
    });
    let told: Vec<String> = told.collect();
    assert!(told.len() >= beyond);
    for told in told {
        let is_reason = [
            "too much is being sent at once",
            "a line must arrive within 30 s",
        ]
        .iter()
        .any(|reason| told.contains(reason));
        assert!(is_reason, "{told}");
    }
}

#[test]
fn an_event_in_an_array_is_no_larger_than_a_line() {
    let daemon = Setup::new().start();
    let mut events = stops("x", 3);
    events[1]["error_details"] = json!({"list": vec!["x".repeat(1_000); 300]});
    let body = serde_json::to_vec(&events).expect("JSON");
    let answer = daemon.request("POST", "/api/agents/events", &[], &body);
    assert_eq!(answer.status, 207);
    let answer = answer.json();
    assert_eq!(
        (&answer["accepted"], &answer["rejected"]),
        (&json!(2), &json!(1))
    );
    let error = &answer["refusals"][0];
    assert_eq!(
        error["error"], "an event must be 0..=262144 bytes",
        "{answer}"
    );
}
