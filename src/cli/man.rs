//! `agentpulse man`: manual pages, made from the command line itself.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man as Page;

use super::failure::{Failure, io_failed};
use super::output::print;

#[derive(Args)]
pub struct Man {
    /// Write a page for each command to this folder, which is created if missing [default: print
    /// the first]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    pub fn run(self, program: Command) -> Result<(), Failure> {
        let Some(dir) = self.dir else {
            let mut page = Vec::new();
            let rendered = Page::new(program).render(&mut page);
            rendered.map_err(|error| io_failed("the manual page", &error))?;
            return print(&String::from_utf8_lossy(&page));
        };
        std::fs::create_dir_all(&dir)
            .and_then(|()| clap_mangen::generate_to(program, &dir))
            .map_err(|error| io_failed(dir.display(), &error))
    }
}
