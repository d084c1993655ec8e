//! What the live view answers. A bucket that nothing was added to is left out.

use std::collections::BTreeMap;

use fred::interfaces::{SetsInterface, SortedSetsInterface};
use fred::types::Value;

use super::error::Error;
use super::handle::{CURRENT, Live, READ, texts};
use super::keys::{Key, Kind};
use super::pair;
use super::sections::{EXTREMES_FROM_HISTORY, MAX_DURATION, MIN_DURATION};
use agentpulse_core::bucket::{Day, Hour};
use agentpulse_core::names::{NameKind, OTHER};
use agentpulse_core::sketch::Sketch;
use agentpulse_core::sum::MAX_EXACT;
use agentpulse_core::tally::{FIELDS, Tally};
use agentpulse_core::view::{AgentDay, DayTally, HourTally, ToolDay, ToolPair, TypeTool};

/// Keys of one call: each is a hash of some 15 fields, and others wait.
const READ_AT_ONCE: usize = 500;

/// How many run now, and what the day has come to; of one moment.
#[derive(Debug)]
pub struct Current {
    pub running: u64,
    pub today: Tally,
}

#[derive(Debug, Default)]
pub struct AgentDays {
    pub days: Vec<AgentDay>,
    /// The days whose smallest and largest duration only history knows; here they are nothing.
    pub extremes_from_history: Vec<Day>,
}

impl Live {
    pub async fn current(&self, day: Day) -> Result<Current, Error> {
        let names = vec![
            self.keys.name(Key::Active, &[]),
            self.keys.name(Key::DayTally, &[&day]),
        ];
        let answer = self.run(&CURRENT, names, [Value::Null; 0]).await?;
        let [running, today] = <[Value; 2]>::try_from(answer.into_array())
            .map_err(|_| Error::broken("current answers other than two parts"))?;
        Ok(Current {
            running: running.as_u64().unwrap_or(0),
            today: tally(&texts(today)?)?,
        })
    }

    /// How many run, and of how many of them the deadline is before then.
    pub async fn running(&self, before_ms: i64) -> Result<(u64, u64), Error> {
        let running = self.client.scard(self.keys.name(Key::Active, &[]));
        let deadlines = self.keys.name(Key::Deadlines, &[]);
        let due = self
            .client
            .zcount(deadlines, f64::NEG_INFINITY, before_ms as f64 / 1e3);
        tokio::try_join!(self.ask(running), self.ask(due))
    }

    /// Both hours included, by the types that have a place.
    pub async fn hours(&self, from: Hour, to: Hour) -> Result<Vec<HourTally>, Error> {
        let zone = self.keys.zone();
        let days = (zone.day_of_hour(from), zone.day_of_hour(to));
        let types = self.places(NameKind::Type, days.0, days.1);
        let of_hour = |hour: Hour| &types[&zone.day_of_hour(hour)];
        let buckets: Vec<(Hour, &String)> = from
            .to(to)
            .flat_map(|hour| of_hour(hour).iter().map(move |name| (hour, name)))
            .collect();
        let names = buckets
            .iter()
            .map(|(hour, agent_type)| self.keys.name(Key::HourTally, &[hour, agent_type]));
        let tallies = self.tallies(names.collect()).await?;
        let mut hours = Vec::new();
        for ((hour, agent_type), tally) in buckets.into_iter().zip(tallies) {
            if !tally.is_zero() {
                hours.push(HourTally {
                    hour,
                    agent_type: agent_type.clone(),
                    tally,
                });
            }
        }
        Ok(hours)
    }

    /// Both days included.
    pub async fn days(&self, from: Day, to: Day) -> Result<Vec<DayTally>, Error> {
        let names = from
            .to(to)
            .map(|day| self.keys.name(Key::DayTally, &[&day]));
        let tallies = self.tallies(names.collect()).await?;
        let days = from.to(to).zip(tallies);
        let counted = days.filter(|(_, tally)| !tally.is_zero());
        Ok(counted
            .map(|(day, tally)| DayTally { day, tally })
            .collect())
    }

