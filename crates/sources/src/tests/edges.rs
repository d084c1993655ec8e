//! Numbers and times at their edges: legal parts whose sum is not, and every form of a time.

use super::*;
use crate::claude_code::transcript::{Slice, Span};
use agentpulse_core::execution::Reading;
use agentpulse_core::price::Prices;
use agentpulse_core::usage::Usage;
use agentpulse_core::zone::Zone;

const MOST: u64 = 1_000_000_000_000;
const END_MS: i64 = NOW_MS - 1_800_000; // 18:10

/// A message of one request; each kind of tokens has as many.
fn answer(n: u64, count: u64) -> String {
    json!({
        "type": "assistant", "timestamp": "2026-11-20T18:05:00Z", "requestId": n.to_string(),
        "message": {"id": n.to_string(), "model": "claude-opus-5-5", "stop_reason": "end_turn",
            "usage": {"input_tokens": count, "output_tokens": count,
                "cache_read_input_tokens": count, "cache_creation_input_tokens": 2 * count,
                "cache_creation": {"ephemeral_5m_input_tokens": count,
                    "ephemeral_1h_input_tokens": count}}},
    })
    .to_string()
}

fn usage(requests: u64, count: u64) -> Usage {
    let mut slice = Slice::new(0, Span::default());
    for n in 0..requests {
        let _ = slice.line(answer(n, count).as_bytes(), n, true);
    }
    slice.sums().usage(&Prices::default())
}

#[test]
fn requests_are_legal_and_their_sum_is_cut() {
    let cut = usage(3, MOST);
    let model = cut.models["claude-opus-5-5"];
    assert_eq!(model.requests, 3);
    assert_eq!(
        (model.input_tokens, model.cache_write_1h_tokens),
        (MOST, MOST)
    );
    assert_eq!(
        (cut.is_capped, cut.cost_micros),
        (true, Some(1_000_000_000_000))
    );
    let stored: Usage = serde_json::from_value(serde_json::to_value(&cut).unwrap()).unwrap();
    assert_eq!(stored, cut);
    let whole = usage(3, 1_000);
    assert_eq!(
        (
            whole.is_capped,
            whole.models["claude-opus-5-5"].input_tokens
        ),
        (false, 3_000)
    );
}

#[test]
fn a_run_counts_for_no_more_than_its_limit() {
    // Three models of the limit each, and both kinds of cache writes: all above it together.
    let mut usage = usage(1, MOST);
    let model = usage.models["claude-opus-5-5"];
    usage.models = ["a", "b", "c"].map(|name| (name.to_owned(), model)).into();
    usage.is_capped = false;
    let hooked = json!({"id": "x", "stop": {"ended_ms": END_MS, "status": "success"},
        "hooked": {"transcript": "/x.jsonl"}, "resolved": {"agent_type": "t"}});
    let mut execution: Execution = serde_json::from_value(hooked).unwrap();
    let reading = Reading {
        ended_ms: END_MS,
        from: 0,
        usage: Ok(Box::new(usage)),
    };
    execution.read(reading, &Catalog::default());
    assert!(execution.is_capped());
    let tally = execution.contribution().unwrap().tally;
    assert_eq!(tally.input_tokens, MOST as i64);
    assert_eq!(tally.cache_write_tokens, MOST as i64);
    assert_eq!(
        (tally.total_tokens, tally.cost_micros),
        (MOST as i64, MOST as i64)
    );
}

#[test]
fn a_total_that_is_derived_of_legal_parts_is_cut_and_taken_away_as_it_was_added() {
    let tokens = json!({"token_usage": {"input_tokens": MOST, "output_tokens": MOST}});
    let (execution, changes) = apply([stop(tokens), start()]);
    assert!(execution.is_capped());
    let usage = execution.token_usage().unwrap();
    assert_eq!((usage.input_tokens, usage.total_tokens), (MOST, MOST));
    let (names, mut sums) = (["code-reviewer", "unknown"], Sums::default());
    for (sign, contribution) in changes.iter().flat_map(Change::moves) {
        sums.add(sign, &contribution, &Zone::utc());
    }
    let by_name = sums.by(Dimension::Agent);
    let agents = names.map(|name| by_name[&(Day::utc_of(END_MS).0, name)].total_tokens);
    assert_eq!(agents, [MOST as i64, 0]);
    assert!(!apply([stop(json!({}))]).0.is_capped());
    let most = json!({"token_usage": {"input_tokens": MOST, "output_tokens": 0}});
    assert!(!apply([stop(most)]).0.is_capped());
}

