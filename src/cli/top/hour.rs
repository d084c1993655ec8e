//! What ended in the last hour. The beginning is read from the history; from there on the sums of
//! the day are watched, so that one request covers all executions, however many end.

use std::collections::VecDeque;

use super::snapshot::moment_ms;
use agentpulse_core::bucket::HOUR_MS;
use agentpulse_core::item::Item;
use agentpulse_core::sum::add;
use agentpulse_reports::current::Totals;

pub const MINUTES: usize = 60;
const MINUTE_MS: i64 = 60_000;
const SECOND_MS: i64 = 1_000;

/// So many executions, with what they spent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ended {
    pub at_ms: i64,
    pub executions: i64,
    pub tokens: i64,
    /// Dollars.
    pub cost: f64,
}

#[derive(Debug, Default)]
pub struct LastHour {
    /// Oldest first, one a second: an hour has 3,600.
    ended: VecDeque<Ended>,
    /// What ended before this is not known.
    known_since_ms: i64,
    /// The sums of a day, as they were last read.
    before: Option<(String, Ended)>,
}

impl Ended {
    /// # Errors
    /// A time that is not as the daemon writes it.
    pub fn of(execution: &Item) -> Result<Ended, jiff::Error> {
        let usage = execution.token_usage.as_ref();
        Ok(Ended {
            at_ms: moment_ms(execution.execution_end.as_deref().unwrap_or_default())?,
            executions: 1,
            tokens: usage.map_or(0, |usage| usage.total_tokens.cast_signed()),
            cost: usage.and_then(|usage| usage.estimated_cost).unwrap_or(0.0),
        })
    }

    fn add(&mut self, more: Ended) {
        self.executions += more.executions;
        add(&mut self.tokens, more.tokens);
        self.cost += more.cost;
    }
}

impl LastHour {
    /// `ended` is the newest first, as the daemon lists it.
    pub fn begin(ended: Vec<Ended>, known_since_ms: i64) -> LastHour {
        let mut hour = LastHour {
            known_since_ms,
            ..LastHour::default()
        };
        for ended in ended.into_iter().rev() {
            hour.push(ended);
        }
        hour
    }

    /// What has come to the sums of the day ended just now. A sum that fell was corrected.
    pub fn take(&mut self, totals: &Totals, now_ms: i64) {
        let sums = Ended {
            at_ms: now_ms,
            executions: totals.executions_today,
            tokens: totals.tokens_used_today,
            cost: totals.estimated_cost_today,
        };
        let before = match self.before.replace((totals.date.clone(), sums)) {
            Some((day, before)) if day == totals.date => before,
            Some(_) => Ended::default(),
            None => return,
        };
        let more = Ended {
            at_ms: now_ms,
            executions: sums.executions - before.executions,
            tokens: sums.tokens - before.tokens,
            cost: sums.cost - before.cost,
        };
        self.push(Ended {
            executions: more.executions.max(0),
            tokens: more.tokens.max(0),
            cost: more.cost.max(0.0),
            ..more
        });
        while self
            .ended
            .front()
            .is_some_and(|first| first.at_ms < now_ms - HOUR_MS)
        {
            self.ended.pop_front();
        }
    }

    fn push(&mut self, more: Ended) {
        match self.ended.back_mut() {
            Some(last) if last.at_ms / SECOND_MS == more.at_ms / SECOND_MS => last.add(more),
            _ => self.ended.push_back(more),
        }
    }

    /// Executions by the minute, oldest first; none where they are not known.
    pub fn minutes(&self, now_ms: i64) -> [Option<i64>; MINUTES] {
        let mut minutes = std::array::from_fn(|at| {
            let begin_ms = now_ms - (MINUTES - at) as i64 * MINUTE_MS;
            (begin_ms + MINUTE_MS > self.known_since_ms).then_some(0)
        });
        for ended in &self.ended {
            let ago = now_ms.saturating_sub(ended.at_ms).max(0) / MINUTE_MS;
            let at = (MINUTES as i64 - 1 - ago).try_into().unwrap_or(usize::MAX);
            if let Some(Some(executions)) = minutes.get_mut(at) {
                *executions += ended.executions;
            }
        }
        minutes
    }

