//! What the daemon has counted of a session.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::{ByModel, add};
use crate::cli::failure::{Failure, failed};
use agentpulse_client::Control;
use agentpulse_core::item::Item;
use agentpulse_reports::executions::Page;
use agentpulse_sources::claude_code::transcript::ClientUsage;

/// The longest page.
const PAGE: &str = "500";

#[derive(Debug, Default)]
pub struct Counted {
    pub models: ByModel,
    pub cost: f64,
    /// Into which some of its executions went on.
    pub later_sessions: BTreeSet<String>,
    /// Why not all of it is known.
    pub reason: Option<&'static str>,
}

impl Counted {
    /// # Errors
    /// No daemon, or an answer that is none.
    pub async fn of(
        control: &Control,
        session_id: &str,
        running: bool,
    ) -> Result<Counted, Failure> {
        let mut counted = Counted {
            reason: running.then_some("some of it still runs"),
            ..Counted::default()
        };
        let mut cursor = None;
        loop {
            let query = [
                ("session_id", Some(session_id.to_owned())),
                ("limit", Some(PAGE.to_owned())),
                ("cursor", cursor),
            ];
            let answer = control.report::<Page>(None, &query).await?;
            let page = answer.read().map_err(failed)?;
            page.executions.iter().for_each(|one| counted.add(one));
            match page.next_cursor {
                Some(next) => cursor = Some(next.to_string()),
                None => return Ok(counted),
            }
        }
    }

    fn add(&mut self, one: &Item) {
        let tokens = one.token_usage.as_ref();
        self.cost += tokens
            .and_then(|tokens| tokens.estimated_cost)
            .unwrap_or(0.0);
        self.later_sessions
            .extend(one.later_sessions.iter().cloned());
        if one.unreadable.is_some() {
            self.reason = Some("a transcript could not be read");
        } else if tokens.is_some_and(|tokens| tokens.estimated_cost.is_none()) {
            self.reason = Some("a model has no price");
        }
        for (model, usage) in one.usage_by_model.iter().flat_map(|models| models.iter()) {
            let cache_write_tokens = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens;
            let usage = ClientUsage {
                input_tokens: usage.input_tokens,
                output_tokens: usage.output_tokens,
                cache_read_tokens: usage.cache_read_tokens,
                cache_write_tokens,
            };
            add(&mut self.models, model, usage);
        }
    }
}

/// By their sessions.
pub type AllCounted = BTreeMap<String, Counted>;
