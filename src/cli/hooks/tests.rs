//! What goes in comes out again, to the byte, whatever the file looks like.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::document::EVENTS;
use super::edit::{install, uninstall};

const COMMAND: &str = "/opt/a b/agentpulse-hook claude-code";

/// Text as people write it, with their white space.
#[derive(Clone, Debug)]
enum Tree {
    Written(&'static str),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// Where the white space of a text comes from.
#[derive(Clone, Debug)]
enum Style {
    /// By depth, as programs write it.
    Pretty(&'static str, &'static str),
    /// The same again and again, one for each place.
    Random(Vec<&'static str>),
}

struct Writer<'a> {
    style: &'a Style,
    at: usize,
    text: String,
}

impl Writer<'_> {
    fn blank(&mut self, depth: Option<usize>) {
        match self.style {
            Style::Pretty(newline, unit) => {
                if let Some(depth) = depth {
                    self.text.push_str(newline);
                    self.text.push_str(&unit.repeat(depth));
                }
            }
            Style::Random(blanks) => {
                self.text.push_str(blanks[self.at % blanks.len()]);
                self.at += 1;
            }
        }
    }

    fn write(&mut self, tree: &Tree, depth: usize) {
        match tree {
            Tree::Written(text) => self.text.push_str(text),
            Tree::Array(items) => self.list("[", "]", items, depth, |writer, item| {
                writer.write(item, depth + 1);
            }),
            Tree::Object(members) => self.list("{", "}", members, depth, |writer, member| {
                writer.text.push_str(&member.0);
                writer.blank(None);
                writer.text.push(':');
                if matches!(writer.style, Style::Pretty(newline, _) if !newline.is_empty()) {
                    writer.text.push(' ');
                }
                writer.blank(None);
                writer.write(&member.1, depth + 1);
            }),
        }
    }

    fn list<T>(
        &mut self,
        open: &str,
        close: &str,
        all: &[T],
        depth: usize,
        one: impl Fn(&mut Self, &T),
    ) {
        self.text.push_str(open);
        for (index, item) in all.iter().enumerate() {
            if index > 0 {
                self.text.push(',');
            }
            self.blank(Some(depth + 1));
            one(self, item);
            if matches!(self.style, Style::Random(_)) {
                self.blank(None);
            }
        }
        if !all.is_empty() || matches!(self.style, Style::Random(_)) {
            self.blank(Some(depth));
        }
        self.text.push_str(close);
    }
}

fn written(tree: &Tree, style: &Style, end: &str) -> String {
    let mut writer = Writer {
        style,
        at: 0,
        text: String::new(),
    };
    writer.write(tree, 0);
    writer.text + end
}

fn leaf() -> impl Strategy<Value = Tree> {
    prop::sample::select(vec![
        "null",
        "true",
        "false",
        "-1.50e+3",
        "12345678901234567890123",
        "\"\"",
        "\"plain\"",
        "\"ä 😀 \u{2028}\"",
        "\"\\u00e4\\ud83d\\ude00 \\\"hooks\\\": [{\\\\\"",
        "\"agentpulse-hook claude-code\"",
    ])
    .prop_map(Tree::Written)
}

fn anything() -> impl Strategy<Value = Tree> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::Array),
            prop::collection::btree_map(key(), inner, 0..4)
                .prop_map(|map| Tree::Object(map.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    let keys = [
        "\"a\"",
        "\"B b\"",
        "\"\\u00e4\"",
        "\"😀\"",
        "\"matcher\"",
        "\"permissions\"",
        "\"\"",
    ];
    prop::sample::select(keys.map(str::to_owned).to_vec())
}

/// A handler; those of others are mostly like one of ours.
fn handler(commands: Vec<&'static str>) -> impl Strategy<Value = Tree> {
    let command = prop::sample::select(commands).prop_map(Tree::Written);
    (command, anything(), any::<bool>()).prop_map(|(command, other, is_first)| {
        let mut members = vec![("\"x\"".to_owned(), other)];
        members.insert(usize::from(!is_first), ("\"command\"".to_owned(), command));
        Tree::Object(members)
    })
}

fn group(commands: Vec<&'static str>) -> impl Strategy<Value = Tree> {
    let handlers = prop::collection::vec(handler(commands), 0..3).prop_map(Tree::Array);
    prop_oneof![
        9 => (handlers, anything(), any::<bool>()).prop_map(|(handlers, matcher, is_first)| {
            let mut members = vec![("\"matcher\"".to_owned(), matcher)];
            members.insert(usize::from(!is_first), ("\"hooks\"".to_owned(), handlers));
            Tree::Object(members)
        }),
        1 => anything(),
    ]
}

fn hooks(commands: Vec<&'static str>) -> impl Strategy<Value = Tree> {
    let event = prop_oneof![
        8 => prop::sample::select(EVENTS.to_vec()),
        2 => Just("Stop"),
        1 => Just("Pre\\u0054oolUse"),
    ];
    let groups = prop::collection::vec(group(commands), 0..3).prop_map(Tree::Array);
    prop::collection::vec((event, groups), 0..6).prop_map(|events| {
        let mut members: Vec<(String, Tree)> = Vec::new();
        for (event, groups) in events {
            let read = |key: &str| key.replace("\\u0054", "T");
            let key = format!("\"{event}\"");
            if members.iter().all(|(other, _)| read(other) != read(&key)) {
                members.push((key, groups));
            }
        }
        Tree::Object(members)
    })
}

fn settings(commands: Vec<&'static str>) -> impl Strategy<Value = String> {
    let others = prop::collection::btree_map(key(), anything(), 0..4);
    let hooks = prop::option::weighted(0.8, hooks(commands));
    let tree = (others, hooks, any::<prop::sample::Index>()).prop_map(|(others, hooks, at)| {
        let mut members: Vec<(String, Tree)> = others.into_iter().collect();
        if let Some(hooks) = hooks {
            let key = if members.len() % 3 == 2 {
                "\"hoo\\u006bs\""
            } else {
                "\"hooks\""
            };
            members.insert(at.index(members.len() + 1), (key.to_owned(), hooks));
        }
        Tree::Object(members)
    });
    let blank = prop::sample::select(vec![
        "", "", " ", "\n", "\n  ", "\r\n\t", "\t", "\n\n    ", "\r",
    ]);
    let style = prop_oneof![
        3 => prop::sample::select(vec![("", ""), ("\n", "  "), ("\n", "    "), ("\n", "\t"), ("\r\n", "  "), ("\n", "")])
            .prop_map(|(newline, unit)| Style::Pretty(newline, unit)),
        2 => prop::collection::vec(blank, 1..12).prop_map(Style::Random),
    ];
    let end = prop::sample::select(vec!["", "\n", "\r\n", "\n\n "]);
    (tree, style, end).prop_map(|(tree, style, end)| written(&tree, &style, end))
}

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

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
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
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_in_comes_out(before in settings(OTHERS.to_vec())) {
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
fn what_was_empty_is_empty_again() {
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
    let before = "{\r\n\t\"hooks\": {\r\n\t\t\"Stop\": []\r\n\t}\r\n}";
    let after = install(Some(before), "agentpulse-hook claude-code").unwrap();
    let expect = "\t\t\"Stop\": [],\r\n\t\t\"SessionStart\": [\r\n\t\t\t{\r\n\t\t\t\t\"matcher\": \"\",\r\n\
        \t\t\t\t\"hooks\": [\r\n\t\t\t\t\t{\r\n\t\t\t\t\t\t\"type\": \"command\",\r\n\
        \t\t\t\t\t\t\"command\": \"agentpulse-hook claude-code\",\r\n\t\t\t\t\t\t\"timeout\": 5\r\n\
        \t\t\t\t\t}\r\n\t\t\t\t]\r\n\t\t\t}\r\n\t\t],\r\n\t\t\"SessionEnd\": [\r\n";
    assert!(after.contains(expect), "{after}");
    assert!(!after.replace("\r\n", "").contains('\n'));
}

#[test]
fn what_others_add_later_stays() {
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
