//! Scans: what is not as it was is read, and the picture is replaced as a whole.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::Arc;
use std::time::SystemTime;

use agentpulse_definitions::Client;

use crate::place::Root;
use crate::scan::{Room, Tree, scan};
use crate::snapshot::Snapshot;

/// Of all roots.
const MAX_DEFINITIONS: usize = 20_000;
const MAX_BYTES: usize = 64 << 20;

pub struct Registry {
    client: Client,
    trees: HashMap<Root, Tree>,
}

impl Registry {
    pub fn new(client: Client) -> Registry {
        Registry {
            client,
            trees: HashMap::new(),
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Looks at all of these places, at each once; libraries come last. What stands in a folder
    /// that cannot be read is kept as it was. `now` is before the scan. Blocks.
    pub fn scan(&mut self, roots: &[Root], now: SystemTime) -> Arc<Snapshot> {
        let mut before = mem::take(&mut self.trees);
        let mut snapshot = Snapshot::default();
        let mut room = Room {
            files: MAX_DEFINITIONS,
            bytes: MAX_BYTES,
        };
        let mut seen = HashSet::new();
        for root in roots {
            if self.trees.contains_key(root) {
                continue;
            }
            let old = before.remove(root).unwrap_or_default();
            let (tree, files_read) = scan(root, old, &self.client, now, &mut room, &mut seen);
            snapshot.files_read += files_read;
            snapshot.add(root, &tree);
            self.trees.insert(root.clone(), tree);
        }
        Arc::new(snapshot)
    }
}
