//! What a run's tokens cost, by `config/prices.toml`, whose head states the units.
//!
//! Cost in micro-dollars = Σ tokens × rate / 1,000,000 × region + Σ uses × price, where a rate is
//! in micro-dollars per million tokens, and a region's factor in millionths: all integers, and
//! rounded once, half up.

mod changes;
mod listing;
mod model_id;

use std::collections::HashMap;

use serde::Deserialize;

pub use changes::Changes;
pub use listing::Listed;
pub use model_id::normalised;

/// A table of a few hundred models with all their changes; a cap keeps a wrong file small.
const MAX_ROWS: usize = 1_000;
/// A million dollars per million tokens. It keeps every sum far inside an `i128`.
const MAX_DOLLARS_PER_MILLION: f64 = 1e6;
const MICROS_PER_DOLLAR: f64 = 1e6;
/// A region's factor, at most.
const MAX_FACTOR: f64 = 1_000.0;
const MILLION: i128 = 1_000_000;
/// Sums are in millionths of millionths of a micro-dollar.
const PER_MICRO: i128 = MILLION * MILLION;
/// How errors name the form of a day.
pub const A_DAY: &str = "a day such as \"2026-10-07\"";
/// What a client writes where a request has no speed of its own.
const STANDARD: &str = "standard";

/// A table of prices by model, speed, day and length of the prompt.
#[derive(Debug, Clone)]
pub struct Prices {
    /// The day on which its prices were those of the list.
    date: Option<String>,
    by_model: HashMap<String, Vec<Tier>>,
    /// Micro-dollars for one web search.
    web_search: Option<i64>,
    /// Millionths by which the cost of tokens is multiplied, by the name of a region.
    regions: HashMap<String, i64>,
}

/// Tokens of a request, or of all requests of a run; each is counted under one name only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Uncached input.
    pub input: u64,
    pub output: u64,
    /// Input read from the prompt cache.
    pub cache_read: u64,
    /// Input written to the cache for 5 minutes; also where the client names no lifetime.
    pub cache_write_5m: u64,
    /// Input written to the cache for 1 hour.
    pub cache_write_1h: u64,
}

/// One request to a model.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub model: &'a str,
    pub terms: Terms<'a>,
    /// `YYYY-MM-DD`, UTC.
    pub day: &'a str,
    pub tokens: Tokens,
    pub web_searches: u64,
}

/// What gives a request another price than its model has; empty: nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms<'a> {
    /// `fast`, for example.
    pub speed: &'a str,
    /// The region in which the provider has to answer.
    pub region: &'a str,
}

impl Tokens {
    /// A usage of which no more than input and output is known.
    pub fn uncached(input: u64, output: u64) -> Self {
        Self {
            input,
            output,
            ..Self::default()
        }
    }

    /// Each kind with its own.
    pub fn plus(&self, other: &Tokens) -> Tokens {
        Tokens {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write_5m: self.cache_write_5m.saturating_add(other.cache_write_5m),
            cache_write_1h: self.cache_write_1h.saturating_add(other.cache_write_1h),
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        let all = self.prompt() + u128::from(self.output);
        u64::try_from(all).unwrap_or(u64::MAX)
    }

    fn prompt(&self) -> u128 {
        [
            self.input,
            self.cache_read,
            self.cache_write_5m,
            self.cache_write_1h,
        ]
        .into_iter()
        .map(u128::from)
        .sum()
    }
}

impl Prices {
    /// Reads a table. The error says which line, or which row and model, is wrong.
    pub fn parse(toml_text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(toml_text).map_err(|error| error.to_string())?;
        if file.rows.len() > MAX_ROWS {
            return Err(format!(
                "{} rows, at most {MAX_ROWS} are allowed",
                file.rows.len()
            ));
        }
        if let Some(date) = file.date.as_ref().filter(|date| !is_day(date)) {
            return Err(format!("date is {date:?}, not {A_DAY}"));
        }
        let mut by_model: HashMap<String, Vec<Tier>> = HashMap::new();
        for (index, row) in file.rows.iter().enumerate() {
            let place = |reason| format!("price {}, {:?}: {reason}", index + 1, row.models);
            let tier = Tier::parse(index + 1, row).map_err(place)?;
            if row.models.is_empty() {
                return Err(place("models is empty".to_owned()));
            }
            for model in &row.models {
                by_model
                    .entry(normalised(model))
                    .or_default()
                    .push(tier.clone());
            }
        }
        for (model, tiers) in &mut by_model {
            tiers.sort_by(|a, b| a.place().cmp(&b.place()));
            check_order(tiers).map_err(|reason| format!("model {model:?}: {reason}"))?;
        }
        let each = file.tools.web_search;
        let web_search = each.map(|each| micros("tools.web_search", each));
        let factor = |(name, factor): (&String, &f64)| {
            let key = format!("regions.{name}");
            Ok((name.clone(), millionths(&key, *factor, MAX_FACTOR)?))
        };
        let regions = file.regions.iter().map(factor);
        Ok(Self {
            date: file.date,
            by_model,
            web_search: web_search.transpose()?,
            regions: regions.collect::<Result<_, String>>()?,
        })
    }

