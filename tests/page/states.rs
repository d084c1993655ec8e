//! The page in a real browser: it shows the numbers of a known day, follows what happens, says
//! when it is blind, and speaks to nobody but its daemon.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::claude_code::script::Script;
use crate::harness::browser::Browser;
use crate::harness::events::{start, stop};
use crate::harness::{DEADLINE, Daemon, PAUSE, Redis, Setup, eventually, folder, now_ms};
use crate::model::rfc3339;
use crate::security::keys::create;

/// Of four events at least one must show as soon as this: a busy machine may be late for some.
const SOON: Duration = Duration::from_secs(1);

/// A browser with the page of a daemon, of the last seven days.
fn page(daemon: &Daemon) -> Option<Browser> {
    let mut browser = Browser::start()?;
    open(&mut browser, daemon, "");
    Some(browser)
}

fn open(browser: &mut Browser, daemon: &Daemon, query: &str) {
    browser.open(&format!("http://{}/{query}#range=7d", daemon.http));
}

/// All requests went to the daemon, and nothing stands in the console. A daemon that has no alerts
/// has no route for them, which the page knows.
#[track_caller]
fn is_well(browser: &Browser, daemon: &Daemon) {
    let own = [
        format!("http://{}/", daemon.http),
        format!("ws://{}/", daemon.http),
    ];
    assert!(browser.requests.len() > 20, "{:?}", browser.requests);
    for url in &browser.requests {
        let is_own = own.iter().any(|own| url.starts_with(own));
        assert!(is_own, "a request to {url}");
    }
    let expected = |text: &str| text.contains("/api/agents/alerts");
    let complaints = browser.complaints.iter();
    let complaints: Vec<_> = complaints.filter(|said| !expected(&said.text)).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// As [`is_well`], after a time in which the daemon did not answer: only that is reported.
#[track_caller]
fn complains_of_silence_only(browser: &Browser) {
    let complaints = browser.complaints.iter();
    let others: Vec<_> = complaints.filter(|said| !said.of_network).collect();
    assert!(others.is_empty(), "{others:#?}");
}

fn ended(id: &str, name: &str, kind: &str, duration_ms: i64, tokens: i64, cost: f64) -> Value {
    json!({
        "event": "stop", "agent_id": id, "agent_name": name, "agent_type": kind,
        "execution_end": rfc3339(now_ms() - 1_000), "duration_ms": duration_ms,
        "token_usage": {"input_tokens": tokens, "output_tokens": 0, "estimated_cost": cost},
        "tool_calls": {"Read": 2, "Edit": 1},
    })
}

const MARKUP: &str = "<img src=x onerror=boom()>";

/// Four that ended and two that run, one launched by the other.
fn known_day() -> Vec<Value> {
    let mut failed = ended("a3", "alpha", "tester", 2_000, 1_000, 0.25);
    failed["status"] = json!("failure");
    failed["error_details"] = json!({"type": "ValidationError", "message": "no <b>bold</b> wish"});
    let mut other = ended("b1", MARKUP, "writer", 8_000, 2_000, 1.0);
    other["tool_calls"] = json!({"Bash": 3});
    let mut child = start("child");
    child["parent_agent_id"] = json!("parent");
    vec![
        ended("a1", "alpha", "tester", 1_000, 1_200, 0.5),
        ended("a2", "alpha", "tester", 3_000, 800, 0.25),
        failed,
        other,
        start("parent"),
        child,
    ]
}

#[test]
fn it_shows_the_numbers_of_a_known_day() {
    let daemon = Setup::new().set("alerts.daily_cost", "4").start();
    daemon.accept(&known_day());
    let sign = json!({"event": "progress", "agent_id": "parent", "progress": 0.5,
        "current_tool": "Bash"});
    daemon.send(&[sign]);
    let Some(mut browser) = page(&daemon) else {
        return;
    };
    browser.shows("#link", "Live");
    // 3 of 4; 14,000 ms / 4; 1,200 + 800 + 1,000 + 2,000 tokens.
    let cards = [
        ("executions", "4 in 7 days"),
        ("success", "75.0 % in 7 days"),
        ("duration", "3.5 s in 7 days"),
        ("tokens", "5.00 k in 7 days"),
        ("cost", "$2.00 in 7 days"),
    ];
    for (card, words) in cards {
        browser.shows(&format!("[data-card={card}] .below"), words);
    }
    // All of it is of today, but for a test that runs over midnight.
    let current = daemon.read("/api/agents/metrics/current").expect("a read");
    let spent = current["estimated_cost_today"].as_f64().expect("dollars");
    let share = format!("{} % of $4.00 a day", (spent * 25.0).round());
    browser.shows("[data-card=cost] .budget", &share);
    browser.shows("[data-card=active] .figure", "2");
    browser.shows("[data-card=active] .below", "1 launched by others");
    browser.shows("[data-id=parent] .tool", "Bash");
    browser.shows("[data-id=parent] .progress", "50 %");
    browser.shows("[data-id=child] .who.child", "launched by parent");
    let drawn = "document.querySelector('#timeline .chart')?.ariaLabel";
    eventually("the timeline is drawn", || match browser.evaluate(drawn) {
        told if told == "4 executions" => Ok(()),
        told => Err(told.to_string()),
    });
    browser.shows("#types li:first-child", "tester");
    browser.shows(
        "#types li:first-child",
        "66.7 % success · 2.0 s · 75.0 % of all",
    );
    browser.shows("#tools li:first-child", "Read");
    browser.shows("#tools .chips", "Edit + Read");
    browser.shows("#errors .runs", "ValidationError: no <b>bold</b> wish");
    browser.shows("#agent-list .chosen", "alpha");
    for (title, value) in [
        ("Median", "2.0 s"),
        ("p95", "3.0 s"),
        ("Slowest", "3.0 s"),
        ("Success", "66.7 %"),
    ] {
        browser.shows("#agent-one .figures", &format!("{title}\n{value}"));
    }
    browser.shows("#agent-list", MARKUP);
    assert_eq!(
        browser.evaluate("document.querySelectorAll('img').length"),
        1
    );
    is_well(&browser, &daemon);
}

#[test]
fn spending_of_a_running_agent_is_shown() {
    let place = folder();
    let roots = place.path().join("projects");
    let daemon = crate::claude_code::captured::start(&roots);
    let Some(mut browser) = page(&daemon) else {
        return;
    };
    browser.shows("#link", "Live");
    let mut script = Script::at(&roots, "x", now_ms() - 1_000);
    script.start("a", 0.0);
    daemon.send(&script.lines);
    browser.shows("[data-id=x-a] .tokens.unknown", "–");
    let answer = script.answer("a", 0.1, [40_000, 1_000, 0, 0, 0], &[("t", "Read")]);
    script.write("a", &[answer]);
    // 40,000 at one dollar a million, 1,000 at five.
    browser.shows("[data-id=x-a] .tokens", "41.0 k");
    browser.shows("[data-id=x-a] .tokens .cost", "$0.05");
    let answer = script.answer("a", 0.2, [2_000, 0, 0, 0, 0], &[]);
    script.write("a", &[answer]);
    browser.shows("[data-id=x-a] .tokens", "43.0 k");
    browser.shows("[data-card=tokens] .below", "0 in 7 days");
    is_well(&browser, &daemon);
}

#[test]
fn an_execution_opens_by_its_address_and_closes_by_a_key() {
    let daemon = Setup::new().start();
    daemon.accept(&known_day());
    let Some(mut browser) = page(&daemon) else {
        return;
    };
    browser.shows("#errors .runs", "ValidationError");
    browser.evaluate("location.hash += '&run=a3'");
    browser.shows("#run[open] h2", "alpha");
    browser.shows("#run .headline", "failure");
    browser.shows("#run .error", "no <b>bold</b> wish");
    browser.shows("#run .facts", "a3");
    browser.shows("#run .bars", "Read");
    browser.press("Escape");
    eventually("it is closed", || {
        match browser.evaluate("!document.querySelector('#run').open && location.hash") {
            told if told == "#range=7d" => Ok(()),
            told => Err(told.to_string()),
        }
    });
    browser.press("3");
    browser.shows("#ranges [aria-current]", "24h");
    browser.press("?");
    browser.shows("#help[open]", "Keyboard");
    is_well(&browser, &daemon);
}

/// How long after its acknowledgement an event is seen.
fn shown_after(daemon: &Daemon, browser: &mut Browser, event: Value, seen: &str) -> Duration {
    daemon.accept(&[event]);
    let begin = Instant::now();
    while browser.evaluate(seen) != true {
        assert!(begin.elapsed() < DEADLINE, "{seen}");
        std::thread::park_timeout(PAUSE);
    }
    begin.elapsed()
}

#[test]
fn changes_are_shown_within_a_second() {
    let daemon = Setup::new().start();
    let Some(mut browser) = page(&daemon) else {
        return;
    };
    browser.shows("#link", "Live");
    browser.shows("#running .body", "No agent has reported yet");
    let mut quickest = [DEADLINE; 2];
    for n in 0..4 {
        let id = format!("run{n}");
        let row = format!("document.querySelector('#running [data-id={id}]') !== null");
        let runs = shown_after(&daemon, &mut browser, start(&id), &row);
        let row = format!(
            "document.querySelector('#running [data-id={id}]') === null && \
             document.querySelector('#ended [data-key={id}]') !== null"
        );
        let ends = shown_after(&daemon, &mut browser, stop(&id), &row);
        quickest = [quickest[0].min(runs), quickest[1].min(ends)];
    }
    assert!(quickest.iter().all(|took| *took < SOON), "{quickest:?}");
    browser.shows("[data-card=executions] .below", "4 in 7 days");
    is_well(&browser, &daemon);
}

#[test]
fn it_survives_a_restart_and_says_that_it_was_blind() {
    let mut daemon = Setup::new().start();
    daemon.accept(&known_day());
    let Some(mut browser) = page(&daemon) else {
        return;
    };
    browser.shows("[data-card=executions] .below", "4 in 7 days");
    is_well(&browser, &daemon);
    // The page knows one address: the daemon must come back to it.
    daemon.setup = daemon.setup.clone().listen(&daemon.http.to_string());
    daemon.kill9();
    browser.shows("#link", "Disconnected");
    browser.shows("#banner", "No answer for");
    browser.shows("[data-card=executions] .below", "4 in 7 days");
    daemon.restart();
    browser.shows("#link", "Live");
    daemon.accept(&[ended("late", "alpha", "tester", 1_000, 0, 0.0)]);
    browser.shows("[data-card=executions] .below", "5 in 7 days");
    // On a busy machine the live view is behind for a moment, and the page says so.
    eventually("no banner is left", || {
        let banner = browser.text("#banner");
        banner.is_empty().then_some(()).ok_or(banner)
    });
    complains_of_silence_only(&browser);
}

#[test]
fn without_redis_it_says_from_history_and_stays_useful() {
    let mut redis = Redis::start();
    let daemon = Setup::new().redis(&redis).start();
    daemon.accept(&known_day());
    let Some(mut browser) = page(&daemon) else {
        return;
    };
    browser.shows("#link", "Live");
    browser.shows("[data-card=executions] .below", "4 in 7 days");
    redis.kill();
    browser.shows("#link", "From history");
    browser.shows("#banner", "Nothing is lost");
    daemon.accept(&[ended("late", "alpha", "tester", 1_000, 0, 0.0)]);
    browser.shows("[data-card=executions] .below", "5 in 7 days");
    browser.shows("#errors .runs", "ValidationError");
    redis.restart();
    browser.shows("#link", "Live");
    is_well(&browser, &daemon);
}

#[test]
fn where_a_key_is_asked_for_the_page_asks_too() {
    let daemon = Setup::new().start();
    daemon.accept(&known_day());
    let key = create(&daemon, "page", "read");
    let Some(mut browser) = page(&daemon) else {
        return;
    };
    let give = |browser: &mut Browser, key: &str| {
        browser.shows("#key[open]", "agentpulse key create");
        browser.evaluate(&format!(
            "document.querySelector('#key-input').value = {key:?}; \
             document.querySelector('#key form').requestSubmit()"
        ));
    };
    give(&mut browser, "ap_wrong");
    browser.shows("#key[open]", "not accepted");
    browser.shows("#link", "Locked");
    give(&mut browser, &key);
    browser.shows("#link", "Live");
    browser.shows("[data-card=executions] .below", "4 in 7 days");
    let addresses =
        browser.requests.join("\n") + browser.evaluate("location.href").as_str().unwrap();
    assert!(!addresses.contains(&key), "a key stands in an address");
    complains_of_silence_only(&browser);
}

#[test]
fn where_no_stream_comes_through_it_asks_again_and_again() {
    let daemon = Setup::new().start();
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.before_pages("window.WebSocket = class { constructor() { throw new Error('no'); } };");
    open(&mut browser, &daemon, "?embed=1");
    browser.shows("#link", "Polling");
    // A frame has a head of its own.
    assert_eq!(
        browser.evaluate("document.querySelector('.brand').checkVisibility()"),
        false
    );
    daemon.accept(&[start("x")]);
    browser.shows("#running [data-id=x]", "zorp");
    daemon.accept(&[stop("x")]);
    browser.shows("#running .body", "Nothing runs now");
    browser.shows("[data-card=executions] .below", "1 in 7 days");
    is_well(&browser, &daemon);
}
