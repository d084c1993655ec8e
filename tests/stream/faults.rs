//! Clients of the WebSockets that are slow, too many, foreign, or talk nonsense: each gets an
//! error, and the others never notice.

use std::fs;
use std::io::Write;
use std::net::TcpStream;

use serde_json::{Value, json};
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::harness::events::start;
use crate::harness::watcher::{DASHBOARD, STREAM, Seen, Watcher};
use crate::harness::{Daemon, Setup, eventually};
use crate::security::keys::{create, told};

fn counter(daemon: &Daemon, name: &str) -> u64 {
    let told = daemon.command(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let counter = status["counters"][name].as_u64();
    counter.unwrap_or_else(|| panic!("{name} is not in {status}"))
}

#[test]
fn a_client_that_stops_reading_is_cut_off_and_the_others_get_everything() {
    let daemon = Setup::new().start();
    let mut slow = Watcher::connect(&daemon, STREAM);
    Seen::first(&mut slow);
    let mut watcher = Watcher::connect(&daemon, STREAM);
    let mut seen = Seen::first(&mut watcher);
    let mut sent = 0;
    // Each burst is a frame of 0.8 MB: soon more than the system keeps for who does not read.
    while counter(&daemon, "stream_clients_disconnected") == 0 {
        assert!(sent < 200 * 100, "it was never cut off");
        let lines: Vec<Value> = (sent..sent + 200)
            .map(|i| {
                let mut line = start(&format!("x{i}"));
                line["task_description"] = "d".repeat(4_000).into();
                line
            })
            .collect();
        daemon.accept(&lines);
        sent += 200;
        seen.until(&mut watcher, |seen| seen.active.len() == sent);
    }
    let end = slow.ended();
    assert!(matches!(end.code(), None | Some(1013)), "{end:?}");
    assert_eq!(seen.resyncs, 0);
    assert_eq!(seen.changes as usize, sent);
    eventually("its place is free", || {
        match counter(&daemon, "stream_clients") {
            1 => Ok(()),
            other => Err(format!("{other} clients")),
        }
    });
}

/// What the daemon answers to one message of a client, or how it ends the connection.
fn answer(daemon: &Daemon, message: Message) -> Result<Value, u16> {
    let mut watcher = Watcher::connect(daemon, STREAM);
    Seen::first(&mut watcher);
    // A daemon that refuses a message need not have read it to its end.
    let _ = watcher.socket.send(message);
    watcher
        .next()
        .map_err(|end| end.code().expect("a close code"))
}

#[test]
fn an_unknown_message_is_an_error_and_a_too_large_one_ends_the_connection() {
    let daemon = Setup::new().start();
    let mut watcher = Watcher::connect(&daemon, STREAM);
    let mut seen = Seen::first(&mut watcher);
    let ping = json!({"type": "ping"}).to_string();
    assert_eq!(
        answer(&daemon, Message::text(ping)),
        Ok(json!({"type": "pong"}))
    );
    for message in [
        Message::text("nonsense"),
        Message::text(json!({"type": "subscribe"}).to_string()),
        Message::text("x".repeat(64 << 10)),
        Message::binary(vec![0, 1, 2]),
    ] {
        let told = answer(&daemon, message).expect("an answer");
        assert_eq!(told["type"], "error", "{told}");
        assert_eq!(told["error"]["code"], "unknown_message", "{told}");
    }
    for length in [(64 << 10) + 1, 1 << 20] {
        assert_eq!(
            answer(&daemon, Message::text("x".repeat(length))),
            Err(1009)
        );
    }
    daemon.accept(&[start("x")]);
    seen.until(&mut watcher, |seen| seen.active.len() == 1);
    assert_eq!(seen.seq, 1, "others were sent something");
}

#[test]
fn a_client_that_breaks_the_protocol_or_its_limit_is_told_the_reason() {
    let daemon = Setup::new().start();
    let raw = |bytes: &[u8]| {
        let mut watcher = Watcher::connect(&daemon, STREAM);
        Seen::first(&mut watcher);
        let stream: &mut TcpStream = watcher.socket.get_mut();
        stream.write_all(bytes).expect("it is read");
        watcher.ended().code()
    };
    // Not masked; an unknown opcode; text that is no UTF-8, masked with zeros.
    assert_eq!(raw(&[0x81, 0x01, b'x']), Some(1002));
    assert_eq!(raw(&[0x83, 0x80, 0, 0, 0, 0]), Some(1002));
    assert_eq!(raw(&[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]), Some(1007));
    for path in [STREAM, DASHBOARD] {
        let mut watcher = Watcher::connect(&daemon, path);
        for _ in 0..200 {
            if watcher.socket.send(Message::text("x")).is_err() {
                break;
            }
        }
        assert_eq!(watcher.ended().code(), Some(1008), "{path}");
    }
    assert_eq!(counter(&daemon, "stream_clients_disconnected"), 5);
}

#[test]
fn a_client_that_closes_is_answered() {
    let daemon = Setup::new().start();
    for path in [STREAM, DASHBOARD] {
        let mut watcher = Watcher::connect(&daemon, path);
        let code = CloseCode::Normal;
        let reason = "enough".into();
        let close = Some(CloseFrame { code, reason });
        watcher.socket.close(close).expect("the daemon reads");
        assert_eq!(watcher.ended().code(), Some(1000), "{path}");
    }
    assert_eq!(counter(&daemon, "stream_clients_disconnected"), 0);
}

#[test]
fn clients_without_a_key_are_closed_once_keys_are_required() {
    let daemon = Setup::new().start();
    let open = |path: &str, headers: &[(&'static str, &str)]| {
        let mut watcher = Watcher::ask(daemon.http, path, headers).expect("it may come in");
        watcher.read();
        watcher
    };
    let paths = [STREAM, DASHBOARD];
    let keyless = paths.map(|path| open(path, &[]));
    let key = create(&daemon, "first", "read");
    let needed = Some((1008, "a key is needed by now".to_owned()));
    for mut watcher in keyless {
        assert_eq!(watcher.ended().0, needed);
    }
    let keyed = paths.map(|path| open(path, &[("x-api-key", &key)]));
    told(&daemon, &["key", "revoke", "first"]);
    let ended = Some((1008, "the key has ended".to_owned()));
    for mut watcher in keyed {
        assert_eq!(watcher.ended().0, ended);
    }
    let keyless = paths.map(|path| open(path, &[]));
    let always = daemon.setup.clone().set("http.require_key", "\"always\"");
    fs::write(daemon.data.with_extension("toml"), always.text()).expect("the settings");
    told(&daemon, &["reload"]);
    for mut watcher in keyless {
        assert_eq!(watcher.ended().0, needed);
    }
    assert_eq!(counter(&daemon, "stream_clients_disconnected"), 0);
}

#[test]
fn a_client_beyond_the_limit_gets_503_until_a_slot_is_free() {
    let daemon = Setup::new().set("limits.stream_clients", "2").start();
    let mut first = Watcher::connect(&daemon, STREAM);
    let mut second = Watcher::connect(&daemon, DASHBOARD);
    first.answer_ping();
    second.answer_ping();
    for path in [STREAM, DASHBOARD] {
        let (status, body) = Watcher::ask(daemon.http, path, &[])
            .err()
            .expect("no place");
        assert_eq!(status, 503, "{path}");
        assert_eq!(body["error"]["code"], "too_many_clients", "{body}");
    }
    assert_eq!(counter(&daemon, "stream_clients"), 2);
    assert_eq!(counter(&daemon, "stream_clients_refused"), 2);
    assert_eq!(daemon.get("/health").status, 200);
    drop(first);
    eventually("a place is free", || {
        let asked = Watcher::ask(daemon.http, STREAM, &[]);
        asked.map(|_| ()).map_err(|refusal| format!("{refusal:?}"))
    });
}

#[test]
fn foreign_pages_and_hosts_do_not_come_in() {
    let daemon = Setup::new().start();
    for path in [STREAM, DASHBOARD] {
        let refused = |name, value| {
            let refusal = Watcher::ask(daemon.http, path, &[(name, value)]).err();
            let (status, body) = refusal.expect("a refusal");
            (status, body["error"]["code"].clone())
        };
        let origin = refused("origin", "http://evil.example");
        assert_eq!(origin, (403, json!("forbidden_origin")));
        let host = refused("host", "evil.example");
        assert_eq!(host, (421, json!("unknown_host")));
        let own = Watcher::ask(daemon.http, path, &[("origin", "http://localhost:5173")]);
        own.expect("a page from here comes in").read();
        let plain = daemon.get(path);
        assert_eq!(plain.status, 426);
        assert_eq!(plain.header("upgrade"), Some("websocket"));
        assert_eq!(plain.json()["error"]["code"], "upgrade_required");
    }
}
