//! `agentpulse prune`: what is older than it has to be kept goes now, not at its hour.

use clap::Args;
use hyper::Method;

use super::failure::Failure;
use super::output::print;
use super::runtime::block_on;
use super::status::rows;
use super::table::aligned;
use super::target::Target;
use agentpulse_client::{Control, LONG};

#[derive(Args)]
pub struct Prune {}

impl Prune {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let control = Control::of(&config);
        let pruned = block_on(control.ask(Method::POST, "/control/prune", LONG))??;
        print(&aligned(&rows(&pruned)))
    }
}
