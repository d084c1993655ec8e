//! How long one script blocks Redis, as Redis itself measures each call.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::load::Load;
use super::result::{Row, row};
use super::subject::{Subject, is_level};
use super::sustained::paced;
use crate::cli::delivery::{connect, deliver};
use crate::cli::failure::{Failure, failed, io_failed};
use agentpulse_contract::data_folder::REDIS_SOCKET;

/// Below what makes a script larger: 256 changes every 50 ms.
const EVENTS_A_SECOND: u64 = 4_000;
const SECONDS: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(60);

/// The calls of scripts since some moment.
pub struct Scripts(BufReader<UnixStream>);

impl Scripts {
    /// Counts from now on.
    pub fn count(subject: &Subject) -> Result<Scripts, Failure> {
        let socket = subject.data().join(REDIS_SOCKET);
        let begin = || -> io::Result<Scripts> {
            let stream = UnixStream::connect(&socket)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut scripts = Scripts(BufReader::new(stream));
            scripts.ask("CONFIG RESETSTAT")?;
            Ok(scripts)
        };
        begin().map_err(|error| io_failed(socket.display(), &error))
    }

    /// The 99th percentile of what a call took. None if there was none.
    pub fn p99_ms(&mut self) -> Result<Option<f64>, Failure> {
        let broken = |error: io::Error| io_failed("asking Redis", &error);
        Ok(p99_ms(&self.ask("INFO latencystats").map_err(broken)?))
    }

    /// The answer of a command whose answer is a text.
    fn ask(&mut self, command: &str) -> io::Result<String> {
        let connection = &mut self.0;
        connection
            .get_mut()
            .write_all(format!("{command}\r\n").as_bytes())?;
        let mut line = String::new();
        connection.read_line(&mut line)?;
        let Some(bytes) = line.strip_prefix('$') else {
            return match line.starts_with('+') {
                true => Ok(line),
                false => Err(io::Error::other(line.trim_end())),
            };
        };
        let bytes: usize = bytes.trim_end().parse().map_err(io::Error::other)?;
        let mut text = vec![0; bytes + 2];
        connection.read_exact(&mut text)?;
        String::from_utf8(text).map_err(io::Error::other)
    }
}

/// At a pace at which nothing waits.
pub fn measure(subject: &Subject, load: Load) -> Result<Vec<Row>, Failure> {
    let events = SECONDS * EVENTS_A_SECOND;
    let stream = connect(&subject.socket())?;
    let mut scripts = Scripts::count(subject)?;
    let totals = deliver(
        stream,
        paced(load, events, EVENTS_A_SECOND),
        PATIENCE,
        |_| {},
    )?;
    if totals.accepted != events {
        return Err(failed(format_args!("of {events} events were {totals:?}")));
    }
    subject.wait(PATIENCE, "the live view", |status| is_level(status, "live"))?;
    let p99_ms = scripts.p99_ms()?;
    Ok(vec![
        row("4,000 events/s", "a script blocks Redis, p99", p99_ms, "ms").at_most(5.0),
    ])
}

fn p99_ms(latencies: &str) -> Option<f64> {
    const OF_SCRIPTS: &str = "latency_percentiles_usec_evalsha:";
    let scripts = latencies
        .lines()
        .find_map(|line| line.strip_prefix(OF_SCRIPTS))?;
    let p99 = scripts
        .split(',')
        .find_map(|each| each.strip_prefix("p99="))?;
    Some(p99.trim_end().parse::<f64>().ok()? / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentile_of_scripts_is_read() {
        let info = "# Latencystats\r\n\
            latency_percentiles_usec_evalsha_ro:p50=1.003,p99=2.007,p99.9=3.007\r\n\
            latency_percentiles_usec_evalsha:p50=3014.655,p99=5111.807,p99.9=5111.807\r\n";
        assert_eq!(p99_ms(info), Some(5.111_807));
        assert_eq!(p99_ms("# Latencystats\r\n"), None);
    }
}
