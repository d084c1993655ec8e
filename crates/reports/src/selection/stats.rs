//! What became of selections: how many were answered, how they ended, and whether learning and
//! drawing did any good.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, Params};
use agentpulse_core::bucket::Day;
use agentpulse_store::registry::Counted;

use super::Selections;
use crate::error::Error;
use crate::registry::in_background;
use crate::window::{ended_in, last_days};
use crate::zoned::Zoned;

/// With less evidence an estimate is as good as none.
const MIN_EFFECTIVE: f64 = 30.0;

#[derive(Clone, Debug, PartialEq)]
pub struct StatsQuery {
    days: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SelectionStats")]
pub struct Stats {
    #[serde(flatten)]
    pub total: Counts,
    pub unlearned: Unlearned,
    /// Days with selections, the oldest first.
    pub daily: Vec<StatsDay>,
    #[serde(flatten)]
    pub zoned: Zoned,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SelectionStatsDay")]
pub struct StatsDay {
    #[schemars(extend("format" = "date"))]
    pub date: String,
    #[serde(flatten)]
    pub counts: Counts,
}

/// Of selections that were kept, by the days on which they were asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SelectionCounts")]
pub struct Counts {
    pub selections: u64,
    /// An agent was recommended.
    pub answered: u64,
    pub abstained: u64,
    /// The recommended one is also the first by scores without what was learned.
    pub agreed: u64,
    /// The recommended one was drawn.
    pub explored: u64,
    /// It is known how they ended.
    pub outcomes: u64,
    /// 0 to 1; null without an outcome.
    pub mean_reward: Option<f64>,
    #[serde(skip)]
    reward: f64,
}

/// What those that were drawn would have come to without learning and drawing, estimated by the
/// probabilities of the draws.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "UnlearnedReward")]
pub struct Unlearned {
    /// 0 to 1; null below 30 effective outcomes.
    pub mean_reward: Option<f64>,
    /// As many outcomes of equal weight say as much.
    pub effective_outcomes: f64,
}

impl Endpoint for StatsQuery {
    const PATH: &'static str = "/api/agents/select/stats";
    const SUMMARY: &'static str = "What became of selections";
    type Answer = Stats;

    fn parse(params: &Params) -> Result<StatsQuery, InvalidParameter> {
        let days = params.days(7)?;
        Ok(StatsQuery { days })
    }
}

impl Counts {
    fn add(&mut self, one: &Counted) {
        let count = |holds: bool| u64::from(holds);
        self.selections += 1;
        self.answered += count(one.is_answered);
        self.abstained += count(!one.is_answered);
        self.agreed += count(one.agrees);
        self.explored += count(one.propensity.is_some());
        if let Some(reward) = one.reward {
            self.outcomes += 1;
            self.reward += reward;
            self.mean_reward = Some(self.reward / self.outcomes as f64);
        }
    }
}

/// Self-normalised: the weights need not add up to the number of draws.
#[derive(Default)]
struct Estimate {
    weights: f64,
    squares: f64,
    rewards: f64,
}

impl Estimate {
    /// Another agent than the drawn one, which the asker chose by itself, says nothing of the draw.
    fn add(&mut self, one: &Counted) {
        if let (Some(propensity), Some(reward), true) = (one.propensity, one.reward, one.is_taken)
            && one.agrees
            && propensity > 0.0
        {
            let weight = 1.0 / propensity;
            self.weights += weight;
            self.squares += weight * weight;
            self.rewards += weight * reward;
        }
    }

