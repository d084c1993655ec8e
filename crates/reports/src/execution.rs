//! A single execution, whether it runs or has ended.

use std::ops::Range;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::item::started;
use crate::report::Report;
use crate::source::{Sources, View};
use agentpulse_api::code::Code;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, Param, Params};
use agentpulse_core::execution::{Execution, TokenUsage};
use agentpulse_core::item::Item;

const ID: Param = Param::new("id", "The id of an execution.");

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    id: String,
}

/// A running one with its usage so far. It is written as an [`Item`].
pub struct Single {
    execution: Arc<Execution>,
    spent: Option<TokenUsage>,
}

impl Serialize for Single {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Single { execution, spent } = self;
        match execution.is_running() {
            true => Item::running(execution, *spent).serialize(serializer),
            false => Item::of(execution).serialize(serializer),
        }
    }
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/agents/executions/{id}";
    const SUMMARY: &'static str = "One execution, whether it runs or has ended";
    const CODES: &'static [Code] = &[Code::UnknownExecution];
    type Answer = Item<'static>;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let id = params.item_name(ID)?;
        Ok(Query { id })
    }
}

impl Report for Query {
    type Built = Single;

    fn is_scan(&self) -> bool {
        false
    }

    fn ended_ms(&self, _: &Sources, _now_ms: i64) -> Range<i64> {
        // It reads none.
        0..0
    }

    /// History first: it has most. An execution that it lacks may be running.
    async fn fetch(&self, sources: &Sources, _now_ms: i64) -> Result<(Single, View), Error> {
        let (running, view) = sources.running();
        let shown = running.get(&self.id);
        let spent = shown.as_ref().and_then(|shown| shown.heartbeat.token_usage);
        let asked = self.id.clone();
        let known = sources
            .history(move |reader| reader.execution(&asked))
            .await?;
        if let Some(execution) = known.filter(|execution| !execution.is_void()) {
            return Ok((Single { execution, spent }, View::History));
        }
        let execution = shown.map(|shown| Arc::new(started(shown.active())));
        let unknown = || Error::UnknownExecution(self.id.clone());
        let execution = execution.ok_or_else(unknown)?;
        Ok((Single { execution, spent }, view))
    }
}
