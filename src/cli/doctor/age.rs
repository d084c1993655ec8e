//! The age of the last backup, and whether the clock is behind the journal.

use std::time::{Duration, SystemTime};

use super::finding::Finding;
use agentpulse_config::Config;
use agentpulse_contract::data_folder::JOURNAL;
use agentpulse_core::bucket::rfc3339;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_store::backup;
use agentpulse_store::journal::Tail;

/// How far a timestamp may be ahead; events have the same limit.
const AHEAD_ALLOWED_MS: i64 = 5 * 60 * 1_000;
const BACKUP_AGE: Duration = Duration::from_secs(7 * 86_400);

pub fn findings(config: &Config) -> Vec<Finding> {
    let journal = config.data.dir.join(JOURNAL);
    if !journal.exists() {
        return Vec::new();
    }
    // Damage is reported elsewhere.
    let last_ms = Tail::open(&journal).and_then(|tail| tail.last_ms());
    let last_ms = last_ms.unwrap_or_default();
    let newest = backup::newest(&config.data.dir);
    let age = newest.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
    let clock = last_ms.and_then(|last_ms| clock(last_ms, now_ms()));
    clock.into_iter().chain([backup(age)]).collect()
}

/// Until the clock is past that moment, new events count as older than the last one.
fn clock(last_ms: i64, now_ms: i64) -> Option<Finding> {
    if last_ms <= now_ms + AHEAD_ALLOWED_MS {
        return None;
    }
    let (last, now) = (rfc3339(last_ms), rfc3339(now_ms));
    let state = format!("it is {now}, and the last event was accepted at {last}");
    Some(Finding::error(
        "clock",
        state,
        "set the clock (timedatectl, chronyc)",
    ))
}

fn backup(age: Option<Duration>) -> Finding {
    const SUBJECT: &str = "backup";
    let fix = "run `agentpulse backup`, unless you keep backups elsewhere";
    match age {
        Some(age) if age <= BACKUP_AGE => {
            let hours = age.as_secs() / 3_600;
            Finding::right(SUBJECT, format!("the newest in backups/ is {hours} h old"))
        }
        Some(age) => {
            let days = age.as_secs() / 86_400;
            Finding::hint(
                SUBJECT,
                format!("the newest in backups/ is {days} days old"),
                fix,
            )
        }
        None => Finding::hint(SUBJECT, "there is none in backups/", fix),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_clock_may_be_a_little_behind() {
        assert_eq!(
            clock(1_000_000_000_000, 1_000_000_000_000 - AHEAD_ALLOWED_MS),
            None
        );
        let found = clock(1_000_000_000_000, 1_000_000_000_000 - AHEAD_ALLOWED_MS - 1).unwrap();
        assert_eq!(found.level, Level::Error);
        let state = "it is 2001-09-09T01:41:39.999Z, and the last event was accepted at \
                     2001-09-09T01:46:40.000Z";
        assert_eq!(found.state, state);
    }

    #[test]
    fn a_backup_is_never_wrong() {
        let marks = [None, Some(8 * 24), Some(7 * 24), Some(1)]
            .map(|hours| backup(hours.map(|hours| Duration::from_secs(hours * 3_600))).level);
        assert_eq!(marks, [Level::Hint, Level::Hint, Level::Ok, Level::Ok]);
    }
}
