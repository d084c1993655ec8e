//! What history knows of what the live view shows.

use agentpulse_core::bucket::{Day, Hour};
use agentpulse_core::names::{NameKind, Names};
use agentpulse_core::retention::{AGENT_DAYS, DAY_DAYS, HOUR_DAYS, days_back};
use agentpulse_core::view::{
    AgentDay, DayParts, DayTally, HourTally, Recent, ToolDay, ToolPair, TypeTool,
};
use agentpulse_live::Rows;
use agentpulse_store::history::{self, Reader};

/// All that the live view may still show, by the lives of its keys and by the names that have a
/// place; of one moment.
#[derive(Default)]
pub struct Snapshot {
    hours: Vec<HourTally>,
    days: Vec<DayTally>,
    day_parts: Vec<DayParts>,
    agents: Vec<AgentDay>,
    tools: Vec<ToolDay>,
    type_tools: Vec<TypeTool>,
    pairs: Vec<ToolPair>,
    pub recent: Recent,
}

impl Snapshot {
    pub fn read(reader: &Reader, names: &Names, now_ms: i64) -> Result<Snapshot, history::Error> {
        // Without an upper bound: a clock that was ahead has left ends in the future.
        let ever = Day(i32::MAX);
        let zone = reader.zone();
        let back = |days| zone.day_of(now_ms).back(days_back(days));
        let (daily, recent) = (back(DAY_DAYS), back(AGENT_DAYS));
        let (first, _) = zone.hours_of(back(HOUR_DAYS));
        let place = |agent: &str, day| names.label(NameKind::Agent, day, agent).to_owned();
        Ok(Snapshot {
            hours: reader.relabelled_hours(first, Hour(i32::MAX), names)?,
            days: reader.days(daily, ever)?,
            day_parts: reader.relabelled_day_parts(daily, ever, names)?,
            agents: reader.relabelled_agent_days(recent, ever, names)?,
            tools: reader.relabelled_tools(daily, ever, names)?,
            type_tools: reader.relabelled_type_tools(recent, ever, names)?,
            pairs: reader.relabelled_pairs(recent, ever, names)?,
            recent: reader.recent(&place, now_ms)?,
        })
    }

    /// Of these days alone, without what runs and the lists of what has ended.
    pub fn of_days(
        reader: &Reader,
        days: &[Day],
        names: &Names,
        now_ms: i64,
    ) -> Result<Snapshot, history::Error> {
        let (mut snapshot, zone) = (Snapshot::default(), reader.zone());
        for &day in days {
            snapshot.days.extend(reader.days(day, day)?);
            let parts = reader.relabelled_day_parts(day, day, names)?;
            snapshot.day_parts.extend(parts);
            snapshot
                .tools
                .extend(reader.relabelled_tools(day, day, names)?);
            if day <= zone.day_of(now_ms).back(days_back(AGENT_DAYS)) {
                continue;
            }
            let (first, last) = zone.hours_of(day);
            let hours = reader.relabelled_hours(first, last, names)?;
            snapshot.hours.extend(hours);
            let agents = reader.relabelled_agent_days(day, day, names)?;
            snapshot.agents.extend(agents);
            let type_tools = reader.relabelled_type_tools(day, day, names)?;
            snapshot.type_tools.extend(type_tools);
            let pairs = reader.relabelled_pairs(day, day, names)?;
            snapshot.pairs.extend(pairs);
        }
        Ok(snapshot)
    }

    pub fn borrowed(&self) -> Rows<'_> {
        Rows {
            hours: &self.hours,
            days: &self.days,
            day_parts: &self.day_parts,
            agents: &self.agents,
            tools: &self.tools,
            type_tools: &self.type_tools,
            pairs: &self.pairs,
            recent: &self.recent,
        }
    }
}
