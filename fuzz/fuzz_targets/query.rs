//! Any query string: parameters within their bounds, or a refusal.
#![no_main]

use agentpulse_server::http::Params;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|query: &str| {
    let Ok(uri) = format!("/api/agents/x?{query}").parse() else {
        return;
    };
    let Ok(params) = Params::of(&uri) else { return };
    let _ = (params.hours(1), params.days(1), params.time_ms("since"));
    let _ = (params.force(), params.name("agent_name"), params.time_range());
});
