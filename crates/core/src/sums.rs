//! A run of changes, summed by bucket: what a view has to add, however many changes it was.

use std::collections::BTreeMap;

use super::bucket::Day;
use super::change::{Net, signed};
use super::dimension::{Bucket, Dimension, Live, Row, TABLE};
use super::execution::Contribution;
use super::names::{NameKind, Names};
use super::sketch::Sketch;
use super::sum::add;
use super::tally::Tally;
use super::zone::Zone;

/// By bucket, which is an hour or a day since 1970, and key.
pub type Tallies<'a> = BTreeMap<(i32, &'a str), Tally>;

/// Every map is sorted by its bucket, which is the order in which a database is quickest.
#[derive(Debug, Default, PartialEq)]
pub struct Sums<'a> {
    tallies: [Tallies<'a>; TABLE.len()],
    /// By day and agent.
    pub durations: BTreeMap<(Day, &'a str), Durations>,
    /// By day, the hour that clocks showed, and agent type: executions.
    pub clocks: BTreeMap<(Day, i32, &'a str), i64>,
    /// By day, agent type and tool.
    pub tools: BTreeMap<(Day, &'a str, &'a str), ToolSum>,
    /// By day and the two tools, sorted: executions that used both.
    pub pairs: BTreeMap<(Day, &'a str, &'a str), i64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToolSum {
    pub calls: i64,
    pub executions: i64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Durations {
    pub sketch: Sketch,
    /// Of the durations that were added.
    pub min_duration_ms: Option<u64>,
    pub max_duration_ms: Option<u64>,
    /// A duration was taken away: it may have been the smallest or the largest of the bucket, and
    /// only the executions themselves show which is now.
    pub extremes_unknown: bool,
}

/// Where clocks stood when an execution ended.
#[derive(Clone, Copy)]
struct Place {
    day: Day,
    clock_hour: i32,
}

impl Place {
    fn of(contribution: &Contribution, zone: &Zone) -> Place {
        Place {
            day: contribution.day(zone),
            clock_hour: zone.clock_hour(contribution.ended_ms),
        }
    }
}

impl<'a> Sums<'a> {
    /// What history has of them.
    pub fn of(nets: &[Net<'a>], zone: &Zone) -> Sums<'a> {
        Sums::by_rows(nets, zone, |_| true)
    }

    /// What the live view has of them, by tracked names. A pair with a tool whose name is not
    /// tracked says nothing and is left out.
    pub fn of_live(nets: &[Net<'a>], names: &Names) -> Sums<'a> {
        let sums = Sums::by_rows(nets, names.zone(), |row| row.live != Live::No);
        sums.relabelled(names)
    }

    fn by_rows(nets: &[Net<'a>], zone: &Zone, choose: fn(&Row) -> bool) -> Sums<'a> {
        let mut sums = Sums::default();
        for net in nets {
            let (removed, added) = net.moved();
            // A duration that is taken away where it is added was nobody's smallest or largest.
            let is_other = |was: &Contribution, is: &Contribution| {
                (was.duration_ms, was.agent_name, was.day(zone))
                    != (is.duration_ms, is.agent_name, is.day(zone))
            };
            let lasted_otherwise = match (&removed, &added) {
                (Some(removed), Some(added)) => is_other(removed, added),
                _ => true,
            };
            for (sign, contribution) in signed(removed, added) {
                let place = Place::of(&contribution, zone);
                sums.add_to_rows(sign, &contribution, place, choose);
                sums.add_parts(sign, &contribution, place);
                if lasted_otherwise {
                    sums.add_duration(sign, &contribution, place.day);
                }
            }
        }
        sums
    }

    /// All tallies of one dimension.
    pub fn by(&self, dimension: Dimension) -> &Tallies<'a> {
        &self.tallies[dimension as usize]
    }

    pub fn by_mut(&mut self, dimension: Dimension) -> &mut Tallies<'a> {
        &mut self.tallies[dimension as usize]
    }

    /// Takes out all tallies of one dimension.
    pub fn take(&mut self, dimension: Dimension) -> Tallies<'a> {
        std::mem::take(self.by_mut(dimension))
    }

    /// Leaves what is of the days that are chosen.
    pub fn retain(&mut self, zone: &Zone, choose: impl Fn(Day) -> bool) {
        for (row, tallies) in TABLE.iter().zip(&mut self.tallies) {
            tallies.retain(|(bucket, _), _| choose(row.bucket.day(zone, *bucket)));
        }
        self.durations.retain(|(day, _), _| choose(*day));
        self.clocks.retain(|(day, ..), _| choose(*day));
        self.tools.retain(|(day, ..), _| choose(*day));
        self.pairs.retain(|(day, ..), _| choose(*day));
    }

    /// `sign` is 1, or -1 for what is taken away.
    pub fn add(&mut self, sign: i64, contribution: &Contribution<'a>, zone: &Zone) {
        let place = Place::of(contribution, zone);
        self.add_to_rows(sign, contribution, place, |_| true);
        self.add_parts(sign, contribution, place);
        self.add_duration(sign, contribution, place.day);
    }

    /// To the tallies alone.
    pub fn add_tally(&mut self, sign: i64, contribution: &Contribution<'a>, zone: &Zone) {
        self.add_to_rows(sign, contribution, Place::of(contribution, zone), |_| true);
    }

    fn add_to_rows(
        &mut self,
        sign: i64,
        contribution: &Contribution<'a>,
        place: Place,
        choose: fn(&Row) -> bool,
    ) {
        let tally = if sign < 0 {
            -contribution.tally
        } else {
            contribution.tally
        };
        let rows = TABLE.iter().zip(&mut self.tallies);
        for (row, tallies) in rows.filter(|(row, _)| choose(row)) {
            let bucket = match row.bucket {
                Bucket::Hour => contribution.hour().0,
                Bucket::Day => place.day.0,
            };
            *tallies
                .entry((bucket, (row.key)(contribution)))
                .or_default() += tally;
        }
    }

    fn add_duration(&mut self, sign: i64, contribution: &Contribution<'a>, day: Day) {
        let durations = self.durations.entry((day, contribution.agent_name));
        let durations = durations.or_default();
        if let Some(duration_ms) = contribution.duration_ms {
            durations.add(duration_ms, sign);
        }
    }

    /// To the hours of clocks, tools and pairs of them.
    fn add_parts(&mut self, sign: i64, contribution: &Contribution<'a>, place: Place) {
        let (day, agent_type) = (place.day, contribution.agent_type);
        let on_clock = (day, place.clock_hour, agent_type);
        *self.clocks.entry(on_clock).or_default() += sign;
        for &(tool, calls) in &contribution.tools {
            let sum = self.tools.entry((day, agent_type, tool)).or_default();
            add(&mut sum.calls, sign * calls);
            sum.executions += sign;
        }
        for (first, second) in contribution.tool_pairs() {
            *self.pairs.entry((day, first, second)).or_default() += sign;
        }
    }

    fn relabelled(self, names: &Names) -> Sums<'a> {
        let mut relabelled = Sums::default();
        for (row, tallies) in TABLE.iter().zip(self.tallies) {
            let labelled = relabelled.by_mut(row.dimension);
            for ((bucket, key), tally) in tallies {
                let label = match row.live {
                    Live::No | Live::Whole => key,
                    Live::Tracked(kind) => {
                        names.label(kind, row.bucket.day(names.zone(), bucket), key)
                    }
                };
                *labelled.entry((bucket, label)).or_default() += tally;
            }
        }
        for ((day, agent), durations) in self.durations {
            let label = names.label(NameKind::Agent, day, agent);
            let labelled = relabelled.durations.entry((day, label)).or_default();
            labelled.merge(&durations);
        }
        for ((day, clock_hour, agent_type), executions) in self.clocks {
            let label = names.label(NameKind::Type, day, agent_type);
            let labelled = relabelled.clocks.entry((day, clock_hour, label));
            *labelled.or_default() += executions;
        }
        for ((day, agent_type, tool), sum) in self.tools {
            let key = (
                day,
                names.label(NameKind::Type, day, agent_type),
                names.label(NameKind::Tool, day, tool),
            );
            let relabelled = relabelled.tools.entry(key).or_default();
            add(&mut relabelled.calls, sum.calls);
            relabelled.executions += sum.executions;
        }
        let is_tracked = |day, tool| names.is_tracked(NameKind::Tool, day, tool);
        let pairs = self.pairs.into_iter();
        relabelled.pairs = pairs
            .filter(|&((day, a, b), _)| is_tracked(day, a) && is_tracked(day, b))
            .collect();
        relabelled
    }
}

impl Durations {
    fn add(&mut self, duration_ms: u64, sign: i64) {
        self.sketch.add(duration_ms, sign);
        if sign < 0 {
            self.extremes_unknown = true;
            return;
        }
        self.widen(Some(duration_ms), Some(duration_ms));
    }

    pub fn merge(&mut self, other: &Durations) {
        self.sketch.merge(&other.sketch);
        self.widen(other.min_duration_ms, other.max_duration_ms);
        self.extremes_unknown |= other.extremes_unknown;
    }

    fn widen(&mut self, min_ms: Option<u64>, max_ms: Option<u64>) {
        self.min_duration_ms = self.min_duration_ms.into_iter().chain(min_ms).min();
        self.max_duration_ms = self.max_duration_ms.into_iter().chain(max_ms).max();
    }
}
