//! `agentpulse completions`: a script for a shell, made from the command line itself.

use clap::{Args, Command};
use clap_complete::Shell;

use super::failure::Failure;
use super::output::print;

#[derive(Args)]
pub struct Completions {
    shell: Shell,
}

impl Completions {
    pub fn run(self, mut program: Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "agentpulse", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}
