//! Any JSON as the payload of a hook: translated, ignored or refused.
#![no_main]

use agentpulse_sources::{Clock, LineKey, decode};
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|payload: &[u8]| {
    let Ok(payload) = serde_json::from_slice::<Value>(payload) else {
        return;
    };
    let clock = Clock {
        now_ms: 1_795_169_700_000,
        keep_ms: 90 * 86_400_000,
        zone: TimeZone::UTC,
    };
    let line = json!({"event": "hook", "id": "0123456789abcdef0123456789abcdef",
        "source": "claude-code", "observed_at": 1_795_169_700_000_i64, "payload": payload});
    let _ = decode(line.to_string().as_bytes(), &clock, LineKey::default());
});
