//! Which addresses are one client, for limits and for the audit trail.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use serde_json::Value;
use tokio::net::TcpSocket;

use crate::harness::watcher::{DASHBOARD, Watcher};
use crate::harness::wire::Response;
use crate::harness::{Daemon, Setup, eventually, wire};
use crate::security::keys::{audit, create};

const CURRENT: &str = "/api/agents/metrics/current";

/// A connection that comes from another address of this machine.
pub fn connect_from(source: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    let connect = async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
        socket.connect(to).await?.into_std()
    };
    let stream = runtime.block_on(connect).expect("a connection");
    stream.set_nonblocking(false).expect("a socket");
    stream
}

fn get_from(last: u8, daemon: &Daemon, headers: &[(&str, &str)]) -> Response {
    let stream = connect_from(Ipv4Addr::new(127, 0, 0, last), daemon.http);
    wire::request_on(stream, "GET", CURRENT, headers, b"").expect("an answer")
}

/// Of the refusals in the trail: who, from where, why, how often.
fn refusals(daemon: &Daemon) -> Vec<(String, String, String, i64)> {
    let rows = audit(daemon);
    let of = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let refused = rows.iter().filter(|row| row["action"] == "access_refused");
    let mut refused: Vec<_> = refused
        .map(|row| {
            let count = row["count"].as_i64().expect("a count");
            (of(row, "who"), of(row, "origin"), of(row, "detail"), count)
        })
        .collect();
    refused.sort();
    refused
}

#[test]
fn another_address_of_loopback_escapes_no_limit() {
    let daemon = Setup::new()
        .set("http.rate_limit", "1")
        .set("http.rate_burst", "5")
        .start();
    let statuses = (2..=200).map(|last| get_from(last, &daemon, &[]).status);
    let refused = statuses.filter(|status| *status == 429).count();
    assert!(refused > 0, "199 are more than six");
}

#[test]
fn a_crowd_of_addresses_hides_nobody_in_the_trail() {
    let mut daemon = Setup::new().start();
    let key = create(&daemon, "sender", "ingest");
    for last in 2..=40 {
        assert_eq!(get_from(last, &daemon, &[]).status, 401);
    }
    for last in 41..=45 {
        let told = get_from(last, &daemon, &[("x-api-key", &key)]);
        assert_eq!(told.status, 403, "{}", told.text());
    }
    // The end writes what was to wait for its minute.
    daemon.sigterm();
    daemon.restart();
    let refused = refusals(&daemon);
    let sum = |who: &str, reason: &str| {
        let of_it = refused.iter().filter(|row| row.0 == who && row.2 == reason);
        of_it.map(|row| row.3).sum::<i64>()
    };
    let (key, _) = refused
        .iter()
        .map(|row| (row.0.clone(), row.3))
        .find(|(who, _)| who.contains("(sender)"))
        .expect("a row of the key");
    assert_eq!(sum("-", "unauthorized"), 39, "{refused:?}");
    assert_eq!(sum(&key, "forbidden"), 5, "{refused:?}");
    for row in &refused {
        assert_eq!(row.1, "127.0.0.1", "{refused:?}");
    }
}

#[test]
fn over_ipv6_it_is_the_same_daemon() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("SKIPPED: this machine has no IPv6");
        return;
    }
    let daemon = Setup::new().listen("[::1]:0").start();
    assert!(daemon.http.is_ipv6());
    assert_eq!(daemon.get("/health").status, 200);
    assert_eq!(daemon.get(CURRENT).status, 200);
    Watcher::connect(&daemon, DASHBOARD).read_type("initial");
    let key = create(&daemon, "reader", "read");
    assert_eq!(daemon.get(CURRENT).status, 401);
    let with_key = daemon.request("GET", CURRENT, &[("x-api-key", &key)], b"");
    assert_eq!(with_key.status, 200);
    eventually("the trail tells of it", || {
        let refused = refusals(&daemon);
        let expect = ("-", "127.0.0.1", "unauthorized", 1);
        let is_it = |(who, origin, reason, count): &(String, String, String, i64)| {
            (who.as_str(), origin.as_str(), reason.as_str(), *count) == expect
        };
        refused
            .iter()
            .any(is_it)
            .then_some(())
            .ok_or(format!("{refused:?}"))
    });
}
