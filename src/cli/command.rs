//! The commands.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use super::failure::{Failure, one_line};
use super::target::Target;
use super::{
    agents, audit, backup, bench, completions, config, costs, demo, doctor, emit, executions,
    export, hooks, import, key, man, mcp, messages, prices, prune, rebuild, registry, reload,
    restore, select, serve, session, sessions, show, status, tasks, tools, top, verify,
};
use agentpulse_contract::exit;

/// Shows which AI agents are running, and what past runs cost, how long they took and which failed.
#[derive(Parser)]
#[command(name = "agentpulse", version, after_long_help = exit_codes())]
pub struct Cli {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
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
    /// List sessions, those that run first
    Sessions(sessions::Sessions),
    /// Show one session as a tree, and what it cost
    Session(session::Session),
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
    /// Compare what was counted with what a client says itself
    #[command(subcommand)]
    Verify(verify::Verify),
    /// Check and show the definitions of agents
    #[command(subcommand)]
    Registry(registry::RegistryCommand),
    /// Name the agent that should take a task, and why; exit code 1 if none fits
    Select(select::Select),
    /// Make, take and follow tasks
    #[command(subcommand)]
    Tasks(tasks::TasksCommand),
    /// Send and read messages between agents
    #[command(subcommand)]
    Messages(messages::MessagesCommand),
    /// Serve tools to a coding agent by MCP, over standard input and output
    Mcp(mcp::Mcp),
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

fn exit_codes() -> String {
    let row = |(code, meaning)| format!("\n  {code:>2}  {meaning}");
    "Exit codes:".to_owned() + &exit::MEANINGS.map(row).concat()
}

/// The program. A failure is one line on standard error.
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
        Command::Verify(verify) => verify.run(target),
        Command::Agents(agents) => agents.run(target),
        Command::Show(show) => show.run(target),
        Command::Sessions(sessions) => sessions.run(target),
        Command::Session(session) => session.run(target),
        Command::Executions(executions) => executions.run(target),
        Command::Tools(tools) => tools.run(target),
        Command::Costs(costs) => costs.run(target),
        Command::Hooks(hooks) => hooks.run(target),
        Command::Prices(prices) => prices.run(target),
        Command::Registry(registry) => registry.run(target),
        Command::Select(select) => select.run(target),
        Command::Tasks(tasks) => tasks.run(target),
        Command::Messages(messages) => messages.run(target),
        Command::Mcp(mcp) => mcp.run(target),
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
        Command::Completions(completions) => completions.run(Cli::command()),
        Command::Man(man) => man.run(Cli::command()),
    }
}
