//! The definitions of agents on the page: the list, one of them, and what its changes did.

use serde_json::{Value, json};

use crate::harness::browser::Browser;
use crate::harness::{Daemon, eventually};
use crate::registry::home::{Home, agents, definition, refresh, write};
use crate::registry::versions::edited;

/// The words of each row, its cells in order.
fn rows(table: &str) -> String {
    format!(
        "[...document.querySelectorAll('{table} .tr:not(.head)')].map(row =>
            [...row.children].map(cell => cell.textContent))"
    )
}

fn open(browser: &mut Browser, daemon: &Daemon, hash: &str) {
    browser.open("about:blank");
    browser.open(&format!("http://{}/#{hash}", daemon.http));
}

#[track_caller]
fn until_rows(browser: &mut Browser, table: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    eventually(table, || {
        let found = browser.evaluate(&rows(table));
        match is_so(&found) {
            true => Ok(found),
            false => Err(found.to_string()),
        }
    })
}

#[track_caller]
fn has_no_complaints(browser: &Browser) {
    let complaints = browser.complaints.iter();
    let mut complaints = complaints.filter(|said| !said.text.contains("/api/agents/alerts"));
    assert!(complaints.next().is_none(), "{:?}", browser.complaints);
}

fn of_registry(browser: &Browser) -> usize {
    let requests = browser.requests.iter();
    requests.filter(|url| url.contains("registry")).count()
}

/// As the page writes a share.
fn percent(share: &Value) -> String {
    match share.as_f64() {
        None => "–".to_owned(),
        Some(1.0) => "100 %".to_owned(),
        Some(share) => format!("{:.1} %", share * 100.0),
    }
}

#[test]
fn definitions_are_read_when_they_are_opened_and_follow_their_files() {
    let (home, daemon) = edited();
    write(
        &home.user(),
        "tester",
        &definition("tester", "tols: Read\n"),
    );
    write(&home.of("shop"), "writer2", &definition("writer2", ""));
    refresh(&daemon);
    let Some(mut browser) = Browser::start() else {
        return;
    };
    open(&mut browser, &daemon, "");
    browser.shows("#link", "Live");
    browser.shows("#agent-list", "writer");
    assert_eq!(of_registry(&browser), 0, "{:?}", browser.requests);
    browser.press("d");
    let found = until_rows(&mut browser, ".definitions", |rows| !rows[0].is_null());
    let told = agents(&daemon, "");
    assert_eq!(told.len(), 2);
    for (row, agent) in found.as_array().expect("rows").iter().zip(&told) {
        let did = &agent["performance"];
        let expected = json!([
            agent["status"],
            did["total_tasks"].to_string(),
            percent(&did["task_success_rate"]),
            agent["resources"]["description_tokens"].to_string(),
            agent["findings"]
                .as_array()
                .expect("a list")
                .len()
                .to_string(),
        ]);
        let shown = json!([row[2], row[3], row[4], row[6], row[7]]);
        assert_eq!(shown, expected, "{row}");
    }
    // Six of seven succeeded.
    assert_eq!(found[1][4], "85.7 %");
    assert_eq!(browser.text("#overview [data-figure=total]"), "2");
    browser.shows("#overview .bars", "of 15,000");

    browser.press("/");
    browser.press("w");
    browser.press("r");
    browser.press("i");
    until_rows(&mut browser, ".definitions", |rows| {
        rows.as_array().is_some_and(|rows| rows.len() == 1)
    });
    browser.evaluate("window.isSamePage = true");
    write(&home.user(), "writer", "---\nname: [\n---\n");
    until_rows(&mut browser, ".definitions", |rows| rows[0][2] == "error");
    browser.shows("#overview [data-figure=error]", "1");
    assert_eq!(browser.evaluate("window.isSamePage"), true);
    browser.evaluate("document.querySelector('.definitions a').click()");
    browser.shows("#definition[open] .findings", ":2:");
    browser.shows("#definition .findings", "the client does not load the file");
    write(
        &home.user(),
        "writer",
        &definition("writer", "color: red\n"),
    );
    browser.shows("#definition .facts", "red");
    browser.press("Escape");
    eventually("the list is in front", || {
        let hash = browser.evaluate("location.hash");
        let is_so = hash == "#view=definitions";
        is_so.then_some(()).ok_or(hash.to_string())
    });
    // It clears the search first.
    browser.press("Escape");
    until_rows(&mut browser, ".definitions", |rows| {
        rows.as_array().is_some_and(|rows| rows.len() == 2)
    });
    browser.press("Escape");
    eventually("nothing is in front", || {
        let hash = browser.evaluate("location.hash");
        (hash == "").then_some(()).ok_or(hash.to_string())
    });
    let before = of_registry(&browser);
    write(&home.user(), "other", &definition("other", ""));
    refresh(&daemon);
    browser.press("?");
    browser.shows("#help[open]", "the definitions of agents");
    assert_eq!(of_registry(&browser), before, "what is closed is not read");
    has_no_complaints(&browser);
}

