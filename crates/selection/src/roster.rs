//! All who may be chosen, in the order in which equals are taken.

use std::collections::HashMap;
use std::sync::Arc;

use crate::candidate::Candidate;
use crate::index::{Index, Slot};

/// Its order and its places in the index cost more than a selection, so that it is made once and
/// copied where a candidate changes.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    listed: Vec<Listed>,
    /// By id, the place in the list.
    places: Arc<HashMap<Arc<str>, usize>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub candidate: Candidate,
    pub slot: Slot,
}

impl Roster {
    /// For selections by this index alone. Whom it has no document of is left out.
    pub fn new(index: &Index, candidates: impl IntoIterator<Item = Candidate>) -> Roster {
        let listed = candidates.into_iter().filter_map(|candidate| {
            let slot = index.slot(&candidate.id)?;
            Some(Listed { candidate, slot })
        });
        let mut listed: Vec<Listed> = listed.collect();
        let name = |one: &Listed| &index.at(one.slot).document.run_name;
        listed.sort_unstable_by(|a, b| {
            let by_name = name(a).cmp(name(b));
            by_name.then_with(|| a.candidate.id.cmp(&b.candidate.id))
        });
        let places = listed.iter().enumerate();
        let places = places.map(|(place, one)| (one.candidate.id.clone(), place));
        Roster {
            places: Arc::new(places.collect()),
            listed,
        }
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut Candidate> {
        let place = *self.places.get(id)?;
        Some(&mut self.listed[place].candidate)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Candidate> {
        self.listed.iter_mut().map(|one| &mut one.candidate)
    }

    pub(crate) fn listed(&self) -> &[Listed] {
        &self.listed
    }
}
