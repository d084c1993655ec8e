//! The spool as the hook program finds it, which reads no settings file.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::target::environment;
use agentpulse_config::Config;
use agentpulse_contract::{environment::OF_HOOKS, spool};

#[derive(Debug, Serialize)]
pub struct Spool {
    pub path: PathBuf,
    pub waiting_lines: usize,
    pub refused_lines: u64,
}

impl Spool {
    pub fn of(folder: &Path) -> Spool {
        let refused = fs::metadata(folder.join(spool::REFUSED));
        Spool {
            path: folder.to_owned(),
            waiting_lines: lines(folder).len(),
            refused_lines: refused.map_or(0, |file| file.len()),
        }
    }

    /// The files that wait.
    pub fn lines(&self) -> Vec<PathBuf> {
        lines(&self.path)
    }

    pub fn shown(&self) -> String {
        format!(
            "{}: waiting lines {}, refused {}",
            self.path.display(),
            self.waiting_lines,
            self.refused_lines
        )
    }
}

/// The files of lines that wait; a folder that is not there holds none.
pub fn lines(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let lines = entries.filter(|entry| spool::is_line(&entry.file_name().to_string_lossy()));
    lines.map(|entry| entry.path()).collect()
}

/// The hook program's places, with variables that its command sets: they are the daemon's defaults
/// in that environment. None where it has none, as without a home folder.
pub fn as_hooks_see(variables: &[(String, String)]) -> Option<Config> {
    let inherited = environment().filter(|(name, value)| {
        OF_HOOKS.contains(&name.as_str())
            && !variables.iter().any(|(own, _)| own == name)
            && !value.is_empty()
    });
    let own = variables
        .iter()
        .filter(|(name, _)| OF_HOOKS.contains(&name.as_str()));
    Config::load(None, inherited.chain(own.cloned()), &[]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_wait_and_refusals_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        assert!(lines(&folder.path().join("none")).is_empty());
        for name in ["1-a.json", "2-b.json", ".3-c.json.tmp", spool::REFUSED] {
            fs::write(folder.path().join(name), "...").unwrap();
        }
        let spool = Spool::of(folder.path());
        assert_eq!((spool.waiting_lines, spool.refused_lines), (2, 3));
    }

    #[test]
    fn a_command_says_where_its_program_writes() {
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let variables = [
            set("AGENTPULSE_SOCKET", "/a.sock"),
            set("XDG_STATE_HOME", "/state"),
            set("AGENTPULSE_SPOOL", ""),
            set("AGENTPULSE_NONE__SUCH", "1"),
        ];
        let seen = as_hooks_see(&variables).unwrap();
        assert_eq!(seen.socket.path, Path::new("/a.sock"));
        assert_eq!(seen.spool.path, Path::new("/state/agentpulse/spool"));
    }
}
