//! What is kept of a selection: whose it is, who was shown, and of the task only the words that
//! definitions have.

use agentpulse_pipeline::settings::RuntimeSettings;
use agentpulse_selection::index::Index;
use agentpulse_selection::query::Query;
use agentpulse_selection::select::{Ranked, Selection};
use agentpulse_sources::clean_name;
use agentpulse_store::registry::{Kept, Shown, new_selection_id};

use super::ask::Ask;
use super::asker::Asker;

/// Who asks, and where.
pub struct By {
    pub asker: String,
    /// As executions have it.
    pub project: Option<String>,
    session_id: Option<String>,
    /// Whether its selections are kept, and the words of their tasks.
    pub keeps: bool,
    keeps_terms: bool,
}

impl By {
    pub fn new(ask: &Ask, asker: &Asker, keeps: bool, settings: &RuntimeSettings) -> By {
        // As those of executions are, so that both are the same.
        let name = |text: &Option<String>| text.clone().and_then(clean_name);
        let caller = name(&ask.context.caller);
        let project = name(&ask.project);
        By {
            asker: asker.name(caller.as_deref()),
            project: project.and_then(|project| settings.project_names.keep(project)),
            session_id: name(&ask.context.session_id),
            keeps: keeps && asker.may_report,
            keeps_terms: settings.keeps_terms,
        }
    }

    /// Returns None if the system has no random numbers.
    pub fn kept(
        &self,
        found: &Selection,
        query: &Query,
        index: &Index,
        now_ms: i64,
    ) -> Option<Kept> {
        let terms = query.terms.iter().map(|term| &term.term);
        let id = |id: &std::sync::Arc<str>| id.to_string();
        Some(Kept {
            id: new_selection_id()?,
            at_ms: now_ms,
            asker: self.asker.clone(),
            project: self.project.clone(),
            session_id: self.session_id.clone(),
            terms: match self.keeps_terms {
                true => terms.filter(|term| index.knows(term)).cloned().collect(),
                false => Vec::new(),
            },
            shown: found.agents.iter().map(shown).collect(),
            recommended: found.chosen.as_ref().map(id),
            unlearned: found.unlearned.as_ref().map(id),
            propensity: found.explored.map(|explored| explored.propensity),
        })
    }
}

fn shown(ranked: &Ranked) -> Shown {
    Shown {
        id: ranked.id.to_string(),
        name: ranked.run_name.to_string(),
        base: ranked.learned.base,
        surprise: ranked.learned.surprise,
    }
}
