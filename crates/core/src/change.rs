//! What an event did to one execution. Both views are interpreters of this one type: what the
//! execution contributed before is taken away, what it contributes now is added.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::execution::{Contribution, Execution};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It runs now.
    Started,
    /// It ended, as its own stop says.
    Stopped,
    /// It ended, because it had no heartbeat for too long.
    TimedOut,
    /// It had timed out and runs again.
    Revived,
    /// It had ended, and something about it is known better.
    Corrected,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its position in the journal. The journal keeps it beside the change, not in it.
    #[serde(skip)]
    pub seq: u64,
    /// When the event was accepted, by the daemon's clock.
    #[serde(rename = "at")]
    pub accepted_ms: i64,
    pub kind: ChangeKind,
    /// Nothing was known of the execution before.
    pub first: bool,
    /// The execution as it was, if it contributed anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Arc<Execution>>,
    pub after: Arc<Execution>,
}

impl Change {
    /// `before` is `None` for an execution that was not known.
    pub fn between(
        before: Option<Arc<Execution>>,
        after: Arc<Execution>,
        seq: u64,
        accepted_ms: i64,
    ) -> Change {
        let had_ended = before
            .as_ref()
            .is_some_and(|before| before.outcome().is_some());
        let kind = match (had_ended, after.is_running()) {
            (false, true) => ChangeKind::Started,
            (true, true) => ChangeKind::Revived,
            (true, false) => ChangeKind::Corrected,
            (false, false) if after.is_void() => ChangeKind::Corrected,
            (false, false) if after.stop.is_some() => ChangeKind::Stopped,
            (false, false) => ChangeKind::TimedOut,
        };
        let first = before.is_none();
        Change {
            seq,
            accepted_ms,
            kind,
            first,
            before: before.filter(|_| had_ended),
            after,
        }
    }

    pub fn id(&self) -> &str {
        &self.after.id
    }

    pub fn removed(&self) -> Option<Contribution<'_>> {
        let before = self.before.as_ref();
        before.and_then(|before| before.contribution())
    }

    pub fn added(&self) -> Option<Contribution<'_>> {
        self.after.contribution()
    }

    /// What is to be added to counters, each with its sign.
    pub fn moves(&self) -> impl Iterator<Item = (i64, Contribution<'_>)> {
        signed(self.removed(), self.added())
    }
}

/// What a run of changes comes to for one execution. What it was between them is nobody's concern.
#[derive(Clone, Copy)]
pub struct Net<'a> {
    pub first: &'a Change,
    pub last: &'a Change,
}

impl<'a> Net<'a> {
    /// Of each execution that the changes name, in the order of the last change of each.
    pub fn of_each(
        changes: impl IntoIterator<Item = &'a Change, IntoIter: DoubleEndedIterator>,
    ) -> Vec<Net<'a>> {
        let mut nets: Vec<Net> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for change in changes.into_iter().rev() {
            let place = *places.entry(change.id()).or_insert(nets.len());
            match nets.get_mut(place) {
                Some(net) => net.first = change,
                None => nets.push(Net {
                    first: change,
                    last: change,
                }),
            }
        }
        nets.reverse();
        nets
    }

    /// The execution as it was, if it contributed anything.
    pub fn before(&self) -> Option<&'a Execution> {
        self.first.before.as_deref()
    }

    pub fn after(&self) -> &'a Execution {
        &self.last.after
    }

    /// What is taken away and what is added; neither where both are the same.
    pub fn moved(&self) -> (Option<Contribution<'a>>, Option<Contribution<'a>>) {
        let removed = self.before().and_then(Execution::contribution);
        let added = self.after().contribution();
        if removed == added {
            return (None, None);
        }
        (removed, added)
    }
}

/// Each with its sign.
pub fn signed<T>(removed: Option<T>, added: Option<T>) -> impl Iterator<Item = (i64, T)> {
    let removed = removed.map(|removed| (-1, removed));
    removed.into_iter().chain(added.map(|added| (1, added)))
}
