//! What holds of every selection, whatever is known.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use agentpulse_selection::candidate::{Candidate, Preference};
use agentpulse_selection::document::Document;
use agentpulse_selection::experience::{Experience, Past};
use agentpulse_selection::index::Index;
use agentpulse_selection::learning::{Ended, Learner};
use agentpulse_selection::request::{Context, Optimize, Request};
use agentpulse_selection::reward::{Outcome, Reward};
use agentpulse_selection::roster::Roster;
use agentpulse_selection::select::{Knowledge, MIN_FIT, Selection, Selector};
use agentpulse_selection::weights::{Factor, Weights};

const WORDS: [&str; 10] = [
    "postgre", "review", "deploy", "test", "frontend", "cache", "rust", "api", "zebra", "debug",
];
const ASKER: &str = "me";

/// Everything that a selection depends on.
#[derive(Debug, Clone)]
struct State {
    agents: Vec<Agent>,
    past: Vec<Past>,
    ended: Vec<Ended>,
    expected_success: f64,
    request: Request,
}

#[derive(Debug, Clone)]
struct Agent {
    document: Document,
    candidate: Candidate,
}

fn text(most: usize) -> impl Strategy<Value = String> {
    let words = prop::collection::vec(prop::sample::select(&WORDS[..]), 0..=most);
    words.prop_map(|words| words.join(" "))
}

fn name(number: usize) -> String {
    format!("agent-{number}")
}

prop_compose! {
    fn candidate()(
        days in prop::collection::vec((0..40_u32, 0..6_u64, 0..6_u64), 0..4),
        shared in prop::collection::vec((0..40_u32, 0..6_u64, 0..6_u64), 0..3),
        running in prop_oneof![0..4_u32, Just(u32::MAX)],
        limit in prop::option::of(0..4_u32),
        (ratings, stars, shown, chosen) in (0..5_u32, 0..30_u32, 0..5_u32, 0..9_u32),
        pinned in prop::option::weighted(0.1, any::<bool>()),
        means in (prop::option::of(any::<u64>()), prop::option::of(0..9_u64)),
    ) -> Candidate {
        let mut candidate = Candidate::new("");
        for (age, succeeded, finished) in days {
            candidate.recent.add(age, succeeded, finished);
        }
        for (age, succeeded, finished) in shared {
            candidate.together.add(age, succeeded, finished);
        }
        candidate.preference = Preference { pinned, ratings, stars, shown, chosen };
        (candidate.running, candidate.limit) = (running, limit);
        (candidate.mean_cost_micros, candidate.mean_ms) = means;
        candidate
    }
}

prop_compose! {
    fn agents()(
        all in prop::collection::vec((text(3), text(6), candidate()), 1..12),
    ) -> Vec<Agent> {
        let agent = |(number, parts): (usize, (String, String, Candidate))| {
            let (name_words, description, candidate) = parts;
            let id = name(number);
            let document = Document {
                id: id.as_str().into(),
                // Some names are the same: of two projects.
                run_name: name_words.replace(' ', "-").as_str().into(),
                description,
                headings: Vec::new(),
                tools: vec!["Bash".to_owned()],
                mcp_servers: Vec::new(),
                skills: Vec::new(),
                agent_type: "reviewer".to_owned(),
            };
            Agent { candidate: Candidate { id: document.id.clone(), ..candidate }, document }
        };
        all.into_iter().enumerate().map(agent).collect()
    }
}

prop_compose! {
    fn past()(agent in 0..12_usize, text in text(4), success in 0..=1_u8) -> Past {
        let terms = text.split_whitespace().map(str::to_owned).collect();
        let agent = name(agent).as_str().into();
        Past { agent, terms, success: f64::from(success), strength: 1.0 }
    }
}

prop_compose! {
    /// Foretold better with the correction than without, mostly: it earns its cap.
    fn ended()(
        past in past(), day in 0..4_i64, base in 0.0..1.0, right in -0.2..0.5,
    ) -> Ended {
        let reward = Reward { value: past.success, strength: 0.7 };
        let surprise = right * (past.success - 0.5);
        let (asker, agent, terms) = (ASKER.into(), past.agent, past.terms);
        Ended { asker, agent, day, terms, base, surprise, reward }
    }
}

