//! The spool: what waits there, for how long, and whether hooks can write to it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{Access, access};

use super::Finding;
use crate::cli::hooks::status::Spool;

const SUBJECT: &str = "spool";
/// A running daemon takes what lies there every second.
const PATIENCE: Duration = Duration::from_secs(60);

/// `runs`: a daemon does, that takes what waits.
pub fn finding(dir: &Path, runs: bool) -> Finding {
    let shown = dir.display();
    match fs::metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Finding::right(
                SUBJECT,
                format!("{shown} is not there yet; who needs it makes it"),
            );
        }
        Err(error) => {
            let mend = "set spool.path, for the daemon and for hooks, to another folder";
            return Finding::wrong(SUBJECT, format!("{shown}: {error}"), mend);
        }
        Ok(data) if !data.is_dir() => {
            let mend = "take it away: hooks make a folder of that name";
            return Finding::wrong(SUBJECT, format!("{shown} is no folder"), mend);
        }
        Ok(_) => {}
    }
    if access(dir, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let state = format!("hooks cannot write to {shown}");
        return Finding::wrong(SUBJECT, state, format!("chmod u+wx {shown}"));
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
        let mend =
            "the daemon does not take them: if its spool.path is this folder, look at its log";
        Finding::wrong(SUBJECT, state, mend)
    } else if spool.refused_lines > 0 {
        let state = format!(
            "{} lines found no room in {shown}, and are lost",
            spool.refused_lines
        );
        let mend = "raise spool.max_bytes; who knows of them takes the file `refused` away";
        Finding::hint(SUBJECT, state, mend)
    } else if waiting > 0 && !runs {
        Finding::hint(SUBJECT, state, "they count once `agentpulse serve` runs")
    } else {
        Finding::right(SUBJECT, format!("hooks can write to {shown}"))
    }
}

/// One that is taken meanwhile does not wait any more.
fn oldest(lines: &[PathBuf]) -> Option<SystemTime> {
    let times = lines
        .iter()
        .filter_map(|line| fs::metadata(line).ok()?.modified().ok());
    times.min()
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::*;

    #[test]
    fn what_waits_is_a_hint_without_a_daemon_and_wrong_with_one_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("spool");
        assert_eq!(finding(&dir, true).mark, Mark::Ok);
        fs::create_dir(&dir).unwrap();
        assert_eq!(finding(&dir, true).mark, Mark::Ok);
        let line = fs::File::create(dir.join("1-a.json")).unwrap();
        assert_eq!(
            (finding(&dir, true).mark, finding(&dir, false).mark),
            (Mark::Ok, Mark::Hint)
        );
        line.set_modified(SystemTime::now() - PATIENCE * 2).unwrap();
        let found = finding(&dir, true);
        assert_eq!(found.mark, Mark::Wrong);
        assert!(
            found.state.starts_with("1 lines wait in "),
            "{}",
            found.state
        );
        assert_eq!(finding(&dir, false).mark, Mark::Hint);
        fs::remove_file(dir.join("1-a.json")).unwrap();
        fs::write(dir.join("refused"), "xx").unwrap();
        let found = finding(&dir, true);
        assert_eq!(found.mark, Mark::Hint);
        assert!(
            found.state.starts_with("2 lines found no room"),
            "{}",
            found.state
        );
        assert_eq!(finding(&dir.join("refused"), true).mark, Mark::Wrong);
    }
}
