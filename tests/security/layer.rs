//! Who is let in at all: limits, slow clients, headers, foreign pages, other users.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::wire::Response;
use crate::harness::{Daemon, Setup, eventually, wire};
use crate::security::keys::{audit, create, told};

const CURRENT: &str = "/api/agents/metrics/current";
const EVENTS: &str = "/api/agents/events";
/// More would be refused by many a system's limit of open files.
const SLOW: usize = 500;

fn counter(daemon: &Daemon, name: &str) -> u64 {
    let status: Value = serde_json::from_str(&told(daemon, &["status", "--json"])).expect("JSON");
    status["counters"][name].as_u64().expect("a counter")
}

#[test]
fn a_client_beyond_its_rate_gets_429_and_others_do_not() {
    let daemon = Setup::new()
        .set("http.rate_limit", "1")
        .set("http.rate_burst", "5")
        .start();
    let refused = (0..1_000)
        .map(|_| daemon.get(CURRENT))
        .find(|told| told.status != 200);
    let refused = refused.expect("a thousand are more than six");
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(refused.json()["error"]["code"], "too_many_requests");
    assert_eq!(refused.header("retry-after"), Some("1"));
    for _ in 0..20 {
        assert_eq!(daemon.get("/health").status, 200);
    }
    let key = create(&daemon, "reader", "read");
    let with_key = daemon.request("GET", CURRENT, &[("x-api-key", &key)], b"");
    assert_eq!(with_key.status, 200, "a key has a bucket of its own");
    assert!(counter(&daemon, "http_rate_limited") >= 1);
    eventually("the trail tells of it", || {
        let rows = audit(&daemon);
        let mut of_it = rows
            .iter()
            .filter(|row| row["detail"] == "too_many_requests");
        of_it.next().map(drop).ok_or(format!("{rows:?}"))
    });
}

#[test]
fn slow_clients_do_not_stop_the_others() {
    let daemon = Setup::new().start();
    let open = |head: &str| {
        let mut stream = TcpStream::connect(daemon.http).expect("a connection");
        stream.write_all(head.as_bytes()).expect("room for a head");
        stream
    };
    let host = "host: localhost\r\n";
    let half_head = format!("GET {CURRENT} HTTP/1.1\r\n{host}x-slow: ");
    let no_body = format!("POST {EVENTS} HTTP/1.1\r\n{host}content-length: 8388608\r\n\r\n[");
    let endless =
        format!("POST {EVENTS} HTTP/1.1\r\n{host}transfer-encoding: chunked\r\n\r\n1\r\n[");
    let slow: Vec<TcpStream> = (0..SLOW)
        .map(|n| open([&half_head, &no_body, &endless][n % 3]))
        .collect();
    for _ in 0..20 {
        assert_eq!(daemon.get(CURRENT).status, 200);
        let told = daemon.request("POST", EVENTS, &[], b"[]");
        assert_eq!(told.status, 200, "{}", told.text());
    }
    assert_eq!(daemon.get("/ready").status, 200);
    drop(slow);
}

#[test]
fn heads_and_bodies_have_their_caps() {
    let daemon = Setup::new().start();
    let long = "x".repeat(128 << 10);
    // Who is still sending when the refusal comes may see no more than the end.
    let told = wire::request(daemon.http, "GET", CURRENT, &[("x-long", &long)], b"");
    assert!(told.map_or(true, |told| told.status == 431));
    let many: Vec<(String, String)> = (0..200)
        .map(|n| (format!("x-{n}"), n.to_string()))
        .collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(daemon.request("GET", CURRENT, &many, b"").status, 431);
    let large = vec![b' '; (8 << 20) + 1];
    let told = daemon.request("POST", EVENTS, &[], &large);
    assert_eq!(told.status, 413, "{}", told.text());
    let large = vec![b' '; (256 << 10) + 1];
    for path in ["/api/agents/start", "/api/agents/complete"] {
        assert_eq!(daemon.request("POST", path, &[], &large).status, 413);
    }
    assert_eq!(daemon.get(CURRENT).status, 200);
}

