//! Named places at which a test may have the daemon die, as if it were killed there, or wait. A
//! release build has none of them.

/// Names one place, and after a colon at which passing of it to die (`commit.journaled:3`), or
/// after an at sign a file, as long as which exists the place is not left (`history.db@/f`).
#[cfg(debug_assertions)]
const VARIABLE: &str = "AGENTPULSE_CRASH_AT";

#[cfg(debug_assertions)]
enum Asked {
    Die(std::sync::atomic::AtomicU64),
    Wait(std::path::PathBuf),
}

/// Ends the process, without a word and without cleaning up, or waits, where a test asks for it.
#[cfg(debug_assertions)]
pub fn crash_point(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    static ASKED: LazyLock<Option<(String, Asked)>> = LazyLock::new(|| {
        let asked = std::env::var(VARIABLE).ok()?;
        if let Some((name, file)) = asked.split_once('@') {
            return Some((name.to_owned(), Asked::Wait(file.into())));
        }
        let (name, passing) = asked.split_once(':').unwrap_or((&asked, "1"));
        let passing = AtomicU64::new(passing.parse().ok()?);
        Some((name.to_owned(), Asked::Die(passing)))
    });
    match &*ASKED {
        Some((asked, Asked::Die(left)))
            if asked == name && left.fetch_sub(1, Ordering::Relaxed) == 1 =>
        {
            std::process::abort();
        }
        Some((asked, Asked::Wait(file))) if asked == name => {
            while file.exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        _ => {}
    }
}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn crash_point(_name: &str) {}
