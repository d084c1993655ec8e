//! An earlier run, as `--json` printed it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::result::{Row, Setting};
use crate::cli::failure::{Failure, failed, io_failed};

#[derive(Debug)]
pub struct Earlier {
    pub file: PathBuf,
    pub setting: Setting,
    pub rows: Vec<EarlierRow>,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct EarlierRow {
    pub part: String,
    pub what: String,
    pub value: Option<f64>,
    pub unit: String,
}

#[derive(Deserialize)]
struct Run {
    setting: Setting,
    rows: Vec<EarlierRow>,
}

impl Earlier {
    pub fn read(file: &Path) -> Result<Earlier, Failure> {
        let text = fs::read(file).map_err(|error| io_failed(file.display(), &error))?;
        let Run { setting, rows } = serde_json::from_slice(&text).map_err(|error| {
            let file = file.display();
            failed(format_args!(
                "{file} is not what `agentpulse bench --json` printed: {error}"
            ))
        })?;
        Ok(Earlier {
            file: file.to_owned(),
            setting,
            rows,
        })
    }

    pub fn row(&self, row: &Row) -> Option<&EarlierRow> {
        self.rows.iter().find(|earlier| earlier.is_of(row))
    }

    /// Those that no row of this run stands for.
    pub fn without(&self, rows: &[Row]) -> impl Iterator<Item = &EarlierRow> {
        let is_left = |earlier: &&EarlierRow| !rows.iter().any(|row| earlier.is_of(row));
        self.rows.iter().filter(is_left)
    }
}

impl EarlierRow {
    fn is_of(&self, row: &Row) -> bool {
        (&*self.part, &*self.what, &*self.unit) == (row.part, row.what, row.unit)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::result::row;
    use super::*;

    fn read(text: &str) -> Result<Earlier, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("run.json");
        fs::write(&file, text).unwrap();
        Earlier::read(&file)
    }

    #[test]
    fn a_run_is_read_as_it_was_printed() {
        let setting = json!({"version": "1", "build": "release", "redis": "7", "cpus": 2,
            "disk": "ext4 on /dev/vda", "events": 3});
        let rows = [
            row("a", "b", 2.0, "ms").at_most(5.0),
            row("a", "c", None, "ms"),
        ];
        let run = json!({"setting": setting, "rows": rows});
        let earlier = read(&run.to_string()).unwrap();
        assert_eq!(earlier.setting.events, 3);
        assert_eq!(earlier.row(&rows[0]).unwrap().value, Some(2.0));
        assert_eq!(earlier.row(&rows[1]).unwrap().value, None);
        assert_eq!(earlier.row(&row("a", "b", 2.0, "µs")), None);
        let left: Vec<_> = earlier.without(&rows[..1]).collect();
        assert_eq!(left, [&earlier.rows[1]]);
    }

    #[test]
    fn another_file_is_named_with_what_is_wrong() {
        for (text, wrong) in [
            ("{}", "missing field `setting`"),
            ("\u{1}", "expected value"),
        ] {
            let message = read(text).unwrap_err().message;
            let begins = message.contains("run.json is not what `agentpulse bench --json` printed");
            assert!(begins && message.contains(wrong), "{message}");
        }
        let none = Earlier::read(Path::new("/nonexistent/run.json")).unwrap_err();
        assert!(none.message.starts_with("/nonexistent/run.json: "));
    }
}
