use super::*;

fn ended(asker: &str, agent: &str, day: i64, value: f64) -> Ended {
    Ended {
        asker: asker.into(),
        agent: agent.into(),
        day,
        terms: vec!["tune".to_owned(), "query".to_owned()],
        base: 0.5,
        surprise: 0.0,
        reward: Reward {
            value,
            strength: 1.0,
        },
    }
}

/// Ten days of two agents, of which `a` always succeeds; each outcome with what was known before.
fn taught() -> Learner {
    let mut learner = Learner::default();
    for day in 1..=10 {
        for (agent, value) in [("a", 1.0), ("b", 0.0)].repeat(5) {
            let known = learner.opinion("me", &["tune", "query"]).of(agent, 0.5);
            let surprise = known.surprise;
            let outcome = Ended {
                surprise,
                ..ended("me", agent, day, value)
            };
            assert_eq!(learner.record(&outcome), Ok(true));
        }
    }
    learner
}

#[test]
fn what_ended_better_than_foretold_is_raised_within_the_cap() {
    let learner = taught();
    let opinion = learner.opinion("me", &["tune", "query"]);
    let (a, b, new) = (
        opinion.of("a", 0.5),
        opinion.of("b", 0.5),
        opinion.of("c", 0.5),
    );
    assert_eq!((a.cap, a.value, b.value), (0.25, 0.25, -0.25));
    // The nearest 20 of weight 1 beside 10 that are as foretold.
    assert!((a.surprise - 20.0 * 0.5 / 30.0).abs() < 0.01, "{a:?}");
    assert_eq!((new.value, new.surprise, new.outcomes), (0.0, 0.0, 0));
    assert!(a.spread < new.spread);
}

#[test]
fn it_says_nothing_of_other_tasks_and_to_others() {
    let learner = taught();
    assert_eq!(learner.opinion("me", &["paint"]).of("a", 0.5).value, 0.0);
    let other = learner.opinion("you", &["tune", "query"]).of("a", 0.5);
    assert_eq!((other.value, other.cap), (0.0, 0.0));
}

#[test]
fn beyond_twenty_a_day_nothing_counts() {
    let mut learner = Learner::default();
    let counted = (0..1_000).filter(|_| learner.record(&ended("me", "a", 1, 1.0)).unwrap());
    assert_eq!(counted.count(), 20);
}

#[test]
fn askers_are_bounded_and_the_one_of_longest_ago_goes() {
    let mut learner = taught();
    for number in 0..MAX_ASKERS - 1 {
        learner
            .record(&ended(&format!("asker{number}"), "a", 1, 1.0))
            .unwrap();
    }
    learner.record(&ended("me", "a", 11, 1.0)).unwrap();
    learner.record(&ended("last", "a", 1, 1.0)).unwrap();
    assert_eq!(learner.askers.len(), MAX_ASKERS);
    assert!(learner.askers.contains_key("me") && !learner.askers.contains_key("asker0"));
}

#[test]
fn what_is_no_score_is_rejected() {
    let outcome = Ended {
        base: f64::NAN,
        ..ended("me", "a", 1, 1.0)
    };
    let error = Learner::default().record(&outcome).unwrap_err();
    assert_eq!(error.0, "base: NaN, allowed are -1 to 1");
}
