//! Reads the transcripts below a folder, and sends what they have of runs.

use std::path::{PathBuf, absolute};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use parking_lot::Mutex;

use super::line::Importer;
use super::progress::Progress;
use super::summary::Summary;
use super::walk;
use crate::cli::delivery::{connect, deliver};
use crate::cli::emit::{refused, show_refusal};
use crate::cli::event_socket::event_socket;
use crate::cli::export::parse_day;
use crate::cli::failure::{Failure, failed, io_failed};
use crate::cli::output::print;
use crate::cli::target::{Target, flag};
use agentpulse_config::Config;
use agentpulse_contract::data_folder;
use agentpulse_core::bucket::Day;
use agentpulse_core::retention::oldest_accepted;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_store::history::Reader;

/// How long the daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Subcommand)]
pub enum Import {
    /// Import turns of main threads and agents from the transcripts of Claude Code
    ///
    /// The same runs can be imported again, also beside live ones: nothing counts twice.
    ClaudeCode(ClaudeCode),
}

#[derive(Args)]
pub struct ClaudeCode {
    /// The first day of the end, such as 2026-11-20, in the time zone of the days [default: all
    /// that the daemon keeps]
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    since: Option<Day>,
    /// A folder of projects, also several times; the daemon must be allowed to read it
    /// [default: all of transcript.roots]
    #[arg(long = "root", value_name = "DIR")]
    roots: Vec<PathBuf>,
    /// The Unix socket of the daemon [default: that of the daemon on the data folder]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl Import {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        match self {
            Import::ClaudeCode(command) => command.run(target),
        }
    }
}

impl ClaudeCode {
    fn run(self, target: &Target) -> Result<(), Failure> {
        let mut flags = Vec::new();
        if let Some(socket) = &self.socket {
            flags.push(flag("socket.path", socket)?);
        }
        let config = target.load(flags)?;
        let roots = roots(&self.roots, &config.transcript.roots)?;
        let found = walk::transcripts(&roots).filter(Result::is_ok).count();
        let stream = connect(&event_socket(&config)?)?;

        let progress = Progress::new(found as u64);
        let summary = Arc::new(Mutex::new(Summary::default()));
        let (now_ms, keep_ms) = (now_ms(), config.history.keep.as_millis() as i64);
        let importer = Importer {
            now_ms,
            oldest_ms: oldest_accepted(now_ms, keep_ms).utc_start_ms(),
            since_ms: self.since.map(|day| begin_ms(&config, day)).transpose()?,
            roots: roots.clone(),
            max_bytes: config.transcript.max_bytes,
        };
        let lines = {
            let (summary, progress) = (Arc::clone(&summary), progress.clone());
            walk::transcripts(&roots).map(move |path| {
                let mut summary = summary.lock();
                let lines = importer.lines(path, &mut summary);
                progress.step(summary.transcripts);
                Ok(lines.into_bytes())
            })
        };
        let totals = deliver(stream, lines, PATIENCE, |reply| {
            progress.beside(|| show_refusal(reply));
        });
        progress.finish();
        let totals = totals?;
        let summary = summary.lock();
        print(&summary.report(&totals))?;
        refused(&totals)
    }
}

/// When a day of the daemon begins.
fn begin_ms(config: &Config, day: Day) -> Result<i64, Failure> {
    let path = config.data.dir.join(data_folder::HISTORY);
    let history = Reader::open(&path).map_err(failed)?;
    Ok(history.zone().start_ms(day))
}

/// Those that are given, else those of the settings: as absolute paths, because the daemon has a
/// working folder of its own.
///
/// # Errors
/// None at all, and one that cannot be read.
pub fn roots(given: &[PathBuf], set: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let roots = if given.is_empty() { set } else { given };
    if roots.is_empty() {
        return Err(failed("--root must be given where HOME is not set"));
    }
    let readable = |root: &PathBuf| {
        let root = absolute(root).map_err(|error| io_failed(root.display(), &error))?;
        match std::fs::read_dir(&root) {
            Ok(_) => Ok(root),
            Err(error) => Err(io_failed(root.display(), &error)),
        }
    };
    roots.iter().map(readable).collect()
}
