//! Reading the settings again: what may change changes at once, a bad file changes nothing.

use std::fs;
use std::path::PathBuf;

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::{Daemon, Setup, eventually, log_path, now_ms};
use crate::model::rfc3339;
use crate::security::keys::create;

fn settings(daemon: &Daemon) -> PathBuf {
    daemon.data.with_extension("toml")
}

/// The settings of the daemon with these put in their place.
fn write(daemon: &Daemon, changed: &[(&str, &str)]) {
    let mut setup = daemon.setup.clone();
    for (name, toml) in changed {
        setup = setup.set(name, toml);
    }
    fs::write(settings(daemon), setup.text()).expect("the settings");
}

fn hang_up(daemon: &Daemon) {
    kill_process(daemon.pid(), Signal::HUP).expect("the daemon runs");
}

fn status(daemon: &Daemon) -> Value {
    let told = daemon.command(&["status", "--json"]);
    serde_json::from_slice(&told.stdout).expect("a status")
}

fn reload(daemon: &Daemon) -> (Option<i32>, String) {
    let told = daemon.command(&["reload"]);
    let text = String::from_utf8_lossy(&told.stdout) + String::from_utf8_lossy(&told.stderr);
    (told.status.code(), text.into_owned())
}

#[test]
fn reloadable_settings_change_at_once() {
    let daemon = Setup::new().start();
    let host = [("host", "pulse.example:80")];
    let current = "/api/agents/metrics/current";
    assert_eq!(daemon.request("GET", current, &host, b"").status, 421);
    daemon.accept(&[json!({"event":"start","agent_id":"a","agent_name":"zorp",
        "start_time":rfc3339(now_ms())})]);
    write(
        &daemon,
        &[
            ("http.allowed_hosts", "[\"pulse.example\"]"),
            ("reaper.idle_timeout", "\"1s\""),
            ("http.max_connections", "77"),
        ],
    );
    let (code, text) = reload(&daemon);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("http.allowed_hosts, reaper.idle_timeout"),
        "{text}"
    );
    assert!(
        text.contains("a restart takes: http.max_connections"),
        "{text}"
    );
    assert_eq!(daemon.request("GET", current, &host, b"").status, 200);
    // It runs since before, and its deadline is the new one.
    eventually("the agent has timed out", || {
        let told = daemon.read("/api/agents/executions/a")?;
        match told["status"] == "timeout" {
            true => Ok(()),
            false => Err(told.to_string()),
        }
    });
    let config = &status(&daemon)["config"];
    assert_eq!(config["needs_restart"], json!(["http.max_connections"]));
    // What waits for a restart does so until it is as it was.
    write(&daemon, &[]);
    let (_, text) = reload(&daemon);
    assert!(
        text.contains("changed: http.allowed_hosts, reaper.idle_timeout\n"),
        "{text}"
    );
    assert!(!text.contains("restart"), "{text}");
    assert_eq!(daemon.request("GET", current, &host, b"").status, 421);
}

#[test]
fn other_prices_hold_for_later_events() {
    let daemon = Setup::new().start();
    let stop = |id: &str| {
        json!({"event":"stop","agent_id":id,"agent_name":"zorp","duration_ms":5,
            "model":"zorp-1","execution_end":rfc3339(now_ms()),
            "token_usage":{"input_tokens":1_000_000,"output_tokens":0}})
    };
    let cost = |id: &str| {
        eventually("the execution", || {
            let told = daemon.read(&format!("/api/agents/executions/{id}"))?;
            Ok(told["token_usage"]["estimated_cost"].clone())
        })
    };
    daemon.accept(&[stop("before")]);
    let prices = daemon.folder.path().join("prices.toml");
    let table = "[[price]]\nmodels = [\"zorp-1\"]\ninput = 3.0\noutput = 15.0\n\
                 cache_read = 0.3\ncache_write_5m = 3.75\ncache_write_1h = 6.0\n";
    fs::write(&prices, table).expect("the prices");
    let path = format!("\"{}\"", prices.display());
    write(&daemon, &[("tables.prices", &path)]);
    let (code, text) = reload(&daemon);
    assert_eq!(code, Some(0), "{text}");
    daemon.accept(&[stop("after")]);
    assert_eq!((cost("before"), cost("after")), (Value::Null, json!(3.0)));
    // The same file with other words in it.
    fs::write(&prices, "[[price]]\nmodels = 7\n").expect("the prices");
    let (code, text) = reload(&daemon);
    assert_eq!(code, Some(78), "{text}");
    daemon.accept(&[stop("still")]);
    assert_eq!(cost("still"), json!(3.0));
}

