//! `agentpulse emit`: lines from a file or from standard input to the event socket.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::delivery::{Reply, Totals, connect, deliver};
use super::event_socket::event_socket;
use super::failure::{Failure, failed, io_failed};
use super::output::print_json;
use super::target::{Target, flag};
use super::text::clean;

/// As much as a Unix socket takes at once, about.
const CHUNK_BYTES: usize = 64 << 10;

#[derive(Args)]
pub struct Emit {
    /// A file with one event a line; without it, or as `-`, standard input
    file: Option<PathBuf>,
    /// The Unix socket of the daemon [default: that of the daemon on the data folder]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// How long an answer may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

impl Emit {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let mut flags = Vec::new();
        if let Some(socket) = &self.socket {
            flags.push(flag("socket.path", socket)?);
        }
        let config = target.load(flags)?;
        let stream = connect(&event_socket(&config)?)?;
        let input: Box<dyn Read + Send> = match &self.file {
            Some(path) if path.as_os_str() != "-" => {
                Box::new(File::open(path).map_err(|error| io_failed(path.display(), &error))?)
            }
            _ => Box::new(io::stdin()),
        };
        let patience = Duration::from_secs(self.timeout);
        let totals = deliver(stream, chunks(input), patience, show_refusal)?;
        let line = serde_json::to_string(&totals).map_err(failed)?;
        print_json(&line)?;
        refused(&totals)
    }
}

/// On standard error, where it does not mix with the totals.
pub fn show_refusal(reply: &Reply) {
    let mut out = io::stderr().lock();
    // Without standard error there is no reader.
    let _ = match reply {
        Reply::Refused { line, error } => writeln!(out, "line {line}: {}", clean(error)),
        Reply::Omitted { refusals_omitted } => {
            writeln!(out, "{refusals_omitted} more refusals are not shown")
        }
        Reply::Totals(_) | Reply::Unavailable { .. } => Ok(()),
    };
}

pub fn refused(totals: &Totals) -> Result<(), Failure> {
    if totals.rejected == 0 {
        return Ok(());
    }
    Err(failed(format_args!(
        "{} of {} lines were refused",
        totals.rejected,
        totals.sum()
    )))
}

fn chunks(mut input: Box<dyn Read + Send>) -> impl Iterator<Item = io::Result<Vec<u8>>> + Send {
    std::iter::from_fn(move || {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match input.read(&mut chunk) {
                Ok(0) => return None,
                Ok(read) => {
                    chunk.truncate(read);
                    return Some(Ok(chunk));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Some(Err(error)),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_failure() {
        let mut totals = Totals {
            accepted: 3,
            duplicate: 2,
            ..Totals::default()
        };
        assert!(refused(&totals).is_ok());
        totals.rejected = 1;
        let failure = refused(&totals).unwrap_err();
        assert_eq!(failure.to_string(), "1 of 6 lines were refused");
    }
}