#[track_caller]
fn is_headed(told: &Response, what: &str) {
    let is = |name: &str, value: &str| {
        assert_eq!(told.header(name), Some(value), "{what}: {name}");
    };
    is("x-content-type-options", "nosniff");
    is("referrer-policy", "no-referrer");
    is("cross-origin-resource-policy", "same-origin");
    let policy = told.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains("script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(policy.ends_with("https://modal.example"), "{policy}");
    let cached = told.header("cache-control").expect("a word on caching");
    assert!(
        ["no-store", "private, no-cache"].contains(&cached),
        "{what}: {cached}"
    );
}

#[test]
fn every_answer_says_what_a_browser_must_not_do() {
    let daemon = Setup::new()
        .set("http.frame_ancestors", "[\"https://modal.example\"]")
        .start();
    let ask = |method: &str, path: &str, headers: &[(&str, &str)]| {
        let told = daemon.request(method, path, headers, b"");
        is_headed(&told, &format!("{method} {path} {}", told.status));
        told
    };
    let first = ask("GET", CURRENT, &[]);
    let etag = first.header("etag").expect("a tag").to_owned();
    let preflight = [
        ("origin", "http://localhost:5173"),
        ("access-control-request-method", "GET"),
    ];
    let mut statuses = vec![
        first.status,
        ask("GET", CURRENT, &[("if-none-match", &etag)]).status,
        ask("OPTIONS", CURRENT, &preflight).status,
        ask("GET", "/api/agents/metrics/timeline?hours=0", &[]).status,
        ask("GET", CURRENT, &[("origin", "https://evil.example")]).status,
        ask("GET", "/none", &[]).status,
        ask("DELETE", CURRENT, &[]).status,
        ask("GET", CURRENT, &[("host", "evil.example")]).status,
    ];
    create(&daemon, "one", "read");
    statuses.push(ask("GET", CURRENT, &[]).status);
    assert_eq!(statuses, [200, 304, 204, 400, 403, 404, 405, 421, 401]);
}

#[test]
fn foreign_pages_and_names_are_turned_away_from_every_route() {
    let daemon = Setup::new().start();
    let key = create(&daemon, "all", "admin");
    let mut refused = 0;
    for path in [
        "/",
        "/health",
        "/ready",
        "/version",
        "/metrics",
        "/stream",
        "/api/agents/stream",
        "/registry/stream",
        CURRENT,
        EVENTS,
        "/api/agents/start",
        "/api/agents/complete",
        "/api/hooks/claude-code",
        "/api/audit",
        "/api/tickets",
        "/api/none",
    ] {
        for method in ["GET", "POST", "OPTIONS"] {
            // A good key does not help a page from elsewhere.
            for (name, value, status) in [
                ("host", "evil.example", 421),
                ("origin", "https://evil.example", 403),
            ] {
                let headers = [
                    (name, value),
                    ("x-api-key", &key),
                    ("connection", "upgrade"),
                    ("upgrade", "websocket"),
                    ("sec-websocket-version", "13"),
                    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
                    ("access-control-request-method", "POST"),
                ];
                let told = daemon.request(method, path, &headers, b"");
                assert_eq!(told.status, status, "{method} {path} {name}");
                assert_eq!(told.header("access-control-allow-origin"), None);
                refused += 1;
            }
        }
    }
    assert_eq!(counter(&daemon, "http_origin_rejected"), refused);
    // A page whose origin is accepted gets the refusal, and can read it.
    let origin = "http://localhost:5173";
    let told = daemon.request("GET", CURRENT, &[("origin", origin)], b"");
    assert_eq!(
        (told.status, told.header("access-control-allow-origin")),
        (401, Some(origin))
    );
}

/// Runs a program as a user who is nobody here. Returns `None` if that cannot be.
fn as_another(program: &Path, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "timeout",
        "20",
    ]);
    let output = command.arg(program).args(arguments).output().ok()?;
    Some(output)
}

#[test]
fn another_user_is_turned_away_whatever_the_modes_say() {
    let program = Path::new(env!("CARGO_BIN_EXE_agentpulse"));
    let works = as_another(program, &["--version"]).is_some_and(|told| told.status.success());
    if !rustix::process::geteuid().is_root() || !works {
        eprintln!("SKIPPED: no other user can be had here (root and setpriv are needed)");
        return;
    }
    let daemon = Setup::new().start();
    let (socket, control) = (daemon.socket(), daemon.data.join("control.sock"));
    let data = daemon.data.to_str().expect("UTF-8");
    let at = socket.to_str().expect("UTF-8");
    let emit = || {
        let arguments = ["emit", "--socket", at, "/dev/null"];
        as_another(program, &arguments).expect("it ran before")
    };
    let status = || as_another(program, &["status", "--data-dir", data]).expect("it ran before");
    for told in [emit(), status()] {
        let reason = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(!told.status.success(), "the modes keep others out");
        assert!(reason.contains("ermission denied"), "{reason}");
    }
    assert_eq!(counter(&daemon, "socket_peers_refused"), 0);
    for (path, mode) in [
        (daemon.folder.path(), 0o755),
        (&daemon.data, 0o755),
        (&socket, 0o666),
        (&control, 0o666),
    ] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our own");
    }
    let line = daemon.folder.path().join("line");
    fs::write(
        &line,
        b"{\"event\":\"start\",\"agent_id\":\"x\",\"agent_name\":\"x\"}\n",
    )
    .expect("room");
    let line = line.to_str().expect("UTF-8");
    let sent = as_another(program, &["emit", "--socket", at, line]).expect("it ran before");
    assert!(!sent.status.success() && sent.stdout.is_empty(), "{sent:?}");
    let asked = status();
    assert!(
        !asked.status.success() && asked.stdout.is_empty(),
        "{asked:?}"
    );
    assert!(counter(&daemon, "socket_peers_refused") >= 2);
    assert_eq!(daemon.read(CURRENT).expect("a read")["active_agents"], 0);
    eventually("the trail tells of it", || {
        let rows = audit(&daemon);
        let mut of_it = rows.iter().filter(|row| row["detail"] == "foreign_user");
        of_it.next().map(drop).ok_or(format!("{rows:?}"))
    });
}
