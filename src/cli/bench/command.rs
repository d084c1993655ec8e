//! Runs all parts of the benchmark in their order.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::earlier::Earlier;
use super::load::Load;
use super::result::Setting;
use super::subject::Subject;
use super::table::table;
use super::{
    at_rest, burst, definitions, disk, machine, memory, page, reads, scripts, single, stream,
    sustained,
};
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
    /// Compare with an earlier run: a file of what --json printed
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Print JSON
    #[arg(long, conflicts_with = "compare")]
    json: bool,
}

impl Bench {
    pub fn run(self) -> Result<(), Failure> {
        let earlier = self.compare.as_deref().map(Earlier::read).transpose()?;
        let now_ms = Timestamp::now().as_millisecond();
        let subject = Subject::start()?;
        let status = subject.status()?;
        let setting = Setting {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: match cfg!(debug_assertions) {
                true => "debug".to_owned(),
                false => "release".to_owned(),
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
        let other_load = |n: u64| Load::new(seed.wrapping_add(n), now_ms);
        let mut rows = memory::at_rest(&subject);
        rows.extend(at_rest::measure(&subject));
        rows.extend(memory::watched(&subject, now_ms)?);
        rows.extend(page::measure(&subject, seed.wrapping_add(1_000), now_ms)?);
        rows.extend(single::measure(&subject, &mut load)?);
        rows.extend(scripts::measure(&subject, other_load(1))?);
        let (burst, in_burst) = memory::during(&subject, || {
            burst::measure(&subject, &mut load, self.events)
        })?;
        rows.extend(burst);
        rows.extend(reads::measure(&subject)?);
        let (sustained, at_pace) = memory::during(&subject, || {
            sustained::measure(&subject, other_load(2), seconds)
        })?;
        rows.extend(sustained);
        rows.extend(in_burst.and(at_pace).rows("full load", 100.0));
        let (watched, with_clients) = memory::during(&subject, || {
            let mut rows = stream::at_maximum(&subject, &mut load, self.events)?;
            rows.extend(stream::at_pace(&subject, other_load(3), seconds)?);
            Ok(rows)
        })?;
        rows.extend(watched);
        rows.extend(with_clients.rows("100 who watch", 130.0));
        rows.extend(memory::afterwards(&subject)?);
        rows.extend(disk::afterwards(&subject)?);
        rows.extend(definitions::measure(&subject, &mut load)?);
        drop(subject);
        if self.json {
            return print_json(json!({"setting": setting, "rows": rows}));
        }
        print(&table(&setting, &rows, earlier.as_ref()))
    }
}
