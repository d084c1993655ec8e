mod captured;
mod inherited;
mod money;
mod turned;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use agentpulse_core::price::Prices;
use agentpulse_core::usage::{ApiFailure, Usage};

/// 2026-11-20T17:00:00Z.
const FIVE_PM_MS: i64 = 1_795_194_000_000;

/// A line's time, seconds after five.
fn at(second: i64) -> String {
    agentpulse_core::bucket::rfc3339(FIVE_PM_MS + second * 1000)
}

fn prompt(second: i64) -> Value {
    json!({"type": "user", "timestamp": at(second), "agentId": "a1", "sessionId": "s1",
           "message": {"role": "user", "content": "do the secret thing"}})
}

fn result(second: i64, call: &str, is_error: bool) -> Value {
    json!({"type": "user", "timestamp": at(second), "message": {"content": [
        {"type": "tool_result", "tool_use_id": call, "content": "hush", "is_error": is_error}]}})
}

/// A message of ten tokens in and two out.
fn answer(second: i64, id: &str, stop_reason: Option<&str>) -> Value {
    json!({"type": "assistant", "timestamp": at(second), "requestId": format!("req_{id}"),
           "message": {"id": id, "model": "claude-opus-5-5", "stop_reason": stop_reason,
                       "content": [{"type": "text", "text": "hush"}],
                       "usage": {"input_tokens": 10, "output_tokens": 2}}})
}

fn call(second: i64, id: &str, calls: &[(&str, &str)]) -> Value {
    let mut line = answer(second, id, Some("tool_use"));
    line["message"]["content"] = calls
        .iter()
        .map(|(id, name)| json!({"type": "tool_use", "id": id, "name": name, "input": {"a": 1}}))
        .collect();
    line
}

fn with_usage(mut line: Value, model: &str, usage: Value) -> Value {
    line["message"]["model"] = model.into();
    line["message"]["usage"] = usage;
    line
}

fn failed(second: i64) -> Value {
    json!({"type": "assistant", "timestamp": at(second), "isApiErrorMessage": true,
           "error": "rate_limit", "apiErrorStatus": 429,
           "message": {"id": "x", "model": "<synthetic>", "stop_reason": "stop_sequence",
                       "usage": {"input_tokens": 0, "output_tokens": 0},
                       "content": [{"type": "text", "text": "API Error: slow down"}]}})
}

