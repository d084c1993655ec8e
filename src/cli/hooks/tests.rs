//! What goes in comes out again, to the byte, whatever the file looks like.

use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;
use serde_json::{Map, Value, json};

use super::document::EVENTS;
use super::edit::{install, uninstall};
use random::settings;

mod random;

const COMMAND: &str = "'/opt/a b/agentpulse-hook' claude-code";

const OTHERS: [&str; 5] = [
    "\"./format.sh\"",
    "\"agentpulse-hook claude-code || true\"",
    "\"echo \\u0022agentpulse-hook\\u0022 claude-code\"",
    "\"agentpulse-hook codex\"",
    "7",
];

const OURS: [&str; 3] = [
    "\"agentpulse-hook claude-code\"",
    "\"X=1 '/old/agentpulse-hook' claude-code\"",
    "\"/opt\\u002fagentpulse-hook claude-code\"",
];

/// No text of these tests has what looks like a comment and is none.
static COMMENT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?s)/\*.*?\*/|//[^\r\n]*").unwrap());

fn parsed(text: &str) -> Value {
    let plain = COMMENT.replace_all(text, " ");
    serde_json::from_str(&plain).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// What `install` means, on values: independent of where they stand.
fn with_ours(mut settings: Value) -> Value {
    let is_ours = |handler: &Value| {
        let command = handler["command"]
            .as_str()
            .map(|command| json!(command).to_string());
        let ours: Vec<Value> = OURS.iter().map(|text| parsed(text)).collect();
        command.is_some_and(|command| ours.contains(&parsed(&command)))
    };
    let hooks = settings
        .as_object_mut()
        .unwrap()
        .entry("hooks")
        .or_insert(json!({}));
    for event in EVENTS {
        let groups = hooks
            .as_object_mut()
            .unwrap()
            .entry(event)
            .or_insert(json!([]));
        let mut has_ours = false;
        let mut kept = Vec::new();
        for mut group in std::mem::take(groups.as_array_mut().unwrap()) {
            let handlers = group
                .as_object_mut()
                .and_then(|group: &mut Map<_, _>| group.get_mut("hooks"));
            if let Some(Value::Array(handlers)) = handlers {
                let before = handlers.len();
                handlers.retain_mut(|handler| {
                    let is_surplus = is_ours(handler) && has_ours;
                    if is_ours(handler) {
                        has_ours = true;
                        handler["command"] = COMMAND.into();
                    }
                    !is_surplus
                });
                if handlers.is_empty() && before > 0 {
                    continue;
                }
            }
            kept.push(group);
        }
        if !has_ours {
            kept.push(json!({"matcher": "", "hooks": [
                {"type": "command", "command": COMMAND, "timeout": 5},
            ]}));
        }
        *groups = kept.into();
    }
    settings
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn uninstall_restores_the_settings_to_the_byte(before in settings(OTHERS.to_vec())) {
        let after = install(Some(&before), COMMAND).unwrap();
        prop_assert_eq!(parsed(&after), with_ours(parsed(&before)));
        prop_assert_eq!(&install(Some(&after), COMMAND).unwrap(), &after);
        prop_assert_eq!(uninstall(&after).unwrap(), Some(before.clone()));
        prop_assert_eq!(uninstall(&before).unwrap(), Some(before));
    }

    #[test]
    fn older_entries_of_ours_are_replaced(before in settings([OTHERS.as_slice(), &OURS].concat())) {
        let after = install(Some(&before), COMMAND).unwrap();
        prop_assert_eq!(parsed(&after), with_ours(parsed(&before)));
        prop_assert_eq!(&install(Some(&after), COMMAND).unwrap(), &after);
        let other = install(Some(&after), "agentpulse-hook claude-code").unwrap();
        prop_assert_eq!(&install(Some(&other), COMMAND).unwrap(), &after);
        let without = uninstall(&after).unwrap().unwrap_or_default();
        prop_assert!(without.is_empty() || parsed(&without).is_object());
        if !without.is_empty() {
            prop_assert_eq!(uninstall(&without).unwrap(), Some(without.clone()));
        }
        prop_assert_eq!(uninstall(&other).unwrap().unwrap_or_default(), without);
    }
}

#[track_caller]
fn there_and_back(before: &str, expect: &str) {
    let after = install(Some(before), "agentpulse-hook claude-code").unwrap();
    let shown = after.replace(HANDLER, "…");
    assert_eq!(shown, expect);
    assert_eq!(uninstall(&after).unwrap().as_deref(), Some(before));
}

const HANDLER: &str =
    "{ \"type\": \"command\", \"command\": \"agentpulse-hook claude-code\", \"timeout\": 5 }";

#[test]
fn a_file_on_one_line_stays_on_one_line() {
    let events = |group: &str| {
        EVENTS
            .map(|event| format!("\"{event}\": [ {group} ]"))
            .join(", ")
    };
    let group = "{ \"matcher\": \"\", \"hooks\": [ … ] }";
    there_and_back("{}", &format!("{{\"hooks\": {{ {} }}}}", events(group)));
    there_and_back(
        "{\"a\": 1}\n",
        &format!("{{\"a\": 1, \"hooks\": {{ {} }}}}\n", events(group)),
    );
    there_and_back(
        "{\"hooks\": {}}",
        &format!("{{\"hooks\": {{{}}}}}", events(group)),
    );
}

#[test]
fn uninstall_leaves_an_empty_file_empty() {
    let all = EVENTS.map(|event| format!("\"{event}\":[]")).join(",");
    let filled = EVENTS
        .map(|event| {
            format!(
                "\"{event}\":[{{ \"matcher\":\"\",\"hooks\":[ {} ] }}]",
                HANDLER.replace(": ", ":").replace(", ", ",")
            )
        })
        .join(",");
    there_and_back(
        &format!("{{\"hooks\":{{{all}}}}}"),
        &format!("{{\"hooks\":{{{filled}}}}}"),
    );
    for before in [
        "{\n}",
        "{ }\n",
        "{\n  \"hooks\": {}\n}",
        "{\n  \"hooks\": {\n  }\n}\n",
        "{\n  \"hooks\": {\n    \"PreToolUse\": [\n    ],\n    \"Stop\": []\n  }\n}\n",
    ] {
        let after = install(Some(before), COMMAND).unwrap();
        assert_eq!(
            uninstall(&after).unwrap().as_deref(),
            Some(before),
            "{after}"
        );
    }
}

#[test]
fn a_new_file_is_indented_and_goes_again() {
    let text = install(None, COMMAND).unwrap();
    let pretty = serde_json::to_string_pretty(&parsed(&text)).unwrap();
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text
            .lines()
            .map(|line| line.trim_end_matches(',').to_owned())
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&text), sorted(&pretty), "only the order differs");
    assert_eq!(parsed(&text), with_ours(json!({})));
    assert_eq!(uninstall(&text).unwrap(), None);
}

