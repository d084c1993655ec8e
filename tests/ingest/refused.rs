//! What the event socket refuses, and with which words.

use serde_json::{Value, json};

use crate::check;
use crate::harness::wire::Client;
use crate::harness::{Daemon, Setup, now_ms};
use crate::model::{DAY_MS, KEPT_DAYS, Totals, World, day, rfc3339};

const LINE_MAX: usize = 256 * 1024;

fn start_with(field: &str, value: Value) -> Value {
    let mut line = json!({"event":"start","agent_id":"bad","agent_name":"zorp"});
    line[field] = value;
    line
}

fn stop_with(field: &str, value: Value) -> Value {
    let mut line = json!({"event":"stop","agent_id":"bad","agent_name":"zorp"});
    line[field] = value;
    line
}

fn rejected(count: u64) -> Totals {
    Totals {
        rejected: count,
        ..Totals::default()
    }
}

/// One line, refused with a message that holds every one of these words.
#[track_caller]
fn refused(daemon: &Daemon, line: &[u8], words: &[&str]) {
    let answer = daemon.tell(&[line, b"\n"].concat());
    let shown = String::from_utf8_lossy(&line[..line.len().min(200)]);
    assert_eq!(answer.totals, rejected(1), "{shown}: {answer:?}");
    assert_eq!(answer.refusals.len(), 1, "{shown}: {answer:?}");
    let refusal = &answer.refusals[0];
    assert_eq!(refusal.line, 1, "{shown}: {answer:?}");
    for word in words {
        assert!(
            refusal.error.contains(word),
            "{shown}: {:?} does not say {word}",
            refusal.error
        );
    }
    assert!(
        refusal.error.len() < 1000,
        "a refusal does not repeat what it refuses"
    );
}

#[track_caller]
fn counted_nothing(daemon: &Daemon) {
    check::everywhere(daemon, &World::default());
}

