//! Any bytes as a line of the event socket: an event or a refusal.
#![no_main]

use agentpulse_sources::{Clock, LineKey, decode};
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let clock = Clock {
        now_ms: 1_795_169_700_000,
        keep_ms: 90 * 86_400_000,
        zone: TimeZone::UTC,
    };
    if let Err(refusal) = decode(line, &clock, LineKey::default()) {
        assert!(!refusal.0.is_empty() && refusal.0.len() < 1_000);
    }
});
