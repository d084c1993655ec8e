//! One execution, as the first start, the first stop and the reaper report it together.

use std::collections::BTreeMap;

use serde_json::Value;

use super::execution::{Arrival, Ended, Facts, Tokens};

const LONGEST_DURATION_MS: i64 = 604_800_000;
const AHEAD_MS: i64 = 5 * 60_000;

/// Dollars per million tokens, times 100: input, output, cache read, cache write.
const PRICES: [(&str, [i64; 4]); 2] = [
    ("claude-haiku-4-5", [100, 500, 10, 125]),
    ("claude-sonnet-4", [300, 1500, 30, 375]),
];

/// The names the tests use whose type is known by their words.
const TYPES: [(&str, &str); 3] = [
    ("screenshot-analyzer", "analyzer"),
    ("debug-helper", "debugger"),
    ("code-review", "reviewer"),
];

/// `end` is the stop, or what the reaper did.
pub fn ended(id: &str, facts: &Facts, end: &Arrival) -> Ended {
    let stop = &end.line;
    let start = facts
        .start
        .as_ref()
        .map_or(&Value::Null, |arrival| &arrival.line);
    let own = |field| text(stop, field).or_else(|| text(start, field));
    let name = own("agent_name").unwrap_or_else(|| "unknown".to_owned());
    let tokens = tokens(&stop["token_usage"]);
    let model = own("model");
    let end_ms = match time_ms(&stop["execution_end"]) {
        Some(at) if at <= end.at_ms + AHEAD_MS => at,
        _ => end.at_ms,
    };
    let reaped = stop["event"] == "timeout";
    let began_ms = time_ms(&stop["execution_start"]).or_else(|| time_ms(&start["start_time"]));
    let measured_ms = began_ms
        .map(|began| end_ms - began)
        .filter(|length| !reaped && (0..=LONGEST_DURATION_MS).contains(length));
    let calls: BTreeMap<String, i64> = stop["tool_calls"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(tool, calls)| (tool.clone(), calls.as_i64().expect("calls are whole")))
        .filter(|(_, calls)| *calls > 0)
        .collect();
    let listed = stop["tools_used"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let used = listed
        .map(str::to_owned)
        .chain(calls.keys().cloned())
        .collect();
    Ended {
        id: id.to_owned(),
        kind: own("agent_type").unwrap_or_else(|| classified(&name).to_owned()),
        status: if reaped {
            "timeout"
        } else {
            status(stop["status"].as_str())
        },
        end_ms,
        duration_ms: stop["duration_ms"].as_i64().or(measured_ms),
        cost_micros: cost_micros(&stop["token_usage"], tokens.as_ref(), model.as_deref()),
        tokens,
        model,
        session: own("session_id"),
        name,
        calls,
        used,
    }
}

fn status(word: Option<&str>) -> &'static str {
    match word {
        None | Some("success" | "complete" | "completed") => "success",
        Some("failure" | "failed") => "failure",
        Some("timeout") => "timeout",
        Some(other) => panic!("the model does not know the status {other}"),
    }
}

fn classified(name: &str) -> &'static str {
    TYPES
        .iter()
        .find(|(known, _)| *known == name)
        .map_or("generic", |(_, kind)| kind)
}

fn tokens(usage: &Value) -> Option<Tokens> {
    usage.as_object()?;
    let count = |field: &str| usage[field].as_i64();
    let (input, output) = (
        count("input_tokens").unwrap_or(0),
        count("output_tokens").unwrap_or(0),
    );
    Some(Tokens {
        input,
        output,
        cache_read: count("cache_read_tokens").unwrap_or(0),
        cache_write: count("cache_write_tokens").unwrap_or(0),
        total: count("total_tokens").unwrap_or(input + output),
    })
}

fn cost_micros(usage: &Value, tokens: Option<&Tokens>, model: Option<&str>) -> Option<i64> {
    let t = tokens?;
    if let Some(dollars) = usage["estimated_cost"].as_f64() {
        return Some((dollars * 1e6).round() as i64);
    }
    if [t.input, t.output, t.cache_read, t.cache_write, t.total] == [0; 5] {
        return Some(0);
    }
    if [t.input, t.output, t.cache_read, t.cache_write] == [0; 4] {
        return None; // Each direction has its own price, and the total does not separate them.
    }
    let (_, price) = PRICES.iter().find(|(known, _)| model == Some(known))?;
    let hundredths = t.input * price[0]
        + t.output * price[1]
        + t.cache_read * price[2]
        + t.cache_write * price[3];
    assert_eq!(
        hundredths % 100,
        0,
        "a test chooses tokens whose price is a whole micro-dollar"
    );
    Some(hundredths / 100)
}

pub fn text(line: &Value, field: &str) -> Option<String> {
    line[field].as_str().map(str::to_owned)
}

/// RFC 3339, or a number: below 10^11 seconds, else milliseconds.
pub fn time_ms(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => {
            // The library's range ends a day before the year 9999 does.
            let text = text.replace("9999-", "9998-");
            let at: jiff::Timestamp = text.parse().expect("a test writes RFC 3339 with an offset");
            Some(at.as_millisecond())
        }
        Value::Number(number) => {
            let number = number.as_f64().expect("a finite time");
            Some(
                if number < 1e11 {
                    number * 1000.0
                } else {
                    number
                }
                .round() as i64,
            )
        }
        _ => None,
    }
}
