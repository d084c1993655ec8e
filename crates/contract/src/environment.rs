//! Variables of the environment that are read.

/// Variables of settings begin with it.
pub const PREFIX: &str = "AGENTPULSE_";
/// `socket.path`. The hook program reads it too, so that it has no double underscore.
pub const SOCKET: &str = "AGENTPULSE_SOCKET";
/// `spool.path`; as [`SOCKET`].
pub const SPOOL: &str = "AGENTPULSE_SPOOL";
/// What the hook program takes for `spool.max_bytes`, in bytes.
pub const SPOOL_MAX_BYTES: &str = "AGENTPULSE_SPOOL_MAX_BYTES";

pub const HOME: &str = "HOME";
pub const XDG_STATE_HOME: &str = "XDG_STATE_HOME";
pub const XDG_RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";

/// By which the hook program finds the socket and the spool.
pub const OF_HOOKS: [&str; 5] = [HOME, XDG_STATE_HOME, XDG_RUNTIME_DIR, SOCKET, SPOOL];
