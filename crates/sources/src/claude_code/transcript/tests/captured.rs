//! Transcripts of a real client, against what another program made of them.

use serde_json::{Value, json};

use super::*;

macro_rules! captured {
    ($run:literal, $file:literal) => {
        include_str!(concat!(
            "../../../../../../tests/data/claude-code/",
            $run,
            "/",
            $file
        ))
    };
}

/// What another program made of each captured run.
const EXPECTED: [&str; 4] = [
    captured!("background-agent-2.1.329", "expected.json"),
    captured!("failed-agent-2.1.329", "expected.json"),
    captured!("terminated-session-2.1.329", "expected.json"),
    captured!("two-parallel-agents-2.1.197", "expected.json"),
];
const BACKGROUND: &str = captured!(
    "background-agent-2.1.329",
    "subagents/agent-a5c264dd48b8bbe0e.jsonl"
);
const FAILED: &str = captured!(
    "failed-agent-2.1.329",
    "subagents/agent-ad658a5f69b3aaffe.jsonl"
);
const TERMINATED: &str = captured!(
    "terminated-session-2.1.329",
    "subagents/agent-a49f9e4aef218185a.jsonl"
);
const PARALLEL_HAIKU: &str = captured!(
    "two-parallel-agents-2.1.197",
    "subagents/agent-aa65abfee8195c6ff.jsonl"
);
const PARALLEL_OPUS: &str = captured!(
    "two-parallel-agents-2.1.197",
    "subagents/agent-aafbabdb3902336ca.jsonl"
);

fn usage_of(transcript: &str) -> Usage {
    slice(transcript.as_bytes(), 0, None)
}

/// In the form of the expectation.
fn as_expected(agent: &str, agent_name: &Value, read: &Usage) -> Value {
    let by_model = read.models.iter().map(|(name, model)| {
        let counts = json!({
            "requests": model.requests, "input": model.input_tokens,
            "output": model.output_tokens, "cache_read": model.cache_read_tokens,
            "cache_5m": model.cache_write_5m_tokens, "cache_1h": model.cache_write_1h_tokens,
        });
        (name.clone(), counts)
    });
    let time = |time_ms: Option<i64>| agentpulse_core::bucket::rfc3339(time_ms.expect("a time"));
    json!({
        "agent_id": agent, "agent_name": agent_name, "tool_calls": read.tool_calls,
        "tool_errors": read.tool_errors, "api_error": read.failure.is_some(),
        "usage_by_model": by_model.collect::<serde_json::Map<_, _>>(),
        "first_line": time(read.first_ms), "last_line": time(read.last_ms),
    })
}

#[test]
fn every_number_is_the_expected_one() {
    let transcripts = [
        BACKGROUND,
        FAILED,
        TERMINATED,
        PARALLEL_HAIKU,
        PARALLEL_OPUS,
    ];
    let mut transcripts = transcripts.into_iter();
    for expected in EXPECTED {
        let expected: Value = serde_json::from_str(expected).expect("JSON");
        for expected in expected["executions"].as_array().expect("a list") {
            let agent = expected["agent_id"].as_str().expect("an id");
            let read = usage_of(transcripts.next().expect("a transcript of each"));
            let read = as_expected(agent, &expected["agent_name"], &read);
            assert_eq!(&read, expected);
        }
    }
    assert!(transcripts.next().is_none());
}

/// By the list of prices: a dollar per million tokens is a micro-dollar per token.
#[test]
fn every_cost_is_the_one_computed_by_hand() {
    let costs = [
        // One request of haiku-5-5, its prompt of 102 + 30,002 + 1,502 + 500 = 32,106 tokens
        // within the lower tier (0.10 / 0.50 / 0.01 / 0.125 / 0.20):
        //   102*0.10 + 42*0.50 + 30,002*0.01 + 1,502*0.125 + 500*0.20
        //   = 10.2 + 21 + 300.02 + 187.75 + 100 = 618.97
        (FAILED, 619),
        (TERMINATED, 619),
        // Four of haiku-5-5, each as short:
        //   417*0.10 + 177*0.50 + 120,017*0.01 + 6,017*0.125 + 2,000*0.20
        //   = 41.7 + 88.5 + 1,200.17 + 752.125 + 400 = 2,482.495
        (BACKGROUND, 2_482),
        // haiku-4-5 (1 / 5 / 0.10 / 1.25 / 2):
        //   419 + 179*5 + 120,019*0.10 + 6,019*1.25 + 2,000*2
        //   = 419 + 895 + 12,001.9 + 7,523.75 + 4,000 = 24,839.65
        (PARALLEL_HAIKU, 24_840),
        // opus-4-8 (5 / 25 / 0.50 / 6.25 / 10):
        //   208*5 + 88*25 + 60,008*0.50 + 3,008*6.25 + 1,000*10
        //   = 1,040 + 2,200 + 30,004 + 18,800 + 10,000
        (PARALLEL_OPUS, 62_044),
    ];
    for (transcript, cost_micros) in costs {
        let read = usage_of(transcript);
        assert_eq!(
            (read.cost_micros, read.unpriced),
            (Some(cost_micros), false)
        );
    }
}

#[test]
fn whether_a_run_has_ended_is_seen() {
    assert!(usage_of(BACKGROUND).is_final);
    let failed = usage_of(FAILED);
    let failure = ApiFailure {
        kind: "unknown".to_owned(),
        message: Some("API Error: 400 stub says no".to_owned()),
        status: Some(400),
    };
    assert_eq!((failed.is_final, failed.failure), (true, Some(failure)));
    assert!(!usage_of(TERMINATED).is_final);
}