#[test]
fn alerts_follow_their_settings() {
    let daemon = Setup::new().start();
    let start = |n| {
        json!({"event":"start","agent_id":format!("a{n}"),"agent_name":"zorp",
            "start_time":rfc3339(now_ms())})
    };
    daemon.accept(&(0..3).map(start).collect::<Vec<_>>());
    let state_is = |expect: Option<&str>| {
        eventually("the alert is so", || {
            let told = daemon.read("/api/agents/alerts")?;
            let mut alerts = told["alerts"].as_array().into_iter().flatten();
            let alert = alerts.find(|alert| alert["rule"] == "active_agents");
            let state = alert.and_then(|alert| alert["state"].as_str());
            (state == expect).then_some(()).ok_or(told.to_string())
        });
    };
    state_is(None);
    write(&daemon, &[("alerts.active_agents.threshold", "2")]);
    let (code, text) = reload(&daemon);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("alerts.active_agents.threshold"), "{text}");
    assert!(!text.contains("restart"), "{text}");
    state_is(Some("firing"));
    write(&daemon, &[("alerts.active_agents.enabled", "false")]);
    assert_eq!(reload(&daemon).0, Some(0));
    state_is(Some("resolved"));
    let hooks = "[{ url = \"http://127.0.0.1:9/\" }]";
    write(&daemon, &[("alerts.webhooks", hooks)]);
    let (_, text) = reload(&daemon);
    assert!(text.contains("a restart takes: alerts.webhooks"), "{text}");
}

#[test]
fn a_bad_file_keeps_the_old_settings_and_is_told_everywhere() {
    let daemon = Setup::new().start();
    fs::write(settings(&daemon), "[reaper]\nidle_timeout = \"soon\"\n").expect("bad settings");
    hang_up(&daemon);
    let reason = eventually("the status says why", || {
        let told = status(&daemon);
        let reason = told["config"]["reload_failed"].as_str();
        reason.map(str::to_owned).ok_or(told.to_string())
    });
    assert!(
        reason.contains(".toml:2: reaper.idle_timeout must be"),
        "{reason}"
    );
    assert!(!reason.contains("soon"), "{reason}");
    assert_eq!(daemon.get("/ready").status, 200);
    let health = daemon.read("/api/system/health").expect("the report");
    let check = &health["checks"]["config"];
    assert_eq!(
        (&health["status"], &check["status"]),
        (&json!("degraded"), &json!("degraded"))
    );
    assert!(
        check["reason"]
            .as_str()
            .is_some_and(|told| told.contains(&reason)),
        "{check}"
    );
    let log = fs::read_to_string(log_path(&daemon.data)).expect("the log");
    let lines = log
        .lines()
        .filter(|line| line.contains("the new settings are rejected"));
    assert_eq!(
        lines.filter(|line| line.contains("idle_timeout")).count(),
        1,
        "{log}"
    );
    let rows = |outcome: &str, origin: &str| {
        eventually("a row of the audit trail", || {
            let told = daemon.command(&["audit", "--json"]);
            let told = String::from_utf8_lossy(&told.stdout).into_owned();
            let words = ["config_reloaded", outcome, origin];
            match words.iter().all(|word| told.contains(word)) {
                true => Ok(()),
                false => Err(told),
            }
        });
    };
    rows("failed", "SIGHUP");
    write(&daemon, &[]);
    let (code, text) = reload(&daemon);
    assert_eq!(
        (code, text.contains("nothing changed")),
        (Some(0), true),
        "{text}"
    );
    assert_eq!(status(&daemon)["config"]["reload_failed"], Value::Null);
    rows("done", "control socket");
}

