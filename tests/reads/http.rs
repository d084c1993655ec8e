//! Parameters and their bounds, caching, intake by POST, and who is let in.

use serde_json::{Value, json};

use crate::check;
use crate::harness::wire::{Response, totals};
use crate::harness::{Daemon, Run, Setup, eventually, now_ms};
use crate::model::{Arrival, HOUR_MS, Totals, World};

const CURRENT: &str = "/api/agents/metrics/current";

#[track_caller]
fn is_error(response: &Response, status: u16, words: &[&str]) {
    assert_eq!(response.status, status, "{}", response.text());
    let told = response.json();
    let error = told["error"]
        .as_object()
        .unwrap_or_else(|| panic!("{told}"));
    assert!(
        error["code"].as_str().is_some_and(|code| !code.is_empty()),
        "{told}"
    );
    let message = error["message"]
        .as_str()
        .unwrap_or_else(|| panic!("{told}"));
    for word in words {
        assert!(message.contains(word), "{message:?} does not say {word}");
    }
}

fn stop(id: &str, end_ms: i64) -> Value {
    let usage = json!({"input_tokens": 1, "output_tokens": 1, "estimated_cost": 0.5});
    let run = Run::new(id).ended(end_ms).took(100);
    run.stops_with("token_usage", usage).stop()
}

#[test]
fn a_parameter_out_of_bounds_is_400_with_the_bounds() {
    let daemon = Setup::new().start();
    let exact = daemon.get("/api/agents/metrics/timeline?hours=169");
    assert_eq!(exact.status, 400);
    assert_eq!(
        exact.json(),
        json!({"error":{"code":"invalid_parameter","message":"hours must be 1..=168"}})
    );
    for hours in ["0", "-1", "169", "4294967297", "1e30", "many", "", "1.5"] {
        let path = format!("/api/agents/metrics/timeline?hours={hours}");
        is_error(&daemon.get(&path), 400, &["hours must be 1..=168"]);
    }
    for route in [
        "agents/performance/zorp",
        "agents/metrics/daily",
        "agents/costs",
        "registry/agents",
    ] {
        for days in ["0", "401", "-7", "x"] {
            let path = format!("/api/{route}?days={days}");
            is_error(&daemon.get(&path), 400, &["days must be 1..=400"]);
        }
    }
    for (query, word) in [
        ("tools/usage?period=year", "period"),
        ("tools/usage?date=2026-13-45", "date"),
        ("tools/usage?date=today", "date"),
        ("metrics/current?timeRange=2h", "timeRange"),
        ("types/distribution?timeRange=", "timeRange"),
        ("costs?by=moon", "by"),
    ] {
        is_error(&daemon.get(&format!("/api/agents/{query}")), 400, &[word]);
    }
}

#[test]
fn an_unknown_path_is_404_and_a_wrong_method_405() {
    let daemon = Setup::new().start();
    for path in [
        "/api/agents/performance/nobody",
        "/api/agents/performance/%FF%FE",
        "/api/agents/executions/none",
        "/api/agents/nothing",
        "/nowhere",
    ] {
        let status = daemon.get(path).status;
        assert!(
            status == 404 || (status == 400 && path.contains('%')),
            "{path}: {status}"
        );
    }
    is_error(&daemon.get("/api/agents/performance/nobody"), 404, &[]);
    assert_eq!(daemon.request("DELETE", CURRENT, &[], b"").status, 405);
    assert_eq!(daemon.get("/api/agents/events").status, 405);
}

#[test]
fn a_timeline_has_as_many_points_as_hours_were_asked_for() {
    let daemon = Setup::new().start();
    for hours in [1, 6, 24, 168] {
        let path = format!("/api/agents/metrics/timeline?hours={hours}");
        let told = daemon.read(&path).expect("the timeline");
        assert_eq!(told["timeline"].as_array().expect("a list").len(), hours);
    }
}

#[test]
fn an_unchanged_answer_is_304_until_something_happens() {
    let daemon = Setup::new().start();
    let arrivals = daemon.accept(&[stop("a", now_ms() - 1000)]);
    check::everywhere(&daemon, &World::of(&arrivals));
    for path in [
        "/api/agents/metrics/daily?days=7",
        "/api/agents/performance/zorp",
        CURRENT,
    ] {
        let first = daemon.get(path);
        let etag = first
            .header("etag")
            .unwrap_or_else(|| panic!("{path} has no ETag"))
            .to_owned();
        let again = daemon.request("GET", path, &[("if-none-match", &etag)], b"");
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        let other = daemon.request("GET", path, &[("if-none-match", "\"other\"")], b"");
        assert_eq!(other.status, 200, "{path}");
        daemon.accept(&[stop(path, now_ms() - 1000)]);
        eventually("a change has another ETag", || {
            let changed = daemon.request("GET", path, &[("if-none-match", &etag)], b"");
            if changed.status == 200 {
                Ok(())
            } else {
                Err(format!("{path}: {}", changed.status))
            }
        });
    }
}

