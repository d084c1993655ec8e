//! How the executions of a name did.

use std::collections::HashMap;

use agentpulse_core::bucket::Day;
use agentpulse_core::sketch::Sketch;
use agentpulse_core::tally::Tally;
use agentpulse_store::history::{Error, Reader};

use super::agent::Performance;
use super::choice::Attribution;

#[derive(Clone, Default)]
pub struct Figures {
    pub tally: Tally,
    sketch: Sketch,
    /// The last end.
    pub last_ms: Option<i64>,
}

/// Of these names, in the days from `from` to `to`, both included. `is_all`: of all executions.
pub fn figures(
    reader: &Reader,
    is_all: bool,
    names: &[String],
    (from, to): (Day, Day),
) -> Result<HashMap<String, Figures>, Error> {
    let mut all = HashMap::new();
    for name in names {
        let mut figures = Figures::default();
        for row in reader.agent_days(name, from, to)? {
            figures.tally += row.tally;
            figures.sketch.merge(&row.sketch);
        }
        // Of some executions the last one is searched one by one: of none in these days not at all.
        if is_all || figures.tally.execution_count > 0 {
            figures.last_ms = reader.last_ended(name)?;
        }
        all.insert(name.clone(), figures);
    }
    Ok(all)
}

impl Figures {
    pub fn performance(&self, days: i32, attribution: Attribution) -> Performance {
        let tally = &self.tally;
        let count = tally.execution_count;
        let in_time = Tally {
            success_count: count - tally.timeout_count,
            ..*tally
        };
        let rate = |tally: &Tally| (count > 0).then(|| tally.success_rate());
        Performance {
            days,
            attribution: attribution.word().to_owned(),
            total_tasks: count,
            task_success_rate: rate(tally),
            error_count: tally.failure_count,
            timeout_count: tally.timeout_count,
            avg_response_time_ms: (tally.duration_count > 0).then(|| tally.avg_duration_ms()),
            p95_response_time_ms: self.sketch.quantile_ms(0.95),
            reliability: rate(&in_time),
            total_tokens: tally.total_tokens,
            estimated_cost: tally.cost(),
            unpriced_count: tally.unpriced_count,
        }
    }
}