    /// Whether [`last_minute`](LastHour::last_minute) is all of it; else so much, or more.
    pub fn knows_last_minute(&self, now_ms: i64) -> bool {
        self.known_since_ms <= now_ms - MINUTE_MS
    }

    /// The sum of the last sixty seconds.
    pub fn last_minute(&self, now_ms: i64) -> Ended {
        let mut sum = Ended::default();
        let newest = self.ended.iter().rev();
        for ended in newest.take_while(|ended| ended.at_ms > now_ms - MINUTE_MS) {
            sum.add(*ended);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_core::item::Tokens;

    fn ended(at_ms: i64) -> Ended {
        Ended {
            at_ms,
            executions: 1,
            tokens: 10,
            cost: 0.5,
        }
    }

    fn totals(executions: i64) -> Totals {
        Totals {
            date: "2024-10-04".to_owned(),
            executions_today: executions,
            tokens_used_today: 100 * executions,
            estimated_cost_today: executions as f64,
            ..Totals::default()
        }
    }

    /// The first minute of the day is over, so that an hour before is the day before.
    const NOW: i64 = 20_000 * 86_400_000 + 60_000;

    #[test]
    fn history_begins_and_the_sums_of_the_day_lead_on() {
        let list = vec![
            ended(NOW - 30_000),
            ended(NOW - 61_000),
            ended(NOW - 61_500),
        ];
        let mut hour = LastHour::begin(list, NOW - 180_000);
        let minutes = hour.minutes(NOW);
        assert_eq!(minutes[56..], [None, Some(0), Some(2), Some(1)]);
        assert_eq!(
            hour.last_minute(NOW),
            Ended {
                at_ms: 0,
                ..ended(0)
            }
        );
        hour.take(&totals(5), NOW);
        assert_eq!(
            hour.minutes(NOW),
            minutes,
            "the first sums say what was before"
        );
        hour.take(&totals(7), NOW + 1_000);
        // Two of 100 tokens and a dollar, beside the one of history.
        let sum = hour.last_minute(NOW + 1_000);
        assert_eq!((sum.executions, sum.tokens, sum.cost), (3, 210, 2.5));
        hour.take(&totals(6), NOW + 2_000);
        assert_eq!(
            hour.last_minute(NOW + 2_000).executions,
            3,
            "it was corrected"
        );
    }

    #[test]
    fn more_than_was_read_may_have_ended_in_the_last_minute() {
        let known = |since_ms| LastHour::begin(vec![ended(NOW)], since_ms).knows_last_minute(NOW);
        assert!(known(NOW - 60_000));
        assert!(!known(NOW - 59_999));
    }

    #[test]
    fn a_new_day_begins_with_nothing() {
        let mut hour = LastHour::begin(Vec::new(), 0);
        let yesterday = Totals {
            date: "2024-10-03".to_owned(),
            ..totals(5)
        };
        hour.take(&yesterday, NOW - 61_000);
        hour.take(&totals(2), NOW);
        assert_eq!(hour.last_minute(NOW).executions, 2);
    }

    #[test]
    fn points_older_than_an_hour_are_dropped() {
        let mut hour = LastHour::begin(vec![ended(NOW)], NOW - HOUR_MS);
        assert_eq!(hour.minutes(NOW).iter().flatten().sum::<i64>(), 1);
        let later = NOW + HOUR_MS + 1;
        hour.take(&totals(0), later);
        hour.take(&totals(0), later);
        assert_eq!(hour.minutes(later), [Some(0); MINUTES]);
        assert_eq!(hour.ended.len(), 1);
    }

    #[test]
    fn an_execution_without_a_price_costs_nothing() {
        let execution = |token_usage| Item {
            execution_end: Some("1970-01-01T00:00:01Z".to_owned()),
            token_usage,
            ..Item::default()
        };
        let unpriced = Tokens {
            total_tokens: 7,
            ..Tokens::default()
        };
        let read = Ended::of(&execution(Some(unpriced))).unwrap();
        assert_eq!((read.at_ms, read.tokens, read.cost), (1_000, 7, 0.0));
        assert_eq!(Ended::of(&execution(None)).unwrap().tokens, 0);
    }
}
