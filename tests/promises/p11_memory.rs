//! P11: 1,000 idle connections, 200 readers that stall, writers that never read, lines of 100 MB:
//! the daemon's memory stays bounded, and others are served.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use super::{arrivals, sized};
use crate::check;
use crate::harness::events::stops;
use crate::harness::wire::Client;
use crate::harness::{Daemon, Setup, now_ms};
use crate::model::World;

/// Of a release build. A debug build, in which the suite runs, holds a third more, and up to 153
/// MiB were seen.
const MAX_MIB: u64 = if cfg!(debug_assertions) { 200 } else { 150 };
const IDLE: usize = 1_000;
const STALLED: usize = 200;

/// The most that the daemon ever held.
fn peak_mib(daemon: &Daemon) -> u64 {
    let status = format!("/proc/{}/status", daemon.pid().as_raw_nonzero());
    let text = fs::read_to_string(status).expect("it runs");
    let line = text.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.expect("a number") / 1024
}

fn stage(daemon: &Daemon, what: &str) {
    eprintln!("{what}: {} MiB took", peak_mib(daemon));
}

fn connect(daemon: &Daemon) -> UnixStream {
    let stream = UnixStream::connect(daemon.socket()).expect("the socket is open");
    let patience = Some(Duration::from_millis(200));
    stream.set_write_timeout(patience).expect("a socket");
    stream
}

#[test]
fn p11_whatever_clients_do_memory_is_bounded_and_others_are_served() {
    let daemon = Setup::new()
        .set("limits.connections", "2000")
        .set("http.max_connections", "2000")
        .start();
    let idle: Vec<UnixStream> = (0..IDLE).map(|_| connect(&daemon)).collect();
    stage(&daemon, "idle");
    // Refusals are answered one by one: an answer for each line that nobody reads.
    let stalled: Vec<UnixStream> = (0..STALLED)
        .map(|_| {
            let mut stream = connect(&daemon);
            let _ = stream.write_all(&b"nothing\n".repeat(20_000));
            stream
        })
        .collect();
    stage(&daemon, "stalled");
    let requests: Vec<std::net::TcpStream> = (0..STALLED)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(daemon.http).expect("HTTP is open");
            let request =
                "GET /api/agents/executions?limit=100 HTTP/1.1\r\nhost: localhost\r\n\r\n";
            for _ in 0..20 {
                let _ = stream.write_all(request.as_bytes());
            }
            stream
        })
        .collect();
    stage(&daemon, "requests");
    let megabytes = sized(30, 100);
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let mut client = Client::connect(&daemon.socket()).expect("the socket is open");
            thread::spawn(move || {
                for _ in 0..megabytes {
                    client
                        .send(&[b'x'; 1 << 20])
                        .expect("it is read and dropped");
                }
                client.send(b"\n").expect("it is read");
                client.finish().expect("the totals").totals
            })
        })
        .collect();
    let body = vec![b'x'; megabytes << 20];
    let mut posted = std::net::TcpStream::connect(daemon.http).expect("HTTP is open");
    let head = format!(
        "POST /api/agents/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let _ = posted
        .write_all(head.as_bytes())
        .and_then(|()| posted.write_all(&body));

    stage(&daemon, "posted");
    // Meanwhile others are taken and answered.
    let at_ms = now_ms();
    let lines = stops("served", 500);
    for part in lines.chunks(50) {
        let (_, answer) = daemon.send(part);
        assert_eq!(answer.totals.accepted, part.len() as u64, "{answer:?}");
        assert_eq!(daemon.get("/api/agents/metrics/current").status, 200);
    }
    stage(&daemon, "served");
    for writer in writers {
        let totals = writer.join().expect("the writer ends");
        assert_eq!((totals.rejected, totals.accepted), (1, 0));
    }
    check::everywhere(&daemon, &World::of(&arrivals(&lines, at_ms)));
    let peak = peak_mib(&daemon);
    assert!(peak < MAX_MIB, "{peak} MiB");
    eprintln!("the daemon took {peak} MiB at most");
    assert_eq!(
        (idle.len(), stalled.len(), requests.len()),
        (IDLE, STALLED, STALLED)
    );
}
