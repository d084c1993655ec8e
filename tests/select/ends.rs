//! What follows of itself from selections: executions in their sessions, company, figures.

use std::process::Output;

use serde_json::{Value, json};

use super::feedback::{id_of, of, say, with_three};
use super::{PATH, ask, factor, is_near};
use crate::harness::{Daemon, Setup, eventually, now_ms};
use crate::registry::home::{Home, counter};

const TASK: &str = "Optimise the slow orders query";

fn start(id: &str, name: &str, session: &str, at_ms: i64) -> Value {
    json!({"event": "start", "agent_id": id, "agent_name": name, "session_id": session,
        "start_time": at_ms})
}

fn stop(id: &str, name: &str, session: &str, status: &str) -> Value {
    json!({"event": "stop", "agent_id": id, "agent_name": name, "session_id": session,
        "status": status, "duration_ms": 1})
}

fn text(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&all).into_owned()
}

fn stats(daemon: &Daemon) -> Value {
    daemon
        .read("/api/agents/select/stats?days=1")
        .expect("figures")
}

#[test]
fn the_first_agent_that_starts_in_the_session_ends_the_selection() {
    let home = Home::new();
    let mut daemon = with_three(&home, home.setup());
    let asked = |session: &str| {
        let context = json!({"session_id": session});
        id_of(&ask(&daemon, &json!({"task": TASK, "context": context})))
    };
    let first = asked("s1");
    asked("s2");
    asked("s3");
    let now = now_ms();
    daemon.accept(&[
        start("x1", "nobody", "s1", now),
        stop("x1", "nobody", "s1", "success"),
        start("t1", "tuner", "s1", now),
        start("h1", "helper", "s1", now + 1),
        // It started later, and ends before.
        stop("h1", "helper", "s1", "success"),
        start("p2", "planner", "s2", now),
        stop("p2", "planner", "s2", "success"),
    ]);
    eventually("one is linked", || {
        let linked = counter(&daemon, "selections_linked");
        (linked == 1).then_some(()).ok_or(linked.to_string())
    });
    daemon.accept(&[stop("t1", "tuner", "s1", "failure")]);
    let figures = eventually("both are linked", || {
        let figures = stats(&daemon);
        let is_there = figures["outcomes"] == 2;
        is_there
            .then_some(figures.clone())
            .ok_or(figures.to_string())
    });
    is_near(&figures["mean_reward"], 0.5);
    assert_eq!(
        (&figures["selections"], &figures["answered"]),
        (&json!(3), &json!(3))
    );
    let learned = |name: &str| {
        let answer = ask(&daemon, &json!({"task": TASK}));
        let agents = answer["agents"].as_array().expect("agents").clone();
        let one = agents.into_iter().find(|agent| agent["name"] == name);
        one.expect("it is shown")["learned"]["outcomes"].clone()
    };
    assert_eq!(
        (learned("tuner"), learned("planner"), learned("helper")),
        (json!(1), json!(1), json!(0))
    );
    // A word is stronger than an end.
    let noted = say(&daemon, &first, &json!({"chosen": "tuner", "rating": 5})).json();
    assert_eq!(
        (&noted["reward"], &noted["strength"]),
        (&json!(1.0), &json!(1.0))
    );
    is_near(&stats(&daemon)["mean_reward"], 1.0);

    // What was asked before a restart is followed after it.
    daemon.restart();
    daemon.accept(&[
        start("t3", "tuner", "s3", now_ms()),
        stop("t3", "tuner", "s3", "success"),
    ]);
    eventually("the last one is linked", || {
        let outcomes = stats(&daemon)["outcomes"].clone();
        (outcomes == 3).then_some(()).ok_or(outcomes.to_string())
    });
}