fn text(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Reads a file from an offset on, as one slice.
fn slice(file: &[u8], from: u64, ended_ms: Option<i64>) -> Usage {
    let mut span = Span::default();
    (span.started_ms, span.ended_ms) = (Some(FIVE_PM_MS), ended_ms);
    slice_of(file, from, span)
}

fn slice_of(file: &[u8], from: u64, span: Span) -> Usage {
    let mut slice = Slice::new(from, span);
    let mut end = from;
    for line in file[from as usize..].split_inclusive(|byte| *byte == b'\n') {
        end += line.len() as u64;
        if let ControlFlow::Break(()) = slice.line(line, end, line.ends_with(b"\n")) {
            break;
        }
    }
    slice.sums().usage(&Prices::default())
}

fn usage(lines: &[Value]) -> Usage {
    slice(text(lines).as_bytes(), 0, None)
}

#[test]
fn a_message_over_several_lines_is_one_request() {
    let mut early = call(2, "m1", &[("t1", "Read")]);
    early["message"]["usage"]["output_tokens"] = 1.into();
    let read = usage(&[
        prompt(1),
        early,
        call(3, "m1", &[("t2", "Bash"), ("t1", "Read")]),
        call(4, "m1", &[("t3", "Bash")]),
        result(5, "t2", true),
        result(5, "t2", true),
        result(6, "t3", false),
        answer(7, "m2", Some("end_turn")),
    ]);
    let model = &read.models["claude-opus-5-5"];
    assert_eq!(
        (model.requests, model.input_tokens, model.output_tokens),
        (2, 20, 4)
    );
    let calls = BTreeMap::from([("Bash".to_owned(), 2), ("Read".to_owned(), 1)]);
    assert_eq!(read.tool_calls, calls);
    assert_eq!(read.tool_errors, 1);
    assert_eq!(read.first_ms, Some(FIVE_PM_MS + 1000));
    assert_eq!(read.last_ms, Some(FIVE_PM_MS + 7000));
    // 20*4 + 4*20
    assert_eq!(read.cost_micros, Some(160));
    assert!(read.is_final && !read.unpriced);
    assert_eq!((read.requests(), read.tokens().total()), (2, 24));
}

#[test]
fn requests_are_distinguished_by_message_and_request() {
    let mut retried = answer(2, "m1", None);
    retried["requestId"] = "other".into();
    let mut nameless = answer(3, "m1", None);
    nameless["requestId"] = Value::Null;
    nameless["message"]["id"] = Value::Null;
    let lines = [answer(1, "m1", None), retried, nameless.clone(), nameless];
    assert_eq!(usage(&lines).requests(), 4);
    // Some providers give no id of the request.
    let mut plain = answer(1, "m1", None);
    plain["requestId"] = Value::Null;
    assert_eq!(usage(&[plain.clone(), plain]).requests(), 1);
}

#[test]
fn the_last_message_says_whether_more_is_to_come() {
    let cases = [
        (Some("end_turn"), true),
        (Some("max_tokens"), true),
        (Some("refusal"), true),
        (Some("tool_use"), false),
        (Some("pause_turn"), false),
        (None, false),
    ];
    for (reason, is_final) in cases {
        let read = usage(&[prompt(1), answer(2, "m1", reason)]);
        assert_eq!(read.is_final, is_final, "{reason:?}");
    }
    assert!(!usage(&[prompt(1)]).is_final);
    let read = usage(&[answer(1, "m1", Some("end_turn")), answer(2, "m2", None)]);
    assert!(!read.is_final);
}

#[test]
fn a_failure_of_the_api_counts_only_as_the_last_word() {
    let read = usage(&[prompt(1), answer(2, "m1", Some("tool_use")), failed(3)]);
    let failure = read.failure.expect("it failed");
    assert_eq!(failure.kind, "rate_limit");
    assert_eq!(failure.message.as_deref(), Some("API Error: slow down"));
    assert_eq!(failure.status, Some(429));
    assert!(read.is_final && read.api_errors == 1);
    assert_eq!(read.models.len(), 1, "nothing synthetic");

    let read = usage(&[prompt(1), failed(2), answer(3, "m1", Some("end_turn"))]);
    assert_eq!((read.failure, read.api_errors), (None, 1));

    let mut wordless = failed(1);
    wordless["error"] = json!({"code": 1});
    wordless["message"]["content"] = Value::Null;
    wordless["apiErrorStatus"] = Value::Null;
    let unknown = ApiFailure {
        kind: "unknown".to_owned(),
        message: None,
        status: None,
    };
    assert_eq!(usage(&[wordless]).failure, Some(unknown));
}

#[test]
fn a_failure_is_redacted_and_cut() {
    let key = format!("sk-ant-api03-{}", "a1B2".repeat(20));
    let mut line = failed(1);
    line["message"]["content"][0]["text"] = format!("{key} {}", "x".repeat(5000)).into();
    let message = usage(&[line]).failure.and_then(|failure| failure.message);
    let message = message.expect("a message");
    assert!(message.starts_with("[redacted:anthropic-key]"), "{message}");
    assert!(message.len() <= 4096);
}

#[test]
fn unknown_lines_are_skipped() {
    let good = [prompt(1), answer(2, "m1", Some("end_turn"))];
    let strange = [
        "".to_owned(),
        "  ".to_owned(),
        "not JSON".to_owned(),
        "[]".to_owned(),
        "{\"type\":\"assistant\"".to_owned(),
        json!({"type": "progress", "timestamp": at(99), "message": {"content": "x"}}).to_string(),
        json!({"type": "file-history-snapshot", "snapshot": {}}).to_string(),
        json!({"type": "assistant", "timestamp": at(99)}).to_string(),
        json!({"type": 3, "message": {}}).to_string(),
        json!({"type": "user", "timestamp": at(99), "message": 7}).to_string(),
    ];
    let mut file = text(&good).into_bytes();
    for line in strange {
        file.extend_from_slice(line.as_bytes());
        file.push(b'\n');
    }
    file.extend_from_slice(b"\xff\xfe\x00\n");
    let mut expect = usage(&good);
    expect.end_offset = file.len() as u64;
    assert_eq!(slice(&file, 0, None), expect);
}

#[test]
fn a_torn_last_line_is_left_for_later() {
    let whole = text(&[prompt(1), answer(2, "m1", Some("tool_use"))]);
    let last = answer(3, "m2", Some("end_turn")).to_string();
    let (begun, rest) = last.split_at(last.len() / 2);
    let read = slice(format!("{whole}{begun}").as_bytes(), 0, None);
    assert_eq!(read.end_offset, whole.len() as u64);
    assert!(!read.is_final);

    let file = format!("{whole}{begun}{rest}\n");
    let from = read.end_offset;
    let read = slice(file.as_bytes(), from, None);
    assert_eq!(
        (read.requests(), read.is_final, read.end_offset),
        (1, true, file.len() as u64)
    );
    // All but its newline is there: it is whole, and the newline alone is no line.
    let unended = &file[..file.len() - 1];
    let read = slice(unended.as_bytes(), 0, None);
    assert_eq!((read.requests(), read.is_final), (2, true));
    assert_eq!(read.end_offset, unended.len() as u64);
    let rest = slice(file.as_bytes(), read.end_offset, None);
    assert_eq!((rest.requests(), rest.end_offset), (0, file.len() as u64));
}

#[test]
fn each_request_is_priced_by_its_own_prompt_and_day() {
    let prices = |lines: &[Value]| usage(lines).cost_micros;
    let haiku = |second, id, input: u64| {
        let usage = json!({"input_tokens": input, "cache_read_input_tokens": 40_000,
                           "output_tokens": 1000});
        with_usage(answer(second, id, None), "claude-haiku-5-5", usage)
    };
    // A prompt of 100,001: 60,001*0.5 + 40,000*0.05 + 1000*2.5 = 30,000.5 + 2,000 + 2,500.
    // One of 100,000: 60,000*0.1 + 40,000*0.01 + 1000*0.5 = 6,000 + 400 + 500.
    // Together 34,500.5 + 6,900 = 41,400.5.
    let both = [haiku(1, "m1", 60_001), haiku(2, "m2", 60_000)];
    assert_eq!(prices(&both), Some(41_401));
    // Two models in a run: another 10*4 + 2*20 = 80, and the half is still rounded up once.
    let [long, short] = both;
    assert_eq!(prices(&[long, short, answer(3, "m3", None)]), Some(41_481));

    // A cache read of sonnet-5-5 costs 0.20 on the sixth of October, 0.10 on the seventh.
    let read = json!({"cache_read_input_tokens": 1000});
    let sonnet = |id, time: &str| {
        let mut line = with_usage(answer(0, id, None), "claude-sonnet-5-5", read.clone());
        line["timestamp"] = time.into();
        line
    };
    let before = sonnet("m1", "2026-10-06T23:59:59.999Z");
    let after = sonnet("m2", "2026-10-07T00:00:00Z");
    assert_eq!(prices(&[before, after]), Some(300));
}

#[test]
fn one_unknown_model_leaves_the_whole_without_a_price() {
    let other = json!({"input_tokens": 5, "output_tokens": 5});
    let read = usage(&[
        answer(1, "m1", None),
        with_usage(answer(2, "m2", Some("end_turn")), "gpt-9", other),
    ]);
    assert_eq!((read.cost_micros, read.unpriced), (None, true));
    assert_eq!(read.models["gpt-9"].input_tokens, 5);
    assert_eq!(read.model(), Some("claude-opus-5-5"), "it has more tokens");
    let none = usage(&[prompt(1)]);
    assert_eq!(
        (none.cost_micros, none.unpriced, none.model()),
        (Some(0), false, None)
    );
}

#[test]
fn cache_writes_without_a_split_are_for_five_minutes() {
    let written = |usage| {
        let read = super::tests::usage(&[with_usage(answer(1, "m", None), "m", usage)]);
        let model = read.models["m"];
        (model.cache_write_5m_tokens, model.cache_write_1h_tokens)
    };
    assert_eq!(written(json!({"cache_creation_input_tokens": 7})), (7, 0));
    let split = json!({"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4});
    let both = json!({"cache_creation_input_tokens": 7, "cache_creation": split});
    assert_eq!(written(both), (3, 4));
    assert_eq!(written(json!({"cache_creation": split})), (3, 4));
    let null = json!({"cache_creation_input_tokens": 7, "cache_creation": null});
    assert_eq!(written(null), (7, 0));
}

#[test]
fn names_and_requests_are_bounded() {
    let calls: Vec<_> = (0..MAX_TOOLS + 5)
        .map(|n| call(1, "m", &[(&format!("t{n}"), &format!("tool {n}"))]))
        .collect();
    let read = usage(&calls);
    assert_eq!(read.tool_calls.len(), MAX_TOOLS + 1);
    assert_eq!(read.tool_calls["_other"], 5);

    let models: Vec<_> = (0..MAX_MODELS + 5)
        .map(|n| {
            with_usage(
                answer(1, &format!("m{n}"), None),
                &format!("model {n}"),
                json!({}),
            )
        })
        .chain([with_usage(
            answer(1, "x", None),
            &"x".repeat(257),
            json!({}),
        )])
        .collect();
    let read = usage(&models);
    assert_eq!(read.models.len(), MAX_MODELS + 1);
    assert_eq!(read.models["_other"].requests, 6);

    let mut slice = Slice::new(0, Span::default());
    for n in 0..MAX_REQUESTS + 2 {
        let line = format!(
            r#"{{"type":"assistant","timestamp":"2026-11-20T17:00:00Z","message":{{"id":"{n}","model":"opus-5","usage":{{"input_tokens":1}}}}}}"#
        );
        assert!(slice.line(line.as_bytes(), 0, true).is_continue());
    }
    let read = slice.sums().usage(&Prices::default());
    assert_eq!(read.tokens().input, MAX_REQUESTS as u64);
    assert_eq!((read.cost_micros, read.unpriced), (None, true));
}

#[test]
fn empty_fields_are_not_written() {
    let read = Usage {
        end_offset: 3,
        cost_micros: Some(0),
        ..Usage::default()
    };
    let json = serde_json::to_string(&read).unwrap();
    assert_eq!(json, r#"{"end_offset":3,"cost_micros":0}"#);
    assert_eq!(serde_json::from_str::<Usage>(&json).unwrap(), read);
    let read = usage(&[prompt(1), call(2, "m1", &[("t", "Read")]), failed(3)]);
    let json = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<Usage>(&json).unwrap(), read);
    assert!(!json.contains("secret thing") && !json.contains("hush"));
}

/// Bytes that are, or nearly are, lines.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let fields = "[a-z0-9_\":,{}\\[\\] \\\\]{0,40}";
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        (any::<prop::sample::Index>(), any::<u8>(), 0..5_usize).prop_map(|(at, byte, which)| {
            let lines = [
                prompt(1),
                result(2, "t", true),
                call(3, "m", &[("t", "Bash")]),
                answer(4, "m", None),
                failed(5),
            ];
            let mut line = lines[which].to_string().into_bytes();
            let at = at.index(line.len());
            line[at] = byte;
            line
        }),
        fields.prop_map(|content| {
            format!("{{\"type\":\"assistant\",\"message\":{{\"content\":[{content}]}}}}")
                .into_bytes()
        }),
    ]
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(
        lines in proptest::collection::vec(bytes(), 0..8),
        ended_ms in proptest::option::of(any::<i64>()),
    ) {
        let file = lines.join(&b'\n');
        let read = slice(&file, 0, ended_ms);
        prop_assert!(read.end_offset <= file.len() as u64);
        let mut reader = TurnReader::default();
        lines.iter().for_each(|line| reader.line(line));
        let turns = reader.finish().turns;
        prop_assert!(turns.iter().all(|turn| turn.first_ms <= turn.last_ms));
    }
}
