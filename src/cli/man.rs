//! `agentpulse man`: manual pages, made from the command line itself.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use super::{Cli, Failure, io_failed, print};

#[derive(Args)]
pub struct Man {
    /// Write a page for each command to this folder, which is created if missing [default: print
    /// the first]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    pub fn run(self) -> Result<(), Failure> {
        let command = Cli::command();
        let Some(dir) = self.dir else {
            let mut page = Vec::new();
            let rendered = Page::new(command).render(&mut page);
            rendered.map_err(|error| io_failed("the manual page", &error))?;
            return print(&String::from_utf8_lossy(&page));
        };
        std::fs::create_dir_all(&dir)
            .and_then(|()| clap_mangen::generate_to(command, &dir))
            .map_err(|error| io_failed(dir.display(), &error))
    }
}
