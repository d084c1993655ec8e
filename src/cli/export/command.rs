//! Writes the executions page by page.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use hyper::Method;

use super::csv;
use crate::cli::failure::{Failure, failed, io_failed};
use crate::cli::output::written;
use crate::cli::runtime::block_on;
use crate::cli::target::Target;
use crate::cli::text::{escaped, shown};
use agentpulse_client::{AskError, Control, LONG};
use agentpulse_config::Config;
use agentpulse_contract::{data_folder, exit};
use agentpulse_core::bucket::Day;
use agentpulse_core::execution::Execution;
use agentpulse_core::item::Item;
use agentpulse_server::daemon;
use agentpulse_store::history::Reader;
use agentpulse_store::sqlite;

/// Executions that are read at once, in one transaction: some MB of the largest.
const PAGE_ROWS: usize = 64;

#[derive(Args)]
pub struct Export {
    /// jsonl: the items of GET /api/agents/executions; csv: a flat table
    #[arg(long, value_enum)]
    format: Format,
    /// The first day of the end, such as 2026-11-20, in the time zone of the days
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    since: Option<Day>,
    /// The last day of the end
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    until: Option<Day>,
    /// The file, created with mode 0600 [default: standard output]
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
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        flush(&config)?;
        daemon::finish_before_reading(&config)?;
        let path = config.data.dir.join(data_folder::HISTORY);
        if !path.exists() {
            return Err(failed(format_args!("there is no {}", path.display())));
        }
        let pages = self.pages(Reader::open(&path).map_err(unreadable)?)?;
        let Some(output) = &self.output else {
            let out = io::stdout().lock();
            let is_terminal = out.is_terminal();
            return written(self.write(pages, &mut BufWriter::new(out), is_terminal)?);
        };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(output)
            .map_err(|error| {
                Failure::new(
                    exit::CANNOT_CREATE,
                    format!("{}: {error}", output.display()),
                )
            })?;
        self.write(pages, &mut BufWriter::new(file), false)?
            .map_err(|error| io_failed(output.display(), &error))
    }

    fn pages(&self, reader: Reader) -> Result<Pages, Failure> {
        let zone = reader.zone();
        let from_ms = self.since.map_or(i64::MIN, |day| zone.start_ms(day));
        let before_ms = self.until.map_or(i64::MAX, |day| zone.end_ms(day));
        let rows = reader.ended_rows(from_ms, before_ms).map_err(unreadable)?;
        Ok(Pages {
            reader,
            rows,
            within: from_ms..before_ms,
        })
    }

    /// The outer error is the history's, the inner one the output's.
    fn write(
        &self,
        pages: Pages,
        out: &mut impl Write,
        is_terminal: bool,
    ) -> Result<io::Result<()>, Failure> {
        if self.format == Format::Csv
            && let Err(error) = csv::write_head(out)
        {
            return Ok(Err(error));
        }
        for rows in pages.rows.chunks(PAGE_ROWS) {
            for execution in pages.read(rows)? {
                if let Err(error) = self.format.write(out, &execution, is_terminal) {
                    return Ok(Err(error));
                }
            }
        }
        Ok(out.flush())
    }
}

/// What is exported: the rows that there were when it began. Between two pages nothing is held of
/// the history, so that a reader of the export that takes its time keeps no log from being emptied.
struct Pages {
    reader: Reader,
    rows: Vec<i64>,
    within: Range<i64>,
}

impl Pages {
    /// An execution that runs again, or whose end moved out of the days, is not exported.
    fn read(&self, rows: &[i64]) -> Result<Vec<Arc<Execution>>, Failure> {
        let mut page = self.reader.in_rows(rows).map_err(unreadable)?;
        let ended_ms = |execution: &Execution| execution.outcome().map(|end| end.ended_ms);
        page.retain(|execution| ended_ms(execution).is_some_and(|ms| self.within.contains(&ms)));
        Ok(page)
    }
}

impl Format {
    fn write(
        self,
        out: &mut impl Write,
        execution: &Execution,
        is_terminal: bool,
    ) -> io::Result<()> {
        match self {
            Format::Csv if is_terminal => {
                let mut row = Vec::new();
                csv::write(&mut row, execution)?;
                out.write_all(shown(&String::from_utf8_lossy(&row)).as_bytes())
            }
            Format::Csv => csv::write(out, execution),
            Format::Jsonl => {
                let line = serde_json::to_string(&Item::of(execution))?;
                out.write_all(escaped(&line).as_bytes())?;
                out.write_all(b"\n")
            }
        }
    }
}

fn unreadable(error: sqlite::Error) -> Failure {
    if error.is_corrupt() {
        return Failure::new(exit::CORRUPT, error.to_string());
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