#[test]
fn a_time_range_is_a_window_of_whole_hours() {
    let daemon = Setup::new().start();
    let at_ms = now_ms();
    let hours_ago = [0, 3, 5, 20, 100, 500];
    let ends: Vec<i64> = hours_ago
        .iter()
        .map(|hours| at_ms - 1000 - hours * HOUR_MS)
        .collect();
    let lines: Vec<Value> = ends
        .iter()
        .enumerate()
        .map(|(n, end_ms)| stop(&format!("r{n}"), *end_ms))
        .collect();
    daemon.accept(&lines);
    let ranges = [
        ("1h", 1, 1),
        ("6h", 6, 1),
        ("24h", 24, 1),
        ("7d", 168, 7),
        ("30d", 720, 30),
    ];
    for (range, hours, days) in ranges {
        eventually("every read takes the same window", || {
            let this_hour = now_ms().div_euclid(HOUR_MS);
            let within = |end_ms: &&i64| this_hour - end_ms.div_euclid(HOUR_MS) < hours;
            let want = ends.iter().filter(within).count() as i64;
            let told = daemon.read(&format!("{CURRENT}?timeRange={range}"))?;
            let types =
                daemon.read(&format!("/api/agents/types/distribution?timeRange={range}"))?;
            let timeline =
                daemon.read(&format!("/api/agents/metrics/timeline?timeRange={range}"))?;
            let points = timeline["timeline"].as_array().ok_or("no list")?;
            let sum: i64 = points
                .iter()
                .filter_map(|point| point["executions"].as_i64())
                .sum();
            let counted = told["executions_today"] == want
                && told["tokens_used_today"] == 2 * want
                && told["estimated_cost_today"].as_f64() == Some(want as f64 / 2.0)
                && types["distribution"][0]["count"].as_i64().unwrap_or(0) == want
                && points.len() as i64 == hours
                && sum == want;
            let said = format!("{range}: {told} {types} {sum}, expected {want}");
            if counted { Ok(()) } else { Err(said) }
        });
        let path = "/api/agents/performance/zorp";
        let ranged = daemon
            .read(&format!("{path}?timeRange={range}"))
            .expect("known");
        assert_eq!(
            ranged,
            daemon.read(&format!("{path}?days={days}")).expect("known"),
            "{range}"
        );
    }
    let both = daemon
        .read("/api/agents/metrics/timeline?timeRange=7d&hours=2")
        .expect("2 hours");
    assert_eq!(both["timeline"].as_array().expect("a list").len(), 2);
}

fn post(daemon: &Daemon, path: &str, kind: &str, body: &str) -> Response {
    daemon.request("POST", path, &[("content-type", kind)], body.as_bytes())
}

#[test]
fn events_are_taken_as_lines_and_as_an_array() {
    let daemon = Setup::new().start();
    let end_ms = now_ms() - 1000;
    let line = |id: &str| stop(id, end_ms);
    let path = "/api/agents/events";
    let lines = format!("{}\n{}\n", line("n1"), line("n2"));
    let told = post(&daemon, path, "application/x-ndjson", &lines);
    assert_eq!(told.status, 200, "{}", told.text());
    let two = Totals {
        accepted: 2,
        ..Totals::default()
    };
    assert_eq!(totals(&told.json()), Some(two));

    let array = json!([line("a1"), line("n1"), line("a2")]).to_string();
    let told = post(&daemon, path, "application/json", &array);
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(
        totals(&told.json()),
        Some(Totals {
            duplicate: 1,
            ..two
        })
    );

    let mixed = format!("{}\nbroken\n\n{{\"event\":\"stop\"}}\n", line("m1"));
    let told = post(&daemon, path, "application/x-ndjson", &mixed);
    assert_eq!(told.status, 207, "{}", told.text());
    let told = told.json();
    let want = Totals {
        accepted: 1,
        rejected: 2,
        ..Totals::default()
    };
    assert_eq!(totals(&told), Some(want));
    let refusals = told["refusals"].as_array().expect("a list of refusals");
    assert_eq!(
        (&refusals[0]["line"], &refusals[1]["line"]),
        (&json!(2), &json!(4))
    );
    let reason = "stop: agent_id is required, or agent_name of a whole run";
    assert_eq!(refusals[1]["error"], reason);

    let mixed = json!([line("m2"), 5, {"event":"start"}]).to_string();
    let told = post(&daemon, path, "application/json", &mixed);
    assert_eq!(told.status, 207, "{}", told.text());
    assert_eq!(totals(&told.json()), Some(want));

    let ids = ["n1", "n2", "a1", "a2", "m1", "m2"];
    let arrivals: Vec<Arrival> = ids
        .iter()
        .map(|id| Arrival {
            line: line(id),
            at_ms: now_ms(),
        })
        .collect();
    check::everywhere(&daemon, &World::of(&arrivals));
}

