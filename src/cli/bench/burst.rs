//! As many events as the socket takes, over one connection: how quick each part of the way is, and
//! what an event costs in processor time.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::load::Load;
use super::machine::{cpu_us, thread_cpu_ns};
use super::result::{Row, row};
use super::scripts::Scripts;
use super::subject::{Subject, is_level};
use crate::cli::delivery::{connect, deliver};
use crate::cli::failure::{Failure, failed};

/// Ten million events at the slowest that was ever seen.
const DEADLINE: Duration = Duration::from_secs(1_200);
const PATIENCE: Duration = Duration::from_secs(60);

const PART: &str = "burst";

pub fn measure(subject: &Subject, load: &mut Load, events: u64) -> Result<Vec<Row>, Failure> {
    let redis = subject.redis_pid();
    // Made before the clock runs: what the client does is not what is measured.
    let chunks = load.chunks(events);
    let lines = chunks
        .iter()
        .flat_map(|chunk| chunk.split(|&byte| byte == b'\n'));
    let parse = parse_us(lines.filter(|line| !line.is_empty()))?;
    let stream = connect(&subject.socket())?;
    let mut scripts = Scripts::count(subject)?;
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
    let both = daemon.zip(redis);
    let sum = both.map(|(daemon, redis)| daemon + redis);
    let against_parsing = sum.zip(parse).map(|(sum, parse)| sum / parse);
    Ok(vec![
        row(PART, "acknowledged", a_second(acknowledged), "events/s").at_least(45_000.0),
        row(PART, "until live shows all", a_second(live), "events/s").at_least(35_000.0),
        row(PART, "until history has all", a_second(history), "events/s").at_least(35_000.0),
        row(
            PART,
            "live against acknowledged",
            a_second(live) / a_second(acknowledged),
            "×",
        ),
        row(PART, "CPU of the daemon and Redis", sum, "µs/event").at_most(45.0),
        row(PART, "CPU of the daemon", daemon, "µs/event"),
        row(PART, "CPU of Redis", redis, "µs/event").at_most(10.0),
        row(
            PART,
            "CPU of Redis against the daemon",
            both.map(|(daemon, redis)| redis / daemon),
            "×",
        ),
        row(PART, "CPU of parsing its line as JSON", parse, "µs/event"),
        row(PART, "all against parsing", against_parsing, "×").at_most(6.0),
        row(PART, "a script blocks Redis, p99", scripts.p99_ms()?, "ms").at_most(15.0),
    ])
}

/// What this program takes to parse a line into a tree and to forget it, on one thread, in µs.
fn parse_us<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<Option<f64>, Failure> {
    let before = thread_cpu_ns();
    let mut count = 0;
    for line in lines {
        let tree: Value = serde_json::from_slice(line).map_err(failed)?;
        std::hint::black_box(tree);
        count += 1;
    }
    let took = thread_cpu_ns().zip(before);
    Ok(took.map(|(after, before)| (after - before) as f64 / 1000.0 / f64::from(count)))
}

fn cpu(subject: &Subject, redis: Option<u32>) -> (Option<u64>, Option<u64>) {
    (cpu_us(subject.pid()), redis.and_then(cpu_us))
}
