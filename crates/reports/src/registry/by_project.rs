//! What was made of things that seldom change: of thousands of definitions it takes longer than all
//! that follows.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// Of which what was made is kept.
const MAX_PROJECTS: usize = 4;

/// Of which definitions something is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Among {
    /// Those that a client has there; None for those of all places.
    pub project: Option<String>,
    /// Those of the library, too.
    pub library: bool,
}

/// By definitions, as long as that of which it was made is the same.
pub struct ByProject<O, V>(Mutex<Made<O, V>>);

struct Made<O, V> {
    of: Option<O>,
    values: HashMap<Among, Arc<V>>,
}

/// One thing in memory. No other one has its address while this is kept.
pub struct Same<T>(Weak<T>);

impl<T> Same<T> {
    pub fn of(thing: &Arc<T>) -> Same<T> {
        Same(Arc::downgrade(thing))
    }
}

impl<T> PartialEq for Same<T> {
    fn eq(&self, other: &Same<T>) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

impl<O, V> Default for ByProject<O, V> {
    fn default() -> ByProject<O, V> {
        ByProject(Mutex::new(Made {
            of: None,
            values: HashMap::new(),
        }))
    }
}

impl<O: PartialEq, V> ByProject<O, V> {
    /// Others may read while it is made.
    pub fn get(&self, of: O, among: &Among, make: impl FnOnce() -> V) -> Arc<V> {
        {
            let made = self.0.lock();
            if made.of.as_ref() == Some(&of)
                && let Some(known) = made.values.get(among)
            {
                return known.clone();
            }
        }
        let value = Arc::new(make());
        let mut made = self.0.lock();
        if made.of.as_ref() != Some(&of) {
            made.values.clear();
            made.of = Some(of);
        }
        if made.values.len() >= MAX_PROJECTS {
            made.values.clear();
        }
        made.values.insert(among.clone(), value.clone());
        value
    }
}
