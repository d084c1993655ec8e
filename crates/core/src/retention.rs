//! How long the live view keeps what, and how much of it. History keeps everything for
//! `history.keep`. The keys, a rebuild, and the reports that choose a view all go by this.

use super::bucket::{DAY_MS, Day};

/// Days that the live view answers, today included; of longer ones its hours have expired.
pub const ANSWERED_DAYS: i32 = 7;

/// How long a bucket lives after its end.
pub const HOUR_DAYS: i32 = 7;
/// One more, so that the first of seven days is whole.
pub const AGENT_DAYS: i32 = 8;
/// Sums without a name of an agent: a few keys a day.
pub const DAY_DAYS: i32 = 90;

/// How far back from today a rebuild reads buckets that live so long: one more, because a bucket
/// lives from its end on.
pub const fn days_back(days: i32) -> i32 {
    days + 1
}

/// What ended before this day of UTC is refused, so that no event about it is accepted any more.
pub fn oldest_accepted(now_ms: i64, keep_ms: i64) -> Day {
    Day::utc_of(now_ms - keep_ms)
}

/// What ended before this moment is forgotten: a day later than it is refused, so that an event
/// that was just accepted finds what it corrects.
pub fn forgotten_before_ms(now_ms: i64, keep_ms: i64) -> i64 {
    oldest_accepted(now_ms, keep_ms).back(1).utc_start_ms()
}

/// Of `agents:timeline`: a million members take 130 MB.
pub const TIMELINE_KEPT: usize = 10_000;
/// How far the timeline reaches back.
pub const TIMELINE_MS: i64 = 7 * DAY_MS;
/// Of each agent's durations: those of the executions that ended last. Readers take percentiles of
/// them, so that the choice must not depend on the duration.
pub const DURATIONS_KEPT: usize = 500;
/// An execution that ended before this has left them.
pub const DURATIONS_MS: i64 = 7 * DAY_MS;
/// Of each agent's executions.
pub const ENDED_KEPT: usize = 100;
/// Of each agent's executions that did not succeed; a report shows as many.
pub const FAILED_KEPT: usize = 50;
/// How long a list of an agent lives after its last change.
pub const LISTS_MS: i64 = 90 * DAY_MS;
