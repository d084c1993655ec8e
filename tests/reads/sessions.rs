//! Sessions: what runs of them and what has ended, their bounds.

use serde_json::{Value, json};

use crate::claude_code::captured;
use crate::claude_code::script::Script;
use crate::harness::{Daemon, Run, Setup, eventually, folder, now_ms};
use crate::model::moment_ms;

fn names(detail: &Value) -> Vec<String> {
    let executions = detail["executions"].as_array().expect("a list").iter();
    let name = |one: &Value| {
        let level = one["level"].as_u64().expect("a level") as usize;
        format!("{}{} {}", "-".repeat(level), one["agent_id"], one["status"]).replace('"', "")
    };
    executions.map(name).collect()
}

#[test]
fn a_session_is_shown_while_it_runs_and_when_it_has_ended() {
    let place = folder();
    let roots = place.path().join("projects");
    let daemon = captured::start(&roots);
    let mut script = Script::at(&roots, "x", now_ms() - 60_000);
    let path = format!("/api/sessions/{}", script.session);
    assert_eq!(daemon.get(&path).status, 404);
    script.main(0.0, "UserPromptSubmit", json!({"prompt_id": "p"}));
    script.start("a", 1.0);
    script.launched(None, "a", 1.1);
    script.start("b", 2.0);
    script.launched(Some("a"), "b", 2.1);
    script.start("c", 3.0);
    script.launched(None, "c", 3.1);
    daemon.send(&script.lines);
    eventually("it runs", || {
        let detail = daemon.read(&path)?;
        let found = (
            names(&detail),
            detail["status"].clone(),
            detail["running"].clone(),
        );
        let tree = [
            "main-p running",
            "-x-a running",
            "--x-b running",
            "-x-c running",
        ];
        let tree = tree.map(str::to_owned).to_vec();
        match found == (tree, json!("running"), json!(4)) {
            true => Ok(()),
            false => Err(detail.to_string()),
        }
    });
    let listed = &daemon.read("/api/sessions").unwrap()["sessions"];
    assert_eq!(listed[0]["session_id"], script.session);
    assert_eq!(moment_ms(&listed[0]["started_at"]), Some(script.ms(0.0)));
    for (field, value) in [
        ("status", json!("running")),
        ("turns", json!(1)),
        ("agent_runs", json!(3)),
        ("ended_at", Value::Null),
    ] {
        assert_eq!(listed[0][field], value, "{field}");
    }
    // 2,000 at one dollar a million, 100 at five.
    let answer = script.answer("b", 2.5, [2_000, 100, 0, 0, 0], &[("t", "Read")]);
    script.write("b", &[answer]);
    eventually("what it has spent so far is in it", || {
        let so_far = daemon.read(&path)?["usage_so_far"].take();
        let found = (&so_far["total_tokens"], &so_far["estimated_cost"]);
        match found == (&json!(2_100), &json!(0.0025)) {
            true => Ok(()),
            false => Err(so_far.to_string()),
        }
    });
    let answer = script.answer("b", 4.0, [1_000, 0, 0, 0, 0], &[]);
    script.write("b", &[answer]);
    for (agent, at_s) in [("b", 4.5), ("a", 5.0), ("c", 6.0)] {
        script.stop(agent, at_s);
    }
    script.main(
        7.0,
        "StopFailure",
        json!({"prompt_id": "p", "error": "rate_limit"}),
    );
    daemon.send(&script.lines);
    eventually("it has ended", || {
        let detail = daemon.read(&path)?;
        let tree = [
            "main-p failure",
            "-x-a success",
            "--x-b success",
            "-x-c success",
        ];
        let usage = &detail["token_usage"];
        let found = json!([
            names(&detail),
            detail["status"],
            detail["failures"],
            detail["usage_so_far"],
            moment_ms(&detail["ended_at"]),
            usage["total_tokens"],
            usage["estimated_cost"]
        ]);
        let expected = json!([tree, "failure", 1, null, script.ms(7.0), 3_100, 0.0035]);
        match found == expected {
            true => Ok(()),
            false => Err(format!("{found} and not {expected}")),
        }
    });
}

fn of_session(session: &str, id: String, ended_ms: i64) -> Run {
    let tokens = json!({"input_tokens": 10, "output_tokens": 0, "estimated_cost": 0.001});
    let run = Run::new(id).with("session_id", session).ended(ended_ms);
    run.took(100).stops_with("token_usage", tokens)
}

