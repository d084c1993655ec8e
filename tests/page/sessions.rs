//! Sessions on the page: the list, and one of them as a waterfall.

use serde_json::{Value, json};

use crate::claude_code::captured;
use crate::claude_code::script::Script;
use crate::harness::browser::Browser;
use crate::harness::{Run, Setup, eventually, folder, now_ms};

/// From the answer until the rows are drawn.
const SOON_MS: f64 = 100.0;
/// Of so many at least one must be so quick: on a busy machine some are late.
const MAX_OPENINGS: usize = 12;

/// The name, the level and the status of each row, and the share of the axis that its bar has.
const ROWS: &str =
    "[...document.querySelectorAll('#session .waterfall .tr:not(.head)')].map(row => {
    const [name, level, status, bar] = ['.who a', '.who', '.status', '.span']
        .map(selector => row.querySelector(selector));
    return [name.title, Number(level.style.getPropertyValue('--depth')), status.innerText,
        Math.round(parseFloat(bar.style.width))];
})";

#[test]
fn a_session_opens_as_a_waterfall_that_grows_while_it_runs() {
    let place = folder();
    let roots = place.path().join("projects");
    let daemon = captured::start(&roots);
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let mut script = Script::at(&roots, "x", now_ms() - 40_000);
    script.main(0.0, "UserPromptSubmit", json!({"prompt_id": "p"}));
    script.start("a", 10.0);
    script.launched(None, "a", 10.1);
    script.start("b", 20.0);
    script.launched(Some("a"), "b", 20.1);
    // 40,000 at one dollar a million, 1,000 at five.
    let answer = script.answer("b", 25.0, [40_000, 1_000, 0, 0, 0], &[]);
    script.write("b", &[answer]);
    script.stop("b", 30.0);
    daemon.send(&script.lines);
    browser.open(&format!("http://{}/#range=7d", daemon.http));
    browser.shows("#sessions .tr:not(.head) .who", &script.session);
    browser.shows("#sessions .tr:not(.head) .status", "running");
    browser.press("s");
    browser.evaluate("document.activeElement.click()");
    browser.shows("#session[open] h2", &script.session);
    let rows = |browser: &mut Browser, expected: fn(&Value) -> bool| {
        eventually("the rows", || {
            let rows = browser.evaluate(ROWS);
            expected(&rows).then_some(()).ok_or(rows.to_string())
        });
    };
    // The main thread is the axis; what runs reaches to its end.
    rows(&mut browser, |rows| {
        let share = |row: usize| rows[row][3].as_i64().unwrap_or(0);
        let words =
            [0, 1, 2].map(|row| format!("{} {} {}", rows[row][0], rows[row][1], rows[row][2]));
        let expected = ["main-p 0 running", "x-a 1 running", "x-b 2 success"];
        let [is_a, is_b] = [(70..95).contains(&share(1)), (5..26).contains(&share(2))];
        words.map(|words| words.replace('"', "")) == expected && share(0) == 100 && is_a && is_b
    });
    browser.shows("#session .figures", "Cost so far\n$0.05");
    browser.press("j");
    assert_eq!(browser.evaluate("document.activeElement.title"), "x-a");
    let before = browser.text("#session .took");
    eventually("it grows", || {
        let after = browser.text("#session .took");
        (after != before).then_some(()).ok_or(after)
    });
    script.stop("a", 35.0);
    script.main(39.0, "Stop", json!({"prompt_id": "p"}));
    daemon.send(&script.lines);
    rows(&mut browser, |rows| {
        let statuses = [0, 1, 2].map(|row| rows[row][2].clone());
        statuses.iter().all(|status| status == "success")
    });
    browser.shows("#session .figures", "Lasted\n39 s");
    browser.shows("#session .halves", "claude-haiku-4-5");
    // A run opens in front of its session, which is one of its facts, and closes alone.
    browser.evaluate("document.querySelector('#session .waterfall a').click()");
    browser.shows("#run[open] .facts", &script.session);
    browser.press("Escape");
    eventually("the session is in front", || {
        let open = "[...document.querySelectorAll('dialog[open]')].map(one => one.id).join()";
        let open = browser.evaluate(open);
        (open == "session").then_some(()).ok_or(open.to_string())
    });
    browser.press("Escape");
    eventually("nothing is in front", || {
        let hash = browser.evaluate("location.hash");
        (hash == "#range=7d").then_some(()).ok_or(hash.to_string())
    });
    let complaints = browser.complaints.iter();
    let mut complaints = complaints.filter(|said| !said.text.contains("/api/agents/alerts"));
    assert!(complaints.next().is_none(), "{:?}", browser.complaints);
}

#[test]
fn a_session_of_three_hundred_agents_is_drawn_at_once() {
    let daemon = Setup::new().start();
    let begin_ms = now_ms() - 700_000;
    let events = (0..300).map(|n: i64| {
        let mut run = Run::new(format!("r{n}")).with("session_id", "big");
        if n % 5 > 0 {
            run = run.with("parent_agent_id", format!("r{}", n - n % 5));
        }
        let tokens = json!({"input_tokens": 1_000, "output_tokens": 0, "estimated_cost": 0.01});
        let run = run
            .began(begin_ms + n * 2_000)
            .ended(begin_ms + n * 2_000 + 30_000);
        run.took(30_000).stops_with("token_usage", tokens).stop()
    });
    daemon.accept(&events.collect::<Vec<_>>());
    eventually("all of it is in the history", || {
        let runs = daemon.read("/api/sessions/big")?["agent_runs"].take();
        (runs == 300).then_some(()).ok_or(runs.to_string())
    });
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&format!("http://{}/#range=7d", daemon.http));
    browser.shows("#sessions .tr:not(.head) .who", "big");
    // Behind the frame in which they are drawn.
    let opens = "new Promise(resolve => {
        const asked = fetch;
        let came = 0;
        window.fetch = async (...of) => {
            const answer = await asked(...of);
            if (answer.url.endsWith('/api/sessions/big')) came = performance.now();
            return answer;
        };
        const seen = new MutationObserver(() => {
            if (document.querySelectorAll('#session .waterfall .tr').length !== 301) return;
            seen.disconnect();
            window.fetch = asked;
            requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - came)));
        });
        seen.observe(document.querySelector('#session'), {childList: true, subtree: true});
        location.hash = '#range=7d&session=big';
    })";
    let mut took: Vec<f64> = Vec::new();
    while took.len() < MAX_OPENINGS && took.iter().all(|took| *took >= SOON_MS) {
        took.push(browser.evaluate(opens).as_f64().expect("milliseconds"));
        browser.press("Escape");
        eventually("it is closed", || {
            let closed = browser.evaluate("location.hash === '#range=7d'");
            (closed == true).then_some(()).ok_or(closed.to_string())
        });
    }
    eprintln!("300 agents are drawn after {took:.0?} ms");
    assert!(took.iter().any(|took| *took < SOON_MS), "{took:?}");
}
