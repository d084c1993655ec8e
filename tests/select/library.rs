//! Agents of the library are ranked beside those that a client has, and say how to take them.

use serde_json::{Value, json};

use super::{PATH, SHOP, TASK, ask, described};
use crate::harness::events::Run;
use crate::harness::{eventually, now_ms};
use crate::registry::home::{Home, counter, refresh, write};
use crate::registry::library::with_library;

/// The client has a poor one for the task, the library a good one.
fn home() -> Home {
    let home = Home::new();
    let helper = "Explains slow SQL queries.";
    write(&home.user(), "helper", &described("helper", helper, ""));
    let tuner = "Optimises each slow query of the orders.";
    write(
        &home.path("agents"),
        "tuner",
        &described("tuner", tuner, ""),
    );
    home
}

fn ranked(answer: &Value) -> Vec<[Value; 3]> {
    let agents = answer["agents"].as_array().expect("agents");
    let row = |one: &Value| ["name", "launch", "mention"].map(|field| one[field].clone());
    agents.iter().map(row).collect()
}

#[test]
fn one_of_the_library_is_recommended_in_each_project_unless_it_is_left_out() {
    let home = home();
    let daemon = with_library(&home, &[home.path("agents")]).start();
    refresh(&daemon);
    let tuner = [[json!("tuner"), json!("library"), Value::Null]];
    let helper = [[json!("helper"), json!("client"), json!("@agent-helper")]];
    let both = [&tuner[..], &helper[..]].concat();
    for project in [None, Some(SHOP)] {
        let mut body = json!({"task": TASK, "project": project});
        let answer = ask(&daemon, &body);
        assert_eq!(ranked(&answer), both, "{answer}");
        assert_eq!(answer["recommendation"], "tuner");
        assert_eq!(answer["recommended_id"], answer["agents"][0]["agent_id"]);
        let id = answer["recommended_id"].as_str().expect("an id");
        let told = daemon.read(&format!("/registry/agents/{id}?body=true"));
        assert_eq!(told.expect("the prompt")["body"], "Do it.\n");
        body["library"] = json!(false);
        let without = ask(&daemon, &body);
        assert_eq!(ranked(&without)[..], helper[..], "{without}");
        assert_eq!(without["rejected"], json!([]));
    }
    let query = "q=Optimise%20the%20slow%20orders%20query";
    let read = |more: &str| daemon.read(&format!("{PATH}?{query}{more}"));
    let answer = read("").expect("an answer");
    assert_eq!(ranked(&answer), both);
    let answer = read("&library=false").expect("an answer");
    assert_eq!(ranked(&answer), helper);
    assert!(read("&library=no").is_err());
}

#[test]
fn the_command_says_how_it_is_taken() {
    let home = home();
    let daemon = with_library(&home, &[home.path("agents")]).start();
    refresh(&daemon);
    let printed = |more: &[&str]| {
        let output = daemon.command(&[&["select", TASK], more].concat());
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let answer = ask(&daemon, &json!({"task": TASK}));
    let id = answer["recommended_id"].as_str().expect("an id");
    let how = format!(
        "tuner is of the library: give a general-purpose agent what `agentpulse registry show {id} \
         --body` prints\n"
    );
    let said = printed(&[]);
    assert!(said.ends_with(&how), "{said}");
    let kept = printed(&["--keep"]);
    assert!(kept.contains(&how) && kept.contains("\nsel_"), "{kept}");
    // A client launches none of the library by its name.
    assert_eq!(printed(&["--name"]), "helper\n");
    assert_eq!(printed(&["--mention"]), "@agent-helper\n");
    let without = printed(&["--no-library"]);
    assert!(!without.contains("tuner"), "{without}");
}

#[test]
fn what_cannot_be_taken_is_rejected_and_names_are_nobody_elses() {
    let home = home();
    let library = home.path("agents");
    let twin = "Optimises the query of slow orders.";
    write(&library, "twin", &described("twin", twin, ""));
    write(&library.join("sub"), "twin", &described("twin", twin, ""));
    // The client has this name, too: each is itself.
    write(&library, "helper", &described("helper", twin, ""));
    let daemon = with_library(&home, &[library]).start();
    refresh(&daemon);
    let answer = ask(
        &daemon,
        &json!({"task": TASK, "project": SHOP, "limit": 20}),
    );
    let mut named: Vec<_> = ranked(&answer)
        .into_iter()
        .map(|[name, launch, _]| (name.to_string(), launch.to_string()))
        .collect();
    named.sort();
    let expected = [
        ("helper", "client"),
        ("helper", "library"),
        ("tuner", "library"),
    ];
    let expected = expected.map(|(name, launch)| (format!("{name:?}"), format!("{launch:?}")));
    assert_eq!(named, expected, "{answer}");
    let reason = "the library has its name twice";
    let row = json!({"name": "twin", "reason": reason});
    assert_eq!(answer["rejected"], json!([row, row]));
}

#[test]
fn a_run_of_the_name_that_a_client_has_ends_no_selection_of_the_library() {
    let home = home();
    let library = home.path("agents");
    // Which fits less than the three that are shown.
    write(
        &home.user(),
        "tuner",
        &described("tuner", "Tunes pianos.", ""),
    );
    write(
        &library,
        "solo",
        &described("solo", "Optimises orders.", ""),
    );
    let daemon = with_library(&home, &[library]).start();
    refresh(&daemon);
    for session in ["s1", "s2"] {
        let context = json!({"session_id": session});
        let answer = ask(
            &daemon,
            &json!({"task": TASK, "limit": 3, "context": context}),
        );
        let shown = ranked(&answer)
            .into_iter()
            .map(|[name, launch, _]| (name, launch));
        let tuners: Vec<_> = shown.filter(|(name, _)| name == "tuner").collect();
        assert_eq!(tuners, [(json!("tuner"), json!("library"))], "{answer}");
    }
    let ran = |id: &str, name: &str, session: &str| {
        let run = Run::new(id).agent(name).with("session_id", session);
        let run = run.began(now_ms()).ended(now_ms() + 1);
        [run.start(), run.stop()]
    };
    daemon.accept(&[ran("t", "tuner", "s1"), ran("s", "solo", "s2")].concat());
    // Both are looked at together.
    eventually("the one is linked", || {
        let linked = counter(&daemon, "selections_linked");
        (linked > 0).then_some(()).ok_or(linked.to_string())
    });
    let figures = daemon.read("/api/agents/select/stats?days=1");
    let figures = figures.expect("figures");
    assert_eq!(
        (&figures["selections"], &figures["outcomes"]),
        (&json!(2), &json!(1))
    );
}