fn weights() -> impl Strategy<Value = Weights> {
    let each = prop::collection::vec(prop_oneof![Just(0.0), 0.0..1.0, Just(1000.0)], 8);
    each.prop_map(|each| {
        let named = Factor::ALL.into_iter().map(Factor::name).zip(each);
        Weights::default().changed(named).unwrap_or_default()
    })
}

prop_compose! {
    fn request()(
        task in text(6),
        weights in weights(),
        optimize in prop::sample::select(&[Optimize::Quality, Optimize::Cost, Optimize::Speed][..]),
        phase in prop::option::of(Just("review".to_owned())),
        explore in prop::option::of(any::<u64>()),
    ) -> Request {
        let context = Context { phase, ..Context::default() };
        Request { task, weights, optimize, context, explore, limit: 20, ..Request::default() }
    }
}

prop_compose! {
    fn state()(
        agents in agents(),
        past in prop::collection::vec(past(), 0..30),
        ended in prop::collection::vec(ended(), 0..60),
        expected_success in prop_oneof![4 => 0.0..=1.0, 1 => Just(f64::NAN), 1 => Just(1e300)],
        request in request(),
    ) -> State {
        State { agents, past, ended, expected_success, request }
    }
}

impl State {
    fn select(&self) -> Selection {
        thread_local! {
            static SELECTOR: Selector = Selector::default();
        }
        SELECTOR.with(|selector| self.select_with(selector))
    }

    fn select_with(&self, selector: &Selector) -> Selection {
        let mut index = Index::default();
        for agent in &self.agents {
            index
                .replace(agent.document.clone(), &selector.words, &selector.phases)
                .unwrap();
        }
        let mut experience = Experience::of(1_000);
        self.past.iter().for_each(|past| experience.add(past));
        let mut learner = Learner::default();
        for ended in &self.ended {
            learner.record(ended).unwrap();
        }
        let candidates = self.agents.iter().map(|agent| agent.candidate.clone());
        let roster = Roster::new(&index, candidates);
        let query = selector.read(&self.request, &index).unwrap();
        let matches = index.search(&query.terms);
        let known = Knowledge {
            index: &index,
            experience: &experience,
            expected_success: self.expected_success,
            min_fit: MIN_FIT,
            learned: Some((&learner, ASKER)),
        };
        selector.select(&known, &self.request, &query, &matches, &roster)
    }

    fn rank(&self, id: &str) -> usize {
        let agents = self.select().agents;
        agents
            .iter()
            .position(|agent| *agent.id == *id)
            .expect("all agents are shown")
    }
}

fn check_sums(selection: &Selection) -> Result<(), TestCaseError> {
    let mut before = f64::INFINITY;
    for agent in &selection.agents {
        let of_factors: f64 = agent.factors.iter().map(|factor| factor.contribution).sum();
        let sum = of_factors + agent.learned.contribution;
        prop_assert!((sum - agent.score).abs() < 1e-9, "{agent:?}");
        prop_assert!((0.0..=1.0).contains(&agent.score), "{agent:?}");
        prop_assert!(agent.score <= before, "{selection:?}");
        before = agent.score;
        for factor in &agent.factors {
            prop_assert!(
                factor
                    .value
                    .is_none_or(|value| (0.0..=1.0).contains(&value))
            );
            prop_assert!(factor.contribution.is_finite() && factor.weight.is_finite());
            let expected = factor.weight * factor.value.unwrap_or_default();
            prop_assert!(factor.value.is_none() || factor.contribution == expected);
        }
    }
    if let Some(confidence) = selection.confidence {
        prop_assert!((0.0..=1.0).contains(&confidence), "{confidence}");
    }
    if let Some(explored) = selection.explored {
        prop_assert!(
            explored.propensity > 0.0 && explored.propensity <= 1.0,
            "{explored:?}"
        );
    }
    Ok(())
}