    /// Of one agent, or of [`OTHER`]; without the days on which the agent has no place of its own.
    pub async fn agent_days(&self, agent: &str, from: Day, to: Day) -> Result<AgentDays, Error> {
        let tallies = from
            .to(to)
            .map(|day| self.keys.name(Key::AgentTally, &[&day, &agent]));
        let sketches = from
            .to(to)
            .map(|day| self.keys.name(Key::AgentSketch, &[&agent, &day]));
        let mut contents = self
            .read(Kind::Hash, tallies.chain(sketches).collect())
            .await?;
        let sketches = contents.split_off(contents.len() / 2);
        let mut found = AgentDays::default();
        for (day, (content, sketch)) in from.to(to).zip(contents.into_iter().zip(sketches)) {
            let tally = tally(&content)?;
            if tally.is_zero() {
                continue;
            }
            let extreme = |name| value(&content, name).map(number).transpose();
            let is_lost = value(&content, EXTREMES_FROM_HISTORY).is_some();
            let (min, max) = if is_lost {
                found.extremes_from_history.push(day);
                (None, None)
            } else {
                (extreme(MIN_DURATION)?, extreme(MAX_DURATION)?)
            };
            found.days.push(AgentDay {
                day,
                agent_name: agent.to_owned(),
                tally,
                sketch: read_sketch(&sketch)?,
                min_duration_ms: min.map(|ms: i64| ms.max(0) as u64),
                max_duration_ms: max.map(|ms: i64| ms.max(0) as u64),
            });
        }
        Ok(found)
    }

    /// Both days included; on each day by the tool's name.
    pub async fn tools(&self, from: Day, to: Day) -> Result<Vec<ToolDay>, Error> {
        let calls = self.by_day(Key::ToolCalls, from, to).await?;
        let executions = self.by_day(Key::ToolExecutions, from, to).await?;
        let mut tools: BTreeMap<(Day, String), (i64, i64)> = BTreeMap::new();
        for (day, content) in calls {
            for (tool, calls) in ranking(&content)? {
                tools.entry((day, tool)).or_default().0 = calls;
            }
        }
        for (day, content) in executions {
            for (tool, executions) in ranking(&content)? {
                tools.entry((day, tool)).or_default().1 = executions;
            }
        }
        let row = |((day, tool), (calls, executions))| ToolDay {
            day,
            tool,
            calls,
            executions,
        };
        Ok(tools.into_iter().map(row).collect())
    }

    /// Both days included, by the types that have a place.
    pub async fn type_tools(&self, from: Day, to: Day) -> Result<Vec<TypeTool>, Error> {
        let types = self.places(NameKind::Type, from, to);
        let buckets: Vec<(Day, &String)> = types
            .iter()
            .flat_map(|(&day, names)| names.iter().map(move |name| (day, name)))
            .collect();
        let names = buckets
            .iter()
            .map(|(day, agent_type)| self.keys.name(Key::TypeTools, &[day, agent_type]));
        let contents = self.read(Kind::SortedSet, names.collect()).await?;
        let mut found = Vec::new();
        for ((day, agent_type), content) in buckets.into_iter().zip(contents) {
            for (tool, calls) in ranking(&content)? {
                found.push(TypeTool {
                    day,
                    agent_type: agent_type.clone(),
                    tool,
                    calls,
                });
            }
        }
        Ok(found)
    }

    /// Both days included.
    pub async fn pairs(&self, from: Day, to: Day) -> Result<Vec<ToolPair>, Error> {
        let mut pairs = Vec::new();
        for (day, content) in self.by_day(Key::ToolPairs, from, to).await? {
            for (member, executions) in ranking(&content)? {
                let (first, second) = pair::read(&member)
                    .ok_or_else(|| Error::broken(format!("{member} is no pair of tools")))?;
                pairs.push(ToolPair {
                    day,
                    first,
                    second,
                    executions,
                });
            }
        }
        Ok(pairs)
    }

