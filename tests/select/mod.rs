//! `select`: which agent should take a task, by its definition and what was counted of it. Numbers
//! are computed by hand.

mod ends;
mod feedback;
mod library;

use serde_json::{Value, json};

use crate::harness::{Daemon, eventually};
use crate::registry::home::{Home, counter, definition, refresh, write};

const PATH: &str = "/api/agents/select";
const TASK: &str = "Optimise the slow orders query";
const SHOP: &str = "~/shop";

fn described(name: &str, description: &str, more: &str) -> String {
    format!("---\nname: {name}\ndescription: {description}\n{more}---\nDo it.\n")
}

/// Of an agent that did this task once: 3 of its 4 executions succeeded, and one runs. Of another
/// one all 4 succeeded: so did 7 of 8 of all.
fn with_record(home: &Home) -> Daemon {
    let tuner = "Optimises slow SQL queries and PostgreSQL indexes.";
    write(
        &home.user(),
        "tuner",
        &described("tuner", tuner, "tools: Read, Bash(psql:*)\n"),
    );
    let helper = "Explains slow SQL queries.";
    write(&home.user(), "helper", &described("helper", helper, ""));
    let writer = "Writes manuals, guides and release notes.";
    write(
        &home.user(),
        "writer",
        &described("writer", writer, "tools: Read\n"),
    );
    let daemon = home
        .setup()
        .set("registry.maintenance", "[\"helper\"]")
        .set(
            "registry.projects",
            &format!("[{:?}]", home.path("shop").display().to_string()),
        )
        .start();
    let stop = |id: &str, name: &str, status: &str| {
        json!({"event": "stop", "agent_id": id, "agent_name": name, "status": status,
            "duration_ms": 1_000, "token_usage": {"input_tokens": 10, "output_tokens": 5,
            "estimated_cost": 0.5}})
    };
    let start = |id: &str, task: Option<&str>| {
        json!({"event": "start", "agent_id": id, "agent_name": "tuner",
            "task_description": task})
    };
    daemon.accept(&[
        start("t1", Some(TASK)),
        stop("t1", "tuner", "success"),
        stop("t2", "tuner", "success"),
        stop("t3", "tuner", "success"),
        stop("t4", "tuner", "failure"),
        start("t5", None),
        stop("w1", "writer", "success"),
        stop("w2", "writer", "success"),
        stop("w3", "writer", "success"),
        stop("w4", "writer", "success"),
    ]);
    refresh(&daemon);
    eventually("the executions are counted", || {
        let answer = ask(&daemon, &json!({"task": TASK}));
        let finished = factor(&answer, 0, "recent_success")["evidence"]["finished"].clone();
        let ended = (finished == 4).then_some(());
        ended.ok_or(answer.to_string())
    });
    daemon
}

#[track_caller]
fn ask(daemon: &Daemon, body: &Value) -> Value {
    let answer = daemon.request("POST", PATH, &[], body.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn factor<'a>(answer: &'a Value, place: usize, name: &str) -> &'a Value {
    &answer["agents"][place]["factors"][name]
}

#[track_caller]
fn is_near(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap_or(f64::NAN);
    assert!(
        (found - expected).abs() < 1e-9,
        "{found} and not {expected}"
    );
}

