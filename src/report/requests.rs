//! How long HTTP requests take, by route and status. It describes the process and begins anew with
//! it, as Prometheus expects: what counts over restarts is what agents did.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::exposition::{Family, Labels};

/// Upper bounds in seconds: an answer from memory takes a millisecond, and a client gives up at ten
/// seconds.
const BOUNDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// There are as many series as routes times the statuses that they answer: a route is the pattern
/// in the router, never what was asked for.
#[derive(Default)]
pub struct Requests {
    series: Mutex<BTreeMap<(String, u16), Times>>,
}

#[derive(Clone, Default)]
struct Times {
    counts: [u64; BOUNDS.len() + 1],
    sum: Duration,
}

impl Requests {
    pub fn observe(&self, route: &str, status: u16, took: Duration) {
        let took_s = took.as_secs_f64();
        let bucket = BOUNDS.partition_point(|&bound| bound < took_s);
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let times = series.entry((route.to_owned(), status)).or_default();
        times.counts[bucket] += 1;
        times.sum += took;
    }

    pub(super) fn write(&self, family: &mut Family) {
        // Copied, so that no request waits while lines are written.
        let series = {
            let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
            series.clone()
        };
        for ((route, status), times) in series {
            let status = status.to_string();
            let labels: Labels = &[("route", &route), ("status", &status)];
            family.histogram(labels, &BOUNDS, &times.counts, times.sum.as_secs_f64());
        }
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
            assert!(page.lines().any(|told| told == line), "{line}\n{page}");
        }
    }
}