fn is_flushed(daemon: &Daemon, session: &str, executions: i64) -> Value {
    eventually("all of it is in the history", || {
        let detail = daemon.read(&format!("/api/sessions/{session}"))?;
        match detail["agent_runs"] == executions {
            true => Ok(detail),
            false => Err(detail["agent_runs"].to_string()),
        }
    })
}

#[test]
fn a_session_is_bounded_in_executions_and_bytes_and_its_sums_are_whole() {
    let daemon = Setup::new().start();
    let end_ms = now_ms() - 10_000;
    let many = (0..1_100).map(|n| of_session("many", format!("m{n}"), end_ms + n).stop());
    daemon.accept(&many.collect::<Vec<_>>());
    // Of an error there are 8 KiB, and 4 MiB have room for 500 of them.
    let text = "x ".repeat(3 << 10);
    let error = json!({"type": "E", "one": text, "other": "y".repeat(1_500)});
    let large = (0..600).map(|n| {
        let run = of_session("large", format!("l{n}"), end_ms + n).status("failure");
        run.stops_with("error_details", error.clone()).stop()
    });
    daemon.accept(&large.collect::<Vec<_>>());

    let detail = is_flushed(&daemon, "many", 1_100);
    let listed = detail["executions"].as_array().expect("a list");
    assert_eq!((listed.len(), &detail["omitted"]), (1_000, &json!(100)));
    assert_eq!(listed[0]["agent_id"], "m100", "the newest ends are listed");
    assert_eq!(detail["token_usage"]["total_tokens"], 11_000);
    assert_eq!(detail["token_usage"]["estimated_cost"], 1.1);
    assert_eq!(detail["by_agent"][0]["executions"], 1_100);
    assert_eq!(detail["by_agent"][0]["estimated_cost"], 1.1);

    let detail = is_flushed(&daemon, "large", 600);
    let bytes = detail.to_string().len();
    assert!((3 << 20..4 << 20).contains(&bytes), "{bytes} bytes");
    let listed = detail["executions"].as_array().expect("a list").len();
    assert_eq!(detail["omitted"], 600 - listed);
    assert_eq!(detail["failures"], 600);
    assert_eq!(detail["by_agent"][0]["executions"], 600);
}

#[test]
fn the_list_goes_page_by_page_with_what_runs_in_front() {
    let daemon = Setup::new().start();
    let end_ms = now_ms() - 100_000;
    let in_shop = |run: Run, is_in: bool| match is_in {
        true => run.with("project", "shop"),
        false => run,
    };
    let ended = (0..7).map(|n| {
        let run = of_session(&format!("s{n}"), format!("e{n}"), end_ms + n * 1_000);
        in_shop(run, n == 2 || n == 3).stop()
    });
    let mut events: Vec<Value> = ended.collect();
    // The oldest of them goes on.
    for (session, id, ago_ms) in [("s0", "r0", 5_000), ("new", "r1", 9_000)] {
        let run = in_shop(Run::new(id).with("session_id", session), id == "r1");
        events.push(run.began(now_ms() - ago_ms).start());
    }
    daemon.accept(&events);
    is_flushed(&daemon, "s6", 1);
    let expected = ["s0", "new", "s6", "s5", "s4", "s3", "s2", "s1"];
    for limit in [1, 2, 3, 8, 50] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = daemon.read(&format!("/api/sessions?limit={limit}{cursor}"));
            let page = page.expect("a page");
            let sessions = page["sessions"].as_array().expect("a list");
            found.extend(sessions.iter().map(|one| one["session_id"].clone()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found, expected, "{limit}");
    }
    let ids = |path: String| -> Vec<String> {
        let page = daemon.read(&path).expect("a page");
        let sessions = page["sessions"].as_array().expect("a list").iter();
        let id = |one: &Value| one["session_id"].as_str().expect("an id").to_owned();
        sessions.map(id).collect()
    };
    let until = ids(format!("/api/sessions?until={}", end_ms + 2_000));
    assert_eq!(until, ["s1"], "what runs ends now");
    let in_shop = ids("/api/sessions?project=shop".to_owned());
    assert_eq!(in_shop, ["new", "s3", "s2"]);
    let whole = daemon.read("/api/sessions/s1?project=shop");
    let whole = whole.expect("one session");
    assert_eq!(
        (&whole["agent_runs"], &whole["client"]),
        (&json!(1), &Value::Null)
    );
}
