//! Any bytes as a transcript: turns and sums that stay within what its lines can say.
#![no_main]

use agentpulse_core::price::Prices;
use agentpulse_sources::claude_code::transcript::{Slice, Span, TurnReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let (mut slice, mut turns) = (Slice::new(0, Span::default()), TurnReader::default());
    let (mut end, mut lines) = (0, 0);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        end += line.len() as u64;
        lines += 1;
        turns.line(line);
        if slice.line(line, end, line.ends_with(b"\n")).is_break() {
            break;
        }
    }
    let usage = slice.usage(&Prices::default());
    assert!(usage.requests() <= lines && usage.end_offset <= end);
    assert!(turns.finish().turns.len() as u64 <= lines);
});
