//! What askers say of selections: it moves their own answers within the cap, stays, and moves
//! nobody else's.

use serde_json::{Value, json};

use super::{PATH, ask, described, factor, is_near};
use crate::harness::bytes::search;
use crate::harness::wire::Response;
use crate::harness::{Daemon, Setup, eventually};
use crate::registry::home::{Home, counter, refresh, write};
use crate::security::corpus::planted;
use crate::security::keys::create;

const TASK: &str = "Optimise the slow orders query";
const AGENTS: [&str; 3] = ["helper", "planner", "tuner"];

/// Three that fit, and no record of any.
pub fn with_three(home: &Home, setup: Setup) -> Daemon {
    let texts = [
        "Explains slow orders.",
        "Plans each query of orders.",
        "Optimises slow queries.",
    ];
    for (name, text) in AGENTS.into_iter().zip(texts) {
        write(&home.user(), name, &described(name, text, ""));
    }
    let daemon = setup.start();
    refresh(&daemon);
    daemon
}

pub fn of(caller: &str) -> Value {
    json!({"task": TASK, "context": {"caller": caller}})
}

pub fn say(daemon: &Daemon, id: &str, said: &Value) -> Response {
    let path = format!("{PATH}/{id}/feedback");
    daemon.request("POST", &path, &[], said.to_string().as_bytes())
}

#[track_caller]
pub fn id_of(answer: &Value) -> String {
    let id = answer["selection_id"].as_str();
    id.unwrap_or_else(|| panic!("no id: {answer}")).to_owned()
}

