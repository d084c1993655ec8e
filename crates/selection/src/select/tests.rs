use super::*;
use crate::candidate::Candidate;
use crate::document::Document;
use crate::request::Context;
use crate::weights::Weights;

struct World {
    selector: Selector,
    index: Index,
    candidates: Vec<Candidate>,
}

fn world() -> World {
    let mut world = World {
        selector: Selector::default(),
        index: Index::default(),
        candidates: Vec::new(),
    };
    let agents = [
        (
            "backend-services",
            "REST APIs with PostgreSQL backends",
            "api-handler",
        ),
        ("code-reviewer", "Reviews pull requests", "reviewer"),
        ("css-stylist", "Stylesheets and themes", "generic"),
    ];
    for (name, description, agent_type) in agents {
        let document = Document {
            id: format!("agent_{name}").as_str().into(),
            run_name: name.into(),
            description: description.to_owned(),
            headings: Vec::new(),
            tools: vec!["Read".to_owned()],
            mcp_servers: Vec::new(),
            skills: Vec::new(),
            agent_type: agent_type.to_owned(),
        };
        world.candidates.push(Candidate::new(document.id.clone()));
        let (words, phases) = (&world.selector.words, &world.selector.phases);
        world.index.replace(document, words, phases).unwrap();
    }
    world
}

impl World {
    fn select(&self, request: &Request) -> Selection {
        let query = self.selector.read(request, &self.index).unwrap();
        let known = Knowledge {
            index: &self.index,
            experience: &Experience::of(1),
            expected_success: 0.6,
            min_fit: MIN_FIT,
            learned: None,
        };
        let matches = self.index.search(&query.terms);
        let roster = Roster::new(&self.index, self.candidates.clone());
        self.selector
            .select(&known, request, &query, &matches, &roster)
    }
}

fn task(text: &str) -> Request {
    Request {
        task: text.to_owned(),
        ..Request::default()
    }
}

#[test]
fn a_task_with_its_context_is_answered_with_reasons() {
    let mut world = world();
    world.candidates[0].recent.add(0, 47, 50);
    let request = Request {
        context: Context {
            keywords: ["rest", "api", "postgresql", "backend"]
                .map(str::to_owned)
                .to_vec(),
            phase: Some("implementation".to_owned()),
            file_types: vec!["py".to_owned(), "sql".to_owned()],
            ..Context::default()
        },
        ..task("Create REST API with PostgreSQL backend")
    };
    let selection = world.select(&request);
    assert_eq!(
        selection.recommendation.as_deref(),
        Some("backend-services")
    );
    let best = &selection.agents[0];
    let [words, phase, recent, expertise, idle, ..] = &best.factors[..] else {
        panic!()
    };
    assert_eq!(phase.value, Some(1.0));
    assert_eq!(recent.value, Some((47.0 + 8.0 * 0.6) / 58.0));
    assert_eq!(expertise.value, None);
    assert!(
        (expertise.contribution - 0.15 / 0.90 * 0.6).abs() < 1e-12,
        "{expertise:?}"
    );
    assert_eq!(
        idle.evidence,
        Evidence::Running {
            running: 0,
            limit: None
        }
    );
    // All but that of collaboration: nobody is named.
    assert!((words.weight - 0.25 / 0.90).abs() < 1e-12, "{words:?}");
    let expected = [
        "it is for implementation, by 100 % what the task is",
        "47 of 50 runs succeeded in 30 days",
        "it is idle",
    ];
    assert!(
        best.reasons[0].ends_with("are in its definition"),
        "{:?}",
        best.reasons
    );
    assert_eq!(best.reasons[1..], expected);
}

#[test]
fn those_that_cannot_take_it_are_rejected_with_the_reason() {
    let mut world = world();
    let reasons = |selection: &Selection| -> Vec<(String, String)> {
        let rejected = selection.rejected.iter();
        rejected
            .map(|one| (one.run_name.to_string(), one.reason.clone()))
            .collect()
    };
    let backend = |reason: &str| [("backend-services".to_owned(), reason.to_owned())];
    let excluded = Request {
        exclude: vec!["backend-services".to_owned()],
        ..task("rest api")
    };
    assert_eq!(reasons(&world.select(&excluded)), backend("it is excluded"));
    let tool = Request {
        require_tools: vec!["Bash".to_owned()],
        ..task("rest api")
    };
    let selection = world.select(&tool);
    assert_eq!(reasons(&selection), backend("it has no tool Bash"));
    assert_eq!(selection.reasons, ["no agent can take it"]);
    world.candidates[0].ineligible = Some("the client does not load it".into());
    let selection = world.select(&task("rest api"));
    assert_eq!(reasons(&selection), backend("the client does not load it"));
    assert!(
        selection
            .agents
            .iter()
            .all(|agent| &*agent.run_name != "backend-services")
    );
}

#[test]
fn nobody_is_recommended_for_what_is_nobodys() {
    let selection = world().select(&task("cook two aubergines"));
    assert_eq!(
        (selection.recommendation, selection.confidence),
        (None, None)
    );
    assert_eq!(
        selection.reasons[1],
        "in no definition: cook, two, aubergines"
    );
    assert_eq!(selection.agents[0].factors[0].weight, 0.0);
}

#[test]
fn without_the_factors_that_say_so_everybody_fits() {
    let mut world = world();
    world.candidates[0].running = 1;
    world.candidates[1].running = 2;
    let zeros = Factor::ALL.map(|factor| (factor.name(), 0.0));
    let only = zeros.into_iter().chain([("availability", 1.0)]);
    let request = Request {
        weights: Weights::default().changed(only).unwrap(),
        limit: 2,
        ..task("rest api")
    };
    let selection = world.select(&request);
    assert_eq!(selection.recommendation.as_deref(), Some("css-stylist"));
    let scores: Vec<f64> = selection.agents.iter().map(|agent| agent.score).collect();
    assert_eq!(scores, [1.0, 0.5]);
}

#[test]
fn a_request_that_optimizes_for_cost_prefers_the_cheaper() {
    let mut world = world();
    for (candidate, cost) in world.candidates.iter_mut().zip([30, 10, 20]) {
        candidate.mean_cost_micros = Some(cost);
    }
    let request = Request {
        optimize: Optimize::Cost,
        ..task("rest api")
    };
    let selection = world.select(&request);
    let economy = |name: &str| {
        let agent = selection
            .agents
            .iter()
            .find(|agent| &*agent.run_name == name);
        agent.unwrap().factors[7].value
    };
    let values = ["backend-services", "code-reviewer", "css-stylist"].map(economy);
    assert_eq!(values, [Some(0.0), Some(1.0), Some(0.5)]);
    assert_eq!(world.select(&task("rest api")).agents[0].factors.len(), 7);
}
