//! `agentpulse export`: ended executions, oldest end first, for other programs.

mod csv;

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use hyper::Method;

use super::client::{AskError, Control, LONG};
use super::{Failure, Place, block_on, failed, io_failed, written};
use crate::config::Config;
use crate::daemon::{EXIT_CANNOT_CREATE, EXIT_CORRUPT};
use crate::domain::bucket::Day;
use crate::domain::execution::Execution;
use crate::history::Reader;
use crate::report::item::Item;
use crate::sqlite;

const HISTORY_NAME: &str = "history.db";

#[derive(Args)]
pub struct Export {
    /// jsonl: the items of GET /api/agents/executions; csv: a flat table
    #[arg(long, value_enum)]
    format: Format,
    /// The first day of the end, UTC, such as 2026-11-20
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    since: Option<Day>,
    /// The last day of the end, UTC
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    until: Option<Day>,
    /// The file, made anew with mode 0600 [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

pub fn parse_day(text: &str) -> Result<Day, &'static str> {
    Day::parse(text).ok_or("must be a date such as 2026-11-20")
}

impl Export {
    pub fn run(self, place: &Place) -> Result<(), Failure> {
        let config = place.load(Vec::new())?;
        flush(&config)?;
        let path = config.data.dir.join(HISTORY_NAME);
        let Some(output) = &self.output else {
            let mut out = BufWriter::new(io::stdout().lock());
            return written(self.write(&path, &mut out)?);
        };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(output)
            .map_err(|error| {
                Failure::new(EXIT_CANNOT_CREATE, format!("{}: {error}", output.display()))
            })?;
        self.write(&path, &mut BufWriter::new(file))?
            .map_err(|error| io_failed(output.display(), &error))
    }

    /// The outer error is the history's, the inner one the output's.
    fn write(&self, path: &Path, out: &mut impl Write) -> Result<io::Result<()>, Failure> {
        if !path.exists() {
            return Err(failed(format_args!("there is no {}", path.display())));
        }
        let mut result = match self.format {
            Format::Csv => csv::write_head(out),
            Format::Jsonl => Ok(()),
        };
        Reader::open(path)
            .map_err(unreadable)?
            .each_ended(&mut |_, execution| {
                match self.choose(execution) {
                    Choice::Skip => return ControlFlow::Continue(()),
                    Choice::End => return ControlFlow::Break(()),
                    Choice::Take => {}
                }
                if result.is_ok() {
                    result = self.format.write(out, execution);
                }
                match result {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            })
            .map_err(unreadable)?;
        Ok(result.and_then(|()| out.flush()))
    }

    fn choose(&self, execution: &Execution) -> Choice {
        let Some(day) = execution.outcome().map(|end| Day::of(end.ended_ms)) else {
            return Choice::Skip;
        };
        if self.since.is_some_and(|since| day < since) {
            Choice::Skip
        } else if self.until.is_some_and(|until| day > until) {
            // They come in the order of their ends.
            Choice::End
        } else {
            Choice::Take
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Choice {
    Skip,
    Take,
    End,
}

impl Format {
    fn write(self, out: &mut impl Write, execution: &Execution) -> io::Result<()> {
        match self {
            Format::Csv => csv::write(out, execution),
            Format::Jsonl => {
                serde_json::to_writer(&mut *out, &Item::of(execution))?;
                out.write_all(b"\n")
            }
        }
    }
}

fn unreadable(error: sqlite::Error) -> Failure {
    if error.is_corrupt() {
        return Failure::new(EXIT_CORRUPT, error.to_string());
    }
    failed(error)
}

/// A running daemon writes what it still holds, so that the export is complete. Without one the
/// history is what it is: the next start brings the rest.
fn flush(config: &Config) -> Result<(), Failure> {
    let control = Control::of(config);
    match block_on(control.ask(Method::POST, "/control/flush", LONG))? {
        Ok(_) | Err(AskError::NotRunning(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_of_the_end_choose() {
        let export = |since, until| Export {
            format: Format::Jsonl,
            since,
            until,
            output: None,
        };
        let mut execution = Execution::new("a".to_owned());
        let days = export(Some(Day(10)), Some(Day(11)));
        assert_eq!(days.choose(&execution), Choice::Skip, "it runs");
        let expect = [
            (9, Choice::Skip),
            (10, Choice::Take),
            (11, Choice::Take),
            (12, Choice::End),
        ];
        for (day, choice) in expect {
            for end_ms in [Day(day).start_ms(), Day(day).end_ms() - 1] {
                execution.timed_out_ms = Some(end_ms);
                assert_eq!(days.choose(&execution), choice);
                assert_eq!(export(None, None).choose(&execution), Choice::Take);
            }
        }
    }
}