/// An asker chooses one of those that it is shown, and rates it.
#[track_caller]
fn rate(daemon: &Daemon, caller: &str, chosen: &str, stars: u8) {
    let id = id_of(&ask(daemon, &of(caller)));
    let answer = say(daemon, &id, &json!({"chosen": chosen, "rating": stars}));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn names(answer: &Value) -> Vec<&str> {
    let agents = answer["agents"].as_array().expect("agents");
    agents
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect()
}

#[test]
fn outcomes_move_the_answers_of_their_asker_alone_and_stay() {
    let home = Home::new();
    let mut daemon = with_three(&home, home.setup());
    let before = ask(&daemon, &of("alice"));
    let of_bob = ask(&daemon, &of("bob"))["agents"].clone();
    assert_eq!(names(&before).len(), 3, "{before}");
    let last = names(&before)[2].to_owned();
    // Of each 20 a day count: 20 to see what scores foretell, 40 to see what learning adds to it.
    for _ in 0..20 {
        for agent in AGENTS {
            rate(&daemon, "alice", agent, if agent == last { 5 } else { 1 });
        }
    }
    let after = ask(&daemon, &of("alice"));
    assert_eq!(after["recommendation"], last.as_str(), "{after}");
    for (place, agent) in after["agents"]
        .as_array()
        .expect("agents")
        .iter()
        .enumerate()
    {
        let learned = &agent["learned"];
        let contribution = learned["contribution"].as_f64().expect("a number");
        assert!(
            0.05 < contribution.abs() && contribution.abs() <= 0.25,
            "{agent}"
        );
        assert_eq!(contribution > 0.0, place == 0, "{agent}");
        assert_eq!(learned["outcomes"], 20, "{agent}");
        let factors = agent["factors"].as_object().expect("factors");
        let sum = factors
            .values()
            .filter_map(|one| one["contribution"].as_f64());
        is_near(&agent["score"], sum.sum::<f64>() + contribution);
    }
    // 20 ratings of five stars, and chosen as often as another one was not.
    let liked = factor(&after, 0, "user_preference");
    assert_eq!(liked["evidence"]["ratings"], 20);
    assert_eq!(ask(&daemon, &of("bob"))["agents"], of_bob);
    let read = daemon.read(&format!("{PATH}?q=Optimise%20the%20slow%20orders%20query"));
    assert_eq!(read.expect("an answer")["selection_id"], Value::Null);

    // The one that was said last is on the disk before its answer.
    rate(&daemon, "carol", "planner", 2);
    let carol = ask(&daemon, &of("carol"))["agents"].clone();
    daemon.kill9();
    daemon.restart();
    assert_eq!(ask(&daemon, &of("alice"))["agents"], after["agents"]);
    assert_eq!(ask(&daemon, &of("carol"))["agents"], carol);
    assert_eq!(ask(&daemon, &of("bob"))["agents"], of_bob);
    assert_eq!(counter(&daemon, "selections_unrecorded"), 0);
}

#[test]
fn a_thousand_ratings_of_one_asker_move_nobody_else() {
    let home = Home::new();
    let setup = home.setup().set("http.rate_limit", "100000");
    let daemon = with_three(&home, setup.set("http.rate_burst", "100000"));
    let before = ask(&daemon, &of("victim"))["agents"].clone();
    for _ in 0..1_000 {
        rate(&daemon, "poisoner", "planner", 5);
    }
    assert_eq!(ask(&daemon, &of("victim"))["agents"], before);
    let poisoner = ask(&daemon, &of("poisoner"));
    let planner = |agent: &&Value| agent["name"] == "planner";
    let agents = poisoner["agents"].as_array().expect("agents");
    let planner = agents.iter().find(planner).expect("it is shown");
    assert_eq!(planner["learned"]["outcomes"], 20, "{planner}");
}

#[test]
fn the_last_word_stands_and_counts_once() {
    let home = Home::new();
    let daemon = with_three(&home, home.setup());
    let id = id_of(&ask(&daemon, &of("alice")));
    let noted = |said: Value| {
        let answer = say(&daemon, &id, &said);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let noted = answer.json();
        assert_eq!(
            (&noted["selection_id"], &noted["chosen"]),
            (&json!(id), &said["chosen"])
        );
        (noted["reward"].clone(), noted["strength"].clone())
    };
    let (half, full) = (json!(0.7), json!(1.0));
    let tuner = json!({"chosen": "tuner", "outcome": "success"});
    assert_eq!(noted(tuner.clone()), (json!(1.0), half.clone()));
    assert_eq!(noted(tuner), (json!(1.0), half));
    assert_eq!(
        noted(json!({"chosen": "tuner", "outcome": "success", "rating": 2})),
        (json!(0.25), full)
    );
    assert_eq!(
        noted(json!({"chosen": "tuner", "outcome": "abandoned"})),
        (Value::Null, Value::Null)
    );
    noted(json!({"chosen": "helper", "outcome": "failure"}));
    let after = ask(&daemon, &of("alice"));
    for (place, agent) in names(&after).into_iter().enumerate() {
        let outcomes = u64::from(agent == "helper");
        assert_eq!(
            after["agents"][place]["learned"]["outcomes"], outcomes,
            "{after}"
        );
        let said = &factor(&after, place, "user_preference")["evidence"];
        if agent == "helper" {
            assert_eq!(said["chosen"], 1, "{after}");
        }
    }
    assert_eq!(counter(&daemon, "selection_feedback"), 5);
}

#[test]
fn what_is_no_feedback_is_refused_with_the_field() {
    let home = Home::new();
    let daemon = with_three(&home, home.setup());
    let id = id_of(&ask(&daemon, &json!({"task": TASK, "limit": 1})));
    let refused = [
        (
            json!({"chosen": "nobody"}),
            "chosen: it was not shown; these were: ",
        ),
        (
            json!({"chosen": ""}),
            "chosen: 0 bytes, allowed are 1 to 256",
        ),
        (
            json!({"chosen": "tuner", "rating": 6}),
            "rating: 6, allowed are 1 to 5",
        ),
        (
            json!({"chosen": "tuner", "rating": 0}),
            "rating: 0, allowed are 1 to 5",
        ),
        (
            json!({"chosen": "tuner", "outcome": "great"}),
            "unknown variant `great`",
        ),
        (
            json!({"chosen": "tuner", "charm": 1}),
            "unknown field `charm`",
        ),
        (json!({"rating": 5}), "missing field `chosen`"),
    ];
    for (said, message) in refused {
        let answer = say(&daemon, &id, &said);
        let error = answer.json()["error"].clone();
        assert_eq!(
            (answer.status, &error["code"]),
            (400, &json!("invalid_body"))
        );
        let told = error["message"].as_str().unwrap_or_default();
        assert!(told.starts_with(message), "{told}");
    }
    let answer = say(&daemon, "sel_0", &json!({"chosen": "tuner"}));
    let code = answer.json()["error"]["code"].clone();
    assert_eq!((answer.status, code), (404, json!("unknown_selection")));
    assert_eq!(counter(&daemon, "selection_feedback_refused"), 5);
    // Each refusal is counted, whatever is wrong.
    for wrong in [
        json!({"task": "x", "weights": {"charm": 1}}),
        json!({"task": "x", "project": ""}),
        json!({"task": "x", "context": {"session_id": ""}}),
        json!({"task": "x", "limit": 0}),
    ] {
        let answer = daemon.request("POST", PATH, &[], wrong.to_string().as_bytes());
        assert_eq!(answer.status, 400);
    }
    assert_eq!(counter(&daemon, "selections_refused"), 4);
}

#[test]
fn a_key_speaks_for_its_own_selections() {
    let home = Home::new();
    let daemon = with_three(&home, home.setup());
    let keys = [
        ("ci", "read,ingest"),
        ("cd", "read,ingest"),
        ("page", "read"),
    ];
    let [ci, cd, page] = keys.map(|(name, scopes)| {
        let key = create(&daemon, name, scopes);
        format!("Bearer {key}")
    });
    let post = |key: &str, path: &str, body: Value| {
        let held = [("authorization", key)];
        daemon.request("POST", path, &held, body.to_string().as_bytes())
    };
    let asked = post(&ci, PATH, of("alice")).json();
    let path = format!("{PATH}/{}/feedback", id_of(&asked));
    let said = || json!({"chosen": "tuner", "rating": 5});
    assert_eq!(post(&cd, &path, said()).status, 404);
    assert_eq!(post(&page, &path, said()).status, 403);
    assert_eq!(post(&ci, &path, said()).status, 200);
    let of_page = post(&page, PATH, of("alice"));
    assert_eq!(
        (of_page.status, &of_page.json()["selection_id"]),
        (200, &Value::Null)
    );
    // An agent that a key names is not its asker.
    let learned = |key: &str| {
        let answer = post(key, PATH, of("alice")).json();
        let agents = answer["agents"].as_array().expect("agents").clone();
        let tuner = agents.into_iter().find(|agent| agent["name"] == "tuner");
        tuner.expect("it is shown")["learned"]["outcomes"].clone()
    };
    assert_eq!((learned(&ci), learned(&cd)), (json!(1), json!(0)));
}

#[test]
fn no_secret_of_a_task_is_in_a_file() {
    let home = Home::new();
    let daemon = with_three(&home, home.setup());
    let all = planted();
    for one in &all {
        let said = one.said();
        let body = json!({"task": format!("{TASK} {said}")});
        let id = id_of(&ask(&daemon, &body));
        assert_eq!(say(&daemon, &id, &json!({"chosen": "tuner"})).status, 200);
        // What only a key before it makes a secret is a name like any other.
        let name = &one.text;
        let is_name = name.len() <= 256 && !name.chars().any(char::is_control);
        if one.key.is_none() && is_name {
            let context = json!({"caller": name, "session_id": name});
            let body = json!({"task": TASK, "project": name, "context": context});
            id_of(&ask(&daemon, &body));
        }
    }
    eventually("the selections are on the disk", || {
        let kept = counter(&daemon, "selections") as usize;
        (kept > all.len()).then_some(()).ok_or(kept.to_string())
    });
    for one in &all {
        assert!(search(&daemon.data, &one.core) > 3);
    }
}
