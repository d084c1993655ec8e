//! The lines of one turn, added up.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::line::{Line, Stated, api_failure};
use super::span::{OLDER_THAN_ITS_TURN_MS, Span};
use crate::clean::clean_name;
use agentpulse_core::bucket::Day;
use agentpulse_core::names::OTHER;
use agentpulse_core::price::{Prices, Request, Tokens};
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
    /// Not all requests found room.
    is_partial: bool,
    models: Vec<String>,
    tool_calls: HashSet<u128>,
    tool_errors: HashSet<u128>,
    usage: Usage,
}

/// Of a name beside its text: its place in a list or a map.
const NAME_BYTES: usize = 64;

/// What is kept of a request.
#[derive(Debug)]
struct Kept {
    model: usize,
    day: Option<Day>,
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
            is_partial: false,
            models: Vec::new(),
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
            self.request(&stated, time_ms.or(self.usage.last_ms), end);
        }
        self.tools(&line);
        ControlFlow::Continue(())
    }

    /// What the lines so far amount to.
    pub fn usage(&self, prices: &Prices) -> Usage {
        let mut usage = self.usage.clone();
        for request in self.requests.values() {
            let name = &self.models[request.model];
            let model = usage.models.entry(name.clone()).or_default();
            model.requests += 1;
            model.add(&request.tokens);
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
        let names = self.models.iter().chain(self.usage.tool_calls.keys());
        let names: usize = names.map(|name| NAME_BYTES + name.len()).sum();
        let failure = self.usage.failure.as_ref();
        let failure = failure.map_or(0, |failure| {
            failure.kind.len() + failure.message.as_ref().map_or(0, String::len)
        });
        size_of::<Slice>() + requests + ids + names + failure
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

    /// A message is written once for each of its blocks, with all of its usage; where the lines
    /// differ, an early one was written before the message was complete.
    fn request(&mut self, stated: &Stated, time_ms: Option<i64>, end: u64) {
        let key = key(stated, end);
        let is_known = self.requests.contains_key(&key);
        if !is_known && self.requests.len() >= MAX_REQUESTS {
            self.is_partial = true;
            return;
        }
        let kept = Kept {
            model: self.model(stated.model),
            day: time_ms.map(Day::of),
            tokens: stated.tokens,
        };
        match self.requests.get_mut(&key) {
            Some(known) if known.tokens.total() >= kept.tokens.total() => {}
            Some(known) => *known = kept,
            None => {
                self.requests.insert(key, kept);
            }
        }
    }

    /// The place of a model's name.
    fn model(&mut self, model: &str) -> usize {
        let known = |models: &[String], name: &str| models.iter().position(|own| own == name);
        if let Some(place) = known(&self.models, model) {
            return place;
        }
        let is_full = self.models.len() >= MAX_NAMES;
        let name = clean_name(model.to_owned()).filter(|_| !is_full);
        let name = name.unwrap_or_else(|| OTHER.to_owned());
        known(&self.models, &name).unwrap_or_else(|| {
            self.models.push(name);
            self.models.len() - 1
        })
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
        prices.cost_of_requests(self.requests.values().map(|request| Request {
            model: &self.models[request.model],
            day: request.day.map_or("", |day| &days[&day]),
            tokens: request.tokens,
        }))
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
