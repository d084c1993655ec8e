//! What the page does, counted: what did not change is not drawn again, and is not asked for again.

use std::time::Instant;

use crate::harness::browser::Browser;
use crate::harness::events::{start, stop};
use crate::harness::{Setup, eventually};

const ENDS: usize = 30;

#[test]
fn what_did_not_change_is_not_drawn_again() {
    let daemon = Setup::new().start();
    let with_session = |id: &str| {
        let mut event = start(id);
        event["session_id"] = "s".into();
        event
    };
    daemon.accept(&[with_session("a"), with_session("b"), stop("z")]);
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&format!("http://{}/#range=7d", daemon.http));
    let rows = ["#running [data-id=a]", "#ended [data-key=z]"];
    for row in rows {
        eventually(row, || {
            let found = browser.evaluate(&format!("document.querySelector('{row}') !== null"));
            (found == true)
                .then_some(())
                .ok_or("it is not drawn".to_owned())
        });
        browser.evaluate(&format!("document.querySelector('{row}').isFirst = true"));
    }
    daemon.accept(&[start("c"), stop("b"), stop("c")]);
    browser.shows("#ended [data-key=c]", "zorp");
    daemon.accept(&[start("d")]);
    browser.shows("#running [data-id=d]", "zorp");
    for row in rows {
        let kept = browser.evaluate(&format!("document.querySelector('{row}').isFirst"));
        assert_eq!(kept, true, "{row}");
    }
}

#[test]
fn a_report_is_asked_for_at_its_pace_and_only_after_what_it_shows_moved() {
    let daemon = Setup::new().start();
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let begun = Instant::now();
    browser.open(&format!("http://{}/#range=7d", daemon.http));
    browser.shows("#link", "Live");
    for n in 0..ENDS {
        let id = format!("x{n}");
        daemon.accept(&[stop(&id)]);
        browser.shows(&format!("#ended [data-key={id}]"), "zorp");
    }
    let total = format!("{ENDS} in 7 days");
    browser.shows("[data-card=executions] .below", &total);
    let seconds = begun.elapsed().as_secs() as usize;
    let asked = |browser: &Browser, what: &str| {
        let requests = browser.requests.iter();
        requests.filter(|url| url.contains(what)).count()
    };
    // Once when the page opens, and twice after its stream did: history may be behind.
    for (what, pace) in [
        ("metrics/current?timeRange", 10),
        ("metrics/timeline?timeRange=7d", 15),
        ("types/distribution", 15),
        ("tools/usage", 20),
        ("costs?", 20),
        ("sessions?", 10),
        ("status=failure", 60),
        ("executions?limit=30&", 60),
    ] {
        let count = asked(&browser, what);
        let most = 3 + seconds / pace;
        assert!(count <= most, "{what}: {count} times in {seconds} s");
    }
    assert!(
        asked(&browser, "metrics/current?timeRange") >= 2,
        "it was asked again"
    );
}