    fn of_all(self) -> Unlearned {
        if self.weights == 0.0 {
            return Unlearned {
                mean_reward: None,
                effective_outcomes: 0.0,
            };
        }
        let effective = self.weights * self.weights / self.squares;
        let mean = self.rewards / self.weights;
        Unlearned {
            mean_reward: (effective >= MIN_EFFECTIVE).then_some(mean),
            effective_outcomes: effective,
        }
    }
}

fn build(counted: &[Counted], day_of: impl Fn(i64) -> Day, zoned: Zoned) -> Stats {
    let (mut total, mut estimate) = (Counts::default(), Estimate::default());
    let mut days: BTreeMap<Day, Counts> = BTreeMap::new();
    for one in counted {
        total.add(one);
        estimate.add(one);
        days.entry(day_of(one.at_ms)).or_default().add(one);
    }
    let day = |(day, counts): (Day, Counts)| StatsDay {
        date: day.to_string(),
        counts,
    };
    Stats {
        total,
        unlearned: estimate.of_all(),
        daily: days.into_iter().map(day).collect(),
        zoned,
    }
}

impl Selections {
    /// # Errors
    /// What is kept cannot be read.
    pub async fn stats(&self, query: &StatsQuery) -> Result<Stats, Error> {
        let _place = self.room.acquire().await;
        let now_ms = (self.now_ms)();
        let days = last_days(query.days, self.sources.today(now_ms));
        let since_ms = ended_in(self.sources.zone(), days).start;
        let (ledger, zone) = (self.ledger.clone(), self.sources.zone().clone());
        let zoned = self.sources.zoned(now_ms);
        let work = move || {
            let counted = ledger.counted(since_ms)?;
            Ok(build(&counted, |at_ms| zone.day_of(at_ms), zoned))
        };
        in_background(work).await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(at_ms: i64, agrees: bool, propensity: Option<f64>, reward: Option<f64>) -> Counted {
        Counted {
            at_ms,
            is_answered: true,
            agrees,
            is_taken: true,
            propensity,
            reward,
        }
    }

    fn stats(all: &[Counted]) -> Stats {
        build(all, |at_ms| Day(at_ms as i32), Zoned::default())
    }

    #[test]
    fn selections_are_counted_by_day() {
        let nobody = Counted {
            is_answered: false,
            agrees: false,
            ..counted(1, false, None, None)
        };
        let all = [
            counted(1, true, None, Some(1.0)),
            counted(1, false, None, Some(0.5)),
            nobody,
            counted(2, true, None, None),
        ];
        let stats = stats(&all);
        let figures = |counts: &Counts| {
            let Counts {
                selections,
                answered,
                abstained,
                agreed,
                outcomes,
                mean_reward,
                ..
            } = *counts;
            (
                selections,
                answered,
                abstained,
                agreed,
                outcomes,
                mean_reward,
            )
        };
        assert_eq!(figures(&stats.total), (4, 3, 1, 2, 2, Some(0.75)));
        assert_eq!(figures(&stats.daily[0].counts), (3, 2, 1, 1, 2, Some(0.75)));
        assert_eq!(figures(&stats.daily[1].counts), (1, 1, 0, 1, 0, None));
        assert_eq!(stats.daily[0].date, "1970-01-02");
    }

    #[test]
    fn what_would_have_been_is_estimated_from_enough_draws() {
        // Twenty of which half succeed, drawn half of the time, and ten that all fail.
        let often = |n: usize| counted(1, true, Some(0.5), Some((n % 2) as f64));
        let mut all: Vec<Counted> = (0..20).map(often).collect();
        all.extend((0..10).map(|_| counted(1, true, Some(0.25), Some(0.0))));
        let few = stats(&all).unlearned;
        // (20 × 2 + 10 × 4)² / (20 × 4 + 10 × 16)
        assert!((few.effective_outcomes - 6_400.0 / 240.0).abs() < 1e-9);
        assert_eq!(few.mean_reward, None);
        all.extend(all.clone());
        let enough = stats(&all).unlearned;
        assert_eq!(enough.mean_reward, Some(20.0 / 80.0));
        // Neither another agent, nor one that was not drawn, says anything.
        all.push(counted(1, false, Some(0.5), Some(1.0)));
        all.push(counted(1, true, None, Some(1.0)));
        all.push(Counted {
            is_taken: false,
            ..counted(1, true, Some(0.5), Some(1.0))
        });
        assert_eq!(stats(&all).unlearned, enough);
    }
}
