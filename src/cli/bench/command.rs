//! Runs all parts of the benchmark in their order.

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::load::Load;
use super::result::{Setting, table};
use super::subject::Subject;
use super::{burst, machine, page, parts, reads, single, stream, sustained};
use crate::cli::failure::Failure;
use crate::cli::output::{print, print_json};

/// One hour of the steady load at most: what an hour shows, a day shows as well.
const MAX_SECONDS: u64 = 3_600;
const LONG_SECONDS: u64 = 60;

#[derive(Args)]
pub struct Bench {
    /// How many events the burst has
    #[arg(long, value_name = "N", default_value_t = 80_000,
          value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    events: u64,
    /// How long the steady load lasts
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    seconds: u64,
    /// The steady load for a minute
    #[arg(long, conflicts_with = "seconds")]
    long: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub fn run(self) -> Result<(), Failure> {
        let now_ms = Timestamp::now().as_millisecond();
        let subject = Subject::start()?;
        let status = subject.status()?;
        let setting = Setting {
            version: env!("CARGO_PKG_VERSION"),
            build: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            },
            redis: status["redis"]["version"]
                .as_str()
                .unwrap_or("unknown")
                .to_owned(),
            cpus: machine::cpus(),
            disk: machine::disk(subject.folder()).unwrap_or_else(|| "unknown disk".to_owned()),
            events: self.events,
        };
        let seconds = if self.long {
            LONG_SECONDS
        } else {
            self.seconds
        };
        // Each load has ids of its own, in every run of the same day as well.
        let seed = now_ms as u64;
        let mut load = Load::new(seed, now_ms);
        let mut rows = sustained::at_rest(&subject);
        rows.extend(page::measure(&subject, seed.wrapping_add(2), now_ms)?);
        rows.extend(single::measure(&subject, &mut load)?);
        let (burst, daemon_us) = burst::measure(&subject, &mut load, self.events)?;
        rows.extend(burst);
        rows.extend(reads::measure(&subject)?);
        rows.extend(parts::measure(
            &mut load,
            subject.folder(),
            now_ms,
            daemon_us,
        )?);
        let watched = Load::new(seed.wrapping_add(1), now_ms);
        rows.extend(stream::at_maximum(&subject, &mut load, self.events)?);
        rows.extend(stream::at_pace(&subject, watched, seconds)?);
        rows.extend(sustained::measure(&subject, load, seconds)?);
        drop(subject);
        if self.json {
            return print_json(json!({"setting": setting, "rows": rows}));
        }
        print(&table(&setting, &rows))
    }
}
