//! Executions by the minutes in which they ended. No rollup is so fine: they are counted one by
//! one.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::sqlite::Result;
use agentpulse_core::execution::Status;
use agentpulse_core::names::{NameKind, Names};
use agentpulse_core::tally::Tally;

use super::read::Reader;

impl Reader {
    /// By the beginning of the stretch of `width_ms` in which they ended, and agent type, with
    /// their outcomes and durations. Types without a place are put under `_other`.
    pub fn moments(
        &self,
        ended_ms: Range<i64>,
        width_ms: i64,
        names: &Names,
    ) -> Result<BTreeMap<(i64, String), Tally>> {
        let execution = match self.chosen.borrow().is_all() {
            true => "NULL",
            false => "execution",
        };
        let mut moments: BTreeMap<(i64, String), Tally> = BTreeMap::new();
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(&format!(
                "SELECT ended_ms, agent_type, status, duration_ms, {execution} FROM executions
                 INDEXED BY executions_ended WHERE ended_ms >= ?1 AND ended_ms < ?2"
            ))?;
            let mut rows = select.query((ended_ms.start, ended_ms.end))?;
            while let Some(row) = rows.next()? {
                if !self.takes(row, 4)? {
                    continue;
                }
                let at_ms: i64 = row.get(0)?;
                let day = names.zone().day_of(at_ms);
                let agent_type = row.get_ref(1)?.as_str()?;
                let place = names.label(NameKind::Type, day, agent_type);
                let moment = (at_ms.div_euclid(width_ms) * width_ms, place.to_owned());
                let status = row.get_ref(2)?.as_str()?.parse().ok();
                let duration_ms: Option<i64> = row.get(3)?;
                let is = |other: Status| i64::from(status == Some(other));
                *moments.entry(moment).or_default() += Tally {
                    execution_count: 1,
                    success_count: is(Status::Success),
                    failure_count: is(Status::Failure),
                    timeout_count: is(Status::Timeout),
                    duration_count: i64::from(duration_ms.is_some()),
                    total_duration_ms: duration_ms.unwrap_or(0),
                    ..Tally::default()
                };
            }
            Ok(())
        })?;
        Ok(moments)
    }
}
