//! The scan of one root.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use agentpulse_core::json::json_bytes;
use agentpulse_definitions::{
    Agent, Client, Code, FileName, Outcome, Reading, Scope, State, names, read,
};

use crate::file::{self, Identity, Stamp};
use crate::place::Root;
use crate::tree::{self, Found};

/// Of one file beside its texts: the structures, and the entries of maps that lead to them.
const KNOWN_BYTES: usize = 1_024;

/// What a root held at its last scan.
#[derive(Default)]
pub struct Tree {
    pub files: BTreeMap<PathBuf, Known>,
    /// Folders that cannot be read, and since when.
    pub stale: BTreeMap<PathBuf, i64>,
    /// Where something may change.
    pub sources: Vec<PathBuf>,
    /// There is more than was scanned.
    pub is_cut: bool,
}

/// A file.
pub struct Known {
    /// With the moment before which it was not read; None: it could not be read.
    pub stamp: Option<(Stamp, SystemTime)>,
    pub reading: Arc<Reading>,
    /// About what is kept of it.
    bytes: usize,
    /// What the client loads, or what it last loaded.
    pub agent: Option<Arc<Agent>>,
}

struct Scan<'s> {
    root: &'s Root,
    client: &'s Client,
    now: SystemTime,
    before: Tree,
    after: Tree,
    files_read: usize,
}

/// What may still be kept, of all roots.
pub struct Room {
    pub files: usize,
    pub bytes: usize,
}

/// Scans as many files as find room. A library has none of those that were `seen` in places before
/// it. Returns how many were read, too. Blocks.
pub fn scan(
    root: &Root,
    before: Tree,
    client: &Client,
    now: SystemTime,
    room: &mut Room,
    seen: &mut HashSet<Identity>,
) -> (Tree, usize) {
    let mut scan = Scan {
        root,
        client,
        now,
        before,
        after: Tree::default(),
        files_read: 0,
    };
    let mut listing = tree::list(&root.path);
    let identity = |found: &Found| found.stamp.map(|stamp| stamp.identity());
    if root.scope == Scope::Library {
        let is_other = |found: &Found| identity(found).is_none_or(|file| !seen.contains(&file));
        listing.files.retain(is_other);
    }
    seen.extend(listing.files.iter().filter_map(identity));
    scan.after.is_cut = listing.is_cut;
    scan.after.sources = listing.sources;
    for found in listing.files {
        let known = scan.known(&found);
        scan.take(found.path, known, room);
    }
    for folder in &listing.unreadable {
        scan.keep(folder, room);
    }
    (scan.after, scan.files_read)
}

impl Scan<'_> {
    fn take(&mut self, path: PathBuf, known: Known, room: &mut Room) {
        if room.files == 0 || room.bytes < known.bytes {
            self.after.is_cut = true;
            return;
        }
        room.files -= 1;
        room.bytes -= known.bytes;
        self.after.files.insert(path, known);
    }

    fn known(&mut self, found: &Found) -> Known {
        let before = self.before.files.remove(&found.path);
        match before {
            Some(known) if known.is_as_found(found) => known.since(None),
            before => self.read(&found.path, before.and_then(|known| known.agent)),
        }
    }

    fn read(&mut self, path: &Path, before: Option<Arc<Agent>>) -> Known {
        self.files_read += 1;
        let (stamp, reading, version) = match file::read(path) {
            Ok(contents) => {
                let folders = self.root.prefix(path);
                let file = FileName {
                    stem: stem(path),
                    prefix: folders.as_deref(),
                };
                let reading = read(&contents.bytes, file, self.client);
                let version = names::version(&contents.bytes);
                (Some((contents.stamp, self.now)), reading, version)
            }
            Err(error) => {
                let reading = Reading::unread(Code::Unreadable, error.to_string());
                (None, reading, String::new())
            }
        };
        let modified_ms = stamp.map(|(stamp, _)| stamp.modified_ms());
        let agent = match &reading.outcome {
            Outcome::Agent(definition) => Some(Agent {
                id: self.root.agent_id(&definition.run_name),
                scope: self.root.scope,
                root: self.root.path.clone(),
                path: path.to_owned(),
                version,
                modified_ms,
                definition: Arc::new((**definition).clone()),
                findings: reading.findings.clone(),
                state: State::Good,
                stale_since_ms: None,
            }),
            Outcome::Documentation => None,
            Outcome::Broken(_) => before.map(|agent| Agent {
                findings: reading.findings.clone(),
                modified_ms,
                state: State::Broken,
                stale_since_ms: None,
                ..Agent::clone(&agent)
            }),
        };
        Known {
            stamp,
            bytes: kept_bytes(path, &reading),
            reading: Arc::new(reading),
            agent: agent.map(Arc::new),
        }
    }

    /// What was below a folder that cannot be read now.
    fn keep(&mut self, folder: &Path, room: &mut Room) {
        let since = self.before.stale.get(folder).copied();
        let since = since.unwrap_or_else(|| unix_ms(self.now));
        self.after.stale.insert(folder.to_owned(), since);
        let files = std::mem::take(&mut self.before.files).into_iter();
        let (here, others) = files.partition(|(path, _)| path.starts_with(folder));
        self.before.files = others;
        let here: BTreeMap<PathBuf, Known> = here;
        for (path, known) in here {
            self.take(path, known.since(Some(since)), room);
        }
    }
}

impl Known {
    fn is_as_found(&self, found: &Found) -> bool {
        self.stamp.is_some_and(|(stamp, read_at)| {
            found.stamp == Some(stamp) && !stamp.is_fresh_at(read_at)
        })
    }

    /// The same, of a folder that cannot be read since then.
    fn since(mut self, stale_since_ms: Option<i64>) -> Known {
        let other = self
            .agent
            .as_mut()
            .filter(|agent| agent.stale_since_ms != stale_since_ms);
        if let Some(agent) = other {
            *agent = Arc::new(Agent {
                stale_since_ms,
                ..Agent::clone(agent)
            });
        }
        self
    }
}

/// A path and the findings stand in the reading and in the agent.
fn kept_bytes(path: &Path, reading: &Reading) -> usize {
    let definition = match &reading.outcome {
        Outcome::Agent(definition) => json_bytes(definition),
        _ => 0,
    };
    KNOWN_BYTES + definition + 2 * (json_bytes(&reading.findings) + path.as_os_str().len())
}

fn unix_ms(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn stem(path: &Path) -> &str {
    path.file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default()
}
