//! Order statistics of measured times, by nearest rank.

use std::time::Duration;

#[derive(Default)]
pub struct Times {
    sorted: bool,
    times: Vec<Duration>,
}

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.sorted = false;
        self.times.push(time);
    }

    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// In milliseconds; `percent` is 1..=100. Not a number when nothing was measured.
    pub fn percentile_ms(&mut self, percent: usize) -> f64 {
        if !self.sorted {
            self.times.sort_unstable();
            self.sorted = true;
        }
        let rank = (self.times.len() * percent).div_ceil(100);
        match self.times.get(rank.wrapping_sub(1)) {
            Some(time) => time.as_secs_f64() * 1e3,
            None => f64::NAN,
        }
    }

    pub fn median_ms(&mut self) -> f64 {
        self.percentile_ms(50)
    }
}

/// Says whether a figure keeps its bound; one that was not measured keeps none.
pub fn judge(what: &str, figure: f64, bound: f64, unit: &str) -> bool {
    let met = figure <= bound;
    let word = if met { "met" } else { "MISSED" };
    println!("{what:<52} {figure:>8.2}{unit}  at most {bound}{unit}: {word}");
    met
}
