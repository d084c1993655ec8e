//! The spool: what waits there, for how long, and whether hooks can write to it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{Access, access};

use super::finding::Finding;
use crate::cli::hooks::status::Spool;

const SUBJECT: &str = "spool";
/// A running daemon empties it every second.
const PATIENCE: Duration = Duration::from_secs(60);

/// `runs`: whether a daemon runs that empties it.
pub fn finding(dir: &Path, runs: bool) -> Finding {
    let shown = dir.display();
    match fs::metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Finding::right(
                SUBJECT,
                format!("{shown} does not exist yet; hooks create it when they need it"),
            );
        }
        Err(error) => {
            let fix = "set spool.path, for the daemon and for hooks, to another folder";
            return Finding::error(SUBJECT, format!("{shown}: {error}"), fix);
        }
        Ok(data) if !data.is_dir() => {
            let fix = "remove it: hooks create a folder of that name";
            return Finding::error(SUBJECT, format!("{shown} is not a folder"), fix);
        }
        Ok(_) => {}
    }
    if access(dir, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let state = format!("hooks cannot write to {shown}");
        return Finding::error(SUBJECT, state, format!("chmod u+wx {shown}"));
    }
    let spool = Spool::of(dir);
    let age = oldest(&spool.lines()).map_or(Duration::ZERO, |at| {
        SystemTime::now().duration_since(at).unwrap_or_default()
    });
    let waiting = spool.waiting_lines;
    let state = format!(
        "{waiting} lines wait in {shown}, the oldest for {} s",
        age.as_secs()
    );
    if waiting > 0 && runs && age > PATIENCE {
        let fix = "the daemon does not read them: if its spool.path is this folder, read its log";
        Finding::error(SUBJECT, state, fix)
    } else if spool.refused_lines > 0 {
        let state = format!(
            "{} lines did not fit in {shown}, and are lost",
            spool.refused_lines
        );
        let fix = "raise spool.max_bytes; then remove the file `refused`";
        Finding::hint(SUBJECT, state, fix)
    } else if waiting > 0 && !runs {
        Finding::hint(SUBJECT, state, "they count once `agentpulse serve` runs")
    } else {
        Finding::right(SUBJECT, format!("hooks can write to {shown}"))
    }
}

/// A file that is read meanwhile does not wait any more.
fn oldest(lines: &[PathBuf]) -> Option<SystemTime> {
    let times = lines
        .iter()
        .filter_map(|line| fs::metadata(line).ok()?.modified().ok());
    times.min()
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn waiting_lines_are_a_hint_without_a_daemon_and_an_error_with_one_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("spool");
        assert_eq!(finding(&dir, true).level, Level::Ok);
        fs::create_dir(&dir).unwrap();
        assert_eq!(finding(&dir, true).level, Level::Ok);
        let line = fs::File::create(dir.join("1-a.json")).unwrap();
        assert_eq!(
            (finding(&dir, true).level, finding(&dir, false).level),
            (Level::Ok, Level::Hint)
        );
        line.set_modified(SystemTime::now() - PATIENCE * 2).unwrap();
        let found = finding(&dir, true);
        assert_eq!(found.level, Level::Error);
        assert!(
            found.state.starts_with("1 lines wait in "),
            "{}",
            found.state
        );
        assert_eq!(finding(&dir, false).level, Level::Hint);
        fs::remove_file(dir.join("1-a.json")).unwrap();
        fs::write(dir.join("refused"), "xx").unwrap();
        let found = finding(&dir, true);
        assert_eq!(found.level, Level::Hint);
        assert!(
            found.state.starts_with("2 lines did not fit"),
            "{}",
            found.state
        );
        assert_eq!(finding(&dir.join("refused"), true).level, Level::Error);
    }
}
