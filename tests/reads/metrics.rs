//! `/metrics`: what it says of a known data set, without Redis, and that no id is a label.

use serde_json::{Value, json};

use crate::harness::scrape::Scrape;
use crate::harness::{Daemon, Redis, Setup, eventually, now_ms};
use crate::model::rfc3339;

/// Every metric that is promised, and its kind.
const PROMISED: [(&str, &str); 18] = [
    ("agentpulse_agents_active", "gauge"),
    ("agentpulse_executions_total", "counter"),
    ("agentpulse_executions_started_total", "counter"),
    ("agentpulse_execution_duration_seconds", "histogram"),
    ("agentpulse_tokens_total", "counter"),
    ("agentpulse_cost_dollars_total", "counter"),
    ("agentpulse_tool_calls_total", "counter"),
    ("agentpulse_events_total", "counter"),
    ("agentpulse_orphan_stops_total", "counter"),
    ("agentpulse_timeouts_total", "counter"),
    ("agentpulse_journal_pending", "gauge"),
    ("agentpulse_live_lag_seconds", "gauge"),
    ("agentpulse_flush_last_success_timestamp_seconds", "gauge"),
    ("agentpulse_redis_up", "gauge"),
    ("agentpulse_redis_memory_bytes", "gauge"),
    ("agentpulse_stream_clients", "gauge"),
    ("agentpulse_http_request_duration_seconds", "histogram"),
    ("agentpulse_build_info", "gauge"),
];

pub fn stop(id: &str, agent_type: &str, rest: Value) -> Value {
    let mut stop = json!({"event":"stop","agent_id":id,"agent_name":"zorp","session_id":"s-secret",
        "agent_type":agent_type,"execution_end":rfc3339(now_ms() - 1000)});
    let (stop_fields, rest) = (stop.as_object_mut(), rest.as_object().cloned());
    stop_fields
        .expect("an object")
        .extend(rest.expect("an object"));
    stop
}

/// Six executions of two types; one of them runs.
pub fn known_events() -> Vec<Value> {
    vec![
        json!({"event":"start","agent_id":"id-a","agent_name":"zorp","agent_type":"analyzer"}),
        stop(
            "id-b",
            "analyzer",
            json!({"duration_ms":1234,"tool_calls":{"Read":5,"Write":2},
            "token_usage":{"input_tokens":1500,"output_tokens":2300,"estimated_cost":0.0076}}),
        ),
        stop(
            "id-c",
            "analyzer",
            json!({"duration_ms":300_000,"status":"failure","tool_calls":{"Read":1},
            "token_usage":{"input_tokens":10,"output_tokens":20,"total_tokens":100,
                "cache_read_tokens":7,"cache_write_tokens":9,"estimated_cost":0.5}}),
        ),
        stop(
            "id-d",
            "tester",
            json!({"duration_ms":30_000_000,"status":"timeout"}),
        ),
        json!({"event":"start","agent_id":"id-e","agent_name":"zorp","agent_type":"tester"}),
        stop("id-e", "tester", json!({"duration_ms":50})),
        stop(
            "id-f",
            "tester",
            json!({"duration_ms":1000,"model":"nobody-knows-9",
            "token_usage":{"input_tokens":5,"output_tokens":5}}),
        ),
    ]
}

/// A scrape that has this many accepted events and as many executions.
pub fn once_counted(daemon: &Daemon, accepted: f64, started: f64) -> Scrape {
    eventually("the counters", || {
        let scrape = Scrape::of(daemon);
        let told = (
            scrape.get("agentpulse_events_total", &[("result", "accepted")]),
            scrape.get("agentpulse_executions_started_total", &[]),
        );
        if told == (accepted, started) {
            Ok(scrape)
        } else {
            Err(format!("{told:?}"))
        }
    })
}

/// A name without `agentpulse_`, its labels, and its value.
type Told<'a> = (&'a str, &'a [(&'a str, &'a str)], f64);

#[track_caller]
fn tells(scrape: &Scrape, expect: &[Told]) {
    for (name, labels, value) in expect {
        let told = scrape.get(&format!("agentpulse_{name}"), labels);
        assert!(
            (told - value).abs() < 1e-9,
            "{name} {labels:?} is {told}, not {value}"
        );
    }
}