#[test]
fn versions_stand_on_one_axis_of_success() {
    let (_home, daemon) = edited();
    let Some(mut browser) = Browser::start() else {
        return;
    };
    open(&mut browser, &daemon, "definition=writer");
    let found = until_rows(&mut browser, ".versions", |rows| !rows[0].is_null());
    let agent = daemon
        .read("/api/registry/agents/writer?by=version")
        .expect("the agent");
    let told = &agent["versions"]["versions"];
    for at in 0..2 {
        let row = &found[at];
        let told = &told[at];
        assert_eq!(row[2], told["executions"].to_string());
        assert_eq!(row[4], percent(&told["success_rate"]));
    }
    let changed = json!(["model, tools", "–"]);
    assert_eq!(json!([found[0][1], found[1][1]]), changed);
    assert_eq!(
        json!([found[0][6], found[1][6]]),
        json!(["5.00 k", "2.00 k"])
    );
    let compared = browser.text("#compared");
    for words in [
        "(changed: model, tools): the intervals of success overlap, this may be chance",
        "66.7 % → 100 %",
        "2.00 k → 5.00 k",
    ] {
        assert!(compared.contains(words), "{compared}");
    }
    // Where the line begins and ends, and the point is, of a hundred.
    let drawn = browser.evaluate(
        "[...document.querySelectorAll('.axis-of-success')].map(axis => {
            const [line, point] = [...axis.children].map(part => part.style);
            const [left, width, at] = [line.left, line.width, point.left].map(parseFloat);
            return [left, left + width, at].map(of => of.toFixed(2)).join(' ');
        })",
    );
    let expected = [0, 1].map(|at| {
        let part = |name: &str| told[at][name].as_f64().expect("a share") * 100.0;
        let ends = ["success_rate_low", "success_rate_high", "success_rate"].map(part);
        ends.map(|of| format!("{of:.2}")).join(" ")
    });
    assert_eq!(drawn, json!(expected));
    let runs = browser.text("#definition [data-figure=runs]");
    assert_eq!(runs, agent["performance"]["total_tasks"].to_string());
    has_no_complaints(&browser);
}

#[test]
fn a_page_has_a_hundred_of_many_definitions() {
    let home = Home::new();
    for n in 0..230 {
        let name = format!("agent-{n:03}");
        write(&home.user(), &name, &definition(&name, ""));
    }
    let mut daemon = home.setup().start();
    refresh(&daemon);
    let Some(mut browser) = Browser::start() else {
        return;
    };
    open(&mut browser, &daemon, "view=definitions");
    browser.shows("#definition-list .pages", "1–100 of 230");
    let next = "document.querySelector('[data-key=Next]').click()";
    browser.evaluate(next);
    browser.shows("#definition-list .pages", "101–200 of 230");
    browser.evaluate(next);
    browser.shows("#definition-list .pages", "201–230 of 230");
    let found = until_rows(&mut browser, ".definitions", |rows| {
        rows.as_array().is_some_and(|rows| rows.len() == 30)
    });
    let last = found[29][0].as_str().expect("a name");
    assert!(last.starts_with("agent-229"), "{last}");
    let is_last = browser.evaluate("document.querySelector('[data-key=Next]').disabled");
    assert_eq!(is_last, true);
    has_no_complaints(&browser);
    daemon.kill9();
    browser.evaluate("document.querySelector('[data-key=again]').click()");
    browser.shows("#view [data-read]", "could not be read again");
    assert_eq!(browser.evaluate(&rows(".definitions")), found, "they stay");
}
