//! The baselines: the days before today, from the rollups. They hardly change, so they are read
//! once an hour and not with every evaluation.

use std::collections::HashMap;

use agentpulse_core::bucket::{HOUR_MS, Hour};
use agentpulse_core::sum::add;
use agentpulse_core::view::HourTally;
use agentpulse_store::history::{Error, Reader};

/// Whole days before today.
const DAYS: i32 = 7;
/// Executions in those days below which their mean says nothing.
const MIN_EXECUTIONS: i64 = 5;

/// The hours of the days before that the last 60 minutes lie in.
#[derive(Clone, Debug, PartialEq)]
pub struct UsualTokens {
    hour: Hour,
    /// Days, up to seven, since anything is known; 0 is none.
    days: i32,
    /// Of all those days, in the hour that is running now and in the one before it.
    in_hour: i64,
    in_hour_before: i64,
}

impl UsualTokens {
    pub fn read(reader: &Reader, now_ms: i64) -> Result<UsualTokens, Error> {
        let (hour, today) = (Hour::of(now_ms), reader.zone().day_of(now_ms));
        let known = reader.days(today.back(DAYS), today.back(1))?;
        let first = known.first().map(|row| row.day);
        let mut usual = UsualTokens {
            hour,
            days: first.map_or(0, |first| today.0 - first.0),
            in_hour: 0,
            in_hour_before: 0,
        };
        for days in 1..=usual.days {
            let same = Hour(hour.0 - 24 * days);
            let before = Hour(same.0 - 1);
            reader.each_hour(before, same, |row| usual.add(&row, same))?;
        }
        Ok(usual)
    }

    fn add(&mut self, row: &HourTally, same: Hour) {
        let tokens = match row.hour == same {
            true => &mut self.in_hour,
            false => &mut self.in_hour_before,
        };
        add(tokens, row.tally.total_tokens);
    }

    pub fn is_of(&self, now_ms: i64) -> bool {
        self.hour == Hour::of(now_ms)
    }

    /// Of the 60 minutes up to this time of the day, the mean of the days; an hour's tokens are
    /// taken to be spread evenly over it.
    pub fn mean(&self, now_ms: i64) -> Option<f64> {
        let elapsed = (now_ms - self.hour.start_ms()) as f64 / HOUR_MS as f64;
        let both = self.in_hour as f64 * elapsed + self.in_hour_before as f64 * (1.0 - elapsed);
        (self.days > 0).then(|| both / f64::from(self.days))
    }
}

/// The usual duration of each agent's executions, for the agents that were looked up this hour.
#[derive(Default)]
pub struct UsualDurations {
    hour: Option<Hour>,
    /// Milliseconds; None for an agent that hardly ran.
    by_agent: HashMap<String, Option<f64>>,
}

impl UsualDurations {
    /// Those that are still to be read.
    pub fn missing(&mut self, agents: impl Iterator<Item = String>, now_ms: i64) -> Vec<String> {
        if self.hour != Some(Hour::of(now_ms)) {
            self.hour = Some(Hour::of(now_ms));
            self.by_agent.clear();
        }
        agents
            .filter(|agent_name| !self.by_agent.contains_key(agent_name))
            .collect()
    }

    pub fn put(&mut self, read: Vec<(String, Option<f64>)>) {
        self.by_agent.extend(read);
    }

    pub fn get(&self, agent_name: &str) -> Option<f64> {
        self.by_agent.get(agent_name).copied().flatten()
    }
}

pub fn read_durations(
    reader: &Reader,
    agents: &[String],
    now_ms: i64,
) -> Result<Vec<(String, Option<f64>)>, Error> {
    let today = reader.zone().day_of(now_ms);
    let read = |agent_name: &String| {
        let days = reader.agent_days(agent_name, today.back(DAYS), today.back(1))?;
        let (mut count, mut total_ms) = (0, 0);
        for day in days {
            count += day.tally.duration_count;
            add(&mut total_ms, day.tally.total_duration_ms);
        }
        let mean_ms = (count >= MIN_EXECUTIONS).then(|| total_ms as f64 / count as f64);
        Ok((agent_name.clone(), mean_ms))
    };
    agents.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_core::bucket::DAY_MS;
    use agentpulse_core::tally::Tally;

    #[test]
    fn the_usual_hour_is_the_mean_of_the_days_at_this_time() {
        let hour = Hour(20_000 * 24 + 10);
        let mut usual = UsualTokens {
            hour,
            days: 2,
            in_hour: 0,
            in_hour_before: 0,
        };
        let row = |hour, total_tokens| HourTally {
            hour,
            agent_type: "x".to_owned(),
            tally: Tally {
                total_tokens,
                ..Tally::default()
            },
        };
        for (days, in_hour, before) in [(1, 400, 100), (2, 800, 300)] {
            let same = Hour(hour.0 - 24 * days);
            usual.add(&row(same, in_hour), same);
            usual.add(&row(Hour(same.0 - 1), before), same);
        }
        // A quarter of 1,200 and three quarters of 400, of two days.
        let now_ms = hour.start_ms() + HOUR_MS / 4;
        assert_eq!(usual.mean(now_ms), Some(300.0));
        assert_eq!(usual.mean(hour.start_ms()), Some(200.0));
        assert!(usual.is_of(now_ms) && !usual.is_of(now_ms + HOUR_MS));
        usual.days = 0;
        assert_eq!(usual.mean(now_ms), None);
    }

    #[test]
    fn an_agent_is_read_once_an_hour() {
        let mut usual = UsualDurations::default();
        let now_ms = 20_000 * DAY_MS;
        let both = || ["a", "b"].map(str::to_owned).into_iter();
        assert_eq!(usual.missing(both(), now_ms), ["a", "b"]);
        usual.put(vec![
            ("a".to_owned(), Some(1_500.0)),
            ("b".to_owned(), None),
        ]);
        assert_eq!(usual.missing(both(), now_ms + 1), [""; 0]);
        assert_eq!((usual.get("a"), usual.get("b")), (Some(1_500.0), None));
        assert_eq!(usual.missing(both(), now_ms + HOUR_MS), ["a", "b"]);
    }
}
