//! What an agent waits for: the acknowledgement of one event, as a hook sends it.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use super::load::Load;
use super::result::{Row, percentile_ms, row};
use super::subject::Subject;
use crate::cli::failure::{Failure, failed, io_failed};

const SAMPLES: usize = 500;
const AGENTS: usize = 100;
/// Each agent starts and stops so often: 2,000 samples, of which 20 lie beyond the p99.
const ROUNDS: usize = 10;
/// Far beyond what a hook waits; a daemon that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn measure(subject: &Subject, load: &mut Load) -> Result<Vec<Row>, Failure> {
    let socket = subject.socket();
    let broken = |error: io::Error| io_failed("an acknowledgement", &error);
    let mut alone = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let begun = Instant::now();
        send(&mut open(&socket).map_err(broken)?, &load.chunk(1)).map_err(broken)?;
        alone.push(begun.elapsed());
    }
    alone.sort_unstable();
    let mut together = crowd(&socket).map_err(broken)?;
    together.sort_unstable();
    Ok(vec![
        row(
            "one event",
            "acknowledged, idle daemon, p50",
            percentile_ms(&alone, 0.5),
            "ms",
        ),
        row(
            "one event",
            "acknowledged, idle daemon, p99",
            percentile_ms(&alone, 0.99),
            "ms",
        ),
        row(
            "100 agents",
            "acknowledged, all at once, p50",
            percentile_ms(&together, 0.5),
            "ms",
        ),
        row(
            "100 agents",
            "acknowledged, all at once, p99",
            percentile_ms(&together, 0.99),
            "ms",
        ),
    ])
}

/// All agents connect, start and stop at the same moments.
fn crowd(socket: &Path) -> io::Result<Vec<Duration>> {
    let barrier = Barrier::new(AGENTS);
    let agent = |number: usize| -> io::Result<Vec<Duration>> {
        let mut samples = Vec::with_capacity(2 * ROUNDS);
        let mut result = Ok(());
        for round in 0..ROUNDS {
            let id = format!("crowd-{}-{round}-{number}", std::process::id());
            let start = format!(
                "{{\"event\":\"start\",\"agent_id\":\"{id}\",\"agent_name\":\"code-reviewer\"}}\n"
            );
            let stop = format!("{{\"event\":\"stop\",\"agent_id\":\"{id}\"}}\n");
            for line in [start, stop] {
                // Who has failed still comes to the barrier: the others would wait for ever.
                barrier.wait();
                if result.is_ok() {
                    let begun = Instant::now();
                    result = open(socket).and_then(|mut agent| send(&mut agent, line.as_bytes()));
                    samples.push(begun.elapsed());
                }
            }
        }
        result.map(|()| samples)
    };
    std::thread::scope(|scope| {
        let agent = &agent;
        let agents: Vec<_> = (0..AGENTS).map(|n| scope.spawn(move || agent(n))).collect();
        let mut samples = Vec::new();
        for agent in agents {
            let panicked = |_| io::Error::other("a thread panicked");
            samples.extend(agent.join().map_err(panicked)??);
        }
        Ok(samples)
    })
}

pub fn open(socket: &Path) -> io::Result<BufReader<UnixStream>> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}

/// Writes a line and reads its totals.
pub fn send(connection: &mut BufReader<UnixStream>, line: &[u8]) -> io::Result<()> {
    connection.get_mut().write_all(line)?;
    let mut answer = String::new();
    connection.read_line(&mut answer)?;
    if answer.starts_with("{\"accepted\":1,") {
        return Ok(());
    }
    Err(io::Error::other(failed(answer.trim_end())))
}
