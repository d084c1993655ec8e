//! What tasks cost: their share of the executions that worked on them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ask::{denied, queue};
use crate::http::error::HttpError;
use crate::http::state::HttpState;
use agentpulse_core::tally::dollars;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_reports::spent::Spent;
use agentpulse_store::tasks::Linked;
use agentpulse_tasks::link::{Span, share};

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TaskCost")]
pub struct Cost {
    pub total_tokens: u64,
    /// Dollars, of what has a price.
    pub estimated_cost: f64,
    /// Executions with tokens whose price is not known.
    pub unpriced_count: usize,
    /// Those that worked on it, as far as they are known by their hooks or were named.
    pub executions: Vec<Worked>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TaskExecution")]
pub struct Worked {
    pub task_id: i64,
    /// The id of the execution.
    pub agent_id: String,
    pub agent_name: String,
    pub session_id: Option<String>,
    #[schemars(extend("enum" = ["running", "success", "failure", "timeout"]))]
    pub status: String,
    /// 0..1: an execution that held several tasks is shared by the time that it held each.
    pub share: f64,
    /// Of this share.
    pub total_tokens: u64,
    /// Dollars, of this share.
    pub estimated_cost: f64,
}

/// Of a chain, or of one task of it.
///
/// # Errors
/// It cannot be read.
pub async fn cost(http: &HttpState, root: i64, task: Option<i64>) -> Result<Cost, HttpError> {
    let now_ms = now_ms();
    let read = queue(http)?.read(move |tables| tables.links_of_chain(root, now_ms));
    let linked = read.await.map_err(denied)?;
    if linked.is_empty() {
        return Ok(Cost::default());
    }
    let ids = linked.iter().map(|linked| linked.link.execution.clone());
    let spent = http.reports.spent(ids.collect()).await?;
    let is_asked = |one: &Linked| match task {
        Some(task) => one.task == task,
        None => one.root == root,
    };
    Ok(add_up(&linked, &spent, is_asked, now_ms))
}

/// All claims that share an execution count; only those that are asked for are added up.
fn add_up(
    linked: &[Linked],
    spent: &BTreeMap<String, Spent>,
    is_asked: impl Fn(&Linked) -> bool,
    now_ms: i64,
) -> Cost {
    let mut by_execution: BTreeMap<&str, Vec<&Linked>> = BTreeMap::new();
    for one in linked {
        let execution = one.link.execution.as_str();
        by_execution.entry(execution).or_default().push(one);
    }
    let mut cost = Cost::default();
    let mut micros = 0.0;
    for (id, claims) in by_execution {
        let Some(spent) = spent.get(id) else {
            continue;
        };
        let held: Vec<Span> = claims.iter().map(|claim| claim.held).collect();
        let ended_ms = spent.ended_ms.unwrap_or(now_ms);
        let span = Span {
            from_ms: spent.started_ms.unwrap_or(ended_ms),
            to_ms: ended_ms,
        };
        let asked = claims.iter().enumerate();
        for (place, claim) in asked.filter(|(_, claim)| is_asked(claim)) {
            let share = share(span, &held, place);
            let total_tokens = (spent.total_tokens as f64 * share).round() as u64;
            cost.total_tokens += total_tokens;
            cost.unpriced_count += usize::from(spent.is_unpriced);
            micros += spent.cost_micros as f64 * share;
            cost.executions.push(Worked {
                task_id: claim.task,
                agent_id: id.to_owned(),
                agent_name: spent.agent_name.clone(),
                session_id: spent.session_id.clone(),
                status: spent.status.to_owned(),
                share,
                total_tokens,
                estimated_cost: dollars((spent.cost_micros as f64 * share).round() as i64),
            });
        }
    }
    cost.estimated_cost = dollars(micros.round() as i64);
    cost
}
