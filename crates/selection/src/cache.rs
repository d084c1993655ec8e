//! The matches of recent queries. What changes from moment to moment, as what runs, is never kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::index::Matches;
use crate::query::Query;

const MAX_ENTRIES: usize = 1_024;
const MAX_BYTES: usize = 16 * 1024 * 1024;
const MAX_AGE_MS: i64 = 15 * 60_000;

/// Of one version of the index: with a newer one all of it goes.
#[derive(Debug, Default)]
pub struct Cache {
    seq: u64,
    entries: HashMap<Arc<str>, Entry>,
    by_use: BTreeMap<u64, Arc<str>>,
    uses: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    matches: Arc<Matches>,
    bytes: usize,
    made_ms: i64,
    used: u64,
}

impl Cache {
    /// The matches of a query in the index of this version, from the cache if they are there.
    pub fn matches(
        &mut self,
        query: &Query,
        seq: u64,
        now_ms: i64,
        search: impl FnOnce(&Query) -> Matches,
    ) -> (Arc<Matches>, bool) {
        if seq < self.seq {
            // The reader of an older index: what it finds is of no use to others.
            return (Arc::new(search(query)), false);
        }
        if seq > self.seq {
            *self = Cache {
                seq,
                ..Cache::default()
            };
        }
        let key = key(query);
        if let Some(matches) = self.fresh(&key, now_ms) {
            return (matches, true);
        }
        let matches = Arc::new(search(query));
        self.put(key.into(), matches.clone(), now_ms);
        (matches, false)
    }

    fn fresh(&mut self, key: &str, now_ms: i64) -> Option<Arc<Matches>> {
        let entry = self.entries.get_mut(key)?;
        if !(0..MAX_AGE_MS).contains(&(now_ms - entry.made_ms)) {
            return None;
        }
        self.uses += 1;
        let key = self
            .by_use
            .remove(&entry.used)
            .expect("the use of an entry");
        entry.used = self.uses;
        self.by_use.insert(self.uses, key);
        Some(entry.matches.clone())
    }

    fn put(&mut self, key: Arc<str>, matches: Arc<Matches>, now_ms: i64) {
        self.drop(&key);
        let bytes = 2 * key.len() + matches.bytes() + size_of::<Entry>();
        if bytes > MAX_BYTES {
            return;
        }
        while self.entries.len() >= MAX_ENTRIES || self.bytes + bytes > MAX_BYTES {
            let (_, oldest) = self.by_use.first_key_value().expect("an entry to drop");
            let oldest = oldest.clone();
            self.drop(&oldest);
        }
        self.uses += 1;
        self.bytes += bytes;
        self.by_use.insert(self.uses, key.clone());
        let used = self.uses;
        self.entries.insert(
            key,
            Entry {
                matches,
                bytes,
                made_ms: now_ms,
                used,
            },
        );
    }

    fn drop(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }
}

/// Queries of the same terms have the same matches.
fn key(query: &Query) -> String {
    let terms = query
        .terms
        .iter()
        .map(|term| format!("{} {}", term.term, term.weight));
    let mut terms: Vec<String> = terms.collect();
    terms.sort_unstable();
    terms.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::QueryTerm;

    fn query(terms: &[&str]) -> Query {
        let term = |term: &&str| QueryTerm {
            word: (*term).to_owned(),
            term: (*term).to_owned(),
            weight: 1.0,
            found_by: Vec::new(),
        };
        Query {
            terms: terms.iter().map(term).collect(),
            phase: None,
            file_types: Vec::new(),
        }
    }

    fn is_cached(cache: &mut Cache, terms: &[&str], seq: u64, now_ms: i64) -> bool {
        cache
            .matches(&query(terms), seq, now_ms, |_| Matches::default())
            .1
    }

    #[test]
    fn an_answer_is_kept_for_its_time_and_never_for_another_version() {
        let mut cache = Cache::default();
        assert!(!is_cached(&mut cache, &["a", "b"], 1, 0));
        assert!(is_cached(&mut cache, &["b", "a"], 1, MAX_AGE_MS - 1));
        assert!(!is_cached(&mut cache, &["a"], 1, 0));
        assert!(!is_cached(&mut cache, &["a", "b"], 1, MAX_AGE_MS));
        assert!(!is_cached(&mut cache, &["a", "b"], 2, MAX_AGE_MS));
        assert!(!is_cached(&mut cache, &["a", "b"], 1, MAX_AGE_MS));
        assert!(is_cached(&mut cache, &["a", "b"], 2, MAX_AGE_MS));
        // A clock that was set back.
        assert!(!is_cached(&mut cache, &["a", "b"], 2, 0));
    }

    #[test]
    fn it_is_bounded_and_the_least_used_goes() {
        let mut cache = Cache::default();
        for number in 0..MAX_ENTRIES {
            is_cached(&mut cache, &[&number.to_string()], 1, 0);
        }
        assert!(is_cached(&mut cache, &["0"], 1, 0));
        assert!(!is_cached(&mut cache, &["more"], 1, 0));
        assert_eq!(
            (cache.entries.len(), cache.by_use.len()),
            (MAX_ENTRIES, MAX_ENTRIES)
        );
        assert!(is_cached(&mut cache, &["0"], 1, 0) && !is_cached(&mut cache, &["1"], 1, 0));

        let wide = || Matches::of_size(MAX_BYTES as u32 / 8 / 4);
        for number in 0..10 {
            cache.matches(&query(&[&format!("wide{number}")]), 1, 0, |_| wide());
        }
        let sum: usize = cache.entries.values().map(|entry| entry.bytes).sum();
        assert!(
            cache.bytes == sum && sum <= MAX_BYTES && cache.entries.len() == 3,
            "{sum}"
        );
        cache.matches(&query(&["vast"]), 1, 0, |_| {
            Matches::of_size(MAX_BYTES as u32 / 8)
        });
        assert_eq!(cache.entries.len(), 3);
    }
}