#[test]
fn runs_beside_the_agents_that_are_named_count() {
    let home = Home::new();
    let daemon = with_three(&home, home.setup());
    daemon.accept(&[
        stop("l1", "lead", "s1", "success"),
        stop("t1", "tuner", "s1", "success"),
        stop("t2", "tuner", "s1", "failure"),
        stop("t3", "tuner", "s2", "failure"),
        stop("h1", "helper", "s2", "success"),
    ]);
    let named = json!({"task": TASK, "context": {"with": ["lead"]}});
    let answer = eventually("the executions are in the history", || {
        let counted = ask(&daemon, &json!({"task": TASK}));
        let all = (0..3).filter_map(|place| {
            factor(&counted, place, "recent_success")["evidence"]["finished"].as_u64()
        });
        match all.sum::<u64>() {
            4 => Ok(ask(&daemon, &named)),
            other => Err(other.to_string()),
        }
    });
    let agents = answer["agents"].as_array().expect("agents");
    for agent in agents {
        let together = &agent["factors"]["collaboration"];
        assert!(together["weight"].as_f64() > Some(0.0), "{together}");
        match agent["name"].as_str() {
            Some("tuner") => {
                assert_eq!(
                    together["evidence"],
                    json!({"success": 1, "finished": 2, "days": 30})
                );
                // Beside 4 of which 3 in 5 succeed.
                is_near(&together["value"], (1.0 + 4.0 * 0.6) / 6.0);
            }
            _ => assert_eq!(together["evidence"], "it did not work with those agents"),
        }
    }
}

#[test]
fn one_is_drawn_only_if_it_is_asked_for() {
    let home = Home::new();
    let daemon = with_three(&home, home.setup());
    let first = ask(&daemon, &json!({"task": TASK}));
    assert_eq!(first["explored"], false);
    let drawn: Vec<Value> = (0..60)
        .map(|_| ask(&daemon, &json!({"task": TASK, "explore": true})))
        .collect();
    assert!(drawn.iter().all(|answer| answer["explored"] == true));
    // All are about as good: that none of 60 is another one has a chance below 10^-6.
    let other = |answer: &&Value| answer["recommendation"] != first["recommendation"];
    let others = drawn.iter().filter(other).count();
    assert!(others > 0);
    for answer in &drawn {
        let said = json!({"chosen": answer["recommendation"], "outcome": "success"});
        assert_eq!(say(&daemon, &id_of(answer), &said).status, 200);
    }
    let figures = stats(&daemon);
    let counts = ["selections", "explored", "agreed", "outcomes"].map(|name| &figures[name]);
    assert_eq!(
        counts,
        [61, 60, 61 - others, 60]
            .map(|count| json!(count))
            .each_ref()
    );
    let effective = figures["unlearned"]["effective_outcomes"].as_f64();
    assert!(
        effective > Some(0.0) && effective <= Some(60.0),
        "{figures}"
    );
    assert_eq!(figures["daily"].as_array().map(Vec::len), Some(1));
}

#[test]
fn settings_weigh_abstain_and_keep_no_words() {
    let home = Home::new();
    let setup = home
        .setup()
        .set("select.weights.availability", "0")
        .set("select.weights.keyword_match", "90")
        .set("select.abstain_below", "100")
        .set("select.keep_queries", "\"none\"");
    let daemon = with_three(&home, setup);
    let answer = ask(&daemon, &json!({"task": TASK}));
    assert_eq!(answer["recommendation"], Value::Null, "{answer}");
    let weight = |answer: &Value, name: &str| factor(answer, 0, name)["weight"].clone();
    // The task names no phase and nobody else.
    is_near(
        &weight(&answer, "keyword_match"),
        0.90 / (0.90 + 0.15 + 0.15 + 0.05),
    );
    assert_eq!(weight(&answer, "availability"), 0.0);
    let weights = json!({"keyword_match": 0.25, "availability": 0.10});
    let named = ask(&daemon, &json!({"task": TASK, "weights": weights}));
    is_near(&weight(&named, "availability"), 0.10 / 0.70);
    // Without words an outcome is of no task.
    let said = json!({"chosen": "tuner", "rating": 5});
    assert_eq!(say(&daemon, &id_of(&answer), &said).status, 200);
    let after = ask(&daemon, &json!({"task": TASK}));
    let agents = after["agents"].as_array().expect("agents");
    assert!(
        agents.iter().all(|one| one["learned"]["outcomes"] == 0),
        "{after}"
    );

    let zeros = [
        "keyword_match",
        "phase_alignment",
        "recent_success",
        "domain_expertise",
    ]
    .into_iter()
    .chain(["availability", "collaboration", "user_preference"]);
    let setup = zeros.fold(Setup::new(), |setup, name| {
        setup.set(&format!("select.weights.{name}"), "0")
    });
    let refused = setup.run_to_exit_anywhere();
    let told = "select.weights: all are 0, one at least must be above";
    assert!(refused.log.contains(told), "{}", refused.log);
}

