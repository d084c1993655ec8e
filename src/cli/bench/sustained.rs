//! A steady load for some time: whether the views keep up.

use std::io;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::load::Load;
use super::result::{Row, row};
use super::subject::{Subject, is_level};
use crate::cli::delivery::{connect, deliver};
use crate::cli::failure::{Failure, failed};

/// Some hundred times what a large team's agents send.
const EVENTS_A_SECOND: u64 = 20_000;
/// How often a chunk is sent.
const TICK: Duration = Duration::from_millis(5);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(60);

const PART: &str = "20,000 events/s";

/// The worst that was seen.
#[derive(Debug, Default)]
struct Peaks {
    live_pending: f64,
    live_lag_ms: f64,
    history_pending: f64,
    history_lag_ms: f64,
}

pub fn measure(subject: &Subject, load: Load, seconds: u64) -> Result<Vec<Row>, Failure> {
    let stream = connect(&subject.socket())?;
    let events = seconds * EVENTS_A_SECOND;
    let begun = Instant::now();
    let client = std::thread::spawn(move || {
        let totals = deliver(
            stream,
            paced(load, events, EVENTS_A_SECOND),
            PATIENCE,
            |_| {},
        )?;
        Ok::<_, Failure>((totals, begun.elapsed()))
    });
    let mut peaks = Peaks::default();
    while !client.is_finished() {
        peaks.update(&subject.status()?);
        std::thread::sleep(POLL_INTERVAL);
    }
    let panicked = |_| failed("the client's thread panicked");
    let (totals, took) = client.join().map_err(panicked)??;
    if totals.accepted != events {
        return Err(failed(format_args!("of {events} events were {totals:?}")));
    }
    let settled = subject.wait(PATIENCE, "the views", |status| {
        is_level(status, "live") && is_level(status, "history")
    })?;
    Ok(vec![
        row(
            PART,
            "acknowledged",
            events as f64 / took.as_secs_f64(),
            "events/s",
        ),
        row(
            PART,
            "not yet in live, at most",
            peaks.live_pending,
            "events",
        ),
        row(PART, "lag of live, at most", peaks.live_lag_ms, "ms"),
        row(
            PART,
            "not yet in history, at most",
            peaks.history_pending,
            "events",
        ),
        row(PART, "lag of history, at most", peaks.history_lag_ms, "ms"),
        row(
            PART,
            "until both had all, afterwards",
            settled.as_secs_f64() * 1000.0,
            "ms",
        ),
    ])
}

impl Peaks {
    fn update(&mut self, status: &Value) {
        let raise = |peak: &mut f64, view: &str, name: &str| {
            *peak = peak.max(status[view][name].as_f64().unwrap_or(0.0));
        };
        raise(&mut self.live_pending, "live", "pending");
        raise(&mut self.live_lag_ms, "live", "lag_ms");
        raise(&mut self.history_pending, "history", "pending");
        raise(&mut self.history_lag_ms, "history", "lag_ms");
    }
}

/// A chunk a tick. A client that fell behind catches up, so that the load is what it is said to be
/// as long as the daemon takes it.
pub fn paced(
    mut load: Load,
    events: u64,
    events_a_second: u64,
) -> impl Iterator<Item = io::Result<Vec<u8>>> + Send {
    let a_tick = events_a_second * TICK.as_millis() as u64 / 1000;
    let begun = Instant::now();
    (0..events / a_tick).map(move |tick| {
        let due = TICK * tick as u32;
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        Ok(load.chunk(a_tick))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn peaks_are_the_worst_of_all_looks() {
        let mut peaks = Peaks::default();
        for (pending, lag_ms) in [(3, 10), (7, 5), (1, 2)] {
            peaks.update(&json!({
                "live": {"pending": pending, "lag_ms": lag_ms},
                "history": {"pending": 10 * pending, "lag_ms": null},
            }));
        }
        assert_eq!((peaks.live_pending, peaks.live_lag_ms), (7.0, 10.0));
        assert_eq!((peaks.history_pending, peaks.history_lag_ms), (70.0, 0.0));
    }
}
