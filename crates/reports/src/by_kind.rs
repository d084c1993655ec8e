//! What ended on a day, of main threads and of agents apart.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use agentpulse_core::bucket::Day;
use agentpulse_core::dimension::Dimension;
use agentpulse_core::kind::Kind;
use agentpulse_core::tally::Tally;
use agentpulse_store::history::{self, Reader};

/// Each kind, also one of which nothing ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ByKind {
    pub main: OfKind,
    pub agent: OfKind,
    pub workflow: OfKind,
    pub teammate: OfKind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OfKind {
    pub executions: i64,
    pub total_tokens: i64,
    /// Dollars.
    pub estimated_cost: f64,
}

impl ByKind {
    pub fn of(reader: &Reader, day: Day) -> Result<ByKind, history::Error> {
        let found = reader.costliest(Dimension::Kind, day, day, Kind::ALL.len())?;
        let mut sums = ByKind::default();
        for (name, tally) in found.rows {
            if let Ok(kind) = name.parse() {
                *sums.at(kind) = OfKind::of(&tally);
            }
        }
        Ok(sums)
    }

    fn at(&mut self, kind: Kind) -> &mut OfKind {
        match kind {
            Kind::Main => &mut self.main,
            Kind::Agent => &mut self.agent,
            Kind::Workflow => &mut self.workflow,
            Kind::Teammate => &mut self.teammate,
        }
    }
}

impl OfKind {
    fn of(tally: &Tally) -> OfKind {
        OfKind {
            executions: tally.execution_count,
            total_tokens: tally.total_tokens,
            estimated_cost: tally.cost(),
        }
    }
}
