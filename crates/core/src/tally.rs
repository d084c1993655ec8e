//! What adds up: the integer fields of every bucket. Averages and rates are derived when they are
//! read, because stored ones go stale and cannot be merged.

use std::ops::{AddAssign, Neg};

use serde::{Deserialize, Serialize};

use super::sum::add;

/// The names of the fields, in the order of [`Tally::to_array`]; they are the fields of the Redis
/// hashes and the columns of the rollups.
pub const FIELDS: [&str; 13] = [
    "execution_count",
    "success_count",
    "failure_count",
    "timeout_count",
    "duration_count",
    "total_duration_ms",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "total_tokens",
    "cost_micros",
    "unpriced_count",
];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub execution_count: i64,
    pub success_count: i64,
    pub failure_count: i64,
    pub timeout_count: i64,
    /// Executions whose duration is known; the divisor of the average.
    pub duration_count: i64,
    pub total_duration_ms: i64,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub cache_read_tokens: i64,
    pub cache_write_tokens: i64,
    pub total_tokens: i64,
    /// Millionths of a dollar, of those executions whose cost is known.
    pub cost_micros: i64,
    /// Executions with tokens of a model that the price table does not know.
    pub unpriced_count: i64,
}

impl Tally {
    pub fn to_array(&self) -> [i64; FIELDS.len()] {
        [
            self.execution_count,
            self.success_count,
            self.failure_count,
            self.timeout_count,
            self.duration_count,
            self.total_duration_ms,
            self.input_tokens,
            self.output_tokens,
            self.cache_read_tokens,
            self.cache_write_tokens,
            self.total_tokens,
            self.cost_micros,
            self.unpriced_count,
        ]
    }

    pub fn from_array(values: [i64; FIELDS.len()]) -> Tally {
        let [
            execution_count,
            success_count,
            failure_count,
            timeout_count,
            duration_count,
            total_duration_ms,
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
            total_tokens,
            cost_micros,
            unpriced_count,
        ] = values;
        Tally {
            execution_count,
            success_count,
            failure_count,
            timeout_count,
            duration_count,
            total_duration_ms,
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
            total_tokens,
            cost_micros,
            unpriced_count,
        }
    }

    pub fn is_zero(&self) -> bool {
        *self == Tally::default()
    }

    /// Successes among the finished, 0..1 with four decimals; 0 when nothing finished.
    pub fn success_rate(&self) -> f64 {
        ratio(self.success_count, self.execution_count)
    }

    /// Whole milliseconds, rounded half up; 0 when no duration is known.
    pub fn avg_duration_ms(&self) -> i64 {
        rounded_mean(self.total_duration_ms, self.duration_count)
    }

    /// Dollars.
    pub fn cost(&self) -> f64 {
        dollars(self.cost_micros)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        let (mut sum, more) = (self.to_array(), other.to_array());
        for (field, value) in sum.iter_mut().zip(more) {
            add(field, value);
        }
        *self = Tally::from_array(sum);
    }
}

impl Neg for Tally {
    type Output = Tally;

    fn neg(self) -> Tally {
        Tally::from_array(self.to_array().map(i64::saturating_neg))
    }
}

/// `part / whole` with four decimals; 0 when the whole is 0.
pub fn ratio(part: i64, whole: i64) -> f64 {
    if whole <= 0 {
        return 0.0;
    }
    (part as f64 / whole as f64 * 10_000.0).round() / 10_000.0
}

/// The mean as a whole number, rounded half up; 0 when there is nothing to divide by.
pub fn rounded_mean(sum: i64, count: i64) -> i64 {
    if count <= 0 {
        return 0;
    }
    (i128::from(sum) * 2 + i128::from(count)).div_euclid(i128::from(count) * 2) as i64
}

pub fn dollars(cost_micros: i64) -> f64 {
    cost_micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_places() {
        let values = std::array::from_fn(|i| i as i64 + 1);
        let tally = Tally::from_array(values);
        assert_eq!(tally.to_array(), values);
        assert_eq!((tally.execution_count, tally.unpriced_count), (1, 13));
        let json = serde_json::to_value(tally).unwrap();
        for (name, value) in FIELDS.iter().zip(values) {
            assert_eq!(json[name], value);
        }
    }

    #[test]
    fn adding_and_subtracting_cancel_out() {
        let tally = Tally::from_array(std::array::from_fn(|i| i as i64 * 7));
        let mut sum = tally;
        sum += -tally;
        assert!(sum.is_zero());
    }

    #[test]
    fn rates_and_means_are_rounded_as_documented() {
        assert_eq!(ratio(2, 3), 0.6667);
        assert_eq!(ratio(0, 0), 0.0);
        assert_eq!(rounded_mean(5, 2), 3);
        assert_eq!(rounded_mean(4, 3), 1);
        assert_eq!(rounded_mean(0, 0), 0);
        assert_eq!(dollars(7_600), 0.0076);
    }
}
