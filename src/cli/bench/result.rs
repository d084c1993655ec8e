//! What was measured, and what it should be.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One number. None means that this system does not report it.
#[derive(Debug, Serialize)]
pub struct Row {
    pub part: &'static str,
    pub what: &'static str,
    pub value: Option<f64>,
    pub unit: &'static str,
    /// None where nothing is promised: the number explains another one.
    pub goal: Option<Goal>,
    /// None without a goal or a value.
    pub is_met: Option<bool>,
}

/// What a number should be. A goal is for two cores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

pub fn row(
    part: &'static str,
    what: &'static str,
    value: impl Into<Option<f64>>,
    unit: &'static str,
) -> Row {
    Row {
        part,
        what,
        value: value.into(),
        unit,
        goal: None,
        is_met: None,
    }
}

impl Row {
    pub fn at_most(self, bound: f64) -> Row {
        self.with(Goal::AtMost(bound))
    }

    pub fn at_least(self, bound: f64) -> Row {
        self.with(Goal::AtLeast(bound))
    }

    fn with(self, goal: Goal) -> Row {
        Row {
            goal: Some(goal),
            is_met: self.value.map(|value| goal.is_met(value)),
            ..self
        }
    }
}

impl Goal {
    fn is_met(self, value: f64) -> bool {
        match self {
            Goal::AtMost(bound) => value <= bound,
            Goal::AtLeast(bound) => value >= bound,
        }
    }
}

/// Where and with what it was measured.
#[derive(Debug, Serialize, Deserialize)]
pub struct Setting {
    pub version: String,
    pub build: String,
    pub redis: String,
    pub cpus: usize,
    pub disk: String,
    pub events: u64,
}

/// By nearest rank, in ms. `share` is 0..=1; nothing is 0.
pub fn percentile_ms(sorted: &[Duration], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    let at = sorted.get(rank.max(1) - 1).copied().unwrap_or_default();
    at.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let sorted: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile_ms(&sorted, 0.5), 100.0);
        assert_eq!(percentile_ms(&sorted, 0.99), 198.0);
        assert_eq!(percentile_ms(&sorted[..1], 0.99), 1.0);
        assert_eq!(percentile_ms(&[], 0.5), 0.0);
    }

    #[test]
    fn a_goal_is_met_at_its_bound_and_says_so_in_json() {
        let most = |value: f64| row("a", "b", value, "ms").at_most(5.0).is_met;
        let least = |value: f64| row("a", "b", value, "×").at_least(0.85).is_met;
        assert_eq!([4.9, 5.0, 5.1].map(most), [true, true, false].map(Some));
        assert_eq!([0.8, 0.85, 0.9].map(least), [false, true, true].map(Some));
        assert_eq!(row("a", "b", None, "ms").at_most(5.0).is_met, None);
        let rows = [
            row("a", "b", 6.0, "ms").at_most(5.0),
            row("a", "c", 6.0, "ms"),
        ];
        let expect = json!([
            {"part": "a", "what": "b", "value": 6.0, "unit": "ms", "goal": {"at_most": 5.0},
             "is_met": false},
            {"part": "a", "what": "c", "value": 6.0, "unit": "ms", "goal": null, "is_met": null},
        ]);
        assert_eq!(serde_json::to_value(rows).unwrap(), expect);
    }
}
