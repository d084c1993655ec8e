//! Settings at random, as text: nesting, white space, comments, escapes, hooks of others on every
//! event.

use proptest::prelude::*;

use crate::cli::hooks::document::EVENTS;

/// Text as people write it, with their white space and comments.
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

/// Settings with hooks that run some of these commands.
pub fn settings(commands: Vec<&'static str>) -> impl Strategy<Value = String> {
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
        "",
        "",
        " ",
        "\n",
        "\n  ",
        "\r\n\t",
        "\t",
        "\n\n    ",
        "\r",
        "/*,*/",
        " /* \" */ ",
        "// {\n",
    ]);
    let style = prop_oneof![
        3 => prop::sample::select(vec![("", ""), ("\n", "  "), ("\n", "    "), ("\n", "\t"), ("\r\n", "  "), ("\n", ""), ("\n// ,\"\n", "  "), (" // [\r\n", "\t")])
            .prop_map(|(newline, unit)| Style::Pretty(newline, unit)),
        2 => prop::collection::vec(blank, 1..12).prop_map(Style::Random),
    ];
    let end = prop::sample::select(vec!["", "\n", "\r\n", "\n\n ", "// }", "\n/* } */\n"]);
    let head = prop::sample::select(vec!["", "", "", "// {\n", "/*{*/ "]);
    (head, tree, style, end)
        .prop_map(|(head, tree, style, end)| head.to_owned() + &written(&tree, &style, end))
}