    /// The day (`YYYY-MM-DD`) on which these were the prices of the list, if the table says so.
    pub fn date(&self) -> Option<&str> {
        self.date.as_deref()
    }

    /// The cost, in micro-dollars, of a run of which only the totals are known.
    ///
    /// `at_day` is `YYYY-MM-DD`, UTC. `None` for a model the table does not know on that
    /// day, and where the price depends on the length of each prompt and the totals do not
    /// decide it: they do when all prompts together are within the lowest tier, since then
    /// so is each of them.
    pub fn cost_micros(&self, model: &str, tokens: &Tokens, at_day: &str) -> Option<i64> {
        let lowest = self.tiers(model, "", at_day)?.first()?;
        if !lowest.covers(tokens) {
            return None;
        }
        Some(rounded_micros(lowest.millionths(tokens) * MILLION))
    }

    /// The cost, in micro-dollars, of requests whose usage is known one by one: each at its own
    /// day and at the tier of its own prompt, whatever their models; rounded once, at the end.
    /// `None` when one of them has no price: a part of a cost would pass for the whole.
    pub fn cost_of_requests<'a>(&self, requests: impl Iterator<Item = Request<'a>>) -> Option<i64> {
        let mut sum: i128 = 0;
        for request in requests {
            sum = sum.saturating_add(self.cost_of(&request)?);
        }
        Some(rounded_micros(sum))
    }

    /// In millionths of millionths of a micro-dollar.
    fn cost_of(&self, request: &Request) -> Option<i128> {
        let tiers = self.tiers(request.model, request.terms.speed, request.day)?;
        let tier = tiers.iter().find(|tier| tier.covers(&request.tokens))?;
        let factor = match request.terms.region {
            "" => MILLION,
            region => i128::from(*self.regions.get(region)?),
        };
        let tokens = tier.millionths(&request.tokens).saturating_mul(factor);
        let searches = match request.web_searches {
            0 => 0,
            count => i128::from(count) * i128::from(self.web_search?),
        };
        Some(tokens.saturating_add(searches.saturating_mul(PER_MICRO)))
    }

    /// A model's tiers at a speed on a day, the shortest prompts first.
    fn tiers(&self, model: &str, speed: &str, at_day: &str) -> Option<&[Tier]> {
        let all = self.by_model.get(&normalised(model))?;
        let speed = if speed == STANDARD { "" } else { speed };
        let first = all.partition_point(|tier| tier.speed.as_str() < speed);
        let all = &all[first..];
        let all = &all[..all.partition_point(|tier| tier.speed == speed)];
        let known = &all[..all.partition_point(|tier| tier.from.as_str() <= at_day)];
        let latest = &known.last()?.from;
        Some(&known[known.partition_point(|tier| tier.from < *latest)..])
    }
}

impl Default for Prices {
    /// The table the program is built with.
    fn default() -> Self {
        Self::parse(include_str!("../../../config/prices.toml"))
            .expect("the embedded table is read by the tests of this file")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    date: Option<String>,
    #[serde(rename = "price", default)]
    rows: Vec<Row>,
    #[serde(default)]
    tools: Tools,
    #[serde(default)]
    regions: HashMap<String, f64>,
}

/// Dollars for one use of what the provider runs by itself.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Tools {
    web_search: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    models: Vec<String>,
    #[serde(default)]
    speed: String,
    #[serde(default)]
    from: String,
    prompt_up_to: Option<u64>,
    input: f64,
    output: f64,
    cache_read: f64,
    cache_write_5m: f64,
    cache_write_1h: f64,
}

