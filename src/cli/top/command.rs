//! The command: on a terminal until it is left, or once as plain text.

use std::env;
use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;

use super::{ask, once, screen};
use crate::cli::failure::{Failure, failed};
use crate::cli::output::print;
use crate::cli::runtime::block_on;
use crate::cli::table::terminal_width;
use crate::cli::target::Target;
use agentpulse_client::Control;
use agentpulse_pipeline::clock::now_ms;

/// Below this the daemon answers the same again, as it keeps an answer for a moment.
const SHORTEST_INTERVAL: f64 = 0.25;
const LONGEST_INTERVAL: f64 = 60.0;

#[derive(Args)]
pub struct Top {
    /// How often to update, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
    /// Print the running agents once as plain text, and exit
    #[arg(long)]
    once: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok();
    let within = seconds.filter(|s| (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(s));
    within
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("must be {SHORTEST_INTERVAL}..={LONGEST_INTERVAL}"))
}

impl Top {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let control = Control::of(&config);
        if self.once {
            let now_ms = now_ms();
            let (snapshot, hour) = block_on(ask::once(control, now_ms))??;
            return print(&once::shown(&snapshot, &hour, now_ms, terminal_width()));
        }
        if !io::stdout().is_terminal() {
            return Err(failed(
                "standard output is no terminal: --once prints plain text",
            ));
        }
        // Any value but an empty one, see no-color.org.
        let colours = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        screen::run(control, self.interval, colours)
    }
}
