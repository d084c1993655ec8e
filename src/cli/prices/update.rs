//! `agentpulse prices update` and `revert`: a newer table, in the data folder, and the way back.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use hyper::Method;
use tempfile::NamedTempFile;

use crate::cli::failure::{Failure, failed, io_failed};
use crate::cli::output::print;
use crate::cli::runtime::block_on;
use agentpulse_client::{AskError, Control, LONG};
use agentpulse_config::{Config, prices_of};
use agentpulse_contract::data_folder::{JOURNAL, PRICES_BEFORE};
use agentpulse_contract::exit;
use agentpulse_core::bucket::Day;
use agentpulse_core::price::{A_DAY, Changes, Prices};
use agentpulse_pipeline::clock::now_ms;

#[derive(Args)]
pub struct Update {
    /// The table, in the form of config/prices.toml, with its date
    file: PathBuf,
}

impl Update {
    pub fn run(self, config: &Config) -> Result<(), Failure> {
        let folder = Folder::of(config)?;
        // Read once: a pipe has nothing more, and a file may have changed since it was checked.
        let (newer, text) = prices_of(&self.file).map_err(wrong)?;
        let current = config.tables.prices().map_err(wrong)?;
        let today = Day::utc_of(now_ms()).to_string();
        check_date(&newer, &current, &today)
            .map_err(|reason| wrong(format_args!("{}: {reason}", self.file.display())))?;
        folder.replace(&text)?;
        print(&changed(&current, &newer))?;
        reload(config)
    }
}

/// Goes back to the table before the last update.
pub fn revert(config: &Config) -> Result<(), Failure> {
    let folder = Folder::of(config)?;
    // It is also the way back from a table that cannot be read.
    let current = config.tables.prices();
    folder.revert()?;
    let before = config.tables.prices().map_err(wrong)?;
    match current {
        Ok(current) => print(&changed(&current, &before))?,
        Err(_) => print(&format!("prices of {}\n", date(&before)))?,
    }
    reload(config)
}

/// Where the newer table and the one before it lie.
struct Folder {
    table: PathBuf,
    before: PathBuf,
}

impl Folder {
    /// # Errors
    /// A table that the settings name: it is the user's own file. A folder without data: a file in
    /// it would make it somebody else's.
    fn of(config: &Config) -> Result<Folder, Failure> {
        let (dir, tables) = (&config.data.dir, &config.tables);
        if let Some(path) = &tables.prices {
            return Err(wrong(format_args!(
                "tables.prices names {}: change that file, or remove the setting",
                path.display()
            )));
        }
        if !dir.join(JOURNAL).exists() {
            return Err(failed(format_args!(
                "{} has no data of a daemon: start one with `agentpulse serve`",
                dir.display()
            )));
        }
        Ok(Folder {
            table: tables.newer_prices.clone(),
            before: dir.join(PRICES_BEFORE),
        })
    }

    /// The table before it is kept first: what ends in between loses none.
    fn replace(&self, text: &str) -> Result<(), Failure> {
        if self.table.exists() {
            let current = fs::read_to_string(&self.table);
            let current = current.map_err(|error| io_failed(self.table.display(), &error))?;
            write(&current, &self.before)?;
        } else {
            remove(&self.before)?;
        }
        write(text, &self.table)
    }

    fn revert(&self) -> Result<(), Failure> {
        if self.before.exists() {
            let renamed = fs::rename(&self.before, &self.table);
            return renamed.map_err(|error| unwritten(&self.table, &error));
        }
        if !self.table.exists() {
            return Err(failed("nothing to revert: the built-in table is in use"));
        }
        remove(&self.table)
    }
}

/// A reader sees the old text or the new one, also after a crash.
fn write(text: &str, to: &Path) -> Result<(), Failure> {
    let folder = to.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(to)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| unwritten(to, &error))
}

fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if path.exists() => Err(unwritten(path, &error)),
        _ => Ok(()),
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(exit::CANNOT_CREATE, format!("{}: {error}", path.display()))
}

fn wrong(error: impl std::fmt::Display) -> Failure {
    Failure::new(exit::CONFIG, error.to_string())
}

fn check_date(newer: &Prices, current: &Prices, today: &str) -> Result<(), String> {
    let Some(date) = newer.date() else {
        return Err(format!("date is missing, {A_DAY}"));
    };
    if date > today {
        return Err(format!("date is {date}, after today, {today} (UTC)"));
    }
    match current.date() {
        Some(before) if date <= before => Err(format!(
            "date is {date}, not after {before}, that of the table in use"
        )),
        _ => Ok(()),
    }
}

fn date(prices: &Prices) -> &str {
    prices.date().unwrap_or("an unknown day")
}

fn changed(before: &Prices, after: &Prices) -> String {
    let Changes {
        added,
        changed,
        removed,
    } = before.changes(after);
    let mut text = format!("prices of {}, before of {}\n", date(after), date(before));
    for (what, models) in [("new", added), ("changed", changed), ("removed", removed)] {
        if !models.is_empty() {
            text.push_str(&format!("{what}: {}\n", models.join(", ")));
        }
    }
    text
}

/// A daemon that does not run takes the table when it starts.
fn reload(config: &Config) -> Result<(), Failure> {
    let control = Control::of(config);
    match block_on(control.ask(Method::POST, "/control/reload", LONG))? {
        Ok(_) => print("the daemon counts by them from now on\n"),
        Err(AskError::NotRunning(_)) => print("the daemon does not run\n"),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(head: &str) -> Prices {
        Prices::parse(head).unwrap()
    }

    #[test]
    fn a_table_is_newer_by_its_date() {
        let current = table("date = \"2026-11-30\"");
        let check = |head| check_date(&table(head), &current, "2026-12-02");
        assert_eq!(check("date = \"2026-12-02\""), Ok(()));
        let refused = |head| check(head).unwrap_err();
        assert_eq!(refused(""), "date is missing, a day such as \"2026-10-07\"");
        assert_eq!(
            refused("date = \"2026-11-30\""),
            "date is 2026-11-30, not after 2026-11-30, that of the table in use"
        );
        assert_eq!(
            refused("date = \"2026-12-03\""),
            "date is 2026-12-03, after today, 2026-12-02 (UTC)"
        );
    }

    #[test]
    fn a_table_without_a_date_is_older_than_any() {
        let newer = table("date = \"2020-01-01\"");
        assert_eq!(check_date(&newer, &table(""), "2026-12-02"), Ok(()));
    }
}
