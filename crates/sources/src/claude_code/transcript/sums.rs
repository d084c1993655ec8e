//! The lines of one turn, added up.

use std::collections::HashSet;

use super::hash::{hash, table_bytes};
use super::line::{Line, api_failure};
use super::messages::MessageKey;
use super::requests::{NAME_BYTES, Requests};
use crate::clean::clean_name;
use agentpulse_core::event::SeenEnd;
use agentpulse_core::names::OTHER;
use agentpulse_core::price::Prices;
use agentpulse_core::usage::Usage;

/// Ids of tool calls, and as many of failed ones, 16 bytes each. Beyond this none are counted.
pub const MAX_TOOL_IDS: usize = 100_000;
/// Distinct tools of one turn. The rest counts under [`OTHER`].
pub const MAX_TOOLS: usize = 256;

#[derive(Debug, Default)]
pub struct Sums {
    requests: Requests,
    tool_calls: HashSet<u128>,
    tool_errors: HashSet<u128>,
    /// The user interrupted the model, which said nothing since.
    interrupted_ms: Option<i64>,
    /// In which the turn began.
    folder: Option<String>,
    usage: Usage,
}

impl Sums {
    /// `from` is the offset in the file, in bytes, of the first line that will come.
    pub fn new(from: u64) -> Sums {
        let mut sums = Sums::default();
        sums.usage.end_offset = from;
        sums
    }

    /// Takes the next line. `end` is the offset behind it.
    pub fn add(&mut self, line: &Line, bytes: &[u8], end: u64) {
        self.usage.end_offset = end;
        let time_ms = line.time_ms();
        if let Some(time_ms) = time_ms.filter(|_| !line.is_meta()) {
            let usage = &mut self.usage;
            usage.first_ms = Some(usage.first_ms.map_or(time_ms, |first| first.min(time_ms)));
            usage.last_ms = Some(usage.last_ms.map_or(time_ms, |last| last.max(time_ms)));
        }
        if self.folder.is_none() {
            // The branch is that of this folder: a later line may be of another.
            self.folder = line.folder().map(str::to_owned);
            let branch = self.folder.as_ref().and_then(|_| line.branch());
            self.usage.branch = branch.map(str::to_owned).and_then(clean_name);
        }
        if line.is_interrupt() {
            self.interrupted_ms = time_ms.or(self.usage.last_ms);
        }
        if line.is_assistant() {
            self.interrupted_ms = None;
            self.usage.is_final = line.is_final();
            self.usage.failure = line.is_api_failure().then(|| api_failure(bytes));
            self.usage.api_errors += u64::from(line.is_api_failure());
        }
        if let Some(stated) = line.stated() {
            self.requests
                .add(stated, time_ms.or(self.usage.last_ms), end);
        }
        self.tools(line);
    }

    /// The messages that count, each with the time of its line.
    pub fn messages(&self) -> impl Iterator<Item = (MessageKey, i64)> {
        self.requests.messages()
    }

    /// Leaves out messages that belong to another transcript.
    pub fn leave_out(&mut self, messages: &HashSet<MessageKey>) {
        self.requests.leave_out(messages);
    }

    /// A line that says nothing.
    pub fn skip(&mut self, end: u64) {
        self.usage.end_offset = end;
    }

    /// The end that the lines show, if they show one.
    pub fn end(&self) -> Option<SeenEnd> {
        if self.interrupted_ms.is_some() {
            return self.interrupted();
        }
        let failure = self.usage.failure.as_ref();
        Some(SeenEnd {
            at_ms: self.usage.last_ms.filter(|_| self.usage.is_final)?,
            failure: failure.map(|failure| failure.kind.clone()),
        })
    }

    pub fn interrupted(&self) -> Option<SeenEnd> {
        self.interrupted_ms.map(SeenEnd::interrupted)
    }

    pub fn is_final(&self) -> bool {
        self.usage.is_final
    }

    pub fn folder(&self) -> Option<&str> {
        self.folder.as_deref()
    }

    /// The offset in the file, in bytes, behind the last line that was taken.
    pub fn end_offset(&self) -> u64 {
        self.usage.end_offset
    }

    /// What the lines so far amount to.
    pub fn usage(&self, prices: &Prices) -> Usage {
        let cost_micros = self.requests.cost_micros(prices);
        let usage = Usage {
            models: self.requests.by_model(),
            tool_errors: self.tool_errors.len() as u64,
            cost_micros,
            unpriced: cost_micros.is_none(),
            ..self.usage.clone()
        };
        usage.capped()
    }

    /// How much memory it takes, in bytes, also of what its tables have room for.
    pub fn bytes(&self) -> usize {
        let ids = [&self.tool_calls, &self.tool_errors].map(HashSet::capacity);
        let ids: usize = ids.into_iter().map(table_bytes::<u128>).sum();
        let names = self.usage.tool_calls.keys();
        let names: usize = names.map(|name| NAME_BYTES + name.len()).sum();
        let failure = self.usage.failure.as_ref();
        let failure = failure.map_or(0, |failure| {
            failure.kind.len() + failure.message.as_ref().map_or(0, String::len)
        });
        let place =
            [&self.folder, &self.usage.branch].map(|text| text.as_ref().map_or(0, String::len));
        self.requests.bytes() + ids + names + failure + place.iter().sum::<usize>()
    }

    fn tools(&mut self, line: &Line) {
        for (id, tool) in line.tool_calls() {
            if self.tool_calls.len() >= MAX_TOOL_IDS || !self.tool_calls.insert(hash(id)) {
                continue;
            }
            let calls = &mut self.usage.tool_calls;
            let has_room = |name: &String| calls.len() < MAX_TOOLS || calls.contains_key(name);
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
}
