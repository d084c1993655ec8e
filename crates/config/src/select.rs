//! How agents are ranked for a task.

use super::error::ConfigError;
use super::resolve::{Resolver, reloaded};

/// The factors, and what they count in hundredths by default.
const FACTORS: [(&str, u32); 8] = [
    ("keyword_match", 25),
    ("phase_alignment", 20),
    ("recent_success", 15),
    ("domain_expertise", 15),
    ("availability", 10),
    ("collaboration", 10),
    ("user_preference", 5),
    ("economy", 0),
];
/// Beyond it the other factors are lost beside one.
const MAX_WEIGHT: u32 = 1_000;

#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// By factor, of a request that names none.
    pub weights: Vec<(&'static str, f64)>,
    /// The share of the words of a task that an agent has to cover.
    pub abstain_below: f64,
    /// Words of a task that definitions have are kept with a selection.
    pub keeps_terms: bool,
}

impl Select {
    pub(super) fn read(r: &mut Resolver) -> Result<Select, ConfigError> {
        let choices = [("terms", true), ("none", false)];
        let below = r.count(reloaded("select.abstain_below"), 12_u32, 0..=100)?;
        let keeps_terms = r.choice(reloaded("select.keep_queries"), choices[0], &choices)?;
        let mut weights = Vec::new();
        for (factor, default) in FACTORS {
            let key = format!("select.weights.{factor}");
            let weight = r.count(reloaded(&key), default, 0..=MAX_WEIGHT)?;
            weights.push((factor, f64::from(weight) / 100.0));
        }
        if weights.iter().all(|(_, weight)| *weight == 0.0) {
            let problem = "all are 0, one at least must be above";
            return Err(ConfigError::new("select.weights", problem));
        }
        Ok(Select {
            weights,
            abstain_below: f64::from(below) / 100.0,
            keeps_terms,
        })
    }
}
