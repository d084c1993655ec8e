//! Where the WebSockets are.

pub const OWN: &str = "/api/agents/stream";
pub const OF_DASHBOARD: &str = "/stream";