#[test]
fn the_dashboards_own_hooks_can_post_a_start_and_its_end() {
    let daemon = Setup::new().start();
    let kind = "application/json";
    let start = json!({"agent_id":"h1","agent_name":"screenshot-analyzer","agent_type":"analyzer",
        "task_description":"Look","tools_granted":["Read"],"context_size":10,"source":"hook",
        "session_id":"s-1"});
    let told = post(&daemon, "/api/agents/start", kind, &start.to_string());
    assert_eq!(
        (told.status, told.json()),
        (200, json!({"success":true,"agent_id":"h1"}))
    );
    eventually("it runs", || {
        let told = daemon.read(CURRENT)?;
        if told["active_agents"] == 1 {
            Ok(())
        } else {
            Err(told.to_string())
        }
    });
    let mut end = stop("h1", now_ms());
    end.as_object_mut().expect("an object").remove("event");
    end["status"] = json!("complete");
    let told = post(&daemon, "/api/agents/complete", kind, &end.to_string());
    assert_eq!(
        (told.status, told.json()),
        (200, json!({"success":true,"agent_id":"h1"}))
    );
    // A hook that tries again gets the same answer.
    assert_eq!(
        post(&daemon, "/api/agents/complete", kind, &end.to_string()).status,
        200
    );
    eventually("it is counted once", || {
        let told = daemon.read(&format!("{CURRENT}?timeRange=6h"))?;
        let once = told["active_agents"] == 0 && told["executions_today"] == 1;
        if once { Ok(()) } else { Err(told.to_string()) }
    });
    for (path, body) in [
        ("/api/agents/start", "{}"),
        ("/api/agents/start", "nonsense"),
        (
            "/api/agents/complete",
            "{\"agent_id\":\"h2\",\"duration_ms\":-1}",
        ),
    ] {
        is_error(&post(&daemon, path, kind, body), 400, &[]);
    }
}

#[test]
fn a_foreign_host_is_421_and_a_foreign_origin_403() {
    let daemon = Setup::new().start();
    let port = daemon.http.port();
    let status = |header: &str, value: &str| {
        daemon
            .request("GET", CURRENT, &[(header, value)], b"")
            .status
    };
    for host in [
        "evil.example",
        "evil.example:4056",
        "127.0.0.1.evil.example",
        "10.1.2.3",
    ] {
        assert_eq!(status("host", host), 421, "{host}");
    }
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        assert_eq!(status("host", &format!("{host}:{port}")), 200, "{host}");
    }
    for origin in [
        "https://evil.example",
        "http://localhost.evil.example",
        "null",
        "http://",
    ] {
        assert_eq!(status("origin", origin), 403, "{origin}");
        let upgrade = [
            ("origin", origin),
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        for path in ["/stream", "/api/agents/stream", "/api/registry/stream"] {
            assert_eq!(
                daemon.request("GET", path, &upgrade, b"").status,
                403,
                "{path} {origin}"
            );
        }
        let headers = [("origin", origin), ("content-type", "application/json")];
        let posted = daemon.request("POST", "/api/agents/events", &headers, b"[]");
        assert_eq!(posted.status, 403, "{origin}");
    }
    for origin in [
        "http://localhost:5173",
        "http://127.0.0.1:8080",
        "http://[::1]:3000",
    ] {
        let told = daemon.request("GET", CURRENT, &[("origin", origin)], b"");
        assert_eq!(told.status, 200, "{origin}");
        assert_eq!(told.header("access-control-allow-origin"), Some(origin));
    }
}

#[test]
fn probes_and_pages_answer() {
    let daemon = Setup::new().start();
    for path in ["/health", "/ready", "/version"] {
        let told = daemon.get(path);
        assert_eq!(told.status, 200, "{path}: {}", told.text());
        assert!(!told.body.is_empty(), "{path}");
    }
    assert!(
        daemon
            .get("/version")
            .text()
            .contains(env!("CARGO_PKG_VERSION"))
    );
}
