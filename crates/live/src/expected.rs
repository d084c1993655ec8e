//! Whether Redis still holds what it was given: of some days, by what a rebuild would write. What
//! somebody deletes or changes, and what a server drops, says nothing of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fred::interfaces::KeysInterface;

use super::content::{Content, Rows};
use super::derived;
use super::error::Error;
use super::handle::Live;
use super::keys::{Key, Keyspace, Kind};
use super::sections::{EXTREMES_FROM_HISTORY, MAX_DURATION, MIN_DURATION};
use super::writes::Section;
use agentpulse_core::bucket::{Day, Hour};
use agentpulse_core::change::{Change, Net};
use agentpulse_core::names::Names;
use agentpulse_core::retention::DURATIONS_MS;
use agentpulse_core::sum::MAX_EXACT;
use agentpulse_core::sums::Sums;
use agentpulse_core::zone::Zone;

/// A key that is about to go may be gone.
const MARGIN_S: i64 = 60;
/// Keys of one EXISTS.
const COUNTED_AT_ONCE: usize = 500;

/// What is to be in Redis.
pub struct Expected {
    sums: Vec<Section>,
    /// Keys of which more is not known than that they are there.
    present: Vec<String>,
    days: Vec<Day>,
    zone: Zone,
    /// All keys of these days.
    names: BTreeSet<String>,
    running: BTreeSet<String>,
}

impl Expected {
    /// `rows` are of the `days` alone, `running` are the ids of all that ran at the same moment;
    /// `changes` are those that came since, in order.
    pub fn of(
        rows: &Rows,
        mut running: BTreeSet<String>,
        changes: &[Arc<Change>],
        days: &[Day],
        names: &Names,
        keys: &Keyspace,
        now_ms: i64,
    ) -> Expected {
        let zone = names.zone();
        let nets = Net::of_each(changes.iter().map(Arc::as_ref));
        let mut sums = Sums::of_live(&nets, names);
        sums.retain(zone, |day| days.contains(&day));
        let content = Content::of_sums(sums, rows, names);
        let present = lists(&content, keys, now_ms);
        let mut sections = content.writes(keys, now_ms).sections;
        let names = sections.iter().map(|section| section.name.clone());
        let names = names.collect();
        let alive_s = now_ms.div_euclid(1_000) + MARGIN_S;
        sections.retain(|section| section.expires_s > alive_s);
        for change in changes {
            match change.after.is_running() {
                true => running.insert(change.after.id.clone()),
                false => running.remove(&change.after.id),
            };
        }
        Expected {
            sums: sections,
            present,
            days: days.to_vec(),
            zone: keys.zone().clone(),
            names,
            running,
        }
    }

    /// Whether there may be a key of this name, as far as is known.
    pub(super) fn explains(&self, name: &str, key: Key, parts: &[&str]) -> bool {
        let (first, last) = (parts.first(), parts.last());
        let day = match key {
            Key::ActiveOf => return parts.iter().all(|&id| self.running.contains(id)),
            Key::HourTally => {
                let hour = first.and_then(|hour| Hour::parse(hour));
                hour.map(|hour| self.zone.day_of_hour(hour))
            }
            Key::AgentSketch => last.and_then(|day| Day::parse(day)),
            _ => first.and_then(|day| Day::parse(day)),
        };
        day.is_none_or(|day| !self.days.contains(&day)) || self.names.contains(name)
    }
}

/// Whether the content of a key that nothing explains is somebody else's, and not what is left of
/// executions that have moved.
pub(super) fn is_surplus(key: Key, content: &[String]) -> bool {
    match key.row().kind {
        Kind::Hash | Kind::SortedSet => !agree(key, BTreeMap::new(), content),
        _ => !content.is_empty(),
    }
}

