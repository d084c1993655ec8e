//! `agentpulse completions`: a script for a shell, made from the command line itself.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Failure, print};

#[derive(Args)]
pub struct Completions {
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "agentpulse", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}
