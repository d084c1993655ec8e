//! What the daemon promises, each promise in a file of its own that tries to break it.
//!
//! `make test` runs a short form of each; with `AGENTPULSE_TEST_LONG=1` (`make soak`) they run
//! with the numbers that the promises name.

mod p15_backup;

/// Whether the tests may take as long as the promises say.
pub fn is_long() -> bool {
    std::env::var_os("AGENTPULSE_TEST_LONG").is_some()
}

/// What a test does in its short form, and what in its long one.
pub fn sized<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}
