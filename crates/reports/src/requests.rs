//! The duration of HTTP requests, by route and status. It describes the process and starts again
//! with it, as Prometheus expects: only the work of agents counts over restarts.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::exposition::{Family, Labels};

/// Upper bounds in seconds: an answer from memory takes a millisecond, and a client gives up at ten
/// seconds.
const BOUNDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// There are as many series as routes times the statuses that they answer: a route is the pattern
/// in the router, never the requested path.
#[derive(Default)]
pub struct Requests {
    series: Mutex<Series>,
}

/// By route, then by status.
type Series = BTreeMap<String, BTreeMap<u16, Times>>;

#[derive(Clone, Default)]
struct Times {
    counts: [u64; BOUNDS.len() + 1],
    sum: Duration,
}

impl Requests {
    pub fn observe(&self, route: &str, status: u16, took: Duration) {
        let took_s = took.as_secs_f64();
        let bucket = BOUNDS.partition_point(|&bound| bound < took_s);
        let mut series = self.series.lock();
        let statuses = match series.get_mut(route) {
            Some(statuses) => statuses,
            None => series.entry(route.to_owned()).or_default(),
        };
        let times = statuses.entry(status).or_default();
        times.counts[bucket] += 1;
        times.sum += took;
    }

    /// Of all public routes. A request of an operator over the control socket may take minutes.
    pub fn latency(&self) -> Latency {
        let series = self.series.lock();
        let mut latency = Latency::default();
        for (route, statuses) in series.iter() {
            if !route.starts_with("/control/") {
                statuses
                    .values()
                    .for_each(|times| latency.add(&times.counts));
            }
        }
        latency
    }

    pub(super) fn write(&self, family: &mut Family) {
        // Copied, so that no request waits while lines are written.
        let series = {
            let series = self.series.lock();
            series.clone()
        };
        for (route, statuses) in series {
            for (status, times) in statuses {
                let status = status.to_string();
                let labels: Labels = &[("route", &route), ("status", &status)];
                family.histogram(labels, &BOUNDS, &times.counts, times.sum.as_secs_f64());
            }
        }
    }
}

/// Requests by duration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latency([u64; BOUNDS.len() + 1]);

impl Latency {
    fn add(&mut self, counts: &[u64]) {
        for (sum, count) in self.0.iter_mut().zip(counts) {
            *sum += count;
        }
    }

    /// Those that came after `earlier`.
    pub fn since(&self, earlier: &Latency) -> Latency {
        let count = |i: usize| self.0[i].saturating_sub(earlier.0[i]);
        Latency(std::array::from_fn(count))
    }

    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// In milliseconds; between two bounds requests are taken to be spread evenly, as Prometheus
    /// does. A duration beyond the last bound is reported as that bound. 0 without requests.
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        let rank = quantile * self.count() as f64;
        let (mut below, mut lower) = (0.0, 0.0);
        for (&count, upper) in self.0.iter().zip(BOUNDS) {
            let count = count as f64;
            if count > 0.0 && below + count >= rank {
                return (lower + (upper - lower) * (rank - below) / count) * 1e3;
            }
            (below, lower) = (below + count, upper);
        }
        if below < rank { lower * 1e3 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::exposition::{Kind, Page};
    use super::*;

    #[test]
    fn a_request_is_in_the_first_bucket_that_holds_it() {
        let requests = Requests::default();
        for ms in [1, 2, 11_000] {
            requests.observe("/x", 200, Duration::from_millis(ms));
        }
        requests.observe("/x", 404, Duration::ZERO);
        let mut page = Page::default();
        requests.write(&mut page.family("t", Kind::Histogram, "T."));
        let page = page.finish();
        for line in [
            "t_bucket{route=\"/x\",status=\"200\",le=\"0.001\"} 1",
            "t_bucket{route=\"/x\",status=\"200\",le=\"0.0025\"} 2",
            "t_bucket{route=\"/x\",status=\"200\",le=\"10\"} 2",
            "t_bucket{route=\"/x\",status=\"200\",le=\"+Inf\"} 3",
            "t_sum{route=\"/x\",status=\"200\"} 11.003",
            "t_count{route=\"/x\",status=\"404\"} 1",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }

    #[test]
    fn a_quantile_is_of_the_requests_in_between() {
        let requests = Requests::default();
        let observe = |route, ms, times| {
            for _ in 0..times {
                requests.observe(route, 200, Duration::from_millis(ms));
            }
        };
        assert_eq!(requests.latency().quantile_ms(0.99), 0.0);
        observe("/x", 11_000, 50);
        let before = requests.latency();
        assert_eq!(before.quantile_ms(0.99), 10_000.0);
        observe("/x", 1, 90);
        observe("/y", 400, 9);
        observe("/y", 700, 1);
        observe("/control/rebuild", 60_000, 100);
        let window = requests.latency().since(&before);
        assert_eq!(window.count(), 100);
        // Exactly the one above half a second lies beyond the 99th.
        assert_eq!(window.quantile_ms(0.99), 500.0);
        assert_eq!(window.quantile_ms(1.0), 1_000.0);
        // 2 of the 9 between 250 and 500 ms.
        assert!((window.quantile_ms(0.92) - 305.555_555).abs() < 0.001);
        observe("/y", 700, 1);
        assert!(requests.latency().since(&before).quantile_ms(0.99) > 500.0);
    }
}
