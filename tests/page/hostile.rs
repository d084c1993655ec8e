//! What others named and reported is text on the page, whatever it looks like.

use serde_json::{Value, json};

use crate::harness::browser::Browser;
use crate::harness::{Setup, eventually, now_ms};
use crate::model::rfc3339;
use crate::registry::home::{Home, refresh, write};

/// Markup, addresses that are scripts, marks of templates, a direction that turns, words without
/// an end.
fn hostile() -> Vec<String> {
    let mut all: Vec<String> = [
        "<script>boom()</script>",
        "<img src=x onerror=boom()>",
        "\"><svg onload=boom()>",
        "javascript:boom()",
        "{{constructor.constructor('boom()')()}}",
        "${boom()}",
        "</title></textarea><iframe srcdoc='<script>parent.boom()</script>'>",
        "\u{202e}desrever\u{202d}",
        "a&run=b#c?d/e%2f",
        "__proto__",
    ]
    .map(str::to_owned)
    .into();
    all.push("W".repeat(250));
    all
}

/// One that failed and one that runs, which bear this word wherever an event may.
fn events(n: usize, word: &str) -> [Value; 2] {
    let common = |id: &str| {
        json!({
            "agent_id": format!("{id}{n}-{word}").chars().take(255).collect::<String>(),
            "agent_name": word, "agent_type": word, "session_id": word, "model": word,
            "host": word, "source": word, "task_description": word,
        })
    };
    let mut failed = common("f");
    let more = json!({
        "event": "stop", "status": "failure", "duration_ms": 1_000,
        "execution_end": rfc3339(now_ms() - 1_000),
        "error_details": {"type": word, "message": word, "stack_trace": word, word: word},
        "tool_calls": {word: 3}, "task_metadata": {word: word}, "output_metrics": {word: word},
    });
    let mut runs = common("r");
    let also = json!({"event": "start", "tools_granted": [word]});
    for (event, more) in [(&mut failed, more), (&mut runs, also)] {
        let more = more.as_object().expect("an object").clone();
        event.as_object_mut().expect("an object").extend(more);
    }
    [failed, runs]
}

const IS_WHOLE: &str = "(() => {
  const texts = [...document.querySelectorAll('body *')];
  const strange = texts.filter((element) =>
    ['SCRIPT', 'IFRAME', 'IMG', 'OBJECT', 'EMBED', 'BASE', 'FORM'].includes(element.tagName) &&
    !element.closest('.brand, dialog > form, #key'));
  const links = [...document.querySelectorAll('a')].map((link) => link.getAttribute('href'));
  return {
    booms: window.booms,
    strange: strange.map((element) => element.outerHTML),
    handlers: texts.filter((element) =>
      element.getAttributeNames().some((name) => name.startsWith('on'))).length,
    links: links.filter((href) => !/^(#|api\\/)/.test(href)),
    wide: document.documentElement.scrollWidth <= innerWidth ? [] : texts
      .filter((element) => element.getBoundingClientRect().right > innerWidth)
      .map((element) => element.outerHTML.slice(0, 120)),
  };
})()";

#[track_caller]
fn is_whole(browser: &mut Browser, what: &str) {
    let expected = json!({"booms": 0, "strange": [], "handlers": 0, "links": [], "wide": []});
    assert_eq!(browser.evaluate(IS_WHOLE), expected, "{what}");
}

