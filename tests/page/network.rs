//! The network of agents on the page: the picture, and the tables beside it.

use serde_json::{Value, json};

use crate::harness::browser::Browser;
use crate::harness::{Daemon, Run, Setup, eventually, now_ms};

/// Of each agent its name, the middle of its circle, and what is said of it.
const NODES: &str = "[...document.querySelectorAll('.network .node')].map(node => {
    const circle = node.querySelector('circle');
    const [x, y, r] = ['cx', 'cy', 'r'].map(name => Number(circle.getAttribute(name)));
    return {name: node.dataset.name, x, y, r, says: node.getAttribute('aria-label')};
})";
/// Pairs of agents whose circles or words lie on each other.
const LIE_ON_EACH_OTHER: &str = "(() => {
    const nodes = [...document.querySelectorAll('.network .node')];
    const boxes = nodes.map(node => node.getBoundingClientRect());
    return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b => a.left < b.right
        && b.left < a.right && a.top < b.bottom && b.top < a.bottom)).length;
})()";

fn run(id: &str, agent: &str, session: &str, parent: Option<&str>, status: &str) -> Value {
    let ended = now_ms() - 60_000;
    let mut run = Run::new(id).agent(agent).with("session_id", session);
    if let Some(parent) = parent {
        run = run.with("parent_agent_id", parent);
    }
    run.began(ended - 2_000).ended(ended).status(status).stop()
}

fn network(daemon: &Daemon, nodes: usize) -> Value {
    eventually("all are counted", || {
        let network = daemon.read("/api/agents/network?days=7")?;
        let found = network["nodes"].as_array().map_or(0, Vec::len);
        (found == nodes)
            .then(|| network.clone())
            .ok_or(network.to_string())
    })
}

fn open(browser: &mut Browser, daemon: &Daemon) {
    browser.open("about:blank");
    browser.open(&format!("http://{}/#view=network", daemon.http));
}

#[track_caller]
fn nodes(browser: &mut Browser) -> Vec<Value> {
    eventually("the picture", || {
        let nodes = browser.evaluate(NODES);
        let found = nodes.as_array().filter(|nodes| !nodes.is_empty());
        found.cloned().ok_or(browser.text("#view"))
    })
}

fn cells(browser: &mut Browser, table: &str) -> Value {
    browser.evaluate(&format!(
        "[...document.querySelectorAll('{table} .tr:not(.head)')].map(row =>
            [...row.children].map(cell => cell.textContent))"
    ))
}

#[test]
fn who_launches_stands_left_of_who_is_launched() {
    let daemon = Setup::new().start();
    daemon.accept(&[
        run("m", "lead", "s1", None, "success"),
        run("a1", "coder", "s1", Some("m"), "success"),
        run("a2", "coder", "s1", Some("m"), "success"),
        run("a3", "coder", "s2", Some("m"), "failure"),
        run("t1", "tester", "s1", Some("a1"), "success"),
        run("o1", "solo", "s1", None, "success"),
        // It also launches its own kind, which is no way from one to another.
        run("a4", "coder", "s2", Some("a3"), "success"),
    ]);
    let told = network(&daemon, 4);
    let Some(mut browser) = Browser::start() else {
        return;
    };
    open(&mut browser, &daemon);
    let drawn = nodes(&mut browser);
    let of = |name: &str| {
        let found = drawn.iter().find(|node| node["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {drawn:?}"))
    };
    assert_eq!(drawn.len(), 4);
    let x = |name: &str| of(name)["x"].as_f64().expect("a place");
    assert!(
        x("lead") < x("coder") && x("coder") < x("tester"),
        "{drawn:?}"
    );
    let r = |name: &str| of(name)["r"].as_f64().expect("a size");
    assert!(r("coder") > r("tester"), "{drawn:?}");
    let says = of("coder")["says"].as_str().expect("words");
    for part in [
        "4 executions",
        "75.0 % success",
        "launched tester once",
        "was launched by lead 3 times",
        "launched itself once",
    ] {
        assert!(says.contains(part), "{says}");
    }
    // Solo with the three others; those work together by their launches.
    let lines = "['.launch', '.together'].map(of => document.querySelectorAll(of).length)";
    assert_eq!(browser.evaluate(lines), json!([2, 3]));
    browser.evaluate("document.querySelector('[data-name=coder]').focus()");
    browser.shows("#network .readout", "4 executions");
    for (key, name) in [
        ("ArrowRight", "tester"),
        ("ArrowLeft", "coder"),
        ("ArrowLeft", "lead"),
        ("ArrowDown", "coder"),
    ] {
        browser.press(key);
        browser.shows("#network .readout", name);
        let in_turn =
            browser.evaluate("document.querySelector('.node[tabindex=\"0\"]').dataset.name");
        assert_eq!(in_turn, name, "{key}");
    }

    let row = |one: &Value, names: &[&str]| {
        let words = names.iter().map(|name| match &one[*name] {
            Value::String(word) => word.clone(),
            other => other.to_string(),
        });
        words.collect::<Vec<_>>()
    };
    for (table, list, names) in [
        (
            ".of-agents",
            "nodes",
            ["agent_name", "executions"].as_slice(),
        ),
        (".of-launches", "edges", &["parent", "child", "launches"]),
        (".of-pairs", "together", &["first", "second", "sessions"]),
    ] {
        let found = cells(&mut browser, table);
        let found = found.as_array().expect("rows");
        let expected = told[list].as_array().expect("rows");
        assert_eq!(found.len(), expected.len(), "{table}");
        for (found, expected) in found.iter().zip(expected) {
            let found = &found.as_array().expect("cells")[..names.len()];
            assert_eq!(found, row(expected, names), "{table}");
        }
    }
    browser.evaluate("document.querySelector('#network .of-agents a').click()");
    eventually("its panel is in front", || {
        let hash = browser.evaluate("location.hash");
        (hash == "#agent=coder")
            .then_some(())
            .ok_or(hash.to_string())
    });
    open(&mut browser, &daemon);
    assert_eq!(
        nodes(&mut browser),
        drawn,
        "the same numbers, the same picture"
    );
    let complaints = browser.complaints.iter();
    let mut complaints = complaints.filter(|said| !said.text.contains("/api/agents/alerts"));
    assert!(complaints.next().is_none(), "{:?}", browser.complaints);
}

#[test]
fn of_many_agents_sixty_are_drawn_and_none_lies_on_another() {
    let daemon = Setup::new().start();
    let Some(mut browser) = Browser::start() else {
        return;
    };
    open(&mut browser, &daemon);
    browser.shows("#network", "No execution of an agent ended");
    let mut events = vec![run("m", "lead", "s", None, "success")];
    for n in 0..80 {
        let agent = format!("a-rather-long-name-of-an-agent-{n:02}");
        // Some are launched by the lead, some by the first, some by nobody.
        let parent = [Some("m"), Some("r0"), None][n % 3];
        for again in 0..=n % 2 {
            let id = format!("r{n}{}", ["", "b"][again]);
            events.push(run(&id, &agent, &format!("s{n}"), parent, "success"));
        }
    }
    daemon.accept(&events);
    network(&daemon, 81);
    for width in [1_280, 400] {
        browser.resize(width, 900);
        open(&mut browser, &daemon);
        assert_eq!(nodes(&mut browser).len(), 60);
        assert_eq!(browser.evaluate(LIE_ON_EACH_OTHER), 0, "{width} pixels");
        browser.shows("#network", "Not drawn: 21 agents with fewer executions");
    }
}
