//! The lines of one turn, added up.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::ControlFlow;

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::line::{Line, api_failure};
use super::span::{OLDER_THAN_ITS_TURN_MS, Span};
use super::stated::{Part, Stated};
use crate::clean::clean_name;
use agentpulse_core::bucket::Day;
use agentpulse_core::names::OTHER;
use agentpulse_core::price::{Prices, Request, Terms, Tokens};
use agentpulse_core::usage::Usage;

/// Requests of one slice, each some 80 bytes while it is read. A run of a day makes a few
/// thousand. Beyond this the usage is a lower bound, and its cost unknown.
pub const MAX_REQUESTS: usize = 100_000;
/// Ids of tool calls, and as many of failed ones, 16 bytes each. Beyond this none are counted.
pub const MAX_TOOL_IDS: usize = 100_000;
/// Distinct models, and distinct tools, of one slice. The rest counts under [`OTHER`]; a model
/// without its name has no price.
pub const MAX_NAMES: usize = 256;

/// Reads the lines of a transcript from where a turn begins to where it ends.
///
/// A turn ends before the prompt of the next one: a prompt later than the turn's stop, after a
/// line of the model or one that is not later than the stop. Lines of the model are the turn's
/// even when they are later, because the client writes the last of them after the stop.
///
/// Where the stamps of the lines cannot tell, a prompt after a final message of the model is the
/// next turn's: when it was not told when the turn began, or when the lines are older than that
/// (a clock that was set, a run that is told once more).
///
/// Ids are kept as hashes of 128 bits, so that the memory does not depend on their length.
#[derive(Debug)]
pub struct Slice {
    span: Span,
    has_begun: bool,
    requests: HashMap<u128, Kept>,
    /// Samplings of all requests.
    samplings: usize,
    /// Not all requests found room.
    is_partial: bool,
    asked: Vec<Asked>,
    tool_calls: HashSet<u128>,
    tool_errors: HashSet<u128>,
    usage: Usage,
}

/// Of a name beside its text: its place in a list or a map.
const NAME_BYTES: usize = 64;

/// A model, and the terms on which it was asked.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    model: String,
    speed: String,
    region: String,
}

/// What is kept of a request.
#[derive(Debug)]
struct Kept {
    day: Option<Day>,
    is_whole: bool,
    first: Sampling,
    others: Box<[Sampling]>,
}

#[derive(Debug)]
struct Sampling {
    asked: u32,
    web_searches: u64,
    is_request: bool,
    is_known: bool,
    tokens: Tokens,
}

impl Slice {
    /// `from` is the offset in the file, in bytes, of the first line that will come. Without a
    /// stop the turn is all that comes.
    pub fn new(from: u64, span: Span) -> Slice {
        Slice {
            span,
            has_begun: false,
            requests: HashMap::new(),
            samplings: 0,
            is_partial: false,
            asked: Vec::new(),
            tool_calls: HashSet::new(),
            tool_errors: HashSet::new(),
            usage: Usage {
                end_offset: from,
                ..Usage::default()
            },
        }
    }

    /// Takes the next line. `end` is the offset behind it. `is_ended` says whether its newline
    /// was there: without one a line counts when it is whole, since nothing can follow the end
    /// of an object; else it is torn, and left to whoever reads on from here.
    ///
    /// Break means that the line is the next turn's, and that no more need to come.
    pub fn line(&mut self, bytes: &[u8], end: u64, is_ended: bool) -> ControlFlow<()> {
        let Some(line) = Line::parse(bytes) else {
            if is_ended {
                self.usage.end_offset = end;
            }
            return ControlFlow::Continue(());
        };
        let time_ms = line.time_ms();
        if self.ends_before(&line, time_ms) {
            return ControlFlow::Break(());
        }
        self.usage.end_offset = end;
        let is_in_time = time_ms.is_some_and(|time_ms| Some(time_ms) <= self.span.ended_ms);
        self.has_begun |= line.is_assistant() || is_in_time;
        if let Some(time_ms) = time_ms.filter(|_| !line.is_meta()) {
            let usage = &mut self.usage;
            usage.first_ms = Some(usage.first_ms.map_or(time_ms, |first| first.min(time_ms)));
            usage.last_ms = Some(usage.last_ms.map_or(time_ms, |last| last.max(time_ms)));
        }
        if line.is_assistant() {
            self.usage.is_final = line.is_final();
            self.usage.failure = line.is_api_failure().then(|| api_failure(bytes));
            self.usage.api_errors += u64::from(line.is_api_failure());
        }
        if let Some(stated) = line.stated() {
            self.request(stated, time_ms.or(self.usage.last_ms), end);
        }
        self.tools(&line);
        ControlFlow::Continue(())
    }

    /// What the lines so far amount to.
    pub fn usage(&self, prices: &Prices) -> Usage {
        let mut usage = self.usage.clone();
        for sampling in self.requests.values().flat_map(Kept::samplings) {
            let name = &self.asked[sampling.asked as usize].model;
            let model = usage.models.entry(name.clone()).or_default();
            model.requests += u64::from(sampling.is_request);
            model.add(&sampling.tokens);
            model.web_searches = model.web_searches.saturating_add(sampling.web_searches);
        }
        usage.tool_errors = self.tool_errors.len() as u64;
        usage.cost_micros = self.cost_micros(prices);
        usage.unpriced = usage.cost_micros.is_none();
        usage.capped()
    }