pub fn tells_the_known_numbers(scrape: &Scrape) {
    let (a, t) = (("agent_type", "analyzer"), ("agent_type", "tester"));
    let (success, failure, timeout) = (
        ("status", "success"),
        ("status", "failure"),
        ("status", "timeout"),
    );
    tells(
        scrape,
        &[
            ("agents_active", &[a], 1.0),
            ("agents_active", &[t], 0.0),
            ("executions_total", &[a, success], 1.0),
            ("executions_total", &[a, failure], 1.0),
            ("executions_total", &[a, timeout], 0.0),
            ("executions_total", &[t, success], 2.0),
            ("executions_total", &[t, failure], 0.0),
            ("executions_total", &[t, timeout], 1.0),
            ("executions_started_total", &[], 6.0),
            ("tokens_total", &[a, ("direction", "input")], 1510.0),
            ("tokens_total", &[a, ("direction", "output")], 2320.0),
            ("tokens_total", &[a, ("direction", "cache_read")], 7.0),
            ("tokens_total", &[a, ("direction", "cache_write")], 9.0),
            ("tokens_total", &[a, ("direction", "other")], 70.0),
            ("tokens_total", &[t, ("direction", "input")], 5.0),
            ("cost_dollars_total", &[], 0.5076),
            ("unpriced_executions_total", &[], 1.0),
            ("tool_calls_total", &[("tool", "Read")], 6.0),
            ("tool_calls_total", &[("tool", "Write")], 2.0),
            ("execution_duration_seconds_bucket", &[a, ("le", "1")], 0.0),
            (
                "execution_duration_seconds_bucket",
                &[a, ("le", "2.5")],
                1.0,
            ),
            (
                "execution_duration_seconds_bucket",
                &[a, ("le", "120")],
                1.0,
            ),
            (
                "execution_duration_seconds_bucket",
                &[a, ("le", "300")],
                2.0,
            ),
            (
                "execution_duration_seconds_bucket",
                &[a, ("le", "+Inf")],
                2.0,
            ),
            ("execution_duration_seconds_sum", &[a], 301.234),
            (
                "execution_duration_seconds_bucket",
                &[t, ("le", "0.1")],
                1.0,
            ),
            ("execution_duration_seconds_bucket", &[t, ("le", "1")], 2.0),
            (
                "execution_duration_seconds_bucket",
                &[t, ("le", "28800")],
                2.0,
            ),
            ("execution_duration_seconds_count", &[t], 3.0),
            ("execution_duration_seconds_sum", &[t], 30_001.05),
            ("events_total", &[("result", "accepted")], 7.0),
            ("events_total", &[("result", "duplicate")], 1.0),
            ("events_total", &[("result", "rejected")], 2.0),
            ("events_total", &[("result", "progress")], 1.0),
        ],
    );
}

/// Sends the known events, one of them twice, two bad lines and a heartbeat.
pub fn send_known(daemon: &Daemon) {
    let mut lines = known_events();
    lines.extend([
        lines[1].clone(),
        json!({"event":"stop"}),
        json!({"event":"dance"}),
        json!({"event":"progress","agent_id":"id-a","progress":0.5}),
    ]);
    let totals = daemon.send(&lines).1.totals;
    assert_eq!((totals.accepted, totals.rejected), (7, 2));
}

#[test]
fn a_known_data_set_has_the_numbers_that_were_computed_by_hand() {
    let daemon = Setup::new().start();
    send_known(&daemon);
    let scrape = once_counted(&daemon, 7.0, 6.0);
    tells_the_known_numbers(&scrape);
    for (name, kind) in PROMISED {
        let family = scrape.families.get(name);
        let (told, help) = family.unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(told, kind, "{name}");
        assert!(help.ends_with('.') && help.len() > 10, "{name}: {help}");
    }
    for (family, (kind, _)) in &scrape.families {
        assert_eq!(family.ends_with("_total"), kind == "counter", "{family}");
        assert!(family.starts_with("agentpulse_"), "{family}");
    }
    tells(
        &scrape,
        &[
            ("redis_up", &[], 1.0),
            ("history_up", &[], 1.0),
            ("live_state", &[("state", "following")], 1.0),
            ("live_state", &[("state", "away")], 0.0),
            ("journal_pending", &[], 0.0),
            ("live_lag_seconds", &[], 0.0),
        ],
    );
    let flushed_s = scrape.get("agentpulse_flush_last_success_timestamp_seconds", &[]);
    assert!(
        (now_ms() as f64 / 1e3 - flushed_s).abs() < 60.0,
        "{flushed_s}"
    );
    assert!(scrape.get("agentpulse_redis_memory_bytes", &[]) > 100_000.0);
    assert!(scrape.get("agentpulse_disk_free_bytes", &[]) > 0.0);
    let told = scrape.samples.iter();
    let build = told
        .clone()
        .find(|sample| sample.name == "agentpulse_build_info");
    let build = build.expect("the build");
    assert_eq!(build.labels["version"], env!("CARGO_PKG_VERSION"));
}

