//! Which names are tracked, that is, counted by themselves in Redis, day by day. Names come from
//! outside, so their number is limited; the rest counts there under [`OTHER`], and by its name in
//! history.
//!
//! A name is tracked for one day, in all buckets of that day. A day begins with the names that
//! were counted in the [`HELD_DAYS`] days before it; further names are tracked up to the limit, in
//! the order in which they are accepted. Names that late events have counted on the days around it
//! use up the limit too: however the days are filled, so many days together have not many more
//! names than one may have. The first name beyond the limit closes the day: it counted under
//! `_other`, and would be in two buckets if a later event of it were tracked. So the names of a day
//! only become more, and what was counted under one is taken away there. Every tracked name is in
//! the journal: a restart or a rebuild decides nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::bucket::Day;
use super::retention::{DAY_DAYS, days_back};
use super::zone::Zone;

#[cfg(test)]
mod tests;

/// The name of all that is not tracked. A name that is the same word is not tracked either: it
/// would be counted with the rest, and then once more by itself.
pub const OTHER: &str = "_other";
/// Days after the last one that counted a name for which it stays tracked.
pub const HELD_DAYS: i32 = 7;
/// Days before today whose tracked names are known: as many as a rebuild reads of a key with a name
/// and a day.
pub const KNOWN_DAYS: i32 = days_back(DAY_DAYS);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameKind {
    Agent,
    Type,
    Tool,
}

impl NameKind {
    pub const ALL: [NameKind; 3] = [NameKind::Agent, NameKind::Type, NameKind::Tool];

    pub fn as_str(self) -> &'static str {
        match self {
            NameKind::Agent => "agent",
            NameKind::Type => "type",
            NameKind::Tool => "tool",
        }
    }
}

/// The limits of each day, in the order of [`NameKind::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameLimits {
    pub agents: usize,
    pub types: usize,
    pub tools: usize,
}

/// What the journal keeps of a name on a day. [`OTHER`] says that the day is closed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrackedName {
    pub day: Day,
    pub kind: NameKind,
    pub name: Arc<str>,
    /// Something was counted under it; else it stays tracked from the days before.
    pub counted: bool,
}

/// A clone is cheap: the days are shared until one of them changes.
#[derive(Clone, Debug)]
pub struct Names {
    limits: NameLimits,
    /// Of the days.
    zone: Zone,
    /// Tracked names of days before this are forgotten.
    first: Day,
    days: [BTreeMap<Day, Arc<OfDay>>; 3],
}

#[derive(Clone, Debug, Default, PartialEq)]
struct OfDay {
    /// Whether something was counted under it.
    names: HashMap<Arc<str>, bool>,
    is_closed: bool,
}

