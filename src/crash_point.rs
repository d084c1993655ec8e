//! Named places at which a test may have the daemon die, as if it were killed there. A release
//! build has none of them.

/// Names one place, and after a colon at which passing of it to die: `commit.journaled:3`.
#[cfg(debug_assertions)]
const VARIABLE: &str = "AGENTPULSE_CRASH_AT";

/// Ends the process, without a word and without cleaning up, where a test asks for it.
#[cfg(debug_assertions)]
pub fn crash_point(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static ASKED: LazyLock<Option<(String, AtomicU64)>> = LazyLock::new(|| {
        let asked = std::env::var(VARIABLE).ok()?;
        let (name, passing) = asked.split_once(':').unwrap_or((&asked, "1"));
        Some((name.to_owned(), AtomicU64::new(passing.parse().ok()?)))
    });
    if let Some((asked, left)) = &*ASKED
        && asked == name
        && left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn crash_point(_name: &str) {}
