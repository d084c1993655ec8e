//! What the client itself says, at its end, that a session has used: a check of our sums, and no
//! source of them.

use std::collections::BTreeMap;

use memchr::memmem;
use serde::Deserialize;

use super::line::{Line, readable};
use crate::clean::clean_name;

/// Models of one session.
const MAX_MODELS: usize = 256;
/// In front of parsing: most lines have neither.
const TOTALS: &[u8] = b"\"cost-state\"";
const COMPACTED: &[u8] = b"\"compact_boundary\"";

/// The last totals of a transcript. They are of the process and of what it took over: a session
/// that was resumed or forked goes on with those of the one before.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientTotals {
    pub session_id: String,
    /// The same in all sessions whose totals go on from each other. Milliseconds since 1970.
    pub began_ms: i64,
    pub cost: f64,
    pub models: BTreeMap<String, ClientUsage>,
    /// Requests that sum up a conversation are in no transcript.
    pub compactions: u64,
    /// The session has gone on since.
    pub goes_on: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientUsage {
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cache_read_tokens: u64,
    pub cache_write_tokens: u64,
}

#[derive(Debug, Default)]
pub struct ClientTotalsReader {
    last: Option<ClientTotals>,
    compactions: u64,
    goes_on: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    r#type: String,
    session_id: String,
    start_time: i64,
    #[serde(rename = "totalCostUSD")]
    total_cost: f64,
    model_usage: BTreeMap<String, WrittenUsage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct WrittenUsage {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation_input_tokens: u64,
}

impl ClientTotalsReader {
    pub fn line(&mut self, bytes: &[u8]) {
        if memmem::find(bytes, TOTALS).is_some()
            && let Some(totals) = totals(bytes)
        {
            self.last = Some(totals);
            self.goes_on = false;
            return;
        }
        if memmem::find(bytes, COMPACTED).is_some() {
            self.compactions += 1;
        }
        let text = readable(bytes);
        let line = Line::parse(text.as_bytes());
        self.goes_on |= line.is_some_and(|line| line.stated().is_some());
    }

    /// `None` where the client gave none: it was killed, or has not ended.
    pub fn totals(&self) -> Option<ClientTotals> {
        Some(ClientTotals {
            compactions: self.compactions,
            goes_on: self.goes_on,
            ..self.last.clone()?
        })
    }
}

fn totals(bytes: &[u8]) -> Option<ClientTotals> {
    let written: Written = serde_json::from_slice(bytes).ok()?;
    if written.r#type != "cost-state" {
        return None;
    }
    let models = written.model_usage.into_iter().take(MAX_MODELS);
    let models = models.filter_map(|(model, usage)| {
        let usage = ClientUsage {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cache_read_tokens: usage.cache_read_input_tokens,
            cache_write_tokens: usage.cache_creation_input_tokens,
        };
        Some((clean_name(model)?, usage))
    });
    Some(ClientTotals {
        session_id: clean_name(written.session_id)?,
        began_ms: written.start_time,
        cost: written.total_cost,
        models: models.collect(),
        compactions: 0,
        goes_on: false,
    })
}
