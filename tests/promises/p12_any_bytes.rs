//! P12: whatever bytes come in, the decoder says yes or no and never falls over; likewise the
//! reader of transcripts and the queries of HTTP. The targets in `fuzz/` look further where there
//! is time.

use std::slice;

use agentpulse_core::price::Prices;
use agentpulse_core::usage::Usage;
use agentpulse_sources::claude_code::transcript::{Slice, Span, TurnReader};
use agentpulse_sources::{Clock, LineKey, decode};
use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::sized;
use crate::check;
use crate::harness::{Setup, now_ms, wire};
use crate::model::{DAY_MS, KEPT_DAYS, World};

fn config(cases: u32) -> Config {
    Config {
        cases,
        ..Config::with_source_file(file!())
    }
}

fn clock() -> Clock {
    Clock {
        now_ms: now_ms(),
        keep_ms: KEPT_DAYS * DAY_MS,
        zone: TimeZone::UTC,
    }
}

/// Events with every field that there is.
fn whole_events() -> Vec<Value> {
    vec![
        json!({"event":"start","agent_id":"a","agent_name":"n","agent_type":"t","start_time":1,
            "task_description":"d","tools_granted":["Read"],"context_size":1,"session_id":"s",
            "parent_agent_id":"p","model":"m","host":"h","source":"x"}),
        json!({"event":"progress","agent_id":"a","progress":0.5,"current_tool":"t","timestamp":1}),
        json!({"event":"stop","agent_id":"a","agent_name":"n","execution_start":"2026-11-20T00:00",
            "execution_end":1,"duration_ms":1,"status":"success","error_details":{"k":["v"]},
            "tools_used":["Read"],"tool_calls":{"Read":1},"token_usage":{"input_tokens":1,
            "output_tokens":2,"estimated_cost":0.1},"performance_metrics":{},"task_metadata":{},
            "output_metrics":{}}),
        json!({"event":"hook","id":"0123456789abcdef0123456789abcdef","source":"claude-code",
            "observed_at":1,"payload":{"hook_event_name":"SubagentStop","session_id":"s",
            "agent_id":"a","agent_type":"t","stop_hook_active":false,"tool_name":"Task",
            "tool_use_id":"u","tool_input":{"subagent_type":"t"},"tool_response":{}}}),
    ]
}

/// Anything that JSON can say, and what it cannot.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        select(vec![
            "claude-code",
            "SubagentStart",
            "Stop",
            "1e999",
            "9999-12-31T24:00:00Z",
            ""
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec(("[a-z_]{1,20}", inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// One field somewhere in a whole event is another value.
fn changed_event() -> impl Strategy<Value = Value> {
    (
        select(whole_events()),
        any::<Index>(),
        any::<Index>(),
        any_value(),
    )
        .prop_map(|(mut event, outer, inner, value)| {
            let fields = event.as_object_mut().expect("an object");
            let name = fields.keys().nth(outer.index(fields.len())).cloned();
            let place = &mut fields[&name.expect("a field")];
            match place.as_object_mut() {
                Some(object) if !object.is_empty() => {
                    let name = object.keys().nth(inner.index(object.len())).cloned();
                    object[&name.expect("a field")] = value;
                }
                _ => *place = value,
            }
            event
        })
}

/// A line with some of its bytes changed, cut or repeated.
fn changed_bytes(lines: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<Index>(), any::<u8>(), 0..3_u8), 0..6);
    (select(lines), changes).prop_map(|(line, changes)| {
        let mut line = line.into_bytes();
        for (at, byte, how) in changes {
            let at = at.index(line.len().max(1)).min(line.len());
            match how {
                0 if at < line.len() => line[at] = byte,
                1 => line.truncate(at),
                _ => line.extend_from_within(at..),
            }
        }
        line
    })
}

fn never_falls_over(line: &[u8]) -> Result<(), TestCaseError> {
    if let Err(refusal) = decode(line, &clock(), LineKey::default()) {
        prop_assert!(
            !refusal.0.is_empty() && refusal.0.len() < 1_000,
            "{refusal:?}"
        );
    }
    Ok(())
}

#[test]
fn p12_any_line_is_taken_or_refused() {
    let cases = sized(3_000, 200_000);
    let mut runner = TestRunner::new(config(cases));
    let run = runner.run(&vec(any::<u8>(), 0..400), |line| never_falls_over(&line));
    run.expect("any bytes");
    let whole = whole_events().iter().map(Value::to_string).collect();
    let run = runner.run(&changed_bytes(whole), |line| never_falls_over(&line));
    run.expect("changed bytes");
    let run = runner.run(&changed_event(), |event| {
        never_falls_over(event.to_string().as_bytes())
    });
    run.expect("changed events");
}

