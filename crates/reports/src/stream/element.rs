//! One element of a frame of changes.

use std::sync::Arc;

use serde::Serialize;

use crate::active::Listed;
use crate::current::Totals;
use crate::item::SharedItem;
use crate::registry::changes::Event;
use agentpulse_core::alert::Alert;
use agentpulse_core::change::{Change, ChangeKind};
use agentpulse_core::view::{Active, Heartbeat};

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Element {
    /// It is running; also one that had timed out and is active again.
    Started {
        execution: Listed,
    },
    /// Its last heartbeat.
    Progress {
        execution: Listed,
    },
    /// It ended; also one that timed out.
    Stopped {
        execution: SharedItem,
    },
    /// It had ended, and was corrected.
    Corrected {
        execution: SharedItem,
    },
    Totals {
        data: Totals,
    },
    /// It fires, or is resolved.
    Alert {
        alert: Arc<Alert>,
    },
    /// A definition is new, is not as it was, or has gone.
    Definition {
        definition: Event,
    },
    /// More of them than are kept have changed: they are to be listed again.
    DefinitionsSkipped {
        definitions_seq: u64,
    },
}

impl Element {
    pub fn of(change: &Change, idle_ms: i64, now_ms: i64) -> Element {
        let execution = SharedItem(Arc::clone(&change.after));
        match change.kind {
            ChangeKind::Started | ChangeKind::Revived => {
                let heartbeat = Heartbeat::of_change(change.accepted_ms, idle_ms);
                let active = Active::of(&change.after).with(&heartbeat);
                Element::Started {
                    execution: Listed::of(active, now_ms),
                }
            }
            ChangeKind::Stopped | ChangeKind::TimedOut => Element::Stopped { execution },
            ChangeKind::Corrected => Element::Corrected { execution },
        }
    }

    pub fn progress(active: Active, now_ms: i64) -> Element {
        Element::Progress {
            execution: Listed::of(active, now_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::to_value;

    use super::*;
    use crate::item::started;
    use crate::samples::active;
    use crate::samples::stopped;
    use agentpulse_core::execution::{Catalog, Execution, Fact};

    fn shown(before: Option<Execution>, after: Execution) -> serde_json::Value {
        let change = Change::between(before.map(Arc::new), Arc::new(after), 1, 4_000);
        to_value(Element::of(&change, 300_000, 5_000)).unwrap()
    }

    #[test]
    fn each_change_by_what_it_means_to_who_watches() {
        let runs = started(active("x", 1_000));
        let first = shown(None, runs.clone());
        assert_eq!(first["kind"], "started");
        assert_eq!(first["execution"]["agent_id"], "x");
        assert_eq!(first["execution"]["duration_so_far_ms"], 4_000);
        assert_eq!(first["execution"]["deadline"], "1970-01-01T00:05:04.000Z");
        let mut timed_out = runs.clone();
        let end = Fact::TimedOut { ended_ms: 2_000 };
        timed_out.merge(end, &Catalog::default());
        let hung = shown(Some(runs.clone()), timed_out.clone());
        assert_eq!(hung["kind"], "stopped");
        assert_eq!(hung["execution"]["status"], "timeout");
        let revived = shown(Some(timed_out.clone()), runs);
        assert_eq!(revived["kind"], "started");
        let corrected = shown(Some(timed_out), stopped("x", 3_000, Some(7)));
        assert_eq!(corrected["kind"], "corrected");
        assert_eq!(corrected["execution"]["duration_ms"], 7);
    }
}
