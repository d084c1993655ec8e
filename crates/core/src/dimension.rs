//! What tallies are kept by. A dimension is a row of [`TABLE`]: the sums of a run of changes, the
//! rollups of history and their pruning, and the costs by name follow from it.

use super::bucket::{Day, Hour};
use super::execution::Contribution;
use super::names::NameKind;
use super::zone::Zone;

/// The key of executions that do not say where they belong, and of all executions.
pub const NONE: &str = "";

/// The rows of [`TABLE`], in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// Hour and agent type.
    Type,
    Day,
    Agent,
    Model,
    Session,
    Kind,
    Project,
    Branch,
    Host,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    Hour,
    Day,
}

#[derive(Debug)]
pub struct Row {
    pub dimension: Dimension,
    /// Its number in `history.db`; a released one is never changed or given again.
    pub code: i64,
    pub bucket: Bucket,
    /// The key of an execution, [`NONE`] where it has none.
    pub key: for<'a> fn(&Contribution<'a>) -> &'a str,
    pub live: Live,
    /// Its name in `costs?by=`, if costs are asked by it.
    pub costs_by: Option<&'static str>,
}

/// What Redis has of a dimension; for how long, [`super::retention`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// Only history has it.
    No,
    /// Its buckets have no keys of names.
    Whole,
    /// By tracked names; all others are one.
    Tracked(NameKind),
}

pub static TABLE: [Row; 9] = [
    Row {
        dimension: Dimension::Type,
        code: 0,
        bucket: Bucket::Hour,
        key: |of| of.agent_type,
        live: Live::Tracked(NameKind::Type),
        costs_by: None,
    },
    Row {
        dimension: Dimension::Day,
        code: 1,
        bucket: Bucket::Day,
        key: |_| NONE,
        live: Live::Whole,
        costs_by: Some("day"),
    },
    Row {
        dimension: Dimension::Agent,
        code: 2,
        bucket: Bucket::Day,
        key: |of| of.agent_name,
        live: Live::Tracked(NameKind::Agent),
        costs_by: Some("agent"),
    },
    Row {
        dimension: Dimension::Model,
        code: 3,
        bucket: Bucket::Day,
        key: |of| of.model.unwrap_or(NONE),
        live: Live::No,
        costs_by: Some("model"),
    },
    Row {
        dimension: Dimension::Session,
        code: 4,
        bucket: Bucket::Day,
        key: |of| of.session_id.unwrap_or(NONE),
        live: Live::No,
        costs_by: Some("session"),
    },
    Row {
        dimension: Dimension::Kind,
        code: 5,
        bucket: Bucket::Day,
        key: |of| of.kind.as_str(),
        live: Live::No,
        costs_by: Some("kind"),
    },
    Row {
        dimension: Dimension::Project,
        code: 6,
        bucket: Bucket::Day,
        key: |of| of.project.unwrap_or(NONE),
        live: Live::No,
        costs_by: Some("project"),
    },
    Row {
        dimension: Dimension::Branch,
        code: 7,
        bucket: Bucket::Day,
        key: |of| of.branch.unwrap_or(NONE),
        live: Live::No,
        costs_by: Some("branch"),
    },
    Row {
        dimension: Dimension::Host,
        code: 8,
        bucket: Bucket::Day,
        key: |of| of.host.unwrap_or(NONE),
        live: Live::No,
        costs_by: Some("host"),
    },
];

impl Dimension {
    pub fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Those by which costs are asked, with their names there.
    pub fn of_costs() -> impl Iterator<Item = (&'static str, Dimension)> {
        let named = |row: &Row| Some((row.costs_by?, row.dimension));
        TABLE.iter().filter_map(named)
    }
}

impl Bucket {
    /// Hours or days since 1970.
    pub fn of(self, zone: &Zone, time_ms: i64) -> i32 {
        match self {
            Bucket::Hour => Hour::of(time_ms).0,
            Bucket::Day => zone.day_of(time_ms).0,
        }
    }

    /// The day of a bucket, or in which it begins.
    pub fn day(self, zone: &Zone, bucket: i32) -> Day {
        match self {
            Bucket::Hour => zone.day_of_hour(Hour(bucket)),
            Bucket::Day => Day(bucket),
        }
    }

    /// The first bucket in which a moment of that day or of a later one can be.
    pub fn first_of(self, zone: &Zone, day: Day) -> i32 {
        match self {
            Bucket::Hour => Hour::of(zone.start_ms(day)).0,
            Bucket::Day => day.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::bucket::{DAY_MS, HOUR_MS};

    #[test]
    fn rows_stand_where_their_dimensions_say_and_codes_are_unique() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.dimension as usize, place, "{:?}", row.dimension);
        }
        let codes: BTreeSet<i64> = TABLE.iter().map(|row| row.code).collect();
        assert_eq!(codes.len(), TABLE.len());
    }

    #[test]
    fn buckets_begin_with_their_days() {
        let (zone, time_ms) = (Zone::utc(), 20_777 * DAY_MS + 18 * HOUR_MS + 5);
        for (bucket, expected) in [(Bucket::Hour, 20_777 * 24 + 18), (Bucket::Day, 20_777)] {
            assert_eq!(bucket.of(&zone, time_ms), expected);
            assert_eq!(bucket.day(&zone, expected), Day(20_777));
            let first = bucket.first_of(&zone, Day(20_777));
            assert_eq!(bucket.day(&zone, first - 1), Day(20_776));
        }
    }
}
