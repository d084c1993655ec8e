//! As many events as the socket takes, over one connection: how quick each part of the way is, and
//! what an event costs in processor time.

use std::time::{Duration, Instant};

use super::load::Load;
use super::machine::cpu_us;
use super::result::{Row, row};
use super::subject::{Subject, is_level};
use crate::cli::delivery::{connect, deliver};
use crate::cli::failure::{Failure, failed};

/// Ten million events at the slowest that was ever seen.
const DEADLINE: Duration = Duration::from_secs(1_200);
const PATIENCE: Duration = Duration::from_secs(60);

const PART: &str = "burst";

/// The second is the processor time of the daemon, in µs an event.
pub fn measure(
    subject: &Subject,
    load: &mut Load,
    events: u64,
) -> Result<(Vec<Row>, Option<f64>), Failure> {
    let redis = subject.redis_pid();
    // Made before the clock runs: what the client does is not what is measured.
    let chunks = load.chunks(events);
    let stream = connect(&subject.socket())?;
    let cpu_before = cpu(subject, redis);
    let begun = Instant::now();
    let totals = deliver(stream, chunks.into_iter().map(Ok), PATIENCE, |_| {})?;
    let acknowledged = begun.elapsed();
    if totals.accepted != events {
        return Err(failed(format_args!("of {events} events were {totals:?}")));
    }
    subject.wait(DEADLINE, "the live view", |status| is_level(status, "live"))?;
    let live = begun.elapsed();
    subject.wait(DEADLINE, "the history", |status| {
        is_level(status, "history")
    })?;
    let history = begun.elapsed();
    let cpu_after = cpu(subject, redis);
    let a_second = |took: Duration| events as f64 / took.as_secs_f64();
    let an_event =
        |before: Option<u64>, after: Option<u64>| Some((after? - before?) as f64 / events as f64);
    let daemon = an_event(cpu_before.0, cpu_after.0);
    let redis = an_event(cpu_before.1, cpu_after.1);
    let ratio = daemon.zip(redis).map(|(daemon, redis)| redis / daemon);
    let rows = vec![
        row(PART, "acknowledged", a_second(acknowledged), "events/s"),
        row(PART, "until live shows all", a_second(live), "events/s"),
        row(PART, "until history has all", a_second(history), "events/s"),
        row(
            PART,
            "live against acknowledged",
            a_second(live) / a_second(acknowledged),
            "×",
        ),
        row(PART, "CPU of the daemon", daemon, "µs/event"),
        row(PART, "CPU of Redis", redis, "µs/event"),
        row(PART, "CPU of Redis against the daemon", ratio, "×"),
    ];
    Ok((rows, daemon))
}

fn cpu(subject: &Subject, redis: Option<u32>) -> (Option<u64>, Option<u64>) {
    (cpu_us(subject.pid()), redis.and_then(cpu_us))
}
