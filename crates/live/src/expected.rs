//! Whether Redis still holds what it was given: of some days, by what a rebuild would write. What
//! somebody deletes or changes, and what a server drops, says nothing of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fred::interfaces::KeysInterface;

use super::content::{Content, Rows};
use super::error::Error;
use super::handle::Live;
use super::keys::{Key, Keyspace, Kind};
use super::sections::{EXTREMES_FROM_HISTORY, MAX_DURATION, MIN_DURATION};
use super::writes::Section;
use agentpulse_core::bucket::{DAY_MS, Day};
use agentpulse_core::change::Change;
use agentpulse_core::names::Names;
use agentpulse_core::retention::SLOWEST_MS;
use agentpulse_core::sum::MAX_EXACT;
use agentpulse_core::sums::Sums;

/// A key that is about to go may be gone.
const MARGIN_S: i64 = 60;
/// Keys of one EXISTS.
const COUNTED_AT_ONCE: usize = 500;

/// What is to be in Redis.
pub struct Expected {
    sums: Vec<Section>,
    /// Keys of which more is not known than that they are there.
    present: Vec<String>,
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
        let mut sums = Sums::of(changes.iter().map(|change| &**change)).relabelled(names);
        sums.retain(|day| days.contains(&day));
        let content = Content::of_sums(sums, rows, names);
        let present = lists(&content, keys, now_ms);
        let mut sections = content.writes(keys, now_ms).sections;
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
            running,
        }
    }
}

/// The lists of the agents that ended something on these days. Redis keeps them for longer.
fn lists(content: &Content, keys: &Keyspace, now_ms: i64) -> Vec<String> {
    let mut lists = BTreeSet::new();
    for ((day, agent), sum) in &content.agents {
        let tally = &sum.tally;
        let is_recent = day.end_ms() - DAY_MS > now_ms - SLOWEST_MS;
        for (key, is_there) in [
            (Key::History, tally.execution_count > 0),
            (Key::Errors, tally.failure_count + tally.timeout_count > 0),
            (Key::Slowest, tally.duration_count > 0 && is_recent),
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
                if !agree(kind, section, &content) {
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

fn agree(kind: Kind, section: &Section, content: &[String]) -> bool {
    let found = content.chunks_exact(2);
    let found = found.map(|pair| (pair[0].as_str(), pair[1].as_str()));
    let is_sum =
        |field: &str| ![MIN_DURATION, MAX_DURATION, EXTREMES_FROM_HISTORY].contains(&field);
    let found = found.filter(|&(field, _)| kind != Kind::Hash || is_sum(field));
    // A sum that has reached its limit stays there, whatever it would be; readers ask history.
    let (at_limit, found): (BTreeMap<_, _>, BTreeMap<_, _>) =
        found.partition(|&(_, sum)| is_at_limit(sum));
    let mut expected = section.sums();
    expected.retain(|name, _| !at_limit.contains_key(name));
    found == expected
}

/// Older versions stored larger ones.
fn is_at_limit(sum: &str) -> bool {
    sum.parse().is_ok_and(|sum: f64| sum >= MAX_EXACT as f64)
}
