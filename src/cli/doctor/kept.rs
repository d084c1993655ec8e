//! What is kept: when the last backup was made, and whether the clock is behind the journal.

use std::time::{Duration, SystemTime};

use super::Finding;
use crate::backup;
use crate::config::Config;
use crate::daemon::JOURNAL;
use crate::domain::bucket::rfc3339;
use crate::flow::clock::now_ms;
use crate::journal::Tail;

/// So far a stamp may be ahead, as that of an event may.
const AHEAD_ALLOWED_MS: i64 = 5 * 60 * 1_000;
const BACKUP_AGE: Duration = Duration::from_secs(7 * 86_400);

pub fn findings(config: &Config) -> Vec<Finding> {
    let journal = config.data.dir.join(JOURNAL);
    if !journal.exists() {
        return Vec::new();
    }
    // What is damaged is told elsewhere.
    let last_ms = Tail::open(&journal).and_then(|tail| tail.last_ms());
    let last_ms = last_ms.unwrap_or_default();
    let newest = backup::newest(&config.data.dir);
    let age = newest.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
    let clock = last_ms.and_then(|last_ms| clock(last_ms, now_ms()));
    clock.into_iter().chain([backup(age)]).collect()
}

/// Until it is past that moment, what is new counts as older than what is there.
fn clock(last_ms: i64, now_ms: i64) -> Option<Finding> {
    if last_ms <= now_ms + AHEAD_ALLOWED_MS {
        return None;
    }
    let (last, now) = (rfc3339(last_ms), rfc3339(now_ms));
    let state = format!("it is {now}, and the last event was taken at {last}");
    Some(Finding::wrong(
        "clock",
        state,
        "set the clock right (timedatectl, chronyc)",
    ))
}

fn backup(age: Option<Duration>) -> Finding {
    const SUBJECT: &str = "backup";
    let mend = "`agentpulse backup`, unless you keep them in another place";
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
                mend,
            )
        }
        None => Finding::hint(SUBJECT, "there is none in backups/", mend),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::*;

    #[test]
    fn a_clock_may_be_a_little_behind() {
        assert_eq!(
            clock(1_000_000_000_000, 1_000_000_000_000 - AHEAD_ALLOWED_MS),
            None
        );
        let found = clock(1_000_000_000_000, 1_000_000_000_000 - AHEAD_ALLOWED_MS - 1).unwrap();
        assert_eq!(found.mark, Mark::Wrong);
        let state = "it is 2001-09-09T01:41:39.999Z, and the last event was taken at \
                     2001-09-09T01:46:40.000Z";
        assert_eq!(found.state, state);
    }

    #[test]
    fn a_backup_is_never_wrong() {
        let marks = [None, Some(8 * 24), Some(7 * 24), Some(1)]
            .map(|hours| backup(hours.map(|hours| Duration::from_secs(hours * 3_600))).mark);
        assert_eq!(marks, [Mark::Hint, Mark::Hint, Mark::Ok, Mark::Ok]);
    }
}
