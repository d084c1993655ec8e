//! Every key that is kept in Redis is one row of one table. The table gives the names, the types
//! that the script checks, how long a key lives, and what a rebuild deletes.

use std::fmt::{Display, Write};

use super::pattern;
use agentpulse_core::bucket::DAY_MS;
use agentpulse_core::retention::{
    AGENT_DAYS, DAY_DAYS, DURATIONS_KEPT, DURATIONS_MS, ENDED_KEPT, FAILED_KEPT, HOUR_DAYS,
    LISTS_MS, TIMELINE_KEPT, TIMELINE_MS,
};
use agentpulse_core::zone::Zone;

/// The rows of [`TABLE`], in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Active,
    ActiveOf,
    Deadlines,
    Timeline,
    HourTally,
    DayTally,
    AgentTally,
    AgentSketch,
    Durations,
    DurationEnds,
    ToolCalls,
    ToolExecutions,
    TypeTools,
    ToolPairs,
    History,
    Errors,
    Cursor,
}

#[derive(Debug)]
pub struct Row {
    pub key: Key,
    /// Each `{…}` stands for a part of the name. At most one of them is of open length.
    pub pattern: &'static str,
    pub kind: Kind,
    pub merge: Merge,
    pub life: Life,
}

/// The Redis type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    String,
    Set,
    SortedSet,
    Hash,
    List,
}

/// What a change does to the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The last state stands.
    Replace,
    /// An id is in it while its execution runs.
    Member,
    /// The last score of an id stands.
    Score,
    /// As [`Merge::Score`], of the ids with the highest scores. What was trimmed does not come
    /// back, as in [`Merge::Newest`].
    Highest(usize),
    /// As [`Merge::Highest`], of the ids that ended last, in two sets with the same members.
    Latest(usize),
    /// Integers add up, and what comes to zero goes.
    Add,
    /// The newest first. What an execution was goes when it changes. What was trimmed for it does
    /// not come back, so that no answer is made of these lists: history has them whole.
    Newest(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Forever,
    /// Until so many milliseconds after a moment.
    After(Moment, i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When an execution counts as hung.
    Deadline,
    /// The end of the hour or the day in the name.
    BucketEnd,
    /// When the last change that touched it was accepted.
    LastChange,
}

pub static TABLE: [Row; 17] = {
    use Key::*;
    use Kind::*;
    use Life::*;
    use Merge::*;
    use Moment::*;
    const fn row(key: Key, pattern: &'static str, kind: Kind, merge: Merge, life: Life) -> Row {
        Row {
            key,
            pattern,
            kind,
            merge,
            life,
        }
    }
    const fn bucket(days: i32) -> Life {
        After(BucketEnd, days as i64 * DAY_MS)
    }
    let idle = After(LastChange, LISTS_MS);
    [
        row(Active, "agents:active", Set, Member, Forever),
        row(
            ActiveOf,
            "agent:active:{id}",
            String,
            Replace,
            After(Deadline, 60_000),
        ),
        row(Deadlines, "agents:deadlines", SortedSet, Score, Forever),
        row(
            Timeline,
            "agents:timeline",
            SortedSet,
            Highest(TIMELINE_KEPT),
            After(LastChange, TIMELINE_MS),
        ),
        row(
            HourTally,
            "metrics:hourly:{YYYY-MM-DD-HH}:{agent_type}",
            Hash,
            Add,
            bucket(HOUR_DAYS),
        ),
        row(
            DayTally,
            "metrics:daily:{YYYY-MM-DD}",
            Hash,
            Add,
            bucket(DAY_DAYS),
        ),
        row(
            AgentTally,
            "agent:daily:{YYYY-MM-DD}:{agent_name}",
            Hash,
            Add,
            bucket(AGENT_DAYS),
        ),
        row(
            AgentSketch,
            "agent:performance:{agent_name}:{YYYY-MM-DD}",
            Hash,
            Add,
            bucket(AGENT_DAYS),
        ),
        row(
            Durations,
            "agent:performance:{agent_name}:duration",
            SortedSet,
            Latest(DURATIONS_KEPT),
            After(LastChange, DURATIONS_MS),
        ),
        row(
            DurationEnds,
            "agent:performance:{agent_name}:ended",
            SortedSet,
            Latest(DURATIONS_KEPT),
            After(LastChange, DURATIONS_MS),
        ),
        row(
            ToolCalls,
            "tools:usage:{YYYY-MM-DD}",
            SortedSet,
            Add,
            bucket(DAY_DAYS),
        ),
        row(
            ToolExecutions,
            "tools:executions:{YYYY-MM-DD}",
            SortedSet,
            Add,
            bucket(DAY_DAYS),
        ),
        row(
            TypeTools,
            "tools:agents:{YYYY-MM-DD}:{agent_type}",
            SortedSet,
            Add,
            bucket(AGENT_DAYS),
        ),
        row(
            ToolPairs,
            "tools:pairs:{YYYY-MM-DD}",
            SortedSet,
            Add,
            bucket(AGENT_DAYS),
        ),
        row(
            History,
            "agent:history:{agent_name}",
            List,
            Newest(ENDED_KEPT),
            idle,
        ),
        row(
            Errors,
            "agent:errors:{agent_name}",
            List,
            Newest(FAILED_KEPT),
            idle,
        ),
        row(Cursor, "journal:cursor", String, Replace, Forever),
    ]
};

impl Key {
    pub fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The Unix second at which the key goes, counted from the moment that its life names; 0 when
    /// it stays.
    pub fn expires_s(self, moment_ms: i64) -> i64 {
        match self.row().life {
            Life::Forever => 0,
            // SET refuses a moment before 1970, and any past one deletes as well.
            Life::After(_, span_ms) => (moment_ms + span_ms + 999).div_euclid(1000).max(1),
        }
    }
}

impl Kind {
    /// As TYPE answers it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Set => "set",
            Kind::SortedSet => "zset",
            Kind::Hash => "hash",
            Kind::List => "list",
        }
    }
}