#[test]
fn the_agent_that_fits_is_named_with_what_its_score_is_made_of() {
    let home = Home::new();
    let daemon = with_record(&home);
    let answer = ask(
        &daemon,
        &json!({"task": TASK, "weights": {"phase_alignment": 0}}),
    );
    assert_eq!(answer["recommendation"], "tuner", "{answer}");
    let best = &answer["agents"][0];
    assert_eq!(
        (&best["name"], &best["mention"]),
        (&json!("tuner"), &json!("@agent-tuner"))
    );
    // Beside 8 executions of which 7 in 8 succeed.
    let recent = factor(&answer, 0, "recent_success");
    is_near(&recent["value"], (3.0 + 7.0) / (4.0 + 8.0));
    assert_eq!(
        recent["evidence"],
        json!({"success": 3, "finished": 4, "days": 30})
    );
    // One execution runs.
    is_near(&factor(&answer, 0, "availability")["value"], 0.5);
    // It did this task once, which counts 0.3, beside 4 of which 7 in 8 succeed.
    let expertise = factor(&answer, 0, "domain_expertise");
    is_near(&expertise["value"], (0.3 + 3.5) / (0.3 + 4.0));
    assert_eq!(expertise["evidence"], json!({"tasks": 1, "weight": 0.3}));
    // What the request says nothing of weighs nothing, and the others share it.
    for unknown in ["collaboration", "phase_alignment"] {
        let unknown = factor(&answer, 0, unknown);
        assert_eq!(
            (&unknown["weight"], &unknown["contribution"]),
            (&json!(0.0), &json!(0.0))
        );
    }
    let words = factor(&answer, 0, "keyword_match")["value"].as_f64();
    let words = words.expect("words of the task");
    let sum = 0.25 * words + 0.15 * (10.0 / 12.0) + 0.15 * (3.8 / 4.3) + 0.10 * 0.5 + 0.05 * 0.5;
    is_near(&best["score"], sum / 0.70);
    for agent in answer["agents"].as_array().expect("agents") {
        let factors = agent["factors"].as_object().expect("factors");
        let sum = |field: &str| {
            factors
                .values()
                .filter_map(|one| one[field].as_f64())
                .sum::<f64>()
        };
        let learned = agent["learned"]["contribution"].as_f64();
        let learned = learned.expect("a number");
        is_near(&agent["score"], sum("contribution") + learned);
        is_near(&json!(1.0), sum("weight"));
    }
    assert_eq!(
        answer["rejected"],
        json!([{"name": "helper", "reason": "it is in maintenance"}])
    );
    // By parameters it is the same, and its words were searched before.
    let read = daemon.read(&format!(
        "{PATH}?q=Optimise%20the%20slow%20orders%20query&count=1"
    ));
    let read = read.expect("an answer");
    assert_eq!(
        (&read["recommendation"], &read["cached"]),
        (&json!("tuner"), &json!(true))
    );
    assert_eq!(read["agents"].as_array().map(Vec::len), Some(1));

    let dear = ask(&daemon, &json!({"task": TASK, "optimize": "cost"}));
    assert_eq!(
        factor(&dear, 0, "economy")["evidence"],
        json!({"mean_cost": 0.5})
    );
}

#[test]
fn nobody_is_named_who_does_not_fit() {
    let home = Home::new();
    let daemon = with_record(&home);
    let nobody = |body: &Value| {
        let answer = ask(&daemon, body);
        assert_eq!(answer["recommendation"], Value::Null, "{answer}");
        answer["reasons"].to_string()
    };
    let cake = "Bake a chocolate cake";
    assert!(nobody(&json!({"task": cake})).contains("chocolate"));
    nobody(&json!({"task": ""}));
    nobody(&json!({"task": TASK, "exclude": ["tuner"]}));
    nobody(&json!({"task": TASK, "require_tools": ["Write"], "exclude": ["writer"]}));
    let able = ask(
        &daemon,
        &json!({"task": TASK, "require_tools": ["Bash", "Read"]}),
    );
    assert_eq!(able["recommendation"], "tuner", "{able}");

    let command = daemon.command(&["select", TASK, "--name"]);
    assert_eq!(
        (command.status.code(), command.stdout),
        (Some(0), b"tuner\n".to_vec())
    );
    let command = daemon.command(&["select", TASK, "--mention"]);
    assert_eq!(command.stdout, b"@agent-tuner\n");
    let command = daemon.command(&["select", cake]);
    assert_eq!(command.status.code(), Some(1));
    let said = String::from_utf8_lossy(&command.stderr).into_owned();
    assert!(said.starts_with("agentpulse: no agent fits: "), "{said}");
    let command = daemon.command(&["select", cake, "--json"]);
    assert_eq!(command.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&command.stdout).expect("JSON");
    assert_eq!(json["recommendation"], Value::Null);
    assert_eq!(counter(&daemon, "selections_abstained"), 6);
    assert!(counter(&daemon, "selections") >= 10);
}

