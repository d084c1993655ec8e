//! What single executions have spent so far, for those who add it up by something that the reports
//! do not know.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::service::Reports;
use agentpulse_core::execution::{Execution, TokenUsage};
use agentpulse_pipeline::running::RunSnapshot;

/// An execution, and what it has spent.
#[derive(Clone, Debug, PartialEq)]
pub struct Spent {
    pub agent_name: String,
    pub session_id: Option<String>,
    /// `running`, or how it ended.
    pub status: &'static str,
    pub started_ms: Option<i64>,
    /// None while it runs.
    pub ended_ms: Option<i64>,
    pub total_tokens: u64,
    /// In millionths of a dollar.
    pub cost_micros: i64,
    /// Tokens are in it whose price is not known.
    pub is_unpriced: bool,
}

impl Reports {
    /// By id, those that are known.
    ///
    /// # Errors
    /// History cannot be read.
    pub async fn spent(&self, ids: Vec<String>) -> Result<BTreeMap<String, Spent>, Error> {
        let running = ids.iter().filter_map(|id| self.own.running().0.get(id));
        let running: Vec<RunSnapshot> = running.collect();
        let find = self.own.history(move |reader| {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            reader.find(&ids)
        });
        let known = find.await?;
        let of_history = known.into_iter().map(|(id, execution)| {
            let spent = of_execution(&execution);
            (id, spent)
        });
        let mut spent: BTreeMap<String, Spent> = of_history.collect();
        // What ended meanwhile is not running any more.
        for run in running {
            let known = spent.get(run.id());
            if known.is_none_or(|known| known.ended_ms.is_none()) {
                spent.insert(run.id().to_owned(), of_run(&run));
            }
        }
        Ok(spent)
    }
}

fn of_execution(execution: &Execution) -> Spent {
    let outcome = execution.outcome();
    let status = outcome.map_or("running", |outcome| outcome.status.as_str());
    Spent {
        agent_name: execution.agent_name().to_owned(),
        session_id: execution
            .origin(|origin| &origin.session_id)
            .map(str::to_owned),
        status,
        started_ms: execution.started_ms(),
        ended_ms: outcome.map(|outcome| outcome.ended_ms),
        total_tokens: tokens(execution.token_usage()),
        cost_micros: execution.cost_micros().unwrap_or(0),
        is_unpriced: execution.resolved.unpriced,
    }
}

fn of_run(run: &RunSnapshot) -> Spent {
    let usage = run.heartbeat.token_usage;
    let cost_micros = usage.and_then(|usage| usage.cost_micros);
    Spent {
        agent_name: run.known.agent_name.clone(),
        session_id: run.known.session_id.clone(),
        status: "running",
        started_ms: Some(run.known.started_ms),
        ended_ms: None,
        total_tokens: tokens(usage),
        cost_micros: cost_micros.unwrap_or(0),
        is_unpriced: tokens(usage) > 0 && cost_micros.is_none(),
    }
}

fn tokens(usage: Option<TokenUsage>) -> u64 {
    usage.map_or(0, |usage| usage.total_tokens)
}