#[test]
fn a_backup_brings_back_what_was_kept_and_learned() {
    let home = Home::new();
    let mut daemon = with_three(&home, home.setup());
    let id = id_of(&ask(&daemon, &json!({"task": TASK})));
    let said = json!({"chosen": "tuner", "rating": 5});
    assert_eq!(say(&daemon, &id, &said).status, 200);
    let before = ask(&daemon, &json!({"task": TASK}))["agents"].clone();
    let file = home.path("one.tar").display().to_string();
    let made = daemon.command(&["backup", &file]);
    assert!(made.status.success(), "{}", text(&made));
    assert!(daemon.command(&["select", "--forget"]).status.success());
    let forgotten = ask(&daemon, &json!({"task": TASK}));
    assert_ne!(forgotten["agents"], before);
    assert_eq!(daemon.sigterm().code(), Some(0));
    std::fs::remove_dir_all(&daemon.data).expect("a new machine");
    let restored = daemon.command(&["restore", &file]);
    assert!(restored.status.success(), "{}", text(&restored));
    daemon.restart();
    assert_eq!(ask(&daemon, &json!({"task": TASK}))["agents"], before);
    assert_eq!(say(&daemon, &id, &said).status, 200);
}

#[test]
fn the_command_keeps_reports_counts_and_forgets() {
    let home = Home::new();
    let daemon = with_three(&home, home.setup());
    let run = |arguments: &[&str]| daemon.command(&[&["select"], arguments].concat());
    let kept = run(&[TASK, "--keep"]);
    let told = text(&kept);
    let id = told.lines().last().expect("a line").to_owned();
    assert!(id.starts_with("sel_") && id.len() == 4 + 32, "{told}");
    let said = run(&[
        "--feedback",
        &id,
        "--chosen",
        "tuner",
        "--outcome",
        "success",
        "--rating",
        "4",
    ]);
    assert_eq!(text(&said), "tuner: a reward of 0.75\n");
    let wrong = run(&["--feedback", &id, "--chosen", "nobody"]);
    assert_eq!(wrong.status.code(), Some(1), "{}", text(&wrong));
    let figures = text(&run(&["--stats"]));
    let total = figures.lines().last().expect("a line");
    let total: Vec<&str> = total.split_whitespace().collect();
    assert_eq!(total, ["all", "1", "1", "1", "0", "1", "0.75"], "{figures}");
    assert_eq!(text(&run(&["--forget"])), "1 selections forgotten\n");
    assert_eq!(stats(&daemon)["selections"], 0);
    let answer = say(&daemon, &id, &json!({"chosen": "tuner"}));
    assert_eq!(answer.status, 404);
    let after = ask(&daemon, &of("alice"));
    assert!(
        after["agents"]
            .as_array()
            .expect("agents")
            .iter()
            .all(|one| one["learned"]["outcomes"] == 0)
    );
    let audit = text(&daemon.command(&["audit"]));
    assert!(audit.contains("selections_forgotten"), "{audit}");
    assert_eq!(
        daemon
            .request("POST", "/control/selections/forget", &[], b"")
            .status,
        404
    );
    assert_eq!(
        daemon
            .request("GET", &format!("{PATH}/stats?days=0"), &[], b"")
            .status,
        400
    );
}
