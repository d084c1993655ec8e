//! Named points at which a test can make the daemon die, as if it were killed there, or wait. A
//! release build has none of them.

/// Names one point, and after a colon at which passing to die (`commit.journaled:3`), or after an
/// at sign a file: the daemon waits as long as it exists (`history.db@/f`).
#[cfg(debug_assertions)]
const VARIABLE: &str = "AGENTPULSE_CRASH_AT";

#[cfg(debug_assertions)]
enum FailpointSpec {
    Die(std::sync::atomic::AtomicU64),
    Wait(std::path::PathBuf),
}

/// Aborts the process without cleaning up, or waits, if a test requests it.
#[cfg(debug_assertions)]
pub fn failpoint(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    static SPEC: LazyLock<Option<(String, FailpointSpec)>> = LazyLock::new(|| {
        let wanted = std::env::var(VARIABLE).ok()?;
        if let Some((name, file)) = wanted.split_once('@') {
            return Some((name.to_owned(), FailpointSpec::Wait(file.into())));
        }
        let (name, passing) = wanted.split_once(':').unwrap_or((&wanted, "1"));
        let passing = AtomicU64::new(passing.parse().ok()?);
        Some((name.to_owned(), FailpointSpec::Die(passing)))
    });
    match &*SPEC {
        Some((wanted, FailpointSpec::Die(left)))
            if wanted == name && left.fetch_sub(1, Ordering::Relaxed) == 1 =>
        {
            std::process::abort();
        }
        Some((wanted, FailpointSpec::Wait(file))) if wanted == name => {
            while file.exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        _ => {}
    }
}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn failpoint(_name: &str) {}