fn config() -> ProptestConfig {
    let is_long = std::env::var_os("AGENTPULSE_TEST_LONG").is_some();
    let kept = FileFailurePersistence::Direct("proptest-regressions/properties.txt");
    ProptestConfig {
        cases: if is_long { 10_000 } else { 150 },
        failure_persistence: Some(Box::new(kept)),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_score_is_the_sum_of_its_contributions_and_a_number(state in state()) {
        check_sums(&state.select())?;
    }

    #[test]
    fn the_order_of_what_comes_does_not_matter(
        state in state(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 12),
    ) {
        let expected = state.select();
        let mut shuffled = state.clone();
        for (from, to) in places.iter().enumerate() {
            let len = shuffled.agents.len();
            shuffled.agents.swap(from % len, to.index(len));
        }
        prop_assert_eq!(shuffled.select(), expected);
    }

    #[test]
    fn a_weight_of_zero_removes_every_influence(
        state in state(),
        others in agents(),
        past in prop::collection::vec(past(), 0..30),
    ) {
        let changes = Factor::ALL.map(|factor| (factor.name(), state.request.weights.get(factor)));
        for factor in Factor::ALL {
            let without = changes.map(|(name, weight)| {
                (name, if name == factor.name() { 0.0 } else { weight })
            });
            let Ok(weights) = Weights::default().changed(without) else { continue };
            let mut state = state.clone();
            state.request.weights = weights;
            if factor == Factor::Economy {
                // A request that optimizes has a weight for it.
                state.request.optimize = Optimize::Quality;
            }
            let expected = state.select();
            let mut changed = state.clone();
            for (agent, other) in changed.agents.iter_mut().zip(&others) {
                let candidate = &mut agent.candidate;
                let other = &other.candidate;
                match factor {
                    Factor::RecentSuccess => candidate.recent = other.recent,
                    Factor::Availability => candidate.running = other.running,
                    Factor::Collaboration => candidate.together = other.together,
                    Factor::UserPreference => candidate.preference = other.preference,
                    Factor::Economy => candidate.mean_ms = other.mean_ms,
                    Factor::DomainExpertise => changed.past = past.clone(),
                    Factor::PhaseAlignment => agent.document.agent_type = "tester".to_owned(),
                    // Words also say which past tasks are near.
                    Factor::KeywordMatch => agent.document.description.clear(),
                }
            }
            let of = |selection: Selection| -> Vec<(String, f64)> {
                let agents = selection.agents.into_iter();
                agents.map(|agent| (agent.id.to_string(), agent.score)).collect()
            };
            let (found, expected) = (changed.select(), expected);
            prop_assert_eq!(&found.recommendation, &expected.recommendation, "{}", factor.name());
            prop_assert_eq!(of(found), of(expected), "{}", factor.name());
        }
    }

    #[test]
    fn one_more_success_never_lowers_the_rank(
        state in state(),
        which in any::<prop::sample::Index>(),
    ) {
        let mut state = state;
        state.request.explore = None;
        let place = which.index(state.agents.len());
        let id = state.agents[place].candidate.id.clone();
        let before = state.rank(&id);
        let terms: Vec<String> = state.request.task.split_whitespace().map(str::to_owned).collect();

        let mut with_run = state.clone();
        with_run.agents[place].candidate.recent.add(0, 1, 1);
        prop_assert!(with_run.rank(&id) <= before, "a run");

        let mut with_task = state.clone();
        let past = Past { agent: id.clone(), terms, success: 1.0, strength: 1.0 };
        with_task.past.push(past);
        prop_assert!(with_task.rank(&id) <= before, "a task");

        let mut with_shared = state.clone();
        with_shared.agents[place].candidate.together.add(0, 1, 1);
        prop_assert!(with_shared.rank(&id) <= before, "a run with another");
    }

    #[test]
    fn an_outcome_never_lowers_the_rank_by_being_a_success(
        state in state(),
        which in any::<prop::sample::Index>(),
    ) {
        let mut state = state;
        state.request.explore = None;
        let id = state.agents[which.index(state.agents.len())].candidate.id.clone();
        // The twentieth outcome moves all agents: with it the line is fitted again.
        if (state.ended.len() + 1).is_multiple_of(20) {
            state.ended.pop();
        }
        let with = |is_completed| {
            let outcome = Outcome::Task { is_completed, is_retried: false };
            let terms = state.request.task.split_whitespace().map(str::to_owned).collect();
            let reward = outcome.reward().unwrap();
            let (asker, agent) = (ASKER.into(), id.clone());
            let mut state = state.clone();
            let ended = Ended { asker, agent, day: 9, terms, base: 0.5, surprise: 0.0, reward };
            state.ended.push(ended);
            state.rank(&id)
        };
        let (before, failed, succeeded) = (state.rank(&id), with(false), with(true));
        prop_assert!(succeeded <= failed && succeeded <= before && before <= failed);
    }
}