/// The state of the newest alert of the rule, and what it says.
fn config_alert(daemon: &Daemon) -> Result<(String, String), String> {
    let told = daemon.read("/api/agents/alerts")?;
    let all = told["alerts"].as_array().ok_or("no list")?;
    let found = all.iter().find(|alert| alert["rule"] == "config_reload");
    let found = found.ok_or(format!("no alert: {told}"))?;
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    Ok((text("state"), text("message")))
}

#[test]
fn refused_settings_are_an_alert_until_they_are_mended() {
    let daemon = Setup::new().start();
    fs::write(settings(&daemon), "[reaper]\nidle_timeout = \"soon\"\n").expect("bad settings");
    let (code, _) = reload(&daemon);
    assert_eq!(code, Some(78));
    let fired = |line: u32| {
        eventually("the alert fires", || match config_alert(&daemon)? {
            (state, message)
                if state == "firing" && message.contains(&format!(".toml:{line}: reaper")) =>
            {
                Ok(message)
            }
            other => Err(format!("{other:?}")),
        })
    };
    let message = fired(2);
    assert!(message.contains("reaper.idle_timeout must be"), "{message}");
    let firing = status(&daemon)["alerts"].clone();
    assert_eq!(firing, json!([format!("warning config_reload: {message}")]));
    // Another fault in its place is the same alert, which says the new one.
    fs::write(settings(&daemon), "\n[reaper]\nidle_timeout = 7\n").expect("bad settings");
    hang_up(&daemon);
    fired(3);
    write(&daemon, &[]);
    hang_up(&daemon);
    eventually("it is resolved", || match config_alert(&daemon)? {
        (state, _) if state == "resolved" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(status(&daemon)["alerts"], json!([]));
}

#[test]
fn the_log_gets_another_level() {
    let daemon = Setup::new().set("log.level", "\"error\"").start();
    let log = || fs::read_to_string(log_path(&daemon.data)).expect("the log");
    assert_eq!(log(), "");
    write(&daemon, &[("log.level", "\"info\"")]);
    hang_up(&daemon);
    let line = eventually("the log tells of it", || {
        let log = log();
        let line = log.lines().find(|line| line.contains("settings reloaded"));
        line.map(str::to_owned).ok_or(log)
    });
    // One event a line, with names that do not change.
    let told: Value = serde_json::from_str(&line).expect("JSON");
    for (field, value) in [
        ("level", "INFO"),
        ("message", "settings reloaded"),
        ("changed", "log.level"),
        ("target", "agentpulse_server::daemon::reload"),
    ] {
        assert_eq!(told[field], value, "{line}");
    }
    assert!(told["timestamp"].is_string(), "{line}");
}

#[test]
fn other_settings_open_no_door_while_the_old_address_is_listened_on() {
    let mut daemon = Setup::new().start();
    let key = create(&daemon, "far", "admin");
    assert!(daemon.sigterm().success());
    let setup = Setup::new().set("http.allowed_hosts", "[\"0.0.0.0\"]");
    daemon.setup = setup.clone().listen_by_setting("0.0.0.0:0");
    daemon.restart();
    daemon.setup = setup.listen_by_setting("127.0.0.1:0");
    write(&daemon, &[]);
    let (code, text) = reload(&daemon);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("restart takes: http.listen"), "{text}");
    let asked = |method: &str, path: &str, key: &str| {
        let headers = [("host", "localhost"), ("x-api-key", key)];
        daemon.request(method, path, &headers, b"").status
    };
    let current = "/api/agents/metrics/current";
    assert_eq!(asked("GET", current, &key), 200);
    let revoked = daemon.command(&["key", "revoke", "far"]);
    assert!(revoked.status.success(), "{revoked:?}");
    assert_eq!(asked("GET", current, ""), 401);
    assert_eq!(asked("POST", "/api/agents/events", ""), 401);
}
