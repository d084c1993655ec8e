//! Scans: what is not as it was is read, and the picture is replaced as a whole.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use agentpulse_definitions::{
    Agent, Client, Code, Definition, FileName, Outcome, Reading, Registered, State, names, read,
};

use crate::file::{self, Stamp};
use crate::place::Root;
use crate::snapshot::{FileReport, Snapshot};
use crate::tree::{self, Found};

/// Of all roots.
const MAX_DEFINITIONS: usize = 20_000;

pub struct Registry {
    client: Client,
    files: HashMap<PathBuf, Known>,
    stale: HashMap<PathBuf, i64>,
    snapshot: Arc<Snapshot>,
}

/// A file as it was at the last scan.
#[derive(Clone)]
struct Known {
    root: PathBuf,
    /// With the moment before which it was not read; None: it could not be read.
    stamp: Option<(Stamp, SystemTime)>,
    reading: Arc<Reading>,
    /// What the client last loaded of it.
    good: Option<Good>,
}

#[derive(Clone)]
struct Good {
    definition: Arc<Definition>,
    version: String,
}

impl Registry {
    pub fn new(client: Client) -> Registry {
        Registry {
            client,
            files: HashMap::new(),
            stale: HashMap::new(),
            snapshot: Arc::default(),
        }
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.clone()
    }

    /// Looks at all of these places; those whose names win come first. What stands in a folder that
    /// cannot be read is kept as it was. `now` is before the scan. Blocks.
    pub fn scan(&mut self, roots: &[Root], now: SystemTime) -> Arc<Snapshot> {
        let mut scan = Scan {
            client: &self.client,
            before: &self.files,
            stale_before: &self.stale,
            now,
            after: HashMap::new(),
            stale: HashMap::new(),
            agents: Vec::new(),
            snapshot: Snapshot::default(),
        };
        let mut seen = HashSet::new();
        for root in roots {
            scan.root(root, &mut seen);
        }
        let Scan {
            after,
            stale,
            agents,
            mut snapshot,
            ..
        } = scan;
        snapshot.registered = Registered {
            agents: by_id(agents),
            roots: roots.iter().map(|root| root.path.clone()).collect(),
        };
        (self.files, self.stale) = (after, stale);
        self.snapshot = Arc::new(snapshot);
        self.snapshot.clone()
    }
}

struct Scan<'s> {
    client: &'s Client,
    before: &'s HashMap<PathBuf, Known>,
    stale_before: &'s HashMap<PathBuf, i64>,
    now: SystemTime,
    after: HashMap<PathBuf, Known>,
    stale: HashMap<PathBuf, i64>,
    agents: Vec<Agent>,
    snapshot: Snapshot,
}

impl Scan<'_> {
    fn root(&mut self, root: &Root, seen: &mut HashSet<tree::Identity>) {
        let listing = tree::list(&root.path, seen);
        for found in listing.files {
            if self.snapshot.files.len() == MAX_DEFINITIONS {
                return;
            }
            let known = self.known(root, &found);
            self.take(root, found.path, known, None);
        }
        for folder in &listing.unreadable {
            self.keep(root, folder);
        }
    }

    fn known(&mut self, root: &Root, found: &Found) -> Known {
        let before = self
            .before
            .get(&found.path)
            .filter(|known| known.root == root.path);
        if let Some(known) = before
            && let Some((stamp, read_at)) = known.stamp
            && found.stamp == Some(stamp)
            && !stamp.is_fresh_at(read_at)
        {
            return known.clone();
        }
        self.snapshot.files_read += 1;
        let (stamp, reading, version) = match file::read(&found.path) {
            Ok(contents) => {
                let file = FileName {
                    stem: stem(&found.path),
                    is_of_plugin: root.plugin.is_some(),
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
        let good = match &reading.outcome {
            Outcome::Agent(definition) => Some(Good {
                definition: Arc::new((**definition).clone()),
                version,
            }),
            Outcome::Documentation => None,
            Outcome::Broken(_) => before.and_then(|known| known.good.clone()),
        };
        Known {
            root: root.path.clone(),
            stamp,
            reading: Arc::new(reading),
            good,
        }
    }

    fn take(&mut self, root: &Root, path: PathBuf, known: Known, stale_since_ms: Option<i64>) {
        if let Some(good) = &known.good {
            let state = match known.reading.outcome {
                Outcome::Agent(_) => State::Good,
                _ => State::Broken,
            };
            let run_name = run_name(root, &path, &good.definition.name);
            self.agents.push(Agent {
                id: names::agent_id(root.scope.name(), &root.path.to_string_lossy(), &run_name),
                run_name,
                scope: root.scope,
                root: root.path.clone(),
                path: path.clone(),
                version: good.version.clone(),
                definition: good.definition.clone(),
                findings: known.reading.findings.clone(),
                state,
                stale_since_ms,
            });
        }
        self.snapshot.files.push(FileReport {
            path: path.clone(),
            reading: known.reading.clone(),
        });
        self.after.insert(path, known);
    }

    /// What was below a folder that cannot be read now.
    fn keep(&mut self, root: &Root, folder: &Path) {
        let since = self.stale_before.get(folder).copied();
        let since = since.unwrap_or_else(|| unix_ms(self.now));
        self.stale.insert(folder.to_owned(), since);
        let before = self.before.iter();
        let here =
            before.filter(|(path, known)| known.root == root.path && path.starts_with(folder));
        let mut here: Vec<(PathBuf, Known)> = here
            .map(|(path, known)| (path.clone(), known.clone()))
            .collect();
        here.sort_by(|a, b| a.0.cmp(&b.0));
        for (path, known) in here {
            self.take(root, path, known, Some(since));
        }
    }
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

fn run_name(root: &Root, path: &Path, name: &str) -> String {
    let folder = path.strip_prefix(&root.path).ok().and_then(Path::parent);
    let folders: Vec<&str> = folder
        .into_iter()
        .flat_map(Path::components)
        .filter_map(|part| part.as_os_str().to_str())
        .collect();
    names::run_name(root.plugin.as_deref(), &folders, name)
}

/// Agents of one tree and one name get ids by their paths, all but the first.
fn by_id(mut agents: Vec<Agent>) -> BTreeMap<String, Arc<Agent>> {
    agents.sort_by(|a, b| a.path.cmp(&b.path));
    let mut by_id = BTreeMap::new();
    for mut agent in agents {
        if by_id.contains_key(&agent.id) {
            let path = agent.path.to_string_lossy();
            agent.id = names::agent_id(agent.scope.name(), &path, &agent.run_name);
        }
        by_id.insert(agent.id.clone(), Arc::new(agent));
    }
    by_id
}