#[test]
fn a_line_that_is_no_event_is_refused_and_counts_nothing() {
    let daemon = Setup::new().start();
    let deep = |levels: usize| {
        format!(
            r#"{{"event":"start","agent_id":"d","agent_name":"z","more":{}1{}}}"#,
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    let bad: [&[u8]; 12] = [
        b"not json",
        b"{\"event\":\"start\"",
        b"{\"event\":\"start\",\"agent_id\":\"\xff\xfe\",\"agent_name\":\"zorp\"}",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"17",
        b"{}",
        b"{\"event\":7,\"agent_id\":\"a\"}",
        b"{\"event\":\"start\",\"agent_id\":\"a\",\"agent_name\":\"z\"} {}",
        deep(40).leak().as_bytes(),
        deep(100_000).leak().as_bytes(),
    ];
    for line in bad {
        refused(&daemon, line, &[]);
    }
    refused(
        &daemon,
        br#"{"event":"explode","agent_id":"a"}"#,
        &["event"],
    );
    counted_nothing(&daemon);
}

#[test]
fn a_line_over_256_kib_is_refused_and_the_next_one_is_read() {
    let daemon = Setup::new().start();
    let long = |bytes: usize| {
        let mut line = json!({"event":"stop","agent_id":format!("l{bytes}"),"agent_name":"zorp",
            "duration_ms":5,"task_metadata":{"description":""}});
        let pad = bytes - line.to_string().len();
        line["task_metadata"]["description"] = "d".repeat(pad).into();
        line
    };
    let (over, under) = (long(LINE_MAX + 1), long(LINE_MAX - 1));
    let (arrivals, answer) = daemon.send(&[over, under.clone()]);
    assert_eq!(
        answer.totals,
        Totals {
            accepted: 1,
            rejected: 1,
            ..Totals::default()
        }
    );
    assert_eq!(answer.refusals[0].line, 1, "{answer:?}");
    check::everywhere(&daemon, &World::of(&arrivals[1..]));

    let mut endless = Client::connect(&daemon.socket()).expect("the socket is open");
    for _ in 0..20 {
        endless
            .send(&[b'x'; LINE_MAX])
            .expect("the rest of a long line is read and dropped");
    }
    endless.send(b"\n").expect("it is still open");
    endless.send_line(&under).expect("it is still open");
    let answer = endless.finish().expect("the final totals");
    assert_eq!(
        (answer.totals.rejected, answer.totals.duplicate),
        (1, 1),
        "{answer:?}"
    );

    let told = daemon
        .read(&format!("/api/agents/executions/l{}", LINE_MAX - 1))
        .expect("kept");
    let kept = told["task_metadata"]["description"]
        .as_str()
        .expect("a text")
        .len();
    assert!(
        (4000..=4200).contains(&kept),
        "free text is cut at 4 KiB, not at {kept}"
    );
}

#[test]
fn a_start_with_a_missing_or_wrong_field_is_refused_by_its_name() {
    let daemon = Setup::new().start();
    let exact = daemon.tell(b"{\"event\":\"start\",\"agent_name\":\"zorp\"}\n");
    assert_eq!(exact.refusals[0].error, "start: agent_id is required");
    let long = "n".repeat(257);
    let many: Vec<String> = (0..257).map(|n| format!("T{n}")).collect();
    let cases = [
        ("agent_id", json!(null)),
        ("agent_id", json!("")),
        ("agent_id", json!(5)),
        ("agent_id", json!(["a"])),
        ("agent_id", json!("a\u{7}b")),
        ("agent_id", json!("a\nb")),
        ("agent_id", json!(long)),
        ("agent_id", json!("é".repeat(129))),
        ("agent_name", json!(null)),
        ("agent_name", json!("")),
        ("agent_name", json!(long)),
        ("agent_name", json!({})),
        ("agent_type", json!(long)),
        ("agent_type", json!(1)),
        ("start_time", json!("yesterday")),
        ("start_time", json!([])),
        ("start_time", json!(0)),
        ("start_time", json!("1970-01-01T00:00:00Z")),
        ("start_time", json!(-1)),
        ("tools_granted", json!("Read")),
        ("tools_granted", json!([1])),
        ("tools_granted", json!([long])),
        ("tools_granted", json!(many)),
        ("context_size", json!(-1)),
        ("session_id", json!(long)),
        ("parent_agent_id", json!(long)),
        ("model", json!(long)),
    ];
    for (field, value) in cases {
        let line = start_with(field, value).to_string();
        refused(&daemon, line.as_bytes(), &["start: ", field]);
    }
    let huge = br#"{"event":"start","agent_id":"bad","agent_name":"z","start_time":1e30}"#;
    refused(&daemon, huge, &["start: ", "start_time"]);
    counted_nothing(&daemon);
}

#[test]
fn a_stop_with_a_wrong_field_is_refused_by_its_name() {
    let daemon = Setup::new().start();
    let exact = daemon.tell(format!("{}\n", stop_with("duration_ms", json!(-1))).as_bytes());
    assert_eq!(
        exact.refusals[0].error,
        "stop: duration_ms must be 0..=604800000"
    );
    let long = "n".repeat(257);
    let many: Vec<String> = (0..257).map(|n| format!("T{n}")).collect();
    let many_calls: serde_json::Map<String, Value> =
        (0..257).map(|n| (format!("T{n}"), json!(1))).collect();
    let nothing = [
        ("agent_id", json!(5)),
        ("agent_id", json!(long)),
        ("agent_name", json!(long)),
        ("agent_name", json!(3)),
        ("duration_ms", json!(604_800_001)),
        ("duration_ms", json!("1")),
        ("duration_ms", json!(1e30)),
        ("status", json!("exploded")),
        ("status", json!(0)),
        ("execution_end", json!("soon")),
        ("execution_end", json!(1e30)),
        ("tools_used", json!(many)),
        ("tools_used", json!([long])),
        ("tools_used", json!({"Read": 1})),
        ("tool_calls", json!(["Read"])),
        ("tool_calls", json!({"Read": -1})),
        ("tool_calls", json!({"Read": 1e30})),
        ("tool_calls", json!({"Read": 1_000_000_000_001_i64})),
        ("tool_calls", json!({"Read": "many"})),
        ("tool_calls", json!({(long.as_str()): 1})),
        ("tool_calls", json!({"": 1})),
        ("tool_calls", Value::Object(many_calls)),
        ("token_usage", json!(5)),
        ("error_details", json!("broken")),
        ("model", json!(long)),
    ];
    for (field, value) in nothing {
        refused(
            &daemon,
            stop_with(field, value).to_string().as_bytes(),
            &["stop: ", field],
        );
    }
    for field in [
        "input_tokens",
        "output_tokens",
        "total_tokens",
        "cache_read_tokens",
    ] {
        for value in [
            json!(-1),
            json!(1_000_000_000_001_i64),
            json!(1e30),
            json!("1"),
        ] {
            let line = stop_with("token_usage", json!({(field): value})).to_string();
            refused(&daemon, line.as_bytes(), &["stop: ", field]);
        }
    }
    for value in [json!(-0.01), json!(1_000_001), json!(1e30), json!("free")] {
        let line = stop_with("token_usage", json!({"estimated_cost": value})).to_string();
        refused(&daemon, line.as_bytes(), &["stop: ", "estimated_cost"]);
    }
    for nobody in ["", r#","agent_id":null,"agent_name":"""#] {
        let line = format!(r#"{{"event":"stop"{nobody}}}"#);
        refused(
            &daemon,
            line.as_bytes(),
            &["stop: agent_id is required, or agent_name"],
        );
    }
    counted_nothing(&daemon);
}

#[test]
fn a_progress_with_a_wrong_field_is_refused_and_one_of_nobody_is_not() {
    let daemon = Setup::new().start();
    refused(
        &daemon,
        br#"{"event":"progress","progress":0.5}"#,
        &["progress: agent_id is required"],
    );
    for progress in ["1.5", "-0.1", "1e30", "\"half\""] {
        let line = format!(r#"{{"event":"progress","agent_id":"a","progress":{progress}}}"#);
        refused(&daemon, line.as_bytes(), &["progress: progress"]);
    }
    let line = json!({"event":"progress","agent_id":"a","current_tool":"t".repeat(257)});
    refused(
        &daemon,
        line.to_string().as_bytes(),
        &["progress: current_tool"],
    );
    let answer = daemon.tell(b"{\"event\":\"progress\",\"agent_id\":\"a\",\"progress\":1}\n");
    assert_eq!(
        answer.totals,
        Totals {
            progress: 1,
            ..Totals::default()
        }
    );
    counted_nothing(&daemon);
}

#[test]
fn an_event_of_before_the_days_that_are_kept_is_refused_with_the_day() {
    let daemon = Setup::new().start();
    let oldest = (now_ms().div_euclid(DAY_MS) - KEPT_DAYS) * DAY_MS;
    let line = stop_with("execution_end", json!(rfc3339(oldest - 1)));
    let answer = daemon.tell(format!("{line}\n").as_bytes());
    let want = format!("stop: execution_end is too old: before {}", day(oldest));
    assert_eq!(answer.refusals[0].error, want);
    for time in [
        json!("1970-01-01T00:00:00Z"),
        json!(0),
        json!(86400),
        json!(oldest - 1),
    ] {
        let line = stop_with("execution_end", time).to_string();
        refused(
            &daemon,
            line.as_bytes(),
            &["stop: execution_end is too old: before 2"],
        );
    }
    let mut kept = stop_with("execution_end", json!(rfc3339(oldest + 1)));
    kept["duration_ms"] = json!(1);
    let arrivals = daemon.accept(&[kept]);
    check::everywhere(&daemon, &World::of(&arrivals));
}
