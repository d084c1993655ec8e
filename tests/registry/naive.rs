//! A naive scan, which shares no code with the daemon's: it reads everything, and knows only the
//! form of the definitions that the tests write.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Of each file that a client loads its name and its description.
pub type Loaded = BTreeMap<PathBuf, (String, String)>;

pub fn loaded(root: &Path) -> Loaded {
    let mut walk = Walk::default();
    walk.any(root);
    walk.loaded
}

#[derive(Default)]
struct Walk {
    seen: BTreeSet<(u64, u64)>,
    loaded: Loaded,
}

impl Walk {
    fn any(&mut self, path: &Path) {
        let Ok(found) = fs::metadata(path) else {
            return;
        };
        let is_definition = path.to_string_lossy().ends_with(".md");
        let is_new = |seen: &mut BTreeSet<_>| seen.insert((found.dev(), found.ino()));
        if found.is_dir() && is_new(&mut self.seen) {
            let entries = fs::read_dir(path).expect("a folder");
            let mut paths: Vec<_> = entries.map(|entry| entry.expect("one").path()).collect();
            paths.sort();
            paths.iter().for_each(|path| self.any(path));
        } else if found.is_file() && is_definition && is_new(&mut self.seen) {
            let text = fs::read_to_string(path).expect("text");
            let field = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name))?;
                Some(line.trim().to_owned()).filter(|value| !value.starts_with('\''))
            };
            let named = field("name:").zip(field("description:"));
            if text.matches("---\n").count() == 2 {
                self.loaded
                    .extend(named.map(|named| (path.to_owned(), named)));
            }
        }
    }
}
