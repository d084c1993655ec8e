//! Running executions and the day's totals, read without the cache: a cached answer could be older
//! than what has been shown.

use crate::active::{ActiveList, Page};
use crate::current::{self, Current};
use crate::error::Error;
use crate::report::Report;
use crate::service::Reports;
use crate::source::View;
use agentpulse_pipeline::changes::{self, Changes};

pub(super) struct Snapshot {
    pub data: Current,
    pub active: ActiveList,
}

/// How far each view had applied the journal before it was asked.
struct Applied {
    live: u64,
    history: u64,
}

impl Snapshot {
    /// Returns None while the view that answers has not yet applied the change `shown`.
    pub async fn read(
        reports: &Reports,
        changes: &Changes,
        shown: u64,
    ) -> Result<Option<Snapshot>, Error> {
        let (applied, now_ms) = (Applied::now(changes), (reports.now_ms)());
        let sources = &reports.own;
        let (data, view) = current::Query::TODAY.fetch(sources, now_ms).await?;
        let (active, _) = Page::WHOLE.read(sources, now_ms);
        Ok((applied.of(view) >= shown).then_some(Snapshot { data, active }))
    }
}

/// As a snapshot's data; None while the view that answers has not yet applied the change `shown`.
pub(super) async fn totals(
    reports: &Reports,
    changes: &Changes,
    shown: u64,
) -> Result<Option<Current>, Error> {
    let (applied, now_ms) = (Applied::now(changes), (reports.now_ms)());
    let (data, view) = current::Query::TODAY.fetch(&reports.own, now_ms).await?;
    Ok((applied.of(view) >= shown).then_some(data))
}

impl Applied {
    fn now(changes: &Changes) -> Applied {
        Applied {
            live: changes.position(changes::View::Live),
            history: changes.position(changes::View::History),
        }
    }

    fn of(&self, view: View) -> u64 {
        match view {
            View::Live => self.live,
            View::History => self.history,
        }
    }
}
