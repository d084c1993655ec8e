//! Plans the day, sends it, and says where to look.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::day::Day;
use super::replay::{Chunks, Speed};
use super::{definitions, lines};
use crate::cli::delivery::{Totals, connect, deliver};
use crate::cli::emit::{refused, show_refusal};
use crate::cli::event_socket::event_socket;
use crate::cli::failure::Failure;
use crate::cli::output::{print, written};
use crate::cli::runtime::block_on;
use crate::cli::target::{Target, flag};
use agentpulse_client::Control;
use agentpulse_config::Config;
use agentpulse_contract::exit;

/// The plan of so many takes some 20 MB. For more traffic there is `agentpulse bench`.
const MAX_EXECUTIONS: u64 = 200_000;
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
    /// Write the definitions of its agents into an empty folder instead, ten of them broken
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["print", "socket"])]
    definitions: Option<PathBuf>,
}

impl Demo {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        if let Some(folder) = &self.definitions {
            return define(folder);
        }
        let end_ms = Timestamp::now().as_millisecond();
        let day = Day::plan(self.seed, self.executions as usize, end_ms);
        let names: HashSet<&str> = day.runs.iter().map(|run| run.agent.name).collect();
        let (agents, sessions) = (names.len(), day.sessions.len());
        let chunks = Chunks::new(day.start_ms, lines::lines(day), self.speed);
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

fn define(folder: &Path) -> Result<(), Failure> {
    let shown = folder.display();
    let count = definitions::write(folder)
        .map_err(|error| Failure::new(exit::CANNOT_CREATE, format!("{shown}: {error}")))?;
    print(&format!("{count} definitions were written to {shown}\n"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_true_address_is_the_daemons() {
        let totals = Totals::default();
        let shown = report("3 executions", &totals, "http://127.0.0.1:9");
        assert!(shown.contains("curl http://127.0.0.1:9/api/agents/metrics/current\n"));
        assert!(shown.ends_with("/api/agents/tools/usage?period=day'\n"));
    }
}