/// The lists of the agents that ended something on these days. Redis keeps them for longer.
fn lists(content: &Content, keys: &Keyspace, now_ms: i64) -> Vec<String> {
    let mut lists = BTreeSet::new();
    for ((day, agent), sum) in &content.agents {
        let tally = &sum.tally;
        let is_recent = keys.zone().start_ms(*day) > now_ms - DURATIONS_MS;
        let has_durations = tally.duration_count > 0 && is_recent;
        for (key, is_there) in [
            (Key::History, tally.execution_count > 0),
            (Key::Errors, tally.failure_count + tally.timeout_count > 0),
            (Key::Durations, has_durations),
            (Key::DurationEnds, has_durations),
        ] {
            if is_there {
                lists.insert(keys.name(key, &[agent]));
            }
        }
    }
    lists.into_iter().collect()
}

impl Live {
    /// Where Redis holds something else, in words. None if it holds all of it.
    pub async fn difference(&self, expected: &Expected) -> Result<Option<String>, Error> {
        for kind in [Kind::Hash, Kind::SortedSet] {
            let sections = expected.sums.iter().filter(|section| section.kind == kind);
            let sections: Vec<&Section> = sections.collect();
            let names = sections.iter().map(|section| section.name.clone());
            let contents = self.read(kind, names.collect()).await?;
            for (section, content) in sections.into_iter().zip(contents) {
                if content.is_empty() {
                    return Ok(Some(format!("{} is gone", section.name)));
                }
                let key = self.keys.recognize(&section.name);
                if !key.is_some_and(|key| agree(key, section.sums(), &content)) {
                    return Ok(Some(format!("{} was changed", section.name)));
                }
            }
        }
        self.difference_of_running(&expected.running).await
    }

    /// How many lists of agents are not there. Somebody may have deleted them; or all that was in
    /// one has left it, and what had been trimmed for that does not come back by itself.
    pub async fn lists_gone(&self, expected: &Expected) -> Result<usize, Error> {
        let mut gone = 0;
        for names in expected.present.chunks(COUNTED_AT_ONCE) {
            let found: usize = self.ask(self.client.exists(names.to_vec())).await?;
            gone += names.len() - found;
        }
        Ok(gone)
    }

    async fn difference_of_running(
        &self,
        expected: &BTreeSet<String>,
    ) -> Result<Option<String>, Error> {
        for (key, step) in [(Key::Active, 1), (Key::Deadlines, 2)] {
            let name = self.keys.name(key, &[]);
            let found = self.read(key.row().kind, vec![name.clone()]).await?;
            let found = found.into_iter().flatten().step_by(step);
            if found.collect::<BTreeSet<String>>() != *expected {
                return Ok(Some(format!("{name} was changed")));
            }
        }
        Ok(None)
    }
}

fn agree(key: Key, mut expected: BTreeMap<&str, String>, content: &[String]) -> bool {
    let found = content.chunks_exact(2);
    let found = found.map(|pair| (pair[0].as_str(), pair[1].as_str()));
    let found: BTreeMap<&str, &str> = found.collect();
    if !derived::follow(key, &found) {
        return false;
    }
    let is_sum = |field: &str| {
        let is_other = [MIN_DURATION, MAX_DURATION, EXTREMES_FROM_HISTORY].contains(&field);
        key.row().kind != Kind::Hash || !(is_other || derived::fields(key).contains(&field))
    };
    let found = found.into_iter().filter(|&(field, _)| is_sum(field));
    // A sum that has reached its limit stays there, whatever it would be; readers ask history.
    let (at_limit, found): (BTreeMap<_, _>, BTreeMap<_, _>) =
        found.partition(|&(_, sum)| is_at_limit(sum));
    expected.retain(|name, _| !at_limit.contains_key(name));
    let expected = expected.iter();
    let expected = expected.map(|(name, sum)| (*name, sum.as_str()));
    found.into_iter().eq(expected)
}

/// Older versions stored larger ones.
fn is_at_limit(sum: &str) -> bool {
    sum.parse().is_ok_and(|sum: f64| sum >= MAX_EXACT as f64)
}
