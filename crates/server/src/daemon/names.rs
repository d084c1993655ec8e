//! The tracked names at the start: as the journal has them. If it has none, they are taken from
//! what history counts, and the live view is rebuilt by them.

use std::collections::HashSet;

use tracing::info;

use super::failure::Failure;
use super::replay::each_after;
use agentpulse_config::Limits;
use agentpulse_core::bucket::Day;
use agentpulse_core::names::{NameKind, NameLimits, Names, TrackedName};
use agentpulse_pipeline::clock::now_ms;
use agentpulse_store::history::Reader;
use agentpulse_store::journal::{Journal, Tail};

pub fn names(
    limits: &Limits,
    journal: &mut Journal,
    history: &Reader,
    tail: &Tail,
) -> Result<Names, Failure> {
    let limits = NameLimits {
        agents: limits.agent_names,
        types: limits.agent_types,
        tools: limits.tools,
    };
    let zone = history.zone().clone();
    let today = zone.day_of(now_ms());
    let mut names = Names::new(limits, zone, today);
    let tracked = journal.tracked_names()?;
    if !tracked.is_empty() {
        tracked.into_iter().for_each(|name| names.restore(name));
        return Ok(names);
    }
    let mut maker = Maker {
        old: journal.old_names()?.into_iter().collect(),
        names,
        made: Vec::new(),
    };
    maker.read_history(history)?;
    maker.read_tail(history, tail)?;
    if !maker.made.is_empty() {
        info!(
            count = maker.made.len(),
            "the names that history counts are tracked"
        );
        // What Redis has is by other names. A new epoch has it rebuilt, also after a crash.
        journal.renew_epoch()?;
        journal.take_over(&maker.made)?;
    }
    Ok(maker.names)
}

/// Tracks names on days that have been counted. If an older version tracked names for all days, it
/// tracks those and no others; else the first ones of each day, by name.
struct Maker {
    old: HashSet<(NameKind, String)>,
    names: Names,
    made: Vec<TrackedName>,
}

impl Maker {
    fn read_history(&mut self, history: &Reader) -> Result<(), Failure> {
        let first = self.names.first();
        for kind in NameKind::ALL {
            for day in history.counted_days(first)? {
                let counted = history.names(kind, day)?;
                self.give(kind, day, &counted);
            }
        }
        Ok(())
    }

    /// Changes that history does not have yet.
    fn read_tail(&mut self, history: &Reader, tail: &Tail) -> Result<(), Failure> {
        let cursor = history.cursor()?;
        each_after(tail, cursor.map_or(0, |cursor| cursor.seq), |changes| {
            for added in changes.iter().filter_map(|change| change.added()) {
                let day = added.day(history.zone());
                let day_of_hour = history.zone().day_of_hour(added.hour());
                self.give(NameKind::Agent, day, &[added.agent_name.to_owned()]);
                for day in [day, day_of_hour] {
                    self.give(NameKind::Type, day, &[added.agent_type.to_owned()]);
                }
                let tools: Vec<String> = added.tools.iter().map(|t| t.0.to_owned()).collect();
                self.give(NameKind::Tool, day, &tools);
            }
            Ok(())
        })
    }

    fn give(&mut self, kind: NameKind, day: Day, counted: &[String]) {
        let is_tracked =
            |name: &&String| self.old.is_empty() || self.old.contains(&(kind, (*name).clone()));
        let (relabelled, others): (Vec<&String>, Vec<&String>) =
            counted.iter().partition(is_tracked);
        for name in relabelled {
            self.made.extend(self.names.track(kind, day, name));
        }
        if !others.is_empty() {
            self.made.extend(self.names.close(kind, day));
        }
    }
}
