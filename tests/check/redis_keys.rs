//! What stands in Redis, key by key, against the model: no key missing, none too many.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::compare::Check;
use super::redis_derived;
use crate::harness::now_ms;
use crate::harness::wire::RedisLink;
use crate::model::{DAY_MS, Ended, HOUR_MS, Tally, World, hour};

/// More runs of one agent than this, and only some of its durations are kept.
const DURATIONS: usize = 500;

type Sums = BTreeMap<String, i64>;
/// Every sum of one kind of key, by the key's name.
type Keys = BTreeMap<String, Sums>;

/// Compares all keys that begin with `prefix`.
pub fn everything(socket: &Path, prefix: &str, world: &World) -> Check {
    let redis = RedisLink::connect(socket).map_err(|e| e.to_string())?;
    let mut found = Found { redis, prefix };
    let active: BTreeSet<String> = found
        .run(&["SMEMBERS", "agents:active"])?
        .into_iter()
        .collect();
    if active != world.active {
        return Err(format!(
            "agents:active: {active:?}, expected {:?}",
            world.active
        ));
    }
    found.compare("HGETALL", "metrics:hourly:", hourly(world))?;
    found.compare("HGETALL", "metrics:daily:", daily(world))?;
    redis_derived::follow(&mut found, world)?;
    let by_name = world.by(|one| format!("{}:{}", one.day(), one.name));
    found.compare(
        "HGETALL",
        "agent:daily:",
        tallies(by_name, "agent:daily:", 8),
    )?;
    tools(&mut found, world)?;
    sketches(&mut found, world)?;
    durations(&mut found, world)
}

pub(super) struct Found<'a> {
    redis: RedisLink,
    prefix: &'a str,
}

impl Found<'_> {
    /// A command whose second word is a key; the answer as texts.
    pub(super) fn run(&mut self, command: &[&str]) -> Result<Vec<String>, String> {
        let key = format!("{}{}", self.prefix, command[1]);
        let mut words = vec![command[0], &key];
        words.extend(&command[2..]);
        match self.redis.run(&words) {
            Ok(crate::harness::wire::Reply::Error(error)) => Err(format!("{command:?}: {error}")),
            Ok(reply) => Ok(reply.texts()),
            Err(error) => Err(format!("{command:?}: {error}")),
        }
    }

    /// The names and whole numbers of a hash or a sorted set; zeros say nothing.
    fn sums(&mut self, command: &str, key: &str) -> Result<Sums, String> {
        let range = ["0", "-1", "WITHSCORES"];
        let mut words = vec![command, key];
        if command == "ZRANGE" {
            words.extend(range);
        }
        let mut sums = Sums::new();
        for pair in self.run(&words)?.chunks(2) {
            // A mark for readers; and what is no sum.
            if pair[0] == "extremes_from_history" || redis_derived::FIELDS.contains(&&*pair[0]) {
                continue;
            }
            let number: i64 = pair[1]
                .parse()
                .map_err(|_| format!("{key} {}: {} is not whole", pair[0], pair[1]))?;
            if number != 0 {
                sums.insert(pair[0].clone(), number);
            }
        }
        Ok(sums)
    }

    fn scores(&mut self, key: &str) -> Result<BTreeMap<String, f64>, String> {
        let mut scores = BTreeMap::new();
        for pair in self
            .run(&["ZRANGE", key, "0", "-1", "WITHSCORES"])?
            .chunks(2)
        {
            let score = pair[1].parse();
            let score = score.map_err(|_| format!("{key} {}: {}", pair[0], pair[1]))?;
            scores.insert(pair[0].clone(), score);
        }
        Ok(scores)
    }

    fn compare(&mut self, command: &str, family: &str, want: Keys) -> Check {
        let mut told = Keys::new();
        for key in self.run(&["KEYS", &format!("{family}*")])? {
            let key = key[self.prefix.len()..].to_owned();
            let mut sums = self.sums(command, &key)?;
            sums.retain(|field, _| field != "min_duration_ms" && field != "max_duration_ms");
            if !sums.is_empty() {
                told.insert(key, sums);
            }
        }
        if told == want {
            return Ok(());
        }
        let keys: BTreeSet<&String> = told.keys().chain(want.keys()).collect();
        let differs = keys
            .into_iter()
            .find(|key| told.get(*key) != want.get(*key));
        let key = differs.ok_or("maps differ by some key")?;
        Err(format!(
            "{key}: {:?}, expected {:?}",
            told.get(key),
            want.get(key)
        ))
    }
}