/// A row's rates, in micro-dollars per million tokens.
#[derive(Debug, Clone, PartialEq)]
struct Tier {
    /// The row of the table, from 1.
    row: usize,
    /// Empty in a row of the usual speed.
    speed: String,
    /// The first day, or empty: from the beginning, which sorts before every day.
    from: String,
    /// The longest prompt; `u128::MAX` in the last tier of a day.
    prompt_up_to: u128,
    input: i64,
    output: i64,
    cache_read: i64,
    cache_write_5m: i64,
    cache_write_1h: i64,
}

impl Tier {
    fn parse(number: usize, row: &Row) -> Result<Self, String> {
        if !row.from.is_empty() && !is_day(&row.from) {
            return Err(format!("from is {:?}, not {A_DAY}", row.from));
        }
        if row.speed == STANDARD {
            return Err(format!("speed is {STANDARD:?}, which a row without it has"));
        }
        Ok(Self {
            row: number,
            speed: row.speed.clone(),
            from: row.from.clone(),
            prompt_up_to: row.prompt_up_to.map_or(u128::MAX, u128::from),
            input: micros("input", row.input)?,
            output: micros("output", row.output)?,
            cache_read: micros("cache_read", row.cache_read)?,
            cache_write_5m: micros("cache_write_5m", row.cache_write_5m)?,
            cache_write_1h: micros("cache_write_1h", row.cache_write_1h)?,
        })
    }

    /// Rows of one model that have the same place contradict each other.
    fn place(&self) -> (&str, &str, u128) {
        (&self.speed, &self.from, self.prompt_up_to)
    }

    fn covers(&self, tokens: &Tokens) -> bool {
        tokens.prompt() <= self.prompt_up_to
    }

    /// The cost in millionths of a micro-dollar: below 5 × 2^64 × 10^12, far inside an `i128`.
    fn millionths(&self, tokens: &Tokens) -> i128 {
        let parts = [
            (tokens.input, self.input),
            (tokens.output, self.output),
            (tokens.cache_read, self.cache_read),
            (tokens.cache_write_5m, self.cache_write_5m),
            (tokens.cache_write_1h, self.cache_write_1h),
        ];
        let costs = parts.map(|(count, rate)| i128::from(count) * i128::from(rate));
        costs.into_iter().sum()
    }
}

/// What is beyond an `i64`, nine million million dollars, is its largest.
fn rounded_micros(sum: i128) -> i64 {
    let half_up = sum.saturating_add(PER_MICRO / 2);
    i64::try_from(half_up.div_euclid(PER_MICRO)).unwrap_or(i64::MAX)
}

/// Micro-dollars, exactly, from the dollars a table states.
fn micros(key: &str, dollars: f64) -> Result<i64, String> {
    millionths(key, dollars, MAX_DOLLARS_PER_MILLION)
}

fn millionths(key: &str, number: f64, max: f64) -> Result<i64, String> {
    if !(0.0..=max).contains(&number) {
        return Err(format!("{key} is {number}, not within 0..={max}"));
    }
    let millionths = (number * MICROS_PER_DOLLAR).round();
    if millionths / MICROS_PER_DOLLAR != number {
        return Err(format!("{key} is {number}: more than six decimals"));
    }
    Ok(millionths as i64)
}

/// Tiers, in order, must differ in speed, day or bound, and the last of each day must have none:
/// else some prompt would silently have no price, or two.
fn check_order(tiers: &[Tier]) -> Result<(), String> {
    for (index, tier) in tiers.iter().enumerate() {
        let of_day = |next: &&Tier| next.speed == tier.speed && next.from == tier.from;
        let next = tiers.get(index + 1).filter(of_day);
        let is_open = tier.prompt_up_to == u128::MAX;
        let day = if tier.from.is_empty() {
            "the beginning"
        } else {
            &tier.from
        };
        match next {
            Some(next) if next.prompt_up_to == tier.prompt_up_to => {
                return Err(format!("two prices from {day}"));
            }
            None if !is_open => {
                return Err(format!("no price from {day} above prompt_up_to"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_day(text: &str) -> bool {
    text.len() == "YYYY-MM-DD".len() && text.parse::<jiff::civil::Date>().is_ok()
}

#[cfg(test)]
mod tests;
