//! The table as a person reads it: which row prices a model on a day, and by what.

use std::collections::BTreeSet;

use super::{MICROS_PER_DOLLAR, Prices, Tier, normalised};

/// A row as it holds for one model. Rates are dollars per million tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The id by which the model is looked up.
    pub model: String,
    /// The row of the table, from 1, as errors name it.
    pub row: usize,
    /// The speed of the requests that it is for; none: the usual.
    pub speed: Option<String>,
    /// The first day, YYYY-MM-DD; none: from the beginning.
    pub from: Option<String>,
    /// The longest prompt of a request, in tokens; none in the last tier.
    pub prompt_up_to: Option<u64>,
    pub input: f64,
    pub output: f64,
    pub cache_read: f64,
    pub cache_write_5m: f64,
    pub cache_write_1h: f64,
}

impl Prices {
    /// The rows that price a model on a day (`YYYY-MM-DD`, UTC), the usual speed first, and of a
    /// speed the shortest prompts; none for a model that the table does not know on that day.
    pub fn listed(&self, model: &str, at_day: &str) -> Vec<Listed> {
        let id = normalised(model);
        let all = self.by_model.get(&id).map(Vec::as_slice);
        let speeds: BTreeSet<&str> = all.unwrap_or_default().iter().map(Tier::speed).collect();
        let tiers = speeds
            .iter()
            .filter_map(|speed| self.tiers(model, speed, at_day));
        tiers.flatten().map(|tier| tier.listed(&id)).collect()
    }

    /// All that hold on a day, by model.
    pub fn all_listed(&self, at_day: &str) -> Vec<Listed> {
        let mut models: Vec<&String> = self.by_model.keys().collect();
        models.sort();
        let listed = models.into_iter().map(|model| self.listed(model, at_day));
        listed.flatten().collect()
    }
}

impl Tier {
    fn speed(&self) -> &str {
        &self.speed
    }

    fn listed(&self, model: &str) -> Listed {
        let dollars = |micros: i64| micros as f64 / MICROS_PER_DOLLAR;
        Listed {
            model: model.to_owned(),
            row: self.row,
            speed: Some(self.speed.clone()).filter(|speed| !speed.is_empty()),
            from: Some(self.from.clone()).filter(|from| !from.is_empty()),
            prompt_up_to: u64::try_from(self.prompt_up_to).ok(),
            input: dollars(self.input),
            output: dollars(self.output),
            cache_read: dollars(self.cache_read),
            cache_write_5m: dollars(self.cache_write_5m),
            cache_write_1h: dollars(self.cache_write_1h),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_of_a_day_is_listed() {
        let prices = Prices::default();
        let listed = |day| prices.listed("us.anthropic.claude-sonnet-5-5-v1:0", day);
        let before = listed("2026-10-06");
        let after = listed("2026-10-07");
        let summary = |rows: &[Listed]| {
            let one = &rows[0];
            (one.model.clone(), one.row, one.from.clone(), one.cache_read)
        };
        let id = "sonnet-5-5".to_owned();
        assert_eq!(summary(&before), (id.clone(), 2, None, 0.2));
        assert_eq!(summary(&after), (id, 3, Some("2026-10-07".to_owned()), 0.1));
        assert!(prices.listed("gpt-9", "2026-10-07").is_empty());
    }

    #[test]
    fn tiers_are_listed_the_shortest_prompt_first() {
        let tiers = Prices::default().listed("haiku-5-5", "2026-11-20");
        let bounds: Vec<_> = tiers
            .iter()
            .map(|tier| (tier.row, tier.prompt_up_to, tier.input))
            .collect();
        assert_eq!(bounds, [(4, Some(100_000), 0.1), (5, None, 0.5)]);
    }

    #[test]
    fn all_models_are_listed_in_order() {
        let all = Prices::default().all_listed("2026-11-20");
        // 26 ids; four of them have two tiers, seven another price when they are fast.
        assert_eq!(all.len(), 26 + 4 + 7);
        assert!(all.is_sorted_by_key(|listed| listed.model.clone()));
    }
}