#[test]
fn hostile_names_and_errors_are_text_and_break_nothing() {
    let daemon = Setup::new().start();
    let words = hostile();
    let events: Vec<[Value; 2]> = words
        .iter()
        .enumerate()
        .map(|(n, w)| events(n, w))
        .collect();
    daemon.accept(&events.concat());
    for (n, [_, runs]) in events.iter().enumerate() {
        let sign = json!({"event": "progress", "agent_id": runs["agent_id"], "progress": 0.5,
            "current_tool": words[n]});
        daemon.send(&[sign]);
    }
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.before_pages("window.booms = 0; window.boom = () => { window.booms += 1; };");
    browser.open(&format!("http://{}/#range=7d", daemon.http));
    browser.shows("#link", "Live");
    browser.shows(
        "[data-card=executions] .below",
        &format!("{} in 7 days", words.len()),
    );
    for word in &words {
        // As text, also where the end of a long one is hidden.
        for place in ["#running", "#agent-list", "#ended", "#errors"] {
            let shown = format!(
                "document.querySelector({place:?}).textContent.includes({})",
                json!(word)
            );
            eventually(&format!("{word} in {place}"), || {
                match browser.evaluate(&shown) {
                    told if told == true => Ok(()),
                    _ => Err(browser.text(place)),
                }
            });
        }
    }
    is_whole(&mut browser, "the page");
    for ([failed, _], word) in events.iter().zip(&words) {
        let id = failed["agent_id"].as_str().expect("an id");
        let query = format!(
            "location.hash = '#' + new URLSearchParams({{range: '7d', agent: {}, run: {}}})",
            json!(word),
            json!(id)
        );
        browser.evaluate(&query);
        let same = format!(
            "document.querySelector('#run[open] h2')?.textContent === {} && \
             document.querySelector('#run .facts code')?.textContent === {} && \
             document.querySelector('#run .error p')?.textContent === {} && \
             document.querySelector('#run .bars .name')?.textContent === {}",
            json!(word),
            json!(id),
            json!(word),
            json!(word)
        );
        eventually(&format!("the run of {word}"), || {
            match browser.evaluate(&same) {
                told if told == true => Ok(()),
                _ => Err(browser.text("#run")),
            }
        });
        is_whole(&mut browser, word);
    }
    browser.evaluate("location.hash = '#view=network'");
    for word in &words {
        let shown = format!(
            "document.querySelector('#network .of-agents')?.textContent.includes({})",
            json!(word)
        );
        eventually(&format!("{word} in the network"), || {
            match browser.evaluate(&shown) {
                told if told == true => Ok(()),
                _ => Err(browser.text("#network")),
            }
        });
    }
    is_whole(&mut browser, "the network");
    let others = browser.complaints.iter().filter(|said| !said.of_network);
    assert_eq!(others.count(), 0, "{:?}", browser.complaints);
}

#[test]
fn hostile_definitions_are_text_and_break_nothing() {
    let home = Home::new();
    let words = hostile();
    for (n, word) in words.iter().enumerate() {
        // A text of JSON is one of YAML.
        let (name, field) = (json!(format!("{n} {word}")), json!(word));
        let text = format!("---\nname: {name}\ndescription: {field}\n{field}: {field}\n---\n");
        write(&home.user(), &format!("h{n}"), &text);
    }
    let daemon = home.setup().start();
    refresh(&daemon);
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.before_pages("window.booms = 0; window.boom = () => { window.booms += 1; };");
    browser.open(&format!("http://{}/#view=definitions", daemon.http));
    let ids = "[...document.querySelectorAll('.definitions a')].map(link => link.dataset.key)";
    let ids = eventually("the definitions", || {
        let ids = browser.evaluate(ids);
        let found = ids.as_array().filter(|ids| !ids.is_empty());
        found.cloned().ok_or(browser.text("#view"))
    });
    is_whole(&mut browser, "the definitions");
    assert!(ids.len() >= words.len() - 1, "{}", browser.text("#view"));
    for id in ids {
        let route = format!("location.hash = '#view=definitions&definition=' + {id}");
        browser.evaluate(&route);
        let agent = daemon.read(&format!("/registry/agents/{}", id.as_str().expect("an id")));
        let agent = agent.expect("the agent");
        let same = format!(
            "document.querySelector('#definition[open] h2')?.textContent === {} && \
             document.querySelector('#definition .sheet-body > p + p')?.textContent === {}",
            agent["run_name"], agent["config"]["description"]
        );
        eventually("the definition", || match browser.evaluate(&same) {
            told if told == true => Ok(()),
            _ => Err(format!("{agent}: {}", browser.text("#definition"))),
        });
        is_whole(&mut browser, &agent["run_name"].to_string());
    }
    let others = browser.complaints.iter().filter(|said| !said.of_network);
    assert_eq!(others.count(), 0, "{:?}", browser.complaints);
}
