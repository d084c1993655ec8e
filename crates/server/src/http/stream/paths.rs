//! Where the WebSockets are.

pub const OWN: &str = "/api/agents/stream";
pub const OF_DASHBOARD: &str = "/stream";
pub const OF_REGISTRY: &str = "/api/registry/stream";
pub const OF_REGISTRY_ALSO: &str = "/registry/stream";
