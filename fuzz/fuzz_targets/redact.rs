//! Any text: redacting it twice is redacting it once.
#![no_main]

use agentpulse_redact::{redact, redact_name, top_of_stacks, without_homes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let once = redact(text);
    assert_eq!(redact(&once), once);
    let name = redact_name(text);
    assert_eq!(redact_name(&name), name);
    let homes = without_homes(&once);
    assert_eq!(without_homes(&homes), homes);
    let top = top_of_stacks(&homes);
    assert_eq!(top_of_stacks(&top), top);
});