#[test]
fn a_start_after_its_end_is_the_end_in_every_order() {
    let late = || {
        fact(json!({"event": "start", "agent_id": "x", "agent_name": "a",
        "start_time": "2026-11-20T18:20:00Z"}))
    };
    for facts in [vec![late(), stop(json!({}))], vec![stop(json!({})), late()]] {
        let (execution, _) = apply(facts);
        assert_eq!(execution.started_ms(), Some(END_MS));
        assert_eq!(execution.outcome().unwrap().duration_ms, None);
    }
    // Its own duration is believed.
    let stop = stop(json!({"execution_start": "2026-11-20T18:20:00Z", "duration_ms": 7}));
    let (execution, _) = apply([stop]);
    assert_eq!(execution.started_ms(), Some(END_MS));
    assert_eq!(execution.outcome().unwrap().duration_ms, Some(7));
}

/// The four events with a time each, and what was read of it.
fn time_of(field: &str, time: &str) -> Result<Option<i64>, String> {
    let (event, more) = match field {
        "start_time" => ("start", r#""agent_id":"x","agent_name":"a""#),
        "timestamp" => ("progress", r#""agent_id":"x""#),
        "observed_at" => (
            "hook",
            r#""id":"00112233445566778899aabbccddeeff","source":"claude-code","payload":
               {"hook_event_name":"SubagentStart","session_id":"s","agent_id":"a",
                "agent_type":"t"}"#,
        ),
        _ => ("stop", r#""agent_id":"x""#),
    };
    let line = format!(r#"{{"event":"{event}",{more},"{field}":{time}}}"#);
    let read = decode(line.as_bytes(), &clock(), LineKey::default())
        .map_err(|refusal| refusal.to_string())?;
    Ok(match read {
        Event::Fact {
            fact: Fact::Start(start),
            ..
        } => Some(start.started_ms),
        Event::Fact {
            fact: Fact::Stop(stop),
            ..
        } if field == "execution_start" => stop.started_ms,
        Event::Fact {
            fact: Fact::Stop(stop),
            ..
        } => Some(stop.ended_ms),
        Event::Hook(hook) => Some(hook.at_ms),
        _ => None,
    })
}

#[test]
fn every_form_of_a_time_has_an_outcome_in_every_field() {
    const COUNTED: [&str; 3] = ["start_time", "execution_end", "observed_at"];
    let all = [
        "start_time",
        "execution_end",
        "observed_at",
        "execution_start",
        "timestamp",
    ];
    // No time at all.
    let none = [
        "1e400",
        "-1e400",
        "NaN",
        "Infinity",
        "1e300",
        "-1e300",
        "1e15",
        "true",
        "[1]",
        "{}",
        "\"\"",
        "\"NaN\"",
        "\"-0\"",
        "\"1795200000\"",
        "\"10000-01-01T00:00:00Z\"",
        "\"+010000-01-01T00:00:00Z\"",
        "\"-000001-01-01T00:00:00Z\"",
        "\"2026-11-20T24:00:00Z\"",
        "\"2026-11-20T18:00:61Z\"",
        "\"2026-02-30T00:00:00Z\"",
        "\"0001-01-01T00:00:00+01:00\"",
    ];
    for (field, time) in all.iter().flat_map(|field| none.map(|time| (field, time))) {
        let reason = time_of(field, time).expect_err(time);
        assert!(
            reason.contains(field) || reason.starts_with("not JSON"),
            "{field} {time}: {reason}"
        );
    }
    // Long ago: refused where an execution is counted by it, and else as it is given.
    let long_ago = [
        ("0", 0),
        ("-0", 0),
        ("-0.0", 0),
        ("-1", -1_000),
        ("-1e12", -1_000_000_000_000),
        ("\"0001-01-01T00:00:00Z\"", -62_135_596_800_000),
        ("\"1969-12-31T23:59:59Z\"", -1_000),
    ];
    for (time, time_ms) in long_ago {
        for field in COUNTED {
            let reason = time_of(field, time).expect_err(time);
            assert!(
                reason.contains(&format!("{field} is too old: before 2026-08-22")),
                "{reason}"
            );
        }
        assert_eq!(
            time_of("execution_start", time),
            Ok(Some(time_ms)),
            "{time}"
        );
        assert_eq!(time_of("timestamp", time), Ok(None), "{time}");
    }
    // Far ahead: at receipt.
    for time in [
        "1e14",
        "99999999999",
        "\"9999-12-31T23:59:59.999Z\"",
        "1795200300.002",
    ] {
        for field in COUNTED.into_iter().chain(["execution_start"]) {
            assert_eq!(time_of(field, time), Ok(Some(NOW_MS)), "{field} {time}");
        }
    }
    // As it is given; a leap second is the one before it.
    for (time, time_ms) in [
        ("\"2026-11-20T18:44:59.999Z\"", NOW_MS + 299_999),
        ("1795200300", NOW_MS + 300_000),
        ("1795200000123", NOW_MS + 123),
        ("1795199999.9996", NOW_MS),
        ("\"2026-11-20T18:10:60Z\"", END_MS + 59_000),
        ("\"2026-11-20 18:10:00\"", END_MS),
    ] {
        for field in COUNTED.into_iter().chain(["execution_start"]) {
            assert_eq!(time_of(field, time), Ok(Some(time_ms)), "{field} {time}");
        }
    }
}

#[test]
fn numbers_at_their_edges_are_taken_or_refused_by_their_name() {
    let usage = |field: &str, number: &str| {
        let line =
            format!(r#"{{"event":"stop","agent_id":"x","token_usage":{{"{field}":{number}}}}}"#);
        match decode(line.as_bytes(), &clock(), LineKey::default())
            .map_err(|refusal| refusal.to_string())?
        {
            Event::Fact {
                fact: Fact::Stop(stop),
                ..
            } => Ok(stop.token_usage.unwrap_or_default()),
            other => Err(format!("{other:?}")),
        }
    };
    for (number, count) in [
        ("-0", 0),
        ("-0.0", 0),
        ("1e12", MOST),
        ("1000000000000.0", MOST),
    ] {
        assert_eq!(
            usage("input_tokens", number).unwrap().input_tokens,
            count,
            "{number}"
        );
    }
    for number in [
        "1000000000001",
        "-1",
        "1.5",
        "18446744073709551616",
        "1e19",
        "\"7\"",
    ] {
        let reason = usage("input_tokens", number).unwrap_err();
        assert!(
            reason.contains("input_tokens must be 0..=1000000000000"),
            "{reason}"
        );
    }
    for (dollars, micros) in [
        ("-0.0", None),
        ("1e6", Some(MOST as i64)),
        ("1e-300", None),
        ("5e-7", Some(1)),
    ] {
        let usage = usage("estimated_cost", dollars).unwrap();
        assert_eq!(usage.cost_micros, micros, "{dollars}");
    }
    for dollars in ["1000000.1", "-1e-9", "1e300"] {
        let reason = usage("estimated_cost", dollars).unwrap_err();
        assert!(
            reason.contains("estimated_cost must be 0..=1000000"),
            "{reason}"
        );
    }
    let progress = read(json!({"event": "progress", "agent_id": "x", "progress": -0.0}));
    let Ok(Event::Progress(progress)) = progress else {
        panic!("{progress:?}");
    };
    assert!(progress.progress.unwrap().is_sign_positive());
}

#[test]
fn an_imported_turn_ends_at_most_five_minutes_ahead() {
    let import = |ended_at: i64| {
        read(json!({
            "event": "hook", "id": "00112233445566778899aabbccddeeff", "source": "claude-code",
            "observed_at": NOW_MS, "payload": {"hook_event_name": "Imported", "session_id": "s",
                "agent_id": "a", "agent_type": "t", "turns": [
                    {"started_at": END_MS, "ended_at": ended_at, "outcome": "success"}]},
        }))
    };
    assert!(import(NOW_MS + 300_000).is_ok());
    let reason = import(NOW_MS + 300_001).unwrap_err();
    assert!(
        reason.contains("ended_at must be at most 5 min ahead"),
        "{reason}"
    );
}

#[test]
fn a_line_of_a_transcript_has_a_time_that_an_event_may_have() {
    for (stamp, first_ms) in [
        ("2026-11-20T18:05:00Z", Some(END_MS - 300_000)),
        ("-000001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00Z", Some(-62_135_596_800_000)),
    ] {
        let line = answer(1, 1).replace("2026-11-20T18:05:00Z", stamp);
        let mut slice = Slice::new(0, Span::default());
        let _ = slice.line(line.as_bytes(), 1, true);
        assert_eq!(
            slice.sums().usage(&Prices::default()).first_ms,
            first_ms,
            "{stamp}"
        );
    }
}
