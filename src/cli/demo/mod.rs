//! `agentpulse demo`: a day of sample traffic, to see before any real agent reports.

mod cast;
pub mod day;
pub mod lines;
pub mod random;

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use self::day::Day;
use super::client::{Control, event_socket};
use super::delivery::{Totals, connect, deliver};
use super::emit::{refused, show_refusal};
use super::{Failure, Target, block_on, flag, print, written};
use agentpulse_config::Config;

/// The plan of so many takes some 20 MB. For more traffic there is `agentpulse bench`.
const MAX_EXECUTIONS: u64 = 200_000;
/// About what a Unix socket takes at once.
const CHUNK_BYTES: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Args)]
pub struct Demo {
    /// The same seed makes the same day
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many executions the day has
    #[arg(long, value_name = "N", default_value_t = 2_000,
          value_parser = clap::value_parser!(u64).range(1..=MAX_EXECUTIONS))]
    executions: u64,
    /// The speed of replay; 60 sends an hour a minute
    #[arg(long, value_name = "FACTOR|max", default_value = "max")]
    speed: Speed,
    /// Write the events to standard output instead
    #[arg(long)]
    print: bool,
    /// The Unix socket of the daemon [default: that of the daemon on the data folder]
    #[arg(long, value_name = "PATH", conflicts_with = "print")]
    socket: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Speed {
    Max,
    Times(f64),
}

impl FromStr for Speed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Speed, Self::Err> {
        if text == "max" {
            return Ok(Speed::Max);
        }
        match text.parse() {
            // A day in a second is as good as at once.
            Ok(factor) if (1.0..=86_400.0).contains(&factor) => Ok(Speed::Times(factor)),
            _ => Err("must be max, or 1..=86400"),
        }
    }
}

impl Demo {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let end_ms = Timestamp::now().as_millisecond();
        let day = Day::plan(self.seed, self.executions as usize, end_ms);
        let names: HashSet<&str> = day.runs.iter().map(|run| run.agent.name).collect();
        let (agents, sessions) = (names.len(), day.sessions.len());
        let chunks = Chunks {
            start_ms: day.start_ms,
            lines: lines::lines(day).peekable(),
            speed: self.speed,
            begun: Instant::now(),
        };
        if self.print {
            return written(write(chunks));
        }
        let mut flags = Vec::new();
        if let Some(socket) = &self.socket {
            flags.push(flag("socket.path", socket)?);
        }
        let config = target.load(flags)?;
        let stream = connect(&event_socket(&config)?)?;
        let totals = deliver(stream, chunks.map(Ok), PATIENCE, show_refusal)?;
        let status = block_on(Control::of(&config).status())?.unwrap_or_default();
        let summary = format!(
            "{} executions of {agents} agents in {sessions} sessions were sent",
            self.executions
        );
        print(&report(&summary, &totals, &http_address(&status, &config)))?;
        refused(&totals)
    }
}

fn write(chunks: impl Iterator<Item = Vec<u8>>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for chunk in chunks {
        out.write_all(&chunk)?;
        out.flush()?;
    }
    Ok(())
}

/// The address that the daemon listens at, which may differ from the one in these settings.
fn http_address(status: &Value, config: &Config) -> String {
    let listen = config.http.listen.to_string();
    let address = status["http"].as_str().unwrap_or(&listen);
    match address.contains("://") {
        true => address.to_owned(),
        false => format!("http://{address}"),
    }
}

fn report(summary: &str, totals: &Totals, http: &str) -> String {
    let Totals {
        accepted,
        duplicate,
        rejected,
        progress,
    } = totals;
    format!(
        "{summary}: {accepted} events accepted, {duplicate} duplicate, {rejected} rejected, \
         {progress} heartbeats\n\
         Look at them:\n  \
         curl {http}/api/agents/metrics/current\n  \
         curl '{http}/api/agents/metrics/timeline?hours=24'\n  \
         curl {http}/api/agents/types/distribution\n  \
         curl '{http}/api/agents/performance/code-reviewer?days=2'\n  \
         curl '{http}/api/agents/tools/usage?period=day'\n"
    )
}

/// The lines of the day in chunks, each when it is due.
struct Chunks<I: Iterator<Item = (i64, String)>> {
    lines: std::iter::Peekable<I>,
    speed: Speed,
    start_ms: i64,
    begun: Instant,
}

impl<I: Iterator<Item = (i64, String)>> Chunks<I> {
    /// When a moment of the day comes, after the begin.
    fn due(&self, at_ms: i64) -> Duration {
        match self.speed {
            Speed::Max => Duration::ZERO,
            Speed::Times(factor) => {
                let offset_s = (at_ms - self.start_ms).max(0) as f64 / 1000.0;
                Duration::from_secs_f64(offset_s / factor)
            }
        }
    }

    fn wait(&self, at_ms: i64) -> Duration {
        self.due(at_ms).saturating_sub(self.begun.elapsed())
    }
}

impl<I: Iterator<Item = (i64, String)>> Iterator for Chunks<I> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let &(first_ms, _) = self.lines.peek()?;
        std::thread::sleep(self.wait(first_ms));
        let mut chunk = Vec::new();
        while let Some(&(at_ms, _)) = self.lines.peek() {
            if chunk.len() >= CHUNK_BYTES || !self.wait(at_ms).is_zero() {
                break;
            }
            let (_, line) = self.lines.next()?;
            chunk.extend_from_slice(line.as_bytes());
            chunk.push(b'\n');
        }
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_factor_or_max() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        assert_eq!("60".parse(), Ok(Speed::Times(60.0)));
        for wrong in ["0", "-1", "fast", "NaN", "100000"] {
            assert!(wrong.parse::<Speed>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn at_most_speed_chunks_are_full_and_hold_every_line() {
        let lines = (0..5_000).map(|n| (n, format!("{n:040}")));
        let chunks = Chunks {
            lines: lines.peekable(),
            speed: Speed::Max,
            start_ms: 0,
            begun: Instant::now(),
        };
        let chunks: Vec<Vec<u8>> = chunks.collect();
        // 41 bytes a line: 1,599 lines are the first to reach 65,536 bytes.
        let sizes: Vec<usize> = chunks.iter().map(Vec::len).collect();
        assert_eq!(sizes, [1_599 * 41, 1_599 * 41, 1_599 * 41, 203 * 41]);
        assert!(chunks.concat().ends_with(b"04999\n"));
    }

    #[test]
    fn moments_come_by_the_speed() {
        let mut chunks = Chunks {
            lines: std::iter::empty().peekable(),
            speed: Speed::Times(60.0),
            start_ms: 1_000,
            begun: Instant::now(),
        };
        assert_eq!(chunks.due(0), Duration::ZERO);
        assert_eq!(chunks.due(3_601_000), Duration::from_secs(60));
        chunks.speed = Speed::Max;
        assert_eq!(chunks.due(3_601_000), Duration::ZERO);
    }

    #[test]
    fn the_true_address_is_the_daemons() {
        let totals = Totals::default();
        let shown = report("3 executions", &totals, "http://127.0.0.1:9");
        assert!(shown.contains("curl http://127.0.0.1:9/api/agents/metrics/current\n"));
        assert!(shown.ends_with("/api/agents/tools/usage?period=day'\n"));
    }
}