    /// The offset in the file, in bytes, behind the last line that was taken.
    pub fn end_offset(&self) -> u64 {
        self.usage.end_offset
    }

    /// How much memory it takes, in bytes, also of what its tables have room for.
    pub fn bytes(&self) -> usize {
        let requests = table_bytes::<(u128, Kept)>(self.requests.capacity());
        let ids = [&self.tool_calls, &self.tool_errors].map(HashSet::capacity);
        let ids: usize = ids.into_iter().map(table_bytes::<u128>).sum();
        let others = self.samplings.saturating_sub(self.requests.len());
        let others = others * size_of::<Sampling>();
        let asked = self.asked.iter();
        let asked = asked.flat_map(|asked| [&asked.model, &asked.speed, &asked.region]);
        let names = asked.chain(self.usage.tool_calls.keys());
        let names: usize = names.map(|name| NAME_BYTES + name.len()).sum();
        let failure = self.usage.failure.as_ref();
        let failure = failure.map_or(0, |failure| {
            failure.kind.len() + failure.message.as_ref().map_or(0, String::len)
        });
        size_of::<Slice>() + requests + others + ids + names + failure
    }

    fn ends_before(&self, line: &Line, time_ms: Option<i64>) -> bool {
        let (Some(time_ms), Some(ended_ms)) = (time_ms, self.span.ended_ms) else {
            return false;
        };
        let started_ms = self.span.started_ms;
        let cannot_tell = started_ms
            .is_none_or(|started_ms| time_ms < started_ms.saturating_sub(OLDER_THAN_ITS_TURN_MS));
        let is_later = time_ms > ended_ms || cannot_tell && self.usage.is_final;
        self.has_begun && is_later && line.is_prompt()
    }

    /// A message is written once for each of its blocks, with all of its usage. Where the lines
    /// differ, the last of those counts that say that the message is whole; without any, the one
    /// with the largest total.
    fn request(&mut self, stated: Stated, time_ms: Option<i64>, end: u64) {
        let key = key(&stated, end);
        let (known, before) = match self.requests.get(&key) {
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
        let is_whole = stated.is_whole;
        let parts = stated.parts.into_iter();
        let mut parts: VecDeque<Sampling> = parts.map(|part| self.sampling(part)).collect();
        if let Some(first) = parts.pop_front() {
            let kept = Kept {
                day: time_ms.map(Day::of),
                is_whole,
                first,
                others: Vec::from(parts).into(),
            };
            self.requests.insert(key, kept);
        }
    }

    fn sampling(&mut self, part: Part) -> Sampling {
        Sampling {
            asked: self.asked(part.model, part.speed, part.region),
            web_searches: part.web_searches,
            is_request: part.is_request,
            is_known: part.is_known,
            tokens: part.tokens,
        }
    }

    /// The place of a model's name with its terms.
    fn asked(&mut self, model: String, speed: String, region: String) -> u32 {
        let known = |all: &[Asked], one: &Asked| all.iter().position(|own| own == one);
        let is_full = self.asked.len() >= MAX_NAMES;
        let name = |name: String| match name.is_empty() {
            true => name,
            false => clean_name(name).unwrap_or_else(|| OTHER.to_owned()),
        };
        let mut asked = Asked {
            model: clean_name(model).unwrap_or_else(|| OTHER.to_owned()),
            speed: name(speed),
            region: name(region),
        };
        if is_full && known(&self.asked, &asked).is_none() {
            asked = Asked {
                model: OTHER.to_owned(),
                speed: String::new(),
                region: String::new(),
            };
        }
        let place = known(&self.asked, &asked).unwrap_or_else(|| {
            self.asked.push(asked);
            self.asked.len() - 1
        });
        place as u32
    }

    fn tools(&mut self, line: &Line) {
        for (id, tool) in line.tool_calls() {
            if self.tool_calls.len() >= MAX_TOOL_IDS || !self.tool_calls.insert(hash(id)) {
                continue;
            }
            let calls = &mut self.usage.tool_calls;
            let has_room = |name: &String| calls.len() < MAX_NAMES || calls.contains_key(name);
            let tool = clean_name(tool.to_owned()).filter(has_room);
            *calls
                .entry(tool.unwrap_or_else(|| OTHER.to_owned()))
                .or_default() += 1;
        }
        for id in line.tool_errors() {
            if self.tool_errors.len() < MAX_TOOL_IDS {
                self.tool_errors.insert(hash(id));
            }
        }
    }

    fn cost_micros(&self, prices: &Prices) -> Option<i64> {
        if self.is_partial {
            return None;
        }
        let mut days: HashMap<Day, String> = HashMap::new();
        for request in self.requests.values() {
            let day = request.day?;
            days.entry(day).or_insert_with(|| day.to_string());
        }
        let samplings = self.requests.values().flat_map(|request| {
            let day = request.day.map_or("", |day| &*days[&day]);
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
}

impl Kept {
    fn samplings(&self) -> impl Iterator<Item = &Sampling> + Clone {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn total(&self) -> u64 {
        let totals = self.samplings().map(|sampling| sampling.tokens.total());
        totals.fold(0, u64::saturating_add)
    }
}

/// Which request a line belongs to. A line that names neither its message nor its request is one
/// of its own, known by its place.
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

/// A table has an eighth more places than it says, and a byte beside each.
fn table_bytes<T>(capacity: usize) -> usize {
    capacity.div_ceil(7) * 8 * (size_of::<T>() + 1)
}

fn hash(id: &str) -> u128 {
    xxh3_128(id.as_bytes())
}
