//! Running executions and the day's totals, read without the cache: a cached answer could be older
//! than what has been shown.

use crate::active::{self, ActiveList, Page};
use crate::current::{self, Current, Totals};
use crate::error::Error;
use crate::report::Report;
use crate::service::Reports;
use crate::source::View;
use agentpulse_core::only::Only;
use agentpulse_pipeline::changes::{self, Changes};

/// Of the list of a resync, and its bytes. `/api/agents/active` has the others.
const MAX_LISTED: usize = 1_000;
const MAX_LISTED_BYTES: usize = 512 << 10;
/// The same while there is a load: as many as are read while they move.
const MAX_SHORT: usize = 50;
const MAX_SHORT_BYTES: usize = 32 << 10;

pub(super) struct Snapshot {
    pub data: Current,
    pub active: ActiveList,
}

/// What follows changes that were skipped.
pub(super) struct Resync {
    pub data: Totals,
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

impl Resync {
    /// The same. The list has the oldest; `is_short` is for the time of a load.
    pub async fn read(
        reports: &Reports,
        changes: &Changes,
        shown: u64,
        is_short: bool,
    ) -> Result<Option<Resync>, Error> {
        let Some(data) = totals(reports, changes, shown).await? else {
            return Ok(None);
        };
        let (sources, now_ms) = (&reports.own, (reports.now_ms)());
        let (max, max_bytes) = if is_short {
            (MAX_SHORT, MAX_SHORT_BYTES)
        } else {
            (MAX_LISTED, MAX_LISTED_BYTES)
        };
        let (oldest, rest) = sources.running().0.page(&Only::default(), None, max);
        let active = active::build(&oldest, rest, max_bytes, now_ms);
        Ok(Some(Resync { data, active }))
    }
}

/// Returns None while the view that answers has not yet applied the change `shown`.
pub(super) async fn totals(
    reports: &Reports,
    changes: &Changes,
    shown: u64,
) -> Result<Option<Totals>, Error> {
    let (applied, now_ms) = (Applied::now(changes), (reports.now_ms)());
    let (data, view) = current::Query::TODAY.totals(&reports.own, now_ms).await?;
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