    async fn by_day(
        &self,
        key: Key,
        from: Day,
        to: Day,
    ) -> Result<impl Iterator<Item = (Day, Vec<String>)>, Error> {
        let names = from.to(to).map(|day| self.keys.name(key, &[&day]));
        let contents = self.read(key.row().kind, names.collect()).await?;
        Ok(from.to(to).zip(contents))
    }

    /// The contents of the keys, in their order. Everything is read by a script that answers
    /// arrays in an array: the client takes an array that begins with the word `message`, as a
    /// tool or an id may be called, for something published, and drops it.
    pub(super) async fn read(
        &self,
        kind: Kind,
        names: Vec<String>,
    ) -> Result<Vec<Vec<String>>, Error> {
        let mut contents = Vec::with_capacity(names.len());
        for names in names.chunks(READ_AT_ONCE) {
            let kind = vec![kind.as_str().to_owned()];
            let answer = self.run(&READ, names.to_vec(), kind).await?;
            for content in answer.into_array() {
                contents.push(texts(content)?);
            }
        }
        Ok(contents)
    }

    /// The tallies of the keys, in their order.
    async fn tallies(&self, names: Vec<String>) -> Result<Vec<Tally>, Error> {
        let mut args = vec!["tally".to_owned()];
        args.extend(FIELDS.map(str::to_owned));
        let mut tallies = Vec::with_capacity(names.len());
        for names in names.chunks(READ_AT_ONCE) {
            let answer = self.run(&READ, names.to_vec(), args.clone()).await?;
            for content in texts(answer)? {
                tallies.push(sums(&content)?);
            }
        }
        Ok(tallies)
    }

    /// Of each day, both included, the names that have keys.
    fn places(&self, kind: NameKind, from: Day, to: Day) -> BTreeMap<Day, Vec<String>> {
        let names = self.names.read();
        let of_day = |day| {
            let counted = names.counted(kind, day).chain([OTHER]);
            let mut counted: Vec<String> = counted.map(str::to_owned).collect();
            counted.sort_unstable();
            (day, counted)
        };
        from.to(to).map(of_day).collect()
    }
}

fn value<'a>(content: &'a [String], name: &str) -> Option<&'a str> {
    let mut fields = content.chunks_exact(2);
    fields
        .find(|field| field[0] == name)
        .map(|field| field[1].as_str())
}

fn tally(content: &[String]) -> Result<Tally, Error> {
    let mut values = [0; FIELDS.len()];
    for (field, slot) in FIELDS.iter().zip(&mut values) {
        if let Some(text) = value(content, field) {
            *slot = sum(text)?;
        }
    }
    Ok(Tally::from_array(values))
}

/// The fields of a tally as one text, in their order. A space in one of them would move the others.
fn sums(content: &str) -> Result<Tally, Error> {
    let values: Vec<i64> = content.split(' ').map(sum).collect::<Result<_, _>>()?;
    let values = values
        .try_into()
        .map_err(|_| Error::broken("a tally has other than its fields"))?;
    Ok(Tally::from_array(values))
}

fn read_sketch(content: &[String]) -> Result<Sketch, Error> {
    let buckets = content.chunks_exact(2);
    buckets
        .map(|bucket| Ok((number(&bucket[0])?.max(0) as u64, sum(&bucket[1])?)))
        .collect()
}

/// Members with their scores, which are whole numbers.
fn ranking(content: &[String]) -> Result<Vec<(String, i64)>, Error> {
    let members = content.chunks_exact(2);
    members
        .map(|member| {
            let score: f64 = member[1]
                .parse()
                .map_err(|_| Error::broken(format!("{} is no score", member[1])))?;
            Ok((member[0].clone(), exact(score as i64)?))
        })
        .collect()
}

/// The number itself, where the script has added it up exactly.
fn exact(sum: i64) -> Result<i64, Error> {
    if sum >= MAX_EXACT {
        return Err(Error::inexact(format!("a sum has reached {MAX_EXACT}")));
    }
    Ok(sum)
}

fn sum(text: &str) -> Result<i64, Error> {
    exact(number(text)?)
}

fn number(text: &str) -> Result<i64, Error> {
    text.parse()
        .map_err(|_| Error::broken(format!("{text} is no whole number")))
}