impl Names {
    /// `today`: tracked names are known of the [`KNOWN_DAYS`] days before it.
    pub fn new(limits: NameLimits, zone: Zone, today: Day) -> Names {
        Names {
            limits,
            zone,
            first: today.back(KNOWN_DAYS),
            days: Default::default(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.days.iter().all(BTreeMap::is_empty)
    }

    /// The zone of the days.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The first day whose tracked names are known.
    pub fn first(&self) -> Day {
        self.first
    }

    /// Tracks the name on the day, up to the limit. Returns what is new, to be written down before
    /// anything is counted.
    pub fn track(&mut self, kind: NameKind, day: Day, name: &str) -> Vec<TrackedName> {
        if self.is_settled(kind, day, name) {
            return Vec::new();
        }
        let mut news = self.open(kind, day);
        let has_room = self.has_room(kind, day, name);
        let of_day = Arc::make_mut(self.days[kind as usize].entry(day).or_default());
        let tracked = |name: Arc<str>, counted| TrackedName {
            day,
            kind,
            name,
            counted,
        };
        if let Some(counted) = of_day.names.get_mut(name) {
            *counted = true;
            news.push(tracked(name.into(), true));
        } else if has_room {
            let name: Arc<str> = name.into();
            of_day.names.insert(name.clone(), true);
            news.push(tracked(name, true));
        } else if !of_day.is_closed {
            of_day.is_closed = true;
            news.push(tracked(OTHER.into(), true));
        }
        news
    }

    /// Whether the day, with those around it, has not as many names as it may, or has this one.
    fn has_room(&self, kind: NameKind, day: Day, name: &str) -> bool {
        let (limit, days) = (self.limit(kind), &self.days[kind as usize]);
        let around = || days.range(day.back(HELD_DAYS)..=day.back(-HELD_DAYS));
        let is_closed = self.is_closed(kind, day);
        let own = days.get(&day).map_or(0, |of_day| of_day.names.len());
        if is_closed || own >= limit {
            return false;
        }
        let most: usize = around().map(|(_, of_day)| of_day.names.len()).sum();
        if most < limit {
            return true;
        }
        let all = around().flat_map(|(of, of_day)| {
            let names = of_day.names.iter();
            let is_used = move |&(_, &counted): &(&Arc<str>, &bool)| counted || *of == day;
            names.filter(is_used).map(|(name, _)| &**name)
        });
        let all: HashSet<&str> = all.collect();
        all.len() < limit || all.contains(name)
    }

    /// Closes a day: from here on only names that stay tracked from the days before are counted.
    pub fn close(&mut self, kind: NameKind, day: Day) -> Vec<TrackedName> {
        if day < self.first || self.is_closed(kind, day) {
            return Vec::new();
        }
        let mut news = self.open(kind, day);
        Arc::make_mut(self.days[kind as usize].entry(day).or_default()).is_closed = true;
        news.push(TrackedName {
            day,
            kind,
            name: OTHER.into(),
            counted: true,
        });
        news
    }

    /// Begins a day with the names of the days before it.
    fn open(&mut self, kind: NameKind, day: Day) -> Vec<TrackedName> {
        let limit = self.limit(kind);
        let days = &mut self.days[kind as usize];
        if days.contains_key(&day) {
            return Vec::new();
        }
        let before = days.range(day.back(HELD_DAYS)..day);
        let counted = before.flat_map(|(_, of_day)| &of_day.names);
        // Sorted, so that equal days begin equally; more than the limit are there only after late
        // events or a lower limit.
        let held: BTreeSet<Arc<str>> = counted
            .filter(|&(_, &counted)| counted)
            .map(|(name, _)| name.clone())
            .collect();
        let held: Vec<Arc<str>> = held.into_iter().take(limit).collect();
        let of_day = OfDay {
            names: held.iter().map(|name| (name.clone(), false)).collect(),
            is_closed: false,
        };
        days.insert(day, Arc::new(of_day));
        let tracked = |name| TrackedName {
            day,
            kind,
            name,
            counted: false,
        };
        held.into_iter().map(tracked).collect()
    }

    /// Takes in what was written down.
    pub fn restore(&mut self, tracked: TrackedName) {
        if tracked.day < self.first {
            return;
        }
        let of_kind = &mut self.days[tracked.kind as usize];
        let of_day = Arc::make_mut(of_kind.entry(tracked.day).or_default());
        if &*tracked.name == OTHER {
            of_day.is_closed = true;
        } else {
            of_day.names.insert(tracked.name, tracked.counted);
        }
    }

    /// Forgets the tracked names of days whose keys have expired.
    pub fn forget(&mut self, today: Day) {
        self.first = self.first.max(today.back(KNOWN_DAYS));
        for of_kind in &mut self.days {
            *of_kind = of_kind.split_off(&self.first);
        }
    }

    /// The name under which Redis counts it on that day. Of days that are forgotten history alone
    /// knows; there a name stands for itself while it is tracked on any day.
    pub fn label<'a>(&self, kind: NameKind, day: Day, name: &'a str) -> &'a str {
        if self.is_tracked(kind, day, name) {
            name
        } else {
            OTHER
        }
    }

    pub fn is_tracked(&self, kind: NameKind, day: Day, name: &str) -> bool {
        match self.days[kind as usize].get(&day) {
            Some(of_day) => of_day.names.contains_key(name),
            None => day < self.first && self.is_known(kind, name),
        }
    }

    /// Whether anything was counted under it on a day that is known.
    pub fn is_known(&self, kind: NameKind, name: &str) -> bool {
        let mut days = self.days[kind as usize].values();
        days.any(|of_day| of_day.names.get(name) == Some(&true))
    }

    /// Whether a name was beyond the limit on that day.
    pub fn is_closed(&self, kind: NameKind, day: Day) -> bool {
        let of_day = self.days[kind as usize].get(&day);
        of_day.is_some_and(|of_day| of_day.is_closed)
    }

    /// The days on which a name was beyond the limit, the newest first.
    pub fn closed(&self, kind: NameKind) -> impl Iterator<Item = Day> {
        let days = self.days[kind as usize].iter().rev();
        days.filter(|(_, of_day)| of_day.is_closed)
            .map(|(&day, _)| day)
    }

    /// Those under which something is counted on that day, without [`OTHER`].
    pub fn counted(&self, kind: NameKind, day: Day) -> impl Iterator<Item = &str> {
        let of_day = self.days[kind as usize].get(&day);
        let names = of_day.into_iter().flat_map(|of_day| &of_day.names);
        names
            .filter(|&(_, &counted)| counted)
            .map(|(name, _)| &**name)
    }

    /// Nothing is to be decided: it is counted under its name already, or is not tracked.
    pub fn is_settled(&self, kind: NameKind, day: Day, name: &str) -> bool {
        let of_day = self.days[kind as usize].get(&day);
        let is_decided = |of_day: &Arc<OfDay>| match of_day.names.get(name) {
            Some(counted) => *counted,
            None => of_day.is_closed,
        };
        day < self.first || name == OTHER || of_day.is_some_and(is_decided)
    }

    fn limit(&self, kind: NameKind) -> usize {
        match kind {
            NameKind::Agent => self.limits.agents,
            NameKind::Type => self.limits.types,
            NameKind::Tool => self.limits.tools,
        }
    }
}
