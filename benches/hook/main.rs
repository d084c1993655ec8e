//! What a hook costs its agent, measured in one run: `/bin/true`, the hook program up to its send
//! and all in all, and the Python hook whose place it takes.
//!
//! `make bench-hook` runs the rows in turn, so that what else the machine does falls on all of
//! them; `make bench-hook-storm` keeps 64 hooks running for a minute.
//!
//! | variable | |
//! |---|---|
//! | `BENCH_DAEMON` | the daemon's program; beside the hook program by default |
//! | `BENCH_PYTHON` | a Python that has redis-py; `python3` by default |
//! | `BENCH_FOLDER` | where the daemon's data lie, `/tmp` by default: its disk counts |
//! | `BENCH_ROUNDS` | runs of each row, 300 by default |
//! | `BENCH_SECONDS` | the length of the storm, 60 by default |

mod daemon;
mod figures;
mod latency;
mod peer;
mod redis;
mod start;
mod storm;

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let met = match arguments.first().map(String::as_str) {
        Some(storm::WORKER) => {
            storm::work(&arguments[1..]);
            true
        }
        Some("storm") => storm::run(number("BENCH_SECONDS", 60)),
        _ => latency::run(number("BENCH_ROUNDS", 300) as usize),
    };
    if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn number(variable: &str, default: u64) -> u64 {
    let Ok(text) = env::var(variable) else {
        return default;
    };
    let number = text.parse().ok().filter(|&number| number > 0);
    number.unwrap_or_else(|| panic!("{variable} must be a whole number above 0"))
}
