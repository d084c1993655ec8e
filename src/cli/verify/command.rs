//! The command.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::compare::{ByModel, Compared, Verdict, compare};
use super::counted::{AllCounted, Counted};
use crate::cli::failure::{Failure, failed};
use crate::cli::import::{roots, transcripts};
use crate::cli::output::{print, print_json};
use crate::cli::runtime::block_on;
use crate::cli::table::{Column, table, terminal_width};
use crate::cli::target::Target;
use agentpulse_api::params::MAX_DAYS;
use agentpulse_client::Control;
use agentpulse_config::Config;
use agentpulse_contract::exit;
use agentpulse_core::bucket::DAY_MS;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_reports::active;
use agentpulse_sources::claude_code::transcript::{ClientTotals, ClientUsage};
use agentpulse_transcripts::client_totals;
use agentpulse_transcripts::layout::main_session;

#[derive(Subcommand)]
pub enum Verify {
    /// Compare sessions with the totals that Claude Code leaves at its end; exit code 1 if a
    /// difference is not explained
    ClaudeCode(ClaudeCode),
}

#[derive(Args)]
pub struct ClaudeCode {
    /// Only this session, and those whose totals go on from it
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Sessions that changed within the last days
    #[arg(long, value_name = "N", default_value_t = 7,
          value_parser = clap::value_parser!(u32).range(1..=MAX_DAYS.into()))]
    days: u32,
    /// A folder of projects, also several times [default: all of transcript.roots]
    #[arg(long = "root", value_name = "DIR")]
    roots: Vec<PathBuf>,
    /// Print the findings as one JSON object
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        match self {
            Verify::ClaudeCode(command) => command.run(target),
        }
    }
}

impl ClaudeCode {
    fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let totals = self.totals(&config)?;
        let control = Control::of(&config);
        let counted = block_on(counted(&control, &totals))??;
        let mut compared = compare(&totals, &counted);
        if let Some(session) = &self.session {
            compared.retain(|one| one.sessions.contains(session));
        }
        if compared.is_empty() {
            return Err(failed("no session of that time has totals of its client"));
        }
        let unexplained = compared.iter().filter(|one| one.verdict.is_unexplained());
        let unexplained = unexplained.count();
        if self.json {
            let findings = serde_json::to_string(&Findings::of(&compared)).map_err(failed)?;
            print_json(&findings)?;
        } else {
            print(&shown(&compared, terminal_width()))?;
        }
        match unexplained {
            0 => Ok(()),
            count => Err(Failure::new(
                exit::FAILED,
                format!("{count} of {} are not explained", compared.len()),
            )),
        }
    }

    /// What the clients said of the sessions of the last days.
    fn totals(&self, config: &Config) -> Result<Vec<ClientTotals>, Failure> {
        let from_ms = now_ms() - i64::from(self.days) * DAY_MS;
        let mut all = Vec::new();
        let roots = roots(&self.roots, &config.transcript.roots)?;
        for path in transcripts(&roots).flatten() {
            if main_session(&path).is_none() || !has_changed(&path, from_ms) {
                continue;
            }
            // One that cannot be read says nothing.
            let read = client_totals(&roots, &path, config.transcript.max_bytes);
            all.extend(read.ok().flatten());
        }
        Ok(all)
    }
}

fn has_changed(path: &Path, from_ms: i64) -> bool {
    let changed = path.metadata().and_then(|file| file.modified()).ok();
    let since_1970 = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    since_1970.is_some_and(|since| since.as_millis() as i64 >= from_ms)
}

async fn counted(control: &Control, totals: &[ClientTotals]) -> Result<AllCounted, Failure> {
    let running = control.report::<active::Page>(None, &[]).await?;
    let running = running.read().map_err(failed)?.active;
    let mut counted = AllCounted::new();
    for one in totals {
        let session = &one.session_id;
        let is_running = |run: &active::Listed| run.session_id.as_ref() == Some(session);
        let runs = running.iter().any(is_running);
        counted.insert(session.clone(), Counted::of(control, session, runs).await?);
    }
    Ok(counted)
}

#[derive(Serialize)]
struct Findings<'a> {
    compared: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    sessions: Vec<&'a str>,
    client_cost: f64,
    counted_cost: f64,
    /// By model, where they differ.
    differences: Vec<Difference<'a>>,
    verdict: &'static str,
    reason: Option<&'static str>,
}

#[derive(Serialize)]
struct Difference<'a> {
    model: &'a str,
    client: [u64; 4],
    counted: [u64; 4],
}

impl<'a> Findings<'a> {
    fn of(compared: &'a [Compared]) -> Findings<'a> {
        let compared = compared.iter().map(|one| Finding {
            sessions: one.sessions.iter().map(String::as_str).collect(),
            client_cost: one.client_cost,
            counted_cost: one.counted_cost,
            differences: differences(&one.client, &one.counted),
            verdict: word(&one.verdict),
            reason: reason(&one.verdict),
        });
        Findings {
            compared: compared.collect(),
        }
    }
}

fn differences<'a>(client: &'a ByModel, counted: &'a ByModel) -> Vec<Difference<'a>> {
    let figures = |by: &ByModel, model: &str| {
        let usage = by.get(model).copied().unwrap_or_default();
        let ClientUsage {
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
        } = usage;
        [
            input_tokens,
            output_tokens,
            cache_read_tokens,
            cache_write_tokens,
        ]
    };
    let only_counted = counted.keys().filter(|model| !client.contains_key(*model));
    let models = client.keys().chain(only_counted);
    let all = models.map(|model| Difference {
        model,
        client: figures(client, model),
        counted: figures(counted, model),
    });
    all.filter(|one| one.client != one.counted).collect()
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Equal => "equal",
        Verdict::Explained(_) => "explained",
        Verdict::Unexplained => "unexplained",
    }
}

fn reason(verdict: &Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Explained(reason) => Some(reason),
        Verdict::Equal | Verdict::Unexplained => None,
    }
}

/// A line for each group of sessions, and one below it for each model that differs.
pub(super) fn shown(compared: &[Compared], width: Option<usize>) -> String {
    let columns = [
        Column::Text("SESSION"),
        Column::Figure("CLIENT"),
        Column::Figure("COUNTED"),
        Column::Text("VERDICT"),
    ];
    let mut rows = Vec::new();
    for one in compared {
        let sessions: Vec<&str> = one.sessions.iter().map(String::as_str).collect();
        let verdict = match reason(&one.verdict) {
            Some(reason) => format!("{}: {reason}", word(&one.verdict)),
            None => word(&one.verdict).to_owned(),
        };
        rows.push([
            sessions.join(" "),
            format!("${:.6}", one.client_cost),
            format!("${:.6}", one.counted_cost),
            verdict,
        ]);
        for differs in differences(&one.client, &one.counted) {
            let figures = |tokens: [u64; 4]| tokens.map(|n| n.to_string()).join("/");
            rows.push([
                format!("  {}", differs.model),
                figures(differs.client),
                figures(differs.counted),
                "input/output/cache read/cache write".to_owned(),
            ]);
        }
    }
    table(columns, &rows, width)
}