/// A bucket's tally by the field names of Redis; what is zero is left out, as in [`Found::sums`].
fn fields(tally: &Tally) -> Sums {
    let fields = [
        ("execution_count", tally.executions),
        ("success_count", tally.successes),
        ("failure_count", tally.failures),
        ("timeout_count", tally.timeouts),
        ("duration_count", tally.durations.len() as i64),
        ("total_duration_ms", tally.durations.iter().sum()),
        ("input_tokens", tally.input),
        ("output_tokens", tally.output),
        ("cache_read_tokens", tally.cache_read),
        ("cache_write_tokens", tally.cache_write),
        ("total_tokens", tally.total),
        ("cost_micros", tally.cost_micros),
        ("unpriced_count", tally.unpriced),
    ];
    nonzero(fields.map(|(name, number)| (name.to_owned(), number)))
}

fn nonzero(sums: impl IntoIterator<Item = (String, i64)>) -> Sums {
    sums.into_iter()
        .filter(|(_, number)| *number != 0)
        .collect()
}

/// Whether a bucket that ends at `end_ms` still has its key `days` days later.
pub(super) fn lives(end_ms: i64, days: i64) -> bool {
    end_ms + days * DAY_MS > now_ms()
}

pub(super) fn end_of_day(day: &str) -> i64 {
    let midnight: jiff::Timestamp = format!("{day}T00:00:00Z").parse().expect("a day");
    midnight.as_millisecond() + DAY_MS
}

fn hourly(world: &World) -> Keys {
    let hour_end = |one: &Ended| (one.end_ms.div_euclid(HOUR_MS) + 1) * HOUR_MS;
    let by = world.by(|one| {
        (
            hour_end(one),
            format!("metrics:hourly:{}:{}", hour(one.end_ms), one.kind),
        )
    });
    let living = by.into_iter().filter(|((end_ms, _), _)| lives(*end_ms, 7));
    living
        .map(|((_, key), tally)| (key, fields(&tally)))
        .collect()
}

/// The sums of each day, and its executions by hour and by type.
fn daily(world: &World) -> Keys {
    let mut days = tallies(world.by(Ended::day), "metrics:daily:", 90);
    for one in &world.ended {
        if let Some(sums) = days.get_mut(&format!("metrics:daily:{}", one.day())) {
            let hour = &hour(one.end_ms)[11..];
            for part in [format!("hour:{hour}"), format!("type:{}", one.kind)] {
                *sums.entry(format!("execution_count:{part}")).or_default() += 1;
            }
        }
    }
    days
}

/// Keys of buckets whose name begins with their day.
fn tallies(by: BTreeMap<String, Tally>, family: &str, days: i64) -> Keys {
    let living = by
        .into_iter()
        .filter(|(name, _)| lives(end_of_day(&name[..10]), days));
    living
        .map(|(name, tally)| (format!("{family}{name}"), fields(&tally)))
        .collect()
}