#[test]
fn new_events_stand_as_their_neighbours_do() {
    let before = "{\r\n\t\"hooks\": {\r\n\t\t\"Notification\": []\r\n\t}\r\n}";
    let after = install(Some(before), "agentpulse-hook claude-code").unwrap();
    let expect = "\t\t\"Notification\": [],\r\n\t\t\"SessionStart\": [\r\n\t\t\t{\r\n\t\t\t\t\"matcher\": \"\",\r\n\
        \t\t\t\t\"hooks\": [\r\n\t\t\t\t\t{\r\n\t\t\t\t\t\t\"type\": \"command\",\r\n\
        \t\t\t\t\t\t\"command\": \"agentpulse-hook claude-code\",\r\n\t\t\t\t\t\t\"timeout\": 5\r\n\
        \t\t\t\t\t}\r\n\t\t\t\t]\r\n\t\t\t}\r\n\t\t],\r\n\t\t\"SessionEnd\": [\r\n";
    assert!(after.contains(expect), "{after}");
    assert!(!after.replace("\r\n", "").contains('\n'));
}

#[test]
fn uninstall_keeps_members_added_later() {
    let after = install(Some("{}"), COMMAND).unwrap();
    let theirs = after.replacen("{\"hooks\"", "{\"model\": \"x\", \"hooks\"", 1);
    assert_eq!(uninstall(&theirs).unwrap().unwrap(), "{\"model\": \"x\"}");
    let new = install(None, COMMAND).unwrap();
    let theirs = new.replacen("{\n  \"hooks\"", "{\n  \"model\": \"x\",\n  \"hooks\"", 1);
    assert_eq!(
        uninstall(&theirs).unwrap().unwrap(),
        "{\n  \"model\": \"x\"\n}\n"
    );
}

#[test]
fn comments_stand_where_they_stood() {
    for before in [
        "// mine\n{ // a\n} // b\n",
        "{\n  \"a\": 1 // one\n  // none\n}\n",
        "{\n  // all\n  \"hooks\": /* h */ {\n    // none yet\n  }\n}\n",
        "{\"hooks\": {\"PreToolUse\": [ /* none */ ]} /* a */, /* b */ \"c\": 1}",
    ] {
        let after = install(Some(before), COMMAND).unwrap();
        assert_eq!(parsed(&after), with_ours(parsed(before)), "{after}");
        assert_eq!(uninstall(&after).unwrap().as_deref(), Some(before));
    }
}

#[test]
fn comments_that_others_add_later_stay() {
    let new = install(None, COMMAND).unwrap();
    let theirs = format!("// mine\n{new}");
    assert_eq!(uninstall(&theirs).unwrap().unwrap(), "// mine\n{\n}\n");
    let theirs = new.replacen("{\n", "{ // mine\n", 1);
    assert_eq!(uninstall(&theirs).unwrap().unwrap(), "{ // mine\n  \n}\n");

    let after = install(Some("{\"a\": 1}"), COMMAND).unwrap();
    let theirs = after.replacen(", \"hooks\"", ", // ours\n/* , */ \"hooks\"", 1);
    let without = uninstall(&theirs).unwrap().unwrap();
    assert_eq!(without, "{\"a\": 1 // ours\n/* , */ }");

    let theirs = after.replacen("{\"a\": 1, ", "{", 1);
    let theirs = format!("{} // ours\n, \"b\": 2}}", &theirs[..theirs.len() - 1]);
    let without = uninstall(&theirs).unwrap().unwrap();
    assert_eq!(without, "{ // ours\n \"b\": 2}");
}
