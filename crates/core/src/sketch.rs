//! Durations as a histogram with two significant figures (HdrHistogram). Sketches add up, across
//! hours, days and agents, in any order; a list of all durations would grow for ever.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};

/// Seven days: longer than any run, and the range that the histogram is made for.
pub const MAX_DURATION_MS: u64 = 604_800_000;

/// Counts by the lowest value of their bucket. As a difference the counts may be negative.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    counts: BTreeMap<u64, i64>,
}

impl Sketch {
    /// The lowest duration that shares a bucket with this one: exact below 256 ms, above it
    /// within 1/128.
    pub fn lowest_ms(duration_ms: u64) -> u64 {
        shape().lowest_equivalent(duration_ms.min(MAX_DURATION_MS))
    }

    pub fn add(&mut self, duration_ms: u64, count: i64) {
        *self
            .counts
            .entry(Sketch::lowest_ms(duration_ms))
            .or_default() += count;
    }

    pub fn merge(&mut self, other: &Sketch) {
        for (&lowest_ms, &count) in &other.counts {
            *self.counts.entry(lowest_ms).or_default() += count;
        }
    }

    pub fn counts(&self) -> impl Iterator<Item = (u64, i64)> + '_ {
        self.counts
            .iter()
            .map(|(&lowest_ms, &count)| (lowest_ms, count))
    }

    pub fn count(&self) -> i64 {
        self.counts.values().sum()
    }

    /// The duration at `quantile` (0..1) by nearest rank: the smallest one that at least this share
    /// of the durations does not exceed. It is the middle of its bucket, so that the error is at
    /// most half a bucket, 0.4 %. Returns `None` if the sketch is empty.
    pub fn quantile_ms(&self, quantile: f64) -> Option<u64> {
        let rank = ((self.count() as f64 * quantile).ceil() as i64).max(1);
        let mut seen = 0;
        for (&lowest_ms, &count) in &self.counts {
            seen += count;
            if seen >= rank {
                return Some(shape().median_equivalent(lowest_ms));
            }
        }
        None
    }

    /// The HdrHistogram V2 format, which readers exist for in most languages. It cannot hold counts
    /// below zero; a total has none.
    pub fn to_v2(&self) -> Vec<u8> {
        let mut histogram = shape().clone();
        for (&lowest_ms, &count) in &self.counts {
            histogram.saturating_record_n(lowest_ms, count.max(0) as u64);
        }
        let mut bytes = Vec::new();
        V2Serializer::new()
            .serialize(&histogram, &mut bytes)
            .expect("a Vec takes every byte, and the counts fit the format");
        bytes
    }

    /// Returns `None` if the bytes are no such histogram.
    pub fn from_v2(mut bytes: &[u8]) -> Option<Sketch> {
        let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut bytes).ok()?;
        let mut sketch = Sketch::default();
        for bucket in histogram.iter_recorded() {
            sketch.add(
                bucket.value_iterated_to(),
                bucket.count_since_last_iteration() as i64,
            );
        }
        Some(sketch)
    }
}

impl FromIterator<(u64, i64)> for Sketch {
    fn from_iter<I: IntoIterator<Item = (u64, i64)>>(buckets: I) -> Sketch {
        let mut sketch = Sketch::default();
        for (duration_ms, count) in buckets {
            sketch.add(duration_ms, count);
        }
        sketch
    }
}

fn shape() -> &'static Histogram<u64> {
    static SHAPE: OnceLock<Histogram<u64>> = OnceLock::new();
    SHAPE.get_or_init(|| {
        Histogram::new_with_bounds(1, MAX_DURATION_MS, 2).expect("the bounds are constants")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_durations_are_exact_and_large_ones_within_a_hundredth() {
        for duration_ms in [0, 1, 199, 255] {
            let sketch = Sketch::from_iter([(duration_ms, 1)]);
            assert_eq!(sketch.quantile_ms(0.5), Some(duration_ms));
        }
        for duration_ms in [256, 12_345, 3_600_000, MAX_DURATION_MS] {
            let found = Sketch::from_iter([(duration_ms, 1)])
                .quantile_ms(0.5)
                .unwrap();
            assert!(found.abs_diff(duration_ms) as f64 <= duration_ms as f64 * 0.01);
        }
        assert_eq!(Sketch::default().quantile_ms(0.5), None);
    }

    #[test]
    fn quantiles_are_nearest_ranks() {
        // Of 1..=100 the 95th is 95; of four values the median is the second.
        let hundred = Sketch::from_iter((1..=100).map(|ms| (ms, 1)));
        assert_eq!(hundred.quantile_ms(0.95), Some(95));
        assert_eq!(hundred.quantile_ms(0.99), Some(99));
        let four = Sketch::from_iter([(10, 1), (20, 1), (30, 1), (40, 1)]);
        assert_eq!(four.quantile_ms(0.5), Some(20));
    }

    #[test]
    fn the_v2_format_keeps_every_count() {
        let sketch = Sketch::from_iter([(0, 2), (7, 3), (12_345, 1), (MAX_DURATION_MS, 9)]);
        assert_eq!(Sketch::from_v2(&sketch.to_v2()), Some(sketch));
        assert_eq!(Sketch::from_v2(b"no histogram"), None);
    }

    #[test]
    fn a_merge_with_its_opposite_leaves_nothing() {
        let mut sketch = Sketch::from_iter([(500, 2)]);
        sketch.merge(&Sketch::from_iter([(501, -2)]));
        assert_eq!(sketch.count(), 0);
        assert_eq!(sketch.quantile_ms(0.5), None);
    }
}