/// The names under one prefix. A prefix with a hash tag puts all of them on one cluster node.
#[derive(Clone, Debug)]
pub struct Keyspace {
    prefix: String,
    /// Of the days in the names.
    zone: Zone,
}

impl Keyspace {
    pub fn new(prefix: &str, zone: Zone) -> Keyspace {
        Keyspace {
            prefix: prefix.to_owned(),
            zone,
        }
    }

    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The name with its parts in the order of the pattern.
    pub fn name(&self, key: Key, parts: &[&dyn Display]) -> String {
        let mut name = self.prefix.clone();
        let mut rest = key.row().pattern;
        let mut parts = parts.iter();
        while let Some((literal, placeholder)) = rest.split_once('{') {
            name.push_str(literal);
            if let Some(part) = parts.next() {
                // A String takes whatever is written to it.
                let _ = write!(name, "{part}");
            }
            rest = placeholder.split_once('}').map_or("", |(_, rest)| rest);
        }
        name.push_str(rest);
        name
    }

    /// Which of our keys this name is. Returns `None` for a name of anybody else.
    pub fn recognize(&self, name: &str) -> Option<Key> {
        self.parts(name).map(|(key, _)| key)
    }

    /// The same, and the parts of the name in the order of the pattern.
    pub fn parts<'a>(&self, name: &'a str) -> Option<(Key, Vec<&'a str>)> {
        let name = name.strip_prefix(self.prefix.as_str())?;
        TABLE.iter().find_map(|row| {
            let parts = pattern::parts(row.pattern, name)?;
            Some((row.key, parts))
        })
    }

    /// For SCAN: whatever begins with the prefix.
    pub fn glob(&self) -> String {
        let mut glob = String::with_capacity(self.prefix.len() + 1);
        for c in self.prefix.chars() {
            if matches!(c, '*' | '?' | '[' | ']' | '\\') {
                glob.push('\\');
            }
            glob.push(c);
        }
        glob.push('*');
        glob
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_core::bucket::{Day, Hour};

    #[test]
    fn rows_stand_where_their_keys_say() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.key as usize, place, "{}", row.pattern);
        }
    }

    #[test]
    fn names_are_made_and_recognized_by_the_same_pattern() {
        let keys = Keyspace::new("{a}:", Zone::utc());
        let (day, hour) = (Day(20_777), Hour(20_777 * 24 + 9));
        for (key, parts, name) in [
            (Key::Active, &[] as &[&dyn Display], "{a}:agents:active"),
            (Key::ActiveOf, &[&"x:1"], "{a}:agent:active:x:1"),
            (
                Key::HourTally,
                &[&hour, &"ui"],
                "{a}:metrics:hourly:2026-11-20-09:ui",
            ),
            (
                Key::AgentSketch,
                &[&"a:b", &day],
                "{a}:agent:performance:a:b:2026-11-20",
            ),
            (
                Key::Durations,
                &[&"a:2026-11-20"],
                "{a}:agent:performance:a:2026-11-20:duration",
            ),
        ] {
            assert_eq!(keys.name(key, parts), name);
            assert_eq!(keys.recognize(name), Some(key), "{name}");
        }
    }

    #[test]
    fn names_of_others_are_not_ours() {
        let keys = Keyspace::new("p:", Zone::utc());
        for name in [
            "agents:active",
            "q:agents:active",
            "p:agents:active:more",
            "p:agent:active:",
            "p:metrics:daily:yesterday",
            "p:metrics:hourly:2026-11-20-24:ui",
            "p:metrics:hourly:2026-11-20-+1:ui",
            "p:tools:usage:2026-13-20",
            "p:agent:performance::2026-11-20",
            "p:agent:performance:é",
        ] {
            assert_eq!(keys.recognize(name), None, "{name}");
        }
        assert_eq!(Keyspace::new("[x]*", Zone::utc()).glob(), r"\[x\]\**");
    }

    #[test]
    fn lives_are_whole_seconds_rounded_up() {
        assert_eq!(Key::Active.expires_s(5), 0);
        assert_eq!(Key::ActiveOf.expires_s(1), 61);
        assert_eq!(Key::DayTally.expires_s(Day(1).utc_start_ms()), 91 * 86_400);
        assert_eq!(Key::DayTally.expires_s(-1_000 * DAY_MS), 1);
    }
}
