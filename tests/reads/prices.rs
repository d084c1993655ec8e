//! `agentpulse prices` against a daemon that has counted executions with and without a price.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Daemon, Run, Setup, eventually, now_ms, short_program};

fn stop(id: &str, model: &str) -> Value {
    let usage = json!({"input_tokens": 1000, "output_tokens": 100});
    let run = Run::new(id).with("model", model).ended(now_ms()).took(5);
    run.stops_with("token_usage", usage).stop()
}

/// What `prices check` says, once all executions are in history.
fn checked(daemon: &Daemon, executions: u64) -> (Option<i32>, Value) {
    eventually("all executions are in history", || {
        let told = daemon.command(&["prices", "check", "--days", "2", "--json"]);
        let found: Value =
            serde_json::from_slice(&told.stdout).map_err(|error| format!("{error}: {told:?}"))?;
        let rows = ["priced", "unpriced"].map(|kind| found[kind].as_array().expect("a list"));
        let rows = rows.into_iter().flatten();
        let sum: u64 = rows.filter_map(|row| row["executions"].as_u64()).sum();
        if sum == executions {
            Ok((told.status.code(), found))
        } else {
            Err(found.to_string())
        }
    })
}

#[test]
fn models_without_a_price_are_named() {
    let daemon = Setup::new().start();
    daemon.accept(&[stop("a", "claude-opus-5-5"), stop("b", "claude-opus-5-5")]);
    let (code, found) = checked(&daemon, 2);
    // 2 * (1000*4 + 100*20) = 12,000 micro-dollars; the first row of the table, and that of
    // fast requests.
    let priced = json!([{
        "model": "claude-opus-5-5", "executions": 2, "total_tokens": 2200,
        "estimated_cost": 0.012, "rows": [1, 19],
    }]);
    let expect = json!({"days": 2, "table": null, "unpriced": [], "priced": priced});
    assert_eq!((code, found), (Some(0), expect));

    daemon.accept(&[stop("c", "gpt-9")]);
    let (code, found) = checked(&daemon, 3);
    let unpriced = json!([{
        "model": "gpt-9", "executions": 1, "total_tokens": 1100, "reason": "no row for it",
    }]);
    assert_eq!((code, &found["unpriced"]), (Some(1), &unpriced));
    assert_eq!(found["priced"], priced);
}

#[test]
fn the_table_in_effect_is_shown_without_a_daemon() {
    let folder = crate::harness::folder();
    let place = |name: &str| folder.path().join(name);
    let show = || {
        let mut command = short_program();
        command
            .args(["prices", "show", "--config"])
            .arg(place("c.toml"));
        let told = command
            .env("HOME", folder.path())
            .output()
            .expect("it runs");
        (
            told.status.code(),
            String::from_utf8_lossy(&told.stdout).into_owned(),
        )
    };
    fs::write(place("c.toml"), "").expect("a file");
    let (code, shown) = show();
    assert_eq!(code, Some(0));
    assert!(
        shown.starts_with("table: built in, of 2026-11-30\n"),
        "{shown}"
    );
    assert!(
        shown.contains("\nhaiku-5-5   4    -      -           100000        0.1 "),
        "{shown}"
    );

    let table = place("prices.toml");
    fs::write(place("c.toml"), format!("[tables]\nprices = {table:?}\n")).expect("a file");
    assert_eq!(show().0, Some(78), "the table is not there");
    fs::write(
        &table,
        "[[price]]\nmodels = [\"gpt-9\"]\nfrom = \"2026-01-02\"\ninput = 1.25\noutput = 10\n\
         cache_read = 0.125\ncache_write_5m = 0\ncache_write_1h = 0.000001\n",
    )
    .expect("a file");
    let expect = format!(
        "table: {}\n\
         model  row  speed  from        prompt up to  input  output  cache read  5m write  \
         1h write\n\
         gpt-9  1    -      2026-01-02  -             1.25   10      0.125       0         \
         0.000001\n",
        table.display()
    );
    assert_eq!(show(), (Some(0), expect));
}

