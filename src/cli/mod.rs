//! The command line. Every command is one file; what they share is here: where the settings come
//! from, what a failure prints, and how something is written to standard output.

mod agents;
mod audit;
mod backup;
mod bar;
mod bench;
mod client;
mod completions;
mod config;
mod costs;
mod delivery;
mod demo;
mod doctor;
mod emit;
mod executions;
mod export;
mod failure;
mod hooks;
mod import;
mod key;
mod man;
mod path;
mod prices;
mod prune;
mod rebuild;
mod reload;
mod restore;
mod serve;
mod show;
mod status;
mod table;
mod text;
mod tools;
mod top;

use std::fmt::Display;
use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use agentpulse_config::{Config, ConfigError, default_file};
use agentpulse_contract::exit;

use failure::{Failure, failed, io_failed, one_line};
use text::{escaped, shown};

/// Shows which AI agents are running, and what past runs cost, how long they took and which failed.
#[derive(Parser)]
#[command(name = "agentpulse", version, after_long_help = exit_codes())]
struct Cli {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

/// Which daemon a command is for.
#[derive(Args, Clone)]
struct Target {
    /// The settings file [default: agentpulse/agentpulse.toml in ~/.config]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the journal and the history [default: ~/.local/state/agentpulse]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon in the foreground
    Serve(serve::Serve),
    /// Send events, one JSON object per line, and print how they were counted
    Emit(emit::Emit),
    /// Import runs that ended before the daemon was installed
    #[command(subcommand)]
    Import(import::Import),
    /// Show the daemon's status
    Status(status::Status),
    /// Watch the running agents live
    Top(top::Top),
    /// List the agents with their results
    Agents(agents::Agents),
    /// Show one execution in full, or the results of one agent
    Show(show::Show),
    /// List ended executions
    Executions(executions::Executions),
    /// Show the use of tools
    Tools(tools::Tools),
    /// Show what executions cost
    Costs(costs::Costs),
    /// Install, remove or check coding-agent hooks
    #[command(subcommand)]
    Hooks(hooks::HooksCommand),
    /// Show the prices of tokens, and the models without a price
    #[command(subcommand)]
    Prices(prices::PricesCommand),
    /// Show or check the settings
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Rebuild the live view from the history
    Rebuild(rebuild::Rebuild),
    /// Reload the configuration
    Reload(reload::Reload),
    /// Delete data past its retention period
    Prune(prune::Prune),
    /// Create, list or revoke API keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Show the audit trail: keys, rebuilds, backups, refused access
    Audit(audit::Audit),
    /// Copy journal, history and keys to one file, also while the daemon runs
    Backup(backup::Backup),
    /// Restore a backup, while no daemon runs
    Restore(restore::Restore),
    /// Write ended executions to a file
    Export(export::Export),
    /// Diagnose problems and suggest fixes
    Doctor(doctor::Doctor),
    /// Send a day of sample traffic to the running daemon
    Demo(demo::Demo),
    /// Benchmark a private daemon on this machine
    Bench(bench::Bench),
    /// Print a completion script for a shell
    Completions(completions::Completions),
    /// Print the manual page, or write one for each command
    Man(man::Man),
}

/// The program. A failure is one line on standard error.
fn exit_codes() -> String {
    let row = |(code, meaning)| format!("\n  {code:>2}  {meaning}");
    "Exit codes:".to_owned() + &exit::MEANINGS.map(row).concat()
}

pub fn main() -> ExitCode {
    let Cli { target, command } = Cli::parse();
    match run(&target, command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Without standard error there is no place to report the failure.
            let _ = writeln!(io::stderr(), "agentpulse: {}", one_line(&failure));
            ExitCode::from(failure.code)
        }
    }
}

fn run(target: &Target, command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(serve) => serve.run(target),
        Command::Emit(emit) => emit.run(target),
        Command::Import(import) => import.run(target),
        Command::Status(status) => status.run(target),
        Command::Top(top) => top.run(target),
        Command::Agents(agents) => agents.run(target),
        Command::Show(show) => show.run(target),
        Command::Executions(executions) => executions.run(target),
        Command::Tools(tools) => tools.run(target),
        Command::Costs(costs) => costs.run(target),
        Command::Hooks(hooks) => hooks.run(target),
        Command::Prices(prices) => prices.run(target),
        Command::Config(config) => config.run(target),
        Command::Rebuild(rebuild) => rebuild.run(target),
        Command::Reload(reload) => reload.run(target),
        Command::Prune(prune) => prune.run(target),
        Command::Key(key) => key.run(target),
        Command::Audit(audit) => audit.run(target),
        Command::Backup(backup) => backup.run(target),
        Command::Restore(restore) => restore.run(target),
        Command::Export(export) => export.run(target),
        Command::Doctor(doctor) => doctor.run(target),
        Command::Demo(demo) => demo.run(target),
        Command::Bench(bench) => bench.run(),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(),
    }
}

impl Target {
    /// The settings, with the command's own flags (a dotted key and its value) on top.
    fn load(&self, mut flags: Vec<(String, String)>) -> Result<Config, Failure> {
        flags.extend(self.flags()?);
        self.resolve(&flags)
            .map_err(|error| Failure::new(exit::CONFIG, error.to_string()))
    }

    fn flags(&self) -> Result<Vec<(String, String)>, Failure> {
        let dir = self.data_dir.as_ref();
        dir.map(|dir| flag("data.dir", dir)).into_iter().collect()
    }

    /// The settings of now; `flags` are all of them.
    fn resolve(&self, flags: &[(String, String)]) -> Result<Config, ConfigError> {
        Config::load(self.file().as_deref(), environment(), flags)
    }

    /// The settings file, if there is one.
    fn file(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| default_file(environment()))
    }
}

/// A setting that a flag gives as a path.
fn flag(key: &str, path: &std::path::Path) -> Result<(String, String), Failure> {
    match path.to_str() {
        Some(path) => Ok((key.to_owned(), path.to_owned())),
        None => Err(Failure::new(
            exit::CONFIG,
            format!("{key}: {} is not UTF-8", path.display()),
        )),
    }
}

/// What is not UTF-8 is none of our settings.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Runs one client's work on this thread.
fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(future))
        .map_err(|error| io_failed("no event loop", &error))
}

/// Writes a line of JSON to standard output.
fn print_json(json: impl Display) -> Result<(), Failure> {
    print(&escaped(&format!("{json}\n")))
}

/// Writes to standard output. Text of others is harmless on a terminal, whatever it is part of.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let harmless = out.is_terminal().then(|| shown(text));
    let text = harmless.as_deref().unwrap_or(text);
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// A reader that ends early (`| head`) is no failure.
fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(io_failed("standard output", &error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
