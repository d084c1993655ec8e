//! `agentpulse mcp`: an MCP server over standard input and output, for coding agents. It asks the
//! daemon as a command does; while no daemon runs each call says so, and the server goes on.

mod caller;
mod config;
mod lines;
mod protocol;
mod routes;
mod rpc;
mod said;
mod schema;
mod server;
mod tools;

use clap::{Args, Subcommand};

use self::caller::Caller;
use self::server::Server;
use super::failure::Failure;
use super::runtime::block_on;
use super::target::Target;

#[derive(Args)]
pub struct Mcp {
    #[command(subcommand)]
    command: Option<McpCommand>,
}

#[derive(Subcommand)]
enum McpCommand {
    /// Print what has Claude Code start the server; changes no file
    Config,
}

impl Mcp {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        match self.command {
            Some(McpCommand::Config) => config::run(target),
            None => {
                let config = target.load(Vec::new())?;
                block_on(Server::new(Caller::of(&config)).run())
            }
        }
    }
}
