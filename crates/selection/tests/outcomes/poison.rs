//! What one asker says moves nobody else's answers, and a draw's propensities are true.

use agentpulse_selection::experience::Experience;
use agentpulse_selection::learning::{Ended, Learner};
use agentpulse_selection::request::Request;
use agentpulse_selection::reward::Outcome;

use crate::simulator::{Policy, World};

const TASK: &str = "k0w0 k0w1 k0w2 k0w3";

fn request() -> Request {
    Request {
        task: TASK.to_owned(),
        limit: 20,
        ..Request::default()
    }
}

/// The worst of those that are shown for a task gets 1,000 ratings of five stars by one asker, on
/// one day or on fifty.
#[test]
fn a_thousand_ratings_of_one_asker_move_no_other() {
    let world = World::of(7);
    let (candidates, experience) = (world.candidates(), Experience::of(1));
    let select = |learner: &Learner, asker: &str| {
        world.select(&request(), &candidates, &experience, Some((learner, asker)))
    };
    let honest = Learner::default();
    let before = select(&honest, "victim");
    let worst = before.agents.last().expect("agents").clone();
    let rank = |learner: &Learner, asker: &str| {
        let agents = select(learner, asker).agents;
        agents.iter().position(|agent| agent.id == worst.id)
    };
    for (a_day, expected) in [(1_000, 20), (20, 1_000)] {
        let mut learner = Learner::default();
        let mut counted = 0;
        for number in 0..1_000 {
            let shown = select(&learner, "poisoner").agents;
            let shown = shown.iter().find(|agent| agent.id == worst.id);
            let learned = shown.map_or(worst.learned, |agent| agent.learned);
            let ended = Ended {
                asker: "poisoner".into(),
                agent: worst.id.clone(),
                day: 1 + number / a_day,
                terms: TASK.split(' ').map(str::to_owned).collect(),
                base: learned.base,
                surprise: learned.surprise,
                reward: Outcome::Rating(5).reward().expect("a rating"),
            };
            counted += u32::from(learner.record(&ended).expect("within its bounds"));
        }
        assert_eq!(counted, expected);
        assert_eq!(rank(&learner, "victim"), rank(&honest, "victim"));
        assert_eq!(select(&learner, "victim"), before);
    }
}

#[test]
fn without_learning_and_without_outcomes_answers_are_the_same() {
    let world = World::of(3);
    let (candidates, experience) = (world.candidates(), Experience::of(1));
    let learner = Learner::default();
    for number in 0..50 {
        let task = format!("k{}w{} k{}w1 zebra", number % 8, number % 5, number % 8);
        let request = Request {
            task,
            ..Request::default()
        };
        let off = world.select(&request, &candidates, &experience, None);
        let on = world.select(&request, &candidates, &experience, Some((&learner, "me")));
        assert_eq!(off, on);
        assert!(
            off.agents
                .iter()
                .all(|agent| agent.learned.contribution == 0.0)
        );
    }
}

/// The mean success of the first in rank, as the draws estimate it by their propensities, is what
/// it truly is.
#[test]
fn propensities_show_what_another_policy_would_have_come_to() {
    let policy = Policy {
        history: true,
        learning: true,
        explore: true,
        ..Policy::default()
    };
    let (mut estimates, mut truth) = (Vec::new(), 0.0);
    for seed in 0..4 {
        for done in World::of(seed).run(seed, policy, 1_000) {
            // Nobody fits.
            let Some(explored) = done.selection.explored else {
                continue;
            };
            let first = &done.selection.agents[0].run_name;
            let is_first = done.selection.recommendation.as_ref() == Some(first);
            let success = f64::from(u8::from(done.is_success && is_first));
            estimates.push(success / explored.propensity);
            truth += done.first;
        }
    }
    let count = estimates.len() as f64;
    let mean = estimates.iter().sum::<f64>() / count;
    let truth = truth / count;
    let squares: f64 = estimates.iter().map(|value| (value - mean).powi(2)).sum();
    let error = (squares / (count - 1.0) / count).sqrt();
    println!("estimated {mean:.3} ± {error:.3}, true {truth:.3}");
    assert!(
        (mean - truth).abs() <= 2.0 * error && error < 0.05,
        "{mean} {truth} {error}"
    );
}