/// So that Prometheus sees an increase with the first count.
#[test]
fn what_is_known_has_its_series_at_0_before_its_first_count() {
    let daemon = Setup::new().start();
    let before = Scrape::of(&daemon);
    let types = agentpulse_core::agent_type::AgentTypes::default();
    let known: Vec<&str> = types.types().chain(["generic", "_other"]).collect();
    assert!(known.len() > 20, "{known:?}");
    for agent_type in &known {
        let of_type = ("agent_type", *agent_type);
        for status in ["success", "failure", "timeout"] {
            let labels = [of_type, ("status", status)];
            assert_eq!(before.get("agentpulse_executions_total", &labels), 0.0);
        }
        let labels = [of_type, ("direction", "input")];
        assert_eq!(before.get("agentpulse_tokens_total", &labels), 0.0);
        for name in ["agents_active", "execution_duration_seconds_count"] {
            assert_eq!(before.get(&format!("agentpulse_{name}"), &[of_type]), 0.0);
        }
    }
    for tool in ["Read", "Bash", "Agent", "_other"] {
        let labels = [("tool", tool)];
        assert_eq!(before.get("agentpulse_tool_calls_total", &labels), 0.0);
    }
    assert!(before.samples.len() < 1_500, "{}", before.samples.len());
    let failed = |n: usize| stop(&format!("id-{n}"), "tester", json!({"status": "failure"}));
    daemon.accept(&(0..12).map(failed).collect::<Vec<_>>());
    let after = once_counted(&daemon, 12.0, 12.0);
    after.has_not_fallen_since(&before);
    let labels = [("agent_type", "tester"), ("status", "failure")];
    assert_eq!(after.get("agentpulse_executions_total", &labels), 12.0);
    let series = |scrape: &Scrape| {
        let samples = scrape.samples.iter();
        let own = samples.filter(|sample| sample.name == "agentpulse_executions_total");
        own.count()
    };
    assert_eq!(series(&after), series(&before), "none is new");
}

#[test]
fn without_redis_everything_else_is_told() {
    let mut redis = Redis::start();
    let daemon = Setup::new().redis(&redis).start();
    send_known(&daemon);
    let before = once_counted(&daemon, 7.0, 6.0);
    redis.kill();
    daemon.accept(&[stop("id-g", "tester", json!({"duration_ms":50}))]);
    let scrape = once_counted(&daemon, 8.0, 7.0);
    scrape.has_not_fallen_since(&before);
    tells(
        &scrape,
        &[
            ("redis_up", &[], 0.0),
            ("history_up", &[], 1.0),
            ("agents_active", &[("agent_type", "analyzer")], 1.0),
        ],
    );
    assert_eq!(scrape.find("agentpulse_redis_memory_bytes", &[]), None);
    eventually("it says that Redis is away", || {
        let scrape = Scrape::of(&daemon);
        match scrape.get("agentpulse_live_state", &[("state", "away")]) {
            1.0 => Ok(()),
            _ => Err(scrape.text),
        }
    });
    redis.restart();
    eventually("it says that Redis is back", || {
        let scrape = Scrape::of(&daemon);
        let state = [("state", "following")];
        let told = (
            scrape.get("agentpulse_redis_up", &[]),
            scrape.get("agentpulse_live_state", &state),
            scrape.get("agentpulse_live_lag_seconds", &[]),
        );
        if told == (1.0, 1.0, 0.0) {
            Ok(())
        } else {
            Err(format!("{told:?}"))
        }
    });
}

#[test]
fn labels_are_few_and_none_is_an_id() {
    let setup = Setup::new().set("limits.agent_types", "3");
    let daemon = setup.set("limits.tools", "4").start();
    let many = |i: usize| {
        let rest = json!({"duration_ms":i,"tool_calls":{format!("tool-{i}"):1}});
        stop(&format!("id-{i}"), &format!("type-{i}"), rest)
    };
    daemon.accept(&(0..40).map(many).collect::<Vec<_>>());
    once_counted(&daemon, 40.0, 40.0);
    let asked = [
        (
            "/api/agents/executions/id-7",
            "/api/agents/executions/{id}",
            200,
        ),
        (
            "/api/agents/executions/id-77",
            "/api/agents/executions/{id}",
            404,
        ),
        ("/no/such/id-8", "_other", 404),
        ("/api/agents/events", "/api/agents/events", 405),
    ];
    for (path, _, status) in asked {
        assert_eq!(daemon.get(path).status, status, "{path}");
    }
    let count = |scrape: &Scrape, route: &str, status: u16| {
        let labels = [("route", route), ("status", &status.to_string())];
        scrape.find("agentpulse_http_request_duration_seconds_count", &labels)
    };
    let scrape = eventually("the requests are told", || {
        let scrape = Scrape::of(&daemon);
        let is_told = |&(_, route, status)| count(&scrape, route, status) == Some(1.0);
        if asked.iter().all(is_told) {
            Ok(scrape)
        } else {
            Err(scrape.text)
        }
    });
    assert_eq!(scrape.sum("agentpulse_executions_total"), 40.0);
    assert_eq!(scrape.sum("agentpulse_tool_calls_total"), 40.0);
    let other = [("agent_type", "_other"), ("status", "success")];
    assert_eq!(scrape.get("agentpulse_executions_total", &other), 37.0);
    assert_eq!(
        scrape.get("agentpulse_tool_calls_total", &[("tool", "_other")]),
        36.0
    );
    for word in ["id-", "s-secret", "zorp"] {
        assert!(!scrape.text.contains(word), "{word} is in\n{}", scrape.text);
    }
    let known = [
        "agent_type",
        "status",
        "direction",
        "tool",
        "result",
        "state",
        "route",
        "le",
        "version",
        "redis_version",
        "scope",
        "severity",
        // Of tasks: those of the settings, and one for all others.
        "role",
    ];
    for sample in &scrape.samples {
        for name in sample.labels.keys() {
            assert!(known.contains(&name.as_str()), "{sample:?}");
        }
    }
}