#[test]
fn p12_any_line_on_the_socket_is_answered_for() {
    let daemon = Setup::new().start();
    let lines = std::cell::RefCell::new(Vec::new());
    let mut runner = TestRunner::new(config(sized(1_500, 50_000)));
    let changed = changed_event().prop_filter("no event that counts", |event| {
        decode(event.to_string().as_bytes(), &clock(), LineKey::default()).is_err()
    });
    let bytes = prop_oneof![
        changed.prop_map(|event| event.to_string().into_bytes()),
        vec(any::<u8>(), 0..200),
    ];
    let collected = runner.run(&bytes, |line| {
        let line: Vec<u8> = line.into_iter().filter(|byte| *byte != b'\n').collect();
        if !line.trim_ascii().is_empty() && decode(&line, &clock(), LineKey::default()).is_err() {
            lines.borrow_mut().push(line);
        }
        Ok(())
    });
    collected.expect("lines");
    let lines = lines.into_inner();
    let told = wire::tell(&daemon.socket(), &lines.join(&b'\n')).expect("an answer");
    assert_eq!(told.totals.rejected, lines.len() as u64);
    assert_eq!(told.totals.handled(), lines.len() as u64);
    check::everywhere(&daemon, &World::default());
}

/// What the lines say, and the offset behind the last of them.
fn usage(lines: &[Vec<u8>]) -> (Usage, u64) {
    let (mut slice, mut end) = (Slice::new(0, Span::default()), 0);
    for line in lines {
        end += line.len() as u64 + 1;
        let _ = slice.line(line, end, true);
    }
    (slice.sums().usage(&Prices::default()), end)
}

/// A transcript only grows: more lines never take a request away, and all together never say more
/// than each alone. The tokens of a part are no lower bound: of a message, the last whole line
/// counts, also where it states less.
#[test]
fn p12_any_transcript_is_read() {
    let folder = "tests/data/claude-code/background-agent-2.1.329/subagents";
    let file = format!("{folder}/agent-a5c264dd48b8bbe0e.jsonl");
    let captured = std::fs::read_to_string(file).expect("the captured run");
    let captured: Vec<String> = captured.lines().map(str::to_owned).collect();
    let lines = vec(changed_bytes(captured), 0..12);
    let mut runner = TestRunner::new(config(sized(500, 50_000)));
    let run = runner.run(&(lines, any::<Index>()), |(lines, at)| {
        let (part, _) = usage(&lines[..at.index(lines.len() + 1)]);
        let (whole, end) = usage(&lines);
        prop_assert!(part.requests() <= whole.requests());
        let alone = lines.iter().map(|line| usage(slice::from_ref(line)).0);
        prop_assert!(whole.tokens().total() <= alone.map(|usage| usage.tokens().total()).sum());
        prop_assert!(whole.requests() <= lines.len() as u64 && whole.end_offset <= end);
        let mut turns = TurnReader::default();
        lines.iter().for_each(|line| turns.line(line));
        prop_assert!(turns.finish().turns.len() <= lines.len());
        Ok(())
    });
    run.expect("any transcript");
}

/// As a browser would write it, and as nobody would.
fn query() -> impl Strategy<Value = String> {
    let names = vec![
        "hours",
        "days",
        "period",
        "date",
        "timeRange",
        "limit",
        "cursor",
        "status",
        "by",
        "since",
        "until",
        "agent_name",
        "x",
    ];
    let values = prop_oneof![
        select(vec![
            "1",
            "0",
            "-1",
            "168",
            "1e9",
            "99999999999999999999",
            "day",
            "7d",
            "null",
            ""
        ])
        .prop_map(str::to_owned),
        "[ -~&&[^# ]]{0,20}",
        "(%[0-9a-fA-F]{2}){0,12}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    ];
    vec((select(names), values), 0..5).prop_map(|pairs| {
        let pairs: Vec<String> = pairs
            .iter()
            .map(|(name, v)| format!("{name}={v}"))
            .collect();
        pairs.join("&")
    })
}

#[test]
fn p12_any_query_is_answered_or_refused() {
    // More are asked a second than one client may by default.
    let daemon = Setup::new().set("http.rate_limit", "100000").start();
    let paths = vec![
        "agents/metrics/current",
        "agents/metrics/timeline",
        "agents/metrics/daily",
        "agents/types/distribution",
        "agents/performance/zorp",
        "agents/performance/%ff%fe",
        "agents/tools/usage",
        "agents/active",
        "agents/executions",
        "agents/executions/%00",
        "agents/errors/zorp",
        "agents/costs",
        "sessions",
        "sessions/%00",
        "sessions/nobody",
        "registry/agents",
        "registry/agents/%00",
        "registry/stats",
        "registry/conflicts",
        "registry/changes",
    ];
    let mut runner = TestRunner::new(config(sized(400, 20_000)));
    let run = runner.run(&(select(paths), query()), |(path, query)| {
        let path = format!("/api/{path}?{query}");
        let answer = daemon.get(&path);
        let is_known = matches!(answer.status, 200 | 400 | 404 | 410);
        prop_assert!(is_known, "{path}: {} {}", answer.status, answer.text());
        Ok(())
    });
    run.expect("any query");
}