fn cost_of(daemon: &Daemon, id: &str) -> Value {
    eventually("the execution", || {
        let told = daemon.read(&format!("/api/agents/executions/{id}"))?;
        Ok(told["token_usage"]["estimated_cost"].clone())
    })
}

/// What one execution of a model costs that is counted now.
fn cost_now(daemon: &Daemon, id: &str) -> Value {
    daemon.accept(&[stop(id, "gpt-9")]);
    cost_of(daemon, id)
}

#[test]
fn a_newer_table_is_taken_and_goes_back() {
    let mut daemon = Setup::new().start();
    let file = daemon.folder.path().join("newer.toml");
    let prices = |arguments: &[&str]| {
        let told = daemon.command(&[&["prices"], arguments].concat());
        let text = String::from_utf8_lossy(&told.stdout).into_owned();
        let reason = String::from_utf8_lossy(&told.stderr).into_owned();
        (told.status.code(), text, reason)
    };
    let update = |date: &str, input: f64| {
        let row = "[[price]]\nmodels = [\"gpt-9\"]\noutput = 0\ncache_read = 0\n\
                   cache_write_5m = 0\ncache_write_1h = 0\n";
        fs::write(&file, format!("date = {date:?}\n{row}input = {input:?}\n")).expect("a file");
        prices(&["update", &file.display().to_string()])
    };
    let (code, _, reason) = prices(&["revert"]);
    assert_eq!(code, Some(1), "{reason}");
    let (code, _, reason) = update("2026-11-30", 1.0);
    assert_eq!(code, Some(78));
    assert!(
        reason.contains("date is 2026-11-30, not after 2026-11-30"),
        "{reason}"
    );
    assert_eq!(cost_now(&daemon, "built-in"), Value::Null);

    let (code, text, reason) = update("2026-12-01", 1.0);
    assert_eq!(code, Some(0), "{reason}");
    assert!(
        text.starts_with("prices of 2026-12-01, before of 2026-11-30\nnew: gpt-9\n"),
        "{text}"
    );
    assert_eq!(cost_now(&daemon, "first"), json!(0.001));
    // A table that is wrong changes nothing.
    let (code, _, reason) = update("2026-12-02", -1.0);
    assert_eq!(code, Some(78), "{reason}");
    assert!(
        reason.contains("input is -1, not within 0..=1000000"),
        "{reason}"
    );
    assert_eq!(update("2026-12-02", 2.0).0, Some(0));
    assert_eq!(cost_now(&daemon, "second"), json!(0.002));

    assert_eq!(prices(&["revert"]).0, Some(0));
    assert_eq!(cost_now(&daemon, "reverted"), json!(0.001));
    // The way back is there also where the table in use cannot be read.
    fs::write(daemon.data.join("prices.toml"), "x = ").expect("a file");
    assert_eq!(prices(&["revert"]).0, Some(0));
    assert_eq!(cost_now(&daemon, "built-in-again"), Value::Null);
    // A pipe gives its text once.
    assert_eq!(update("2026-12-02", 4.0).0, Some(0));
    assert_eq!(prices(&["revert"]).0, Some(0));
    let text = fs::read(&file).expect("the table");
    let told = daemon.command_with_input(&["prices", "update", "/dev/stdin"], &text);
    assert!(told.status.success(), "{told:?}");
    assert_eq!(cost_now(&daemon, "piped"), json!(0.004));
    assert_eq!(prices(&["revert"]).0, Some(0));
    assert_eq!(update("2026-12-02", 2.0).0, Some(0));
    daemon.restart();
    assert_eq!(cost_now(&daemon, "after-a-restart"), json!(0.002));
    assert_eq!(
        cost_of(&daemon, "first"),
        json!(0.001),
        "what was counted keeps its cost"
    );
}
