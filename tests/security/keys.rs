//! Keys: what they open and what they do not, how they end, and where they are never found.

use serde_json::{Value, json};

use crate::harness::bytes::{holds, search};
use crate::harness::wire::Response;
use crate::harness::{Daemon, Setup, eventually, now_ms, wire};

const CURRENT: &str = "/api/agents/metrics/current";
const EVENTS: &str = "/api/agents/events";
const UPGRADE: [(&str, &str); 4] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// Runs a command that must succeed; its standard output.
#[track_caller]
pub fn told(daemon: &Daemon, arguments: &[&str]) -> String {
    let output = daemon.command(arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

#[track_caller]
pub fn create(daemon: &Daemon, name: &str, scopes: &str) -> String {
    let key = told(daemon, &["key", "create", name, "--scope", scopes]);
    let key = key.trim_end();
    assert!(
        key.starts_with("ap_") && key.len() == 3 + 64,
        "{} bytes",
        key.len()
    );
    key.to_owned()
}

fn with_key(daemon: &Daemon, method: &str, path: &str, key: &str) -> Response {
    let bearer = format!("Bearer {key}");
    daemon.request(method, path, &[("authorization", &bearer)], b"")
}

fn status(daemon: &Daemon, method: &str, path: &str, key: &str) -> u16 {
    with_key(daemon, method, path, key).status
}

pub fn audit(daemon: &Daemon) -> Vec<Value> {
    let rows: Value = serde_json::from_str(&told(daemon, &["audit", "--json"])).expect("JSON");
    rows["audit"].as_array().expect("a list").clone()
}

#[test]
fn the_first_key_closes_http_and_each_opens_what_it_may() {
    let daemon = Setup::new().start();
    assert_eq!(daemon.get(CURRENT).status, 200);
    let read = create(&daemon, "reader", "read");
    for path in [
        CURRENT,
        "/api/agents/executions",
        "/metrics",
        "/stream",
        "/api/none",
    ] {
        assert_eq!(daemon.get(path).status, 401, "{path}");
    }
    for path in ["/health", "/ready", "/version"] {
        assert_eq!(daemon.get(path).status, 200, "{path}");
    }
    let by_header = |name: &str, value: &str| {
        let headers = [(name, value)];
        daemon.request("GET", CURRENT, &headers, b"").status
    };
    assert_eq!(by_header("authorization", &format!("Bearer {read}")), 200);
    assert_eq!(by_header("x-api-key", &read), 200);
    assert_eq!(by_header("cookie", &format!("key={read}")), 401);
    assert_eq!(daemon.get(&format!("{CURRENT}?key={read}")).status, 401);
    let (ingest, admin) = (
        create(&daemon, "hooks", "ingest"),
        create(&daemon, "ops", "admin"),
    );
    let all = |method: &str, path: &str| {
        [&read, &ingest, &admin].map(|key| status(&daemon, method, path, key))
    };
    assert_eq!(all("GET", CURRENT), [200, 403, 200]);
    assert_eq!(all("POST", EVENTS), [403, 200, 200]);
    assert_eq!(all("GET", "/api/audit"), [403, 403, 200]);
    assert_eq!(all("POST", "/api/tickets"), [200, 200, 200]);

    let none = daemon.get(CURRENT);
    let wrong = with_key(&daemon, "GET", CURRENT, &read.replace("ap_", "ap_0"));
    assert_eq!((none.status, wrong.status), (401, 401));
    assert_eq!(none.json(), wrong.json());
    assert_eq!(none.header("www-authenticate"), Some("Bearer"));

    let listed = told(&daemon, &["key", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let names: Vec<&Value> = listed["keys"].as_array().expect("a list").iter().collect();
    assert_eq!(names.len(), 3);
    assert_eq!(
        (&names[0]["name"], &names[0]["scopes"]),
        (&json!("reader"), &json!("read"))
    );
    assert!(names[0]["last_used"].is_string() && names[0]["expires"].is_null());
    told(&daemon, &["key", "revoke", "reader"]);
    assert_eq!(status(&daemon, "GET", CURRENT, &read), 401);
    let id = names[1]["id"].as_str().expect("an id");
    told(&daemon, &["key", "revoke", id]);
    assert_eq!(status(&daemon, "POST", EVENTS, &ingest), 401);
    // The commands have a socket of their own.
    assert!(told(&daemon, &["status"]).contains("http_unauthorized"));
    told(&daemon, &["prune"]);
    let again = daemon.command(&["key", "create", "ops"]);
    assert!(!again.status.success() && again.stdout.is_empty());
    told(&daemon, &["key", "revoke", "ops"]);
    assert_eq!(daemon.get(CURRENT).status, 200);
}

#[test]
fn an_expired_key_opens_nothing() {
    let daemon = Setup::new().start();
    let create = ["key", "create", "brief", "--expires", "200ms"];
    let key = told(&daemon, &create).trim_end().to_owned();
    eventually("it expires", || {
        match status(&daemon, "GET", CURRENT, &key) {
            401 => Ok(()),
            other => Err(other.to_string()),
        }
    });
    assert_eq!(daemon.get(CURRENT).status, 401, "the door stays closed");
}

#[test]
fn keys_are_made_without_a_daemon_and_others_reach_none_without_a_key() {
    let mut daemon = Setup::new().start();
    assert!(daemon.sigterm().success());
    let key = create(&daemon, "far", "read");
    let second = create(&daemon, "near", "read");
    told(&daemon, &["key", "revoke", "near"]);
    daemon.setup = Setup::new()
        .listen("0.0.0.0:0")
        .set("http.allowed_hosts", "[\"0.0.0.0\"]");
    daemon.restart();
    assert_eq!(status(&daemon, "GET", CURRENT, &key), 200);
    assert_eq!(status(&daemon, "GET", CURRENT, &second), 401);
    assert_eq!(daemon.get(CURRENT).status, 401);
    told(&daemon, &["key", "revoke", "far"]);
    assert_eq!(
        daemon.get(CURRENT).status,
        401,
        "no key is left, and none may come in"
    );
    assert!(daemon.sigterm().success());
    let exit = daemon.setup.run_to_exit(&daemon.data);
    assert_eq!(exit.code, Some(78), "{}", exit.log);
    assert!(exit.log.contains("agentpulse key create"), "{}", exit.log);
    let offline = audit(&daemon);
    let who = |row: &Value| row["origin"] == "command line" && row["action"] == "key_created";
    assert_eq!(offline.iter().filter(|row| who(row)).count(), 2);
}

#[test]
fn always_means_also_while_there_is_no_key() {
    let daemon = Setup::new().set("http.require_key", "\"always\"").start();
    assert_eq!(daemon.get(CURRENT).status, 401);
    let key = create(&daemon, "reader", "read");
    assert_eq!(status(&daemon, "GET", CURRENT, &key), 200);
}

#[test]
fn a_websocket_comes_in_by_subprotocol_or_ticket() {
    let daemon = Setup::new().start();
    let key = create(&daemon, "page", "read");
    let ingest = create(&daemon, "hooks", "ingest");
    let open = |path: &str, more: &[(&str, &str)]| {
        let headers = [&UPGRADE, more].concat();
        daemon.request("GET", path, &headers, b"").status
    };
    let ticket = |key: &str| {
        let told = with_key(&daemon, "POST", "/api/tickets", key);
        assert_eq!(
            (told.status, told.header("cache-control")),
            (200, Some("no-store"))
        );
        let told = told.json();
        assert_eq!(told["expires_in_s"], 30);
        told["ticket"].as_str().expect("a ticket").to_owned()
    };
    let is_in = |status: u16| ![401, 403, 429].contains(&status);
    for path in ["/stream", "/api/agents/stream", "/registry/stream"] {
        assert_eq!(open(path, &[]), 401, "{path}");
        for name in ["key", "token", "ticket", "access_token"] {
            assert_eq!(open(&format!("{path}?{name}={key}"), &[]), 401, "{name}");
        }
        let offer = format!("agentpulse, agentpulse.key.{key}");
        assert!(is_in(open(path, &[("sec-websocket-protocol", &offer)])));
        let offer = format!("agentpulse.key.{key}0");
        assert_eq!(open(path, &[("sec-websocket-protocol", &offer)]), 401);
        let offer = format!("agentpulse.key.{ingest}");
        assert_eq!(open(path, &[("sec-websocket-protocol", &offer)]), 403);

        let by_ticket = format!("{path}?ticket={}", ticket(&key));
        assert!(is_in(open(&by_ticket, &[])));
        assert_eq!(open(&by_ticket, &[]), 401, "a ticket is good once");
        assert_eq!(
            open(&format!("{path}?ticket={}", ticket(&ingest)), &[]),
            403
        );
    }
    // A ticket is for sockets: no address of an ordinary read ever opens anything.
    let read = format!("{CURRENT}?ticket={}", ticket(&key));
    assert_eq!(daemon.get(&read).status, 401);
    assert_eq!(open(&read, &[]), 401);
    let offer = format!("agentpulse.key.{key}");
    let by_offer = [("sec-websocket-protocol", offer.as_str())];
    assert_eq!(open(CURRENT, &by_offer), 401);
    let kept = ticket(&key);
    told(&daemon, &["key", "revoke", "page"]);
    assert_eq!(open(&format!("/stream?ticket={kept}"), &[]), 401);
}

#[test]
fn the_trail_tells_who_did_what() {
    let daemon = Setup::new().start();
    let admin = create(&daemon, "ops", "admin");
    told(&daemon, &["rebuild"]);
    told(&daemon, &["prune"]);
    let reader = create(&daemon, "reader", "read");
    for _ in 0..50 {
        assert_eq!(daemon.get(CURRENT).status, 401);
    }
    assert_eq!(status(&daemon, "GET", "/api/audit", &reader), 403);
    told(&daemon, &["key", "revoke", "reader"]);
    let actions = |rows: &[Value]| -> Vec<String> {
        let own = rows.iter().filter(|row| row["action"] != "access_refused");
        own.map(|row| format!("{} {}", row["action"].as_str().unwrap(), row["who"]))
            .collect()
    };
    let uid = rustix::process::getuid().as_raw();
    let expect = [
        "key_revoked",
        "key_created",
        "prune",
        "rebuild",
        "key_created",
    ];
    let expect = expect.map(|action| format!("{action} \"uid {uid}\""));
    assert_eq!(actions(&audit(&daemon)), expect);
    let refused = |rows: &[Value], reason: &str| -> Vec<Value> {
        let of_reason = rows.iter().filter(|row| row["detail"] == reason);
        of_reason.cloned().collect()
    };
    eventually("refusals are written", || {
        let rows = audit(&daemon);
        let (nobody, known) = (refused(&rows, "unauthorized"), refused(&rows, "forbidden"));
        let there = nobody.len() == 1 && known.len() == 1;
        if !there {
            return Err(format!("{rows:?}"));
        }
        assert_eq!(
            (&nobody[0]["who"], &nobody[0]["origin"]),
            (&json!("-"), &json!("127.0.0.1"))
        );
        let who = known[0]["who"].as_str().expect("a key");
        assert!(
            who.starts_with("key ") && who.ends_with(" (reader)"),
            "{who}"
        );
        Ok(())
    });
    let over_http = with_key(&daemon, "GET", "/api/audit?limit=2", &admin).json();
    assert_eq!(over_http["audit"].as_array().expect("a list").len(), 2);
    let early = with_key(&daemon, "GET", "/api/audit?limit=0", &admin);
    assert_eq!(early.status, 400);
    let later = format!("/api/audit?since={}", now_ms() + 60_000);
    assert_eq!(
        with_key(&daemon, "GET", &later, &admin).json(),
        json!({"audit": []})
    );
    assert!(told(&daemon, &["audit", "--since", "1h"]).contains("key_revoked"));
}

#[test]
fn refusals_are_counted_and_nothing_of_the_trail_is_lost_at_the_end() {
    let mut daemon = Setup::new().start();
    create(&daemon, "ops", "admin");
    for _ in 0..200 {
        assert_eq!(daemon.get(CURRENT).status, 401);
    }
    assert!(daemon.sigterm().success());
    let rows = audit(&daemon);
    let refused: Vec<&Value> = rows
        .iter()
        .filter(|row| row["detail"] == "unauthorized")
        .collect();
    let counted: u64 = refused
        .iter()
        .map(|row| row["count"].as_u64().unwrap())
        .sum();
    assert_eq!(counted, 200, "{rows:?}");
    assert!(refused.len() < 20, "{} rows", refused.len());
}

#[test]
fn a_key_is_found_nowhere_but_in_the_answer_that_made_it() {
    let mut daemon = Setup::new()
        .set("log.level", "\"trace\"")
        .environment("RUST_LOG", "trace")
        .start();
    let keys = [
        create(&daemon, "one", "read,ingest"),
        create(&daemon, "two", "admin"),
    ];
    let [one, two] = &keys;
    let wrong = one.replace("ap_", "ap_beef");
    let mut answers = Vec::new();
    for key in [one, two, &wrong] {
        for (method, path) in [
            ("GET", CURRENT),
            ("GET", "/api/audit"),
            ("POST", EVENTS),
            ("POST", "/api/tickets"),
            ("DELETE", "/none"),
        ] {
            answers.push(with_key(&daemon, method, path, key).body);
            answers.push(
                daemon
                    .request(method, path, &[("x-api-key", key)], b"")
                    .body,
            );
        }
        for name in ["key", "ticket", "name"] {
            answers.push(daemon.get(&format!("{CURRENT}?{name}={key}")).body);
            answers.push(daemon.get(&format!("/{key}")).body);
        }
        let offer = format!("agentpulse, agentpulse.key.{key}");
        let headers = [&UPGRADE[..], &[("sec-websocket-protocol", &offer)]].concat();
        let told = wire::request(daemon.http, "GET", "/stream", &headers, b"").expect("an answer");
        answers.push(format!("{:?}", told.headers).into_bytes());
        // Somebody who has pasted it.
        let stop = json!({"event": "stop", "agent_id": key, "agent_name": key, "duration_ms": 1,
            "status": "failure", "error_details": {"message": format!("with {key} it failed")}});
        daemon.tell(format!("{stop}\n").as_bytes());
        answers.push(daemon.command(&["key", "revoke", key]).stderr);
    }
    eventually("the paste has arrived", || {
        let told = with_key(&daemon, "GET", "/api/agents/executions", one).text();
        if told.contains("[redacted:agentpulse-key]") {
            Ok(())
        } else {
            Err(told)
        }
    });
    for path in ["/api/agents/executions", CURRENT, "/api/audit"] {
        answers.push(with_key(&daemon, "GET", path, two).body);
    }
    for arguments in [&["key", "list"][..], &["audit"], &["status"], &["doctor"]] {
        answers.push(daemon.command(arguments).stdout);
    }
    daemon.redis(&["SAVE"]);
    for key in [one, two] {
        let secret = key.strip_prefix("ap_").expect("a key");
        assert!(search(daemon.folder.path(), secret) > 3, "files were read");
        for answer in &answers {
            let text = String::from_utf8_lossy(answer);
            assert!(!holds(answer, secret), "{text}");
        }
    }
    assert!(daemon.sigterm().success());
    for key in [one, two] {
        let secret = key.strip_prefix("ap_").expect("a key");
        assert!(search(daemon.folder.path(), secret) > 3, "files were read");
    }
}
