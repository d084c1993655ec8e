//! A naive scan, which shares no code with the real one: it reads everything each time, and knows
//! only the form of the definitions that the tests write.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a file is that a test writes.
pub fn definition(name: &str, word: &str) -> String {
    format!("---\nname: {name}\ndescription: {word}\n---\nbody\n")
}

pub const BROKEN: &str = "---\nname: broken\ndescription: 'open\n---\n";

/// Of each file that is a good definition its name and its word.
pub fn agents(roots: &[&Path]) -> BTreeMap<PathBuf, (String, String)> {
    let (mut files, mut agents) = (BTreeSet::new(), BTreeMap::new());
    for root in roots {
        walk(root, &mut BTreeSet::new(), &mut files, &mut agents);
    }
    agents
}

/// All is on one file system.
fn inode(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |seen| seen.ino())
}

fn walk(
    path: &Path,
    above: &mut BTreeSet<PathBuf>,
    files: &mut BTreeSet<u64>,
    agents: &mut BTreeMap<PathBuf, (String, String)>,
) {
    let Ok(real) = fs::canonicalize(path) else {
        return;
    };
    if real.is_dir() {
        if !above.insert(real) {
            return;
        }
        let mut entries: Vec<PathBuf> = fs::read_dir(path)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        for entry in entries {
            walk(&entry, above, files, agents);
        }
    } else if path.to_string_lossy().ends_with(".md") && files.insert(inode(&real)) {
        let text = fs::read_to_string(path).unwrap_or_default();
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().to_owned()).filter(|value| !value.starts_with('\''))
        };
        if let (true, Some(name), Some(word)) = (
            text.matches("---").count() == 2,
            field("name:"),
            field("description:"),
        ) {
            agents.insert(path.to_owned(), (name, word));
        }
    }
}
