//! The requests of one turn, each counted once.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use xxhash_rust::xxh3::Xxh3;

use super::hash::{hash, table_bytes};
use super::messages::MessageKey;
use super::stated::{Part, Stated};
use crate::clean::clean_name;
use agentpulse_core::bucket::Day;
use agentpulse_core::names::OTHER;
use agentpulse_core::price::{Prices, Request, Terms, Tokens};
use agentpulse_core::usage::ModelUsage;

/// Requests of one turn, each some 100 bytes while it is read. A run of a day makes a few
/// thousand. Beyond this the usage is a lower bound, and its cost unknown.
pub const MAX_REQUESTS: usize = 100_000;
/// Distinct models of one turn, with the terms on which they were asked. The rest counts under
/// [`OTHER`]; a model without its name has no price.
pub const MAX_MODELS: usize = 256;
/// Of a name beside its text: its entry in a list or a map.
pub const NAME_BYTES: usize = 64;

/// What a turn asked of models.
#[derive(Debug, Default)]
pub struct Requests {
    by_id: HashMap<u128, Kept>,
    /// Samplings of all requests.
    samplings: usize,
    /// Not all requests found room.
    is_partial: bool,
    asked: Vec<Asked>,
}

/// A model, and the terms on which it was asked.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    model: String,
    speed: String,
    region: String,
}

#[derive(Debug)]
struct Kept {
    message: Option<MessageKey>,
    time_ms: Option<i64>,
    is_whole: bool,
    first: Sampling,
    others: Box<[Sampling]>,
}

/// A [`Part`] with its names in a list.
#[derive(Debug)]
struct Sampling {
    asked: u32,
    is_request: bool,
    is_known: bool,
    web_searches: u64,
    tokens: Tokens,
}

impl Requests {
    /// A message is written once for each of its blocks, with all of its usage. Where the lines
    /// differ, the last of those counts that say that the message is whole; without any, the one
    /// with the largest total. `end` is the offset in the file behind the line.
    pub fn add(&mut self, stated: Stated, time_ms: Option<i64>, end: u64) {
        let key = key(&stated, end);
        let (known, before) = match self.by_id.get(&key) {
            Some(known) => (Some(known), known.samplings().count()),
            None => (None, 0),
        };
        let is_old = known.is_some_and(|known| match (known.is_whole, stated.is_whole) {
            (true, is_whole) => !is_whole,
            (false, true) => false,
            (false, false) => known.total() >= stated.total(),
        });
        if is_old {
            return;
        }
        let samplings = self.samplings - before + stated.parts.len();
        if samplings > MAX_REQUESTS {
            self.is_partial = true;
            return;
        }
        self.samplings = samplings;
        let parts = stated.parts.into_iter();
        let mut parts: VecDeque<Sampling> = parts.map(|part| self.sampling(part)).collect();
        if let Some(first) = parts.pop_front() {
            let kept = Kept {
                message: stated.message_id.map(MessageKey::new),
                time_ms,
                is_whole: stated.is_whole,
                first,
                others: Vec::from(parts).into(),
            };
            self.by_id.insert(key, kept);
        }
    }

    /// The messages, each with the time of its line.
    pub fn messages(&self) -> impl Iterator<Item = (MessageKey, i64)> {
        let all = self.by_id.values();
        all.filter_map(|kept| Some((kept.message?, kept.time_ms?)))
    }

    pub fn leave_out(&mut self, messages: &HashSet<MessageKey>) {
        let is_out = |kept: &Kept| kept.message.is_some_and(|key| messages.contains(&key));
        self.by_id.retain(|_, kept| !is_out(kept));
    }

    pub fn by_model(&self) -> BTreeMap<String, ModelUsage> {
        let mut models: BTreeMap<String, ModelUsage> = BTreeMap::new();
        for sampling in self.by_id.values().flat_map(Kept::samplings) {
            let name = &self.asked[sampling.asked as usize].model;
            let model = models.entry(name.clone()).or_default();
            model.requests += u64::from(sampling.is_request);
            model.add(&sampling.tokens);
            model.web_searches = model.web_searches.saturating_add(sampling.web_searches);
        }
        models
    }

    /// None where one of them has no price.
    pub fn cost_micros(&self, prices: &Prices) -> Option<i64> {
        if self.is_partial {
            return None;
        }
        let mut days: HashMap<Day, String> = HashMap::new();
        for request in self.by_id.values() {
            let day = request.day()?;
            days.entry(day).or_insert_with(|| day.to_string());
        }
        let samplings = self.by_id.values().flat_map(|request| {
            let day = request.day().map_or("", |day| &*days[&day]);
            request.samplings().map(move |sampling| (day, sampling))
        });
        if samplings.clone().any(|(_, sampling)| !sampling.is_known) {
            return None;
        }
        prices.cost_of_requests(samplings.map(|(day, sampling)| {
            let asked = &self.asked[sampling.asked as usize];
            Request {
                model: &asked.model,
                terms: Terms {
                    speed: &asked.speed,
                    region: &asked.region,
                },
                day,
                tokens: sampling.tokens,
                web_searches: sampling.web_searches,
            }
        }))
    }

    /// How much memory it takes, in bytes, also of what its table has room for.
    pub fn bytes(&self) -> usize {
        let others = self.samplings.saturating_sub(self.by_id.len());
        let asked = self.asked.iter();
        let names = asked.flat_map(|asked| [&asked.model, &asked.speed, &asked.region]);
        table_bytes::<(u128, Kept)>(self.by_id.capacity())
            + others * size_of::<Sampling>()
            + names.map(|name| NAME_BYTES + name.len()).sum::<usize>()
    }

    fn sampling(&mut self, part: Part) -> Sampling {
        Sampling {
            asked: self.asked(part.model, part.speed, part.region),
            is_request: part.is_request,
            is_known: part.is_known,
            web_searches: part.web_searches,
            tokens: part.tokens,
        }
    }

    /// The index of a model with its terms.
    fn asked(&mut self, model: String, speed: String, region: String) -> u32 {
        let term = |term: String| match term.is_empty() {
            true => term,
            false => clean_name(term).unwrap_or_else(|| OTHER.to_owned()),
        };
        let mut asked = Asked {
            model: clean_name(model).unwrap_or_else(|| OTHER.to_owned()),
            speed: term(speed),
            region: term(region),
        };
        if self.asked.len() >= MAX_MODELS && !self.asked.contains(&asked) {
            asked = Asked {
                model: OTHER.to_owned(),
                speed: String::new(),
                region: String::new(),
            };
        }
        let known = self.asked.iter().position(|known| *known == asked);
        let index = known.unwrap_or_else(|| {
            self.asked.push(asked);
            self.asked.len() - 1
        });
        index as u32
    }
}

impl Kept {
    fn day(&self) -> Option<Day> {
        self.time_ms.map(Day::utc_of)
    }

    fn samplings(&self) -> impl Iterator<Item = &Sampling> + Clone {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn total(&self) -> u64 {
        let totals = self.samplings().map(|sampling| sampling.tokens.total());
        totals.fold(0, u64::saturating_add)
    }
}

/// Which request a line belongs to. A line that names neither its message nor its request is one
/// of its own, known by its position.
fn key(stated: &Stated, end: u64) -> u128 {
    let mut hasher = Xxh3::new();
    match (stated.message_id, stated.request_id) {
        (None, None) => hasher.update(&end.to_le_bytes()),
        (message_id, request_id) => {
            for id in [message_id, request_id] {
                // Apart, so that no two pairs are written alike.
                hasher.update(&id.map_or(u128::MAX, hash).to_le_bytes());
            }
        }
    }
    hasher.digest128()
}