fn tools(found: &mut Found, world: &World) -> Check {
    let days: BTreeSet<String> = world.ended.iter().map(Ended::day).collect();
    let (mut calls, mut executions) = (Keys::new(), Keys::new());
    let (mut of_kinds, mut pairs) = (Keys::new(), Keys::new());
    for day in &days {
        let end_ms = end_of_day(day);
        let here = |one: &Ended| one.day() == *day;
        if lives(end_ms, 90) {
            calls.insert(format!("tools:usage:{day}"), world.tool_calls(here));
            executions.insert(
                format!("tools:executions:{day}"),
                world.tool_executions(here),
            );
        }
        if lives(end_ms, 8) {
            pairs.insert(format!("tools:pairs:{day}"), world.tool_pairs(here));
            for one in world.ended.iter().filter(|one| here(one)) {
                let of_kind = world.tool_calls(|other| here(other) && other.kind == one.kind);
                of_kinds.insert(format!("tools:agents:{day}:{}", one.kind), of_kind);
            }
        }
    }
    for (family, mut want) in [
        ("tools:usage:", calls),
        ("tools:executions:", executions),
        ("tools:agents:", of_kinds),
        ("tools:pairs:", pairs),
    ] {
        want.retain(|_, sums| !sums.is_empty());
        found.compare("ZRANGE", family, want)?;
    }
    Ok(())
}

/// The sketch of an agent's day holds every known duration once, within one per cent.
fn sketches(found: &mut Found, world: &World) -> Check {
    for (key, tally) in world.by(|one| (one.name.clone(), one.day())) {
        let key = (
            format!("agent:performance:{}:{}", key.0, key.1),
            end_of_day(&key.1),
        );
        if !lives(key.1, 8) {
            continue;
        }
        let mut told: Vec<i64> = Vec::new();
        for (lowest_ms, count) in found.sums("HGETALL", &key.0)? {
            let lowest_ms: i64 = lowest_ms
                .parse()
                .map_err(|_| format!("{}: {lowest_ms}", key.0))?;
            let count = usize::try_from(count).map_err(|_| format!("{}: {count}", key.0))?;
            told.extend(std::iter::repeat_n(lowest_ms, count));
        }
        told.sort_unstable();
        let close = |(told, exact): (&i64, &i64)| {
            (exact - told) as f64 <= (*exact as f64 / 100.0).max(1.0) && told <= exact
        };
        if told.len() != tally.durations.len() || !told.iter().zip(&tally.durations).all(close) {
            return Err(format!(
                "{}: {told:?}, expected {:?}",
                key.0, tally.durations
            ));
        }
    }
    Ok(())
}

/// The durations of an agent, and beside them when each ended, in seconds.
fn durations(found: &mut Found, world: &World) -> Check {
    let names: BTreeSet<&String> = world.ended.iter().map(|one| &one.name).collect();
    for name in names {
        let recent = |one: &&Ended| &one.name == name && one.end_ms > now_ms() - 7 * DAY_MS;
        let runs = world.ended.iter().filter(recent);
        let lasted = runs.filter_map(|one| Some((one, one.duration_ms?)));
        let want: BTreeMap<String, (i64, i64)> = lasted
            .map(|(one, ms)| (one.id.clone(), (ms, one.end_ms)))
            .collect();
        if want.len() > DURATIONS {
            continue;
        }
        let (key, ends) = (
            format!("agent:performance:{name}:duration"),
            format!("agent:performance:{name}:ended"),
        );
        let mut told = BTreeMap::new();
        let ended_ms = found.scores(&ends)?;
        for (id, ms) in found.scores(&key)? {
            let at_s = ended_ms.get(&id).ok_or(format!("{id} is not in {ends}"))?;
            told.insert(id, (ms as i64, (at_s * 1e3).round() as i64));
        }
        // What has no end of its own ended when it was received, by whichever clock.
        let is_right = |(id, lasted): (&String, &(i64, i64))| {
            let want: Option<&(i64, i64)> = want.get(id);
            want.is_some_and(|want| want.0 == lasted.0 && (want.1 - lasted.1).abs() < 60_000)
        };
        let is_part = told.iter().all(is_right);
        // The list of those without a name was longer until their starts came and gave them one:
        // what it had no room for then is not in it now.
        if name == "unknown" && is_part {
            continue;
        }
        if !is_part || told.len() != want.len() || ended_ms.len() != told.len() {
            return Err(format!("{key}: {told:?}, expected {want:?}"));
        }
    }
    Ok(())
}