#[test]
fn an_answer_is_of_the_definitions_of_this_moment() {
    let home = Home::new();
    let daemon = with_record(&home);
    let before = ask(&daemon, &json!({"task": TASK}));
    assert_eq!(ask(&daemon, &json!({"task": TASK}))["cached"], true);
    let orders = "Optimises each slow query of the orders.";
    write(&home.user(), "orders", &described("orders", orders, ""));
    refresh(&daemon);
    let after = ask(&daemon, &json!({"task": TASK}));
    assert!(after["seq"].as_u64() > before["seq"].as_u64());
    assert_eq!(
        (&after["recommendation"], &after["cached"]),
        (&json!("orders"), &json!(false))
    );

    // Executions have a name alone: of two definitions of one name neither has them.
    write(&home.of("shop"), "tuner", &definition("tuner", ""));
    refresh(&daemon);
    let shared = eventually("both have the name", || {
        let answer = ask(
            &daemon,
            &json!({"task": TASK, "project": SHOP, "limit": 20}),
        );
        let agents = answer["agents"].as_array().cloned().unwrap_or_default();
        let tuner = agents.into_iter().find(|agent| agent["name"] == "tuner");
        let tuner = tuner.ok_or(answer.to_string())?;
        let recent = tuner["factors"]["recent_success"].clone();
        match recent["value"].is_null() {
            true => Ok(recent),
            false => Err(recent.to_string()),
        }
    });
    assert_eq!(shared["evidence"], "several definitions have its name");
    let here = ask(&daemon, &json!({"task": TASK, "project": SHOP}));
    let reason = "the client takes another definition of its name";
    let rejected = here["rejected"].as_array().expect("a list");
    assert!(
        rejected.contains(&json!({"name": "tuner", "reason": reason})),
        "{here}"
    );
}

#[test]
fn what_is_out_of_its_bounds_is_refused_with_the_field() {
    let home = Home::new();
    let daemon = home.setup().start();
    let long = "x".repeat(8_193);
    let factors = [
        "keyword_match",
        "phase_alignment",
        "recent_success",
        "domain_expertise",
        "availability",
        "collaboration",
        "user_preference",
    ];
    let zeros: Value = factors
        .iter()
        .map(|name| ((*name).to_owned(), json!(0)))
        .collect();
    let refused = [
        (
            json!({"task": "x", "weights": {"charm": 1}}),
            "weights.charm: not a factor; these are: ",
        ),
        (
            json!({"task": "x", "weights": {"availability": -1}}),
            "weights.availability: -1, allowed are 0 to 1000",
        ),
        (
            json!({"task": "x", "weights": zeros}),
            "weights: all are 0, one at least is above",
        ),
        (
            json!({"task": "x", "limit": 21}),
            "limit: 21, allowed are 1 to 20",
        ),
        (json!({"task": long}), "task: 8193 bytes, at most 8192"),
        (json!({"limit": 5}), "missing field `task`"),
        (json!({"task": "x", "charm": 1}), "unknown field `charm`"),
        (
            json!({"task": "x", "context": {"phase": "lunch"}}),
            "context.phase: \"lunch\", allowed",
        ),
    ];
    let post = |body: &[u8]| daemon.request("POST", PATH, &[], body);
    for (body, message) in refused {
        let answer = post(body.to_string().as_bytes());
        let error = answer.json()["error"].clone();
        assert_eq!(
            (answer.status, &error["code"]),
            (400, &json!("invalid_body")),
            "{error}"
        );
        let said = error["message"].as_str().unwrap_or_default();
        assert!(said.starts_with(message), "{said}");
    }
    for no_number in ["NaN", "1e999"] {
        let body = format!("{{\"task\":\"x\",\"weights\":{{\"availability\":{no_number}}}}}");
        assert_eq!(post(body.as_bytes()).status, 400);
    }
    assert_eq!(post(&vec![b' '; (256 << 10) + 1]).status, 413);
    let get = |query: &str| daemon.request("GET", &format!("{PATH}?{query}"), &[], b"");
    for query in ["q=x&count=0", "q="] {
        let answer = get(query);
        let error = answer.json()["error"].clone();
        assert_eq!(
            (answer.status, &error["code"]),
            (400, &json!("invalid_parameter")),
            "{query}"
        );
    }
}
