//! What an execution has only when hooks told of it: where its lines are, and what they said.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Catalog, Execution, Start, Stop, TokenUsage};
use crate::domain::transcript::Usage;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hooked {
    /// The file that holds the agent's lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// Counted from the hooks; what the transcript says wins.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tool_calls: BTreeMap<String, u64>,
    pub tool_errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u64>,
    /// The end for which the transcript was read, or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_for_ms: Option<i64>,
    /// The offset in the file, in bytes, from which it was read then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Box<Usage>>,
    /// Why the transcript could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// All that hooks say of one turn, as it is known now.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub start: Option<Start>,
    pub stop: Option<Stop>,
    pub transcript: Option<String>,
    pub tool_calls: BTreeMap<String, u64>,
    pub tool_errors: u64,
    pub task_description: Option<String>,
    pub depth: Option<u64>,
}

/// What came of reading the transcript for the end that an execution had.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    pub ended_ms: i64,
    pub from: u64,
    /// The error says why it is not to be had.
    pub usage: Result<Box<Usage>, String>,
}

impl Execution {
    /// Takes in what hooks now say of this turn. A start or stop that came by itself, and not from
    /// hooks, stays.
    pub fn retell(&mut self, told: Told, catalog: &Catalog) {
        let hooks_only = self.hooked.is_some();
        let started = |start: &Start| start.started_ms;
        let is_another = self.start.as_deref().map(started) != told.start.as_ref().map(started);
        if hooks_only || self.start.is_none() {
            self.start = told.start.map(Arc::new);
        }
        if hooks_only || self.stop.is_none() {
            self.stop = told.stop.map(Arc::new);
        }
        if self.stop.is_some() {
            self.timed_out_ms = None;
        }
        let hooked = self.hooked.get_or_insert_default();
        let is_elsewhere = hooked.transcript.is_some() && hooked.transcript != told.transcript;
        if is_another || is_elsewhere {
            // What was read belongs to a turn that now has another number, or to no turn.
            hooked.usage = None;
            hooked.read_for_ms = None;
            hooked.read_from = None;
            hooked.unreadable = None;
        }
        hooked.transcript = told.transcript;
        hooked.tool_calls = told.tool_calls;
        hooked.tool_errors = told.tool_errors;
        hooked.task_description = told.task_description;
        hooked.depth = told.depth;
        self.resolve(catalog);
    }

    /// Whether the transcript was read for the end that the execution still has.
    pub fn takes_reading(&self, reading: &Reading) -> bool {
        let ended_ms = self.outcome().map(|outcome| outcome.ended_ms);
        self.is_unread() && ended_ms == Some(reading.ended_ms)
    }

    pub fn read(&mut self, reading: Reading, catalog: &Catalog) {
        let Some(hooked) = &mut self.hooked else {
            return;
        };
        hooked.read_for_ms = Some(reading.ended_ms);
        hooked.read_from = Some(reading.from);
        match reading.usage {
            Ok(usage) => {
                hooked.usage = Some(usage);
                hooked.unreadable = None;
            }
            Err(reason) => hooked.unreadable = Some(reason),
        }
        self.resolve(catalog);
    }

    /// Its transcript has to be read once more for the end that it has.
    pub fn reread(&mut self) {
        if let Some(hooked) = &mut self.hooked {
            hooked.read_for_ms = None;
        }
    }

    /// The file that holds its lines.
    pub fn transcript(&self) -> Option<&str> {
        self.hooked.as_ref()?.transcript.as_deref()
    }

    /// The offset in the file, in bytes, from which it was read; nothing before.
    pub fn read_from(&self) -> Option<u64> {
        self.hooked.as_ref()?.read_from
    }

    /// Why its transcript could not be read.
    pub fn unreadable(&self) -> Option<&str> {
        self.hooked.as_ref()?.unreadable.as_deref()
    }

    /// Whether its transcript has still to be read for the end that it now has.
    pub fn is_unread(&self) -> bool {
        let (Some(hooked), Some(outcome)) = (&self.hooked, self.outcome()) else {
            return false;
        };
        hooked.transcript.is_some() && hooked.read_for_ms != Some(outcome.ended_ms)
    }

    pub fn usage(&self) -> Option<&Usage> {
        self.hooked.as_ref()?.usage.as_deref()
    }

    /// Calls by tool: of the transcript, else as the stop counted them, else as hooks told.
    pub fn tool_calls(&self) -> &BTreeMap<String, u64> {
        const NONE: &BTreeMap<String, u64> = &BTreeMap::new();
        if let Some(usage) = self.usage() {
            return &usage.tool_calls;
        }
        let of_stop = self.stop.as_ref().map(|stop| &stop.tool_calls);
        let of_hooks = self.hooked.as_ref().map(|hooked| &hooked.tool_calls);
        of_stop
            .filter(|calls| !calls.is_empty())
            .or(of_hooks)
            .unwrap_or(NONE)
    }

    /// Calls that failed; unknown where no hook told of it.
    pub fn tool_errors(&self) -> Option<u64> {
        let hooked = self.hooked.as_ref()?;
        let of_usage = hooked.usage.as_ref().map(|usage| usage.tool_errors);
        Some(of_usage.unwrap_or(hooked.tool_errors))
    }

    pub fn task_description(&self) -> Option<&str> {
        let of_start = self.start.as_ref();
        of_start
            .and_then(|start| start.task_description.as_deref())
            .or_else(|| self.hooked.as_ref()?.task_description.as_deref())
    }

    /// How many launches below the main thread.
    pub fn depth(&self) -> Option<u64> {
        self.hooked.as_ref()?.depth
    }
}

impl From<&Usage> for TokenUsage {
    fn from(usage: &Usage) -> TokenUsage {
        let mut sum = TokenUsage::default();
        for model in usage.models.values() {
            sum.input_tokens += model.input_tokens;
            sum.output_tokens += model.output_tokens;
            sum.cache_read_tokens += model.cache_read_tokens;
            sum.cache_write_tokens += model.cache_write_5m_tokens + model.cache_write_1h_tokens;
        }
        sum.total_tokens = sum.input_tokens + sum.output_tokens;
        sum.cost_micros = usage.cost_micros;
        sum
    }
}
