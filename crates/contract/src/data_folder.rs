//! The data folder: where it is by default, and the names of its files.

use std::path::PathBuf;

/// Locked as long as a daemon runs.
pub const LOCK: &str = "lock";
/// The address that HTTP listens on.
pub const HTTP_ADDRESS: &str = "http.addr";
/// The socket of the commands.
pub const CONTROL_SOCKET: &str = "control.sock";
/// The socket that hooks write to; also its name in `XDG_RUNTIME_DIR`.
pub const EVENT_SOCKET: &str = "agentpulse.sock";
/// The private server's socket.
pub const REDIS_SOCKET: &str = "redis.sock";
/// See [`crate::spool`].
pub const SPOOL: &str = "spool";

/// The table of prices that `agentpulse prices update` took, and the one before it.
pub const PRICES: &str = "prices.toml";
pub const PRICES_BEFORE: &str = "prices.before.toml";

/// The folder of definitions that were removed over HTTP.
pub const TRASH: &str = "trash";

pub const JOURNAL: &str = "journal.db";
pub const HISTORY: &str = "history.db";
pub const ACCESS: &str = "access.db";
pub const REGISTRY: &str = "registry.db";
pub const TASKS: &str = "tasks.db";
pub const DATABASES: [&str; 5] = [JOURNAL, HISTORY, ACCESS, REGISTRY, TASKS];

/// The default of a user with this `XDG_STATE_HOME`, or else with this home folder. Returns `None`
/// if there is neither.
pub fn by_default(
    state_home: Option<PathBuf>,
    home: impl FnOnce() -> Option<PathBuf>,
) -> Option<PathBuf> {
    let state = state_home.or_else(|| Some(home()?.join(".local/state")))?;
    Some(state.join("agentpulse"))
}
