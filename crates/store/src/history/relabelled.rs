//! The rollups by the names that have a place in the live view: history knows all names that
//! there ever were, and of those without a place it makes one row.

use std::collections::BTreeMap;

use crate::sqlite::Result;
use agentpulse_core::bucket::{Day, Hour};
use agentpulse_core::names::{NameKind, Names};
use agentpulse_core::sum::add;
use agentpulse_core::tally::Tally;
use agentpulse_core::view::{AgentDay, DayParts, HourTally, ToolDay, ToolPair, TypeTool};

use super::read::Reader;
use super::read_rollups::last_counted_day;

/// Calls, and executions that used it.
type Used = (i64, i64);

impl Reader {
    pub fn relabelled_hours(&self, from: Hour, to: Hour, names: &Names) -> Result<Vec<HourTally>> {
        let mut hours: BTreeMap<(Hour, String), Tally> = BTreeMap::new();
        self.each_hour(from, to, |row| {
            let place = names.label(
                NameKind::Type,
                names.zone().day_of_hour(row.hour),
                &row.agent_type,
            );
            *hours.entry((row.hour, place.to_owned())).or_default() += row.tally;
        })?;
        let row = |((hour, agent_type), tally)| HourTally {
            hour,
            agent_type,
            tally,
        };
        Ok(hours.into_iter().map(row).collect())
    }

    /// The days in their hours on the clock and their types. Where an hour of UTC may lie in two
    /// days, only the executions themselves show in which they ended.
    pub fn relabelled_day_parts(&self, from: Day, to: Day, names: &Names) -> Result<Vec<DayParts>> {
        let zone = self.zone();
        let Some(last) = self.db.read(last_counted_day)? else {
            return Ok(Vec::new());
        };
        let to = to.min(last);
        let mut days: BTreeMap<Day, DayParts> = BTreeMap::new();
        let mut count = |day: Day, at_ms: i64, agent_type: &str, executions: i64| {
            let place = names.label(NameKind::Type, day, agent_type);
            let parts = days.entry(day).or_insert_with(|| DayParts::none(day));
            parts.add(zone.clock_hour(at_ms), place, executions);
        };
        if zone.has_whole_hours(from, to) {
            let (first, last) = (zone.hours_of(from).0, zone.hours_of(to).1);
            self.each_hour(first, last, |row| {
                let begin_ms = row.hour.start_ms();
                let executions = row.tally.execution_count;
                count(zone.day_of(begin_ms), begin_ms, &row.agent_type, executions);
            })?;
        } else {
            let execution = match self.chosen.borrow().is_all() {
                true => "NULL",
                false => "execution",
            };
            self.db.read(|conn| {
                let mut select = conn.prepare_cached(&format!(
                    "SELECT ended_ms, agent_type, {execution} FROM executions
                     INDEXED BY executions_ended WHERE ended_ms >= ?1 AND ended_ms < ?2"
                ))?;
                let mut rows = select.query((zone.start_ms(from), zone.end_ms(to)))?;
                while let Some(row) = rows.next()? {
                    if !self.takes(row, 2)? {
                        continue;
                    }
                    let ended_ms = row.get(0)?;
                    count(
                        zone.day_of(ended_ms),
                        ended_ms,
                        row.get_ref(1)?.as_str()?,
                        1,
                    );
                }
                Ok(())
            })?;
        }
        Ok(days.into_values().collect())
    }

    pub fn relabelled_agent_days(
        &self,
        from: Day,
        to: Day,
        names: &Names,
    ) -> Result<Vec<AgentDay>> {
        let mut days: BTreeMap<(Day, String), AgentDay> = BTreeMap::new();
        self.each_agent_day(from, to, |row| {
            let place = names.label(NameKind::Agent, row.day, &row.agent_name);
            let (place, key) = (place.to_owned(), (row.day, place.to_owned()));
            match days.get_mut(&key) {
                Some(sum) => sum.add(&row),
                None => {
                    let agent_name = place;
                    days.insert(key, AgentDay { agent_name, ..row });
                }
            }
        })?;
        Ok(days.into_values().collect())
    }

    pub fn relabelled_tools(&self, from: Day, to: Day, names: &Names) -> Result<Vec<ToolDay>> {
        let mut tools: BTreeMap<(Day, String), Used> = BTreeMap::new();
        self.each_type_tool(from, to, |row, executions| {
            let place = names.label(NameKind::Tool, row.day, &row.tool);
            let used = tools.entry((row.day, place.to_owned())).or_default();
            add(&mut used.0, row.calls);
            add(&mut used.1, executions);
        })?;
        let row = |((day, tool), (calls, executions))| ToolDay {
            day,
            tool,
            calls,
            executions,
        };
        Ok(tools.into_iter().map(row).collect())
    }

    pub fn relabelled_type_tools(
        &self,
        from: Day,
        to: Day,
        names: &Names,
    ) -> Result<Vec<TypeTool>> {
        let mut tools: BTreeMap<(Day, String, String), i64> = BTreeMap::new();
        self.each_type_tool(from, to, |row, _| {
            let of_type = names.label(NameKind::Type, row.day, &row.agent_type);
            let tool = names.label(NameKind::Tool, row.day, &row.tool);
            let key = (row.day, of_type.to_owned(), tool.to_owned());
            add(tools.entry(key).or_default(), row.calls);
        })?;
        let row = |((day, agent_type, tool), calls)| TypeTool {
            day,
            agent_type,
            tool,
            calls,
        };
        Ok(tools.into_iter().map(row).collect())
    }

    /// A pair with a tool that has no place says nothing.
    pub fn relabelled_pairs(&self, from: Day, to: Day, names: &Names) -> Result<Vec<ToolPair>> {
        let mut pairs = Vec::new();
        self.each_pair(from, to, |pair| {
            let is_tracked = |tool: &str| names.is_tracked(NameKind::Tool, pair.day, tool);
            if is_tracked(&pair.first) && is_tracked(&pair.second) {
                pairs.push(pair);
            }
        })?;
        Ok(pairs)
    }
}
