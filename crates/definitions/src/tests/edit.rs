//! Edits of fields: only the named lines change, and the result says what was asked.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::fields::AGENT;
use crate::{Client, Edit, NotEditable, Outcome, read};

fn set(name: &str, value: Json) -> Edit {
    Edit {
        fields: vec![(name.to_owned(), value)],
        prompt: None,
    }
}

#[track_caller]
fn edited(text: &str, edit: &Edit) -> String {
    String::from_utf8(edit.apply(text.as_bytes()).unwrap()).unwrap()
}

/// A frontmatter, and what a field is to be; then the frontmatter after that.
#[track_caller]
fn becomes(before: &str, name: &str, value: Json, after: &str) {
    let file = |yaml: &str| format!("---\n{yaml}---\n\nDo it.\n");
    assert_eq!(
        edited(&file(before), &set(name, value)),
        file(after),
        "{before:?}"
    );
}

#[test]
fn a_value_is_replaced_in_its_place() {
    for (before, value, after) in [
        ("model: opus\n", json!("haiku"), "model: haiku\n"),
        (
            "model:   opus  # cheap\nb: 1\n",
            json!("haiku"),
            "model:   haiku  # cheap\nb: 1\n",
        ),
        (
            "'model' : 'o''#' # c\n",
            json!("haiku"),
            "'model' : haiku # c\n",
        ),
        ("model: \"a \\\" # b\" # c\n", json!("x"), "model: x # c\n"),
        ("model:\n", json!("x"), "model: x\n"),
        (
            "model: # none\nb: 1\n",
            json!("x"),
            "model: x # none\nb: 1\n",
        ),
        ("model: null\n", json!("x"), "model: x\n"),
        (
            "model: |\n  a\n  # b\n\n# c\nb: 1\n",
            json!("x"),
            "model: x\n\n# c\nb: 1\n",
        ),
        ("b: 1\nmodel: >-\n\n  a\n", json!("x"), "b: 1\nmodel: x\n"),
        ("model: a\n  b\nb: 1\n", json!("x"), "model: x\nb: 1\n"),
        (
            "model:\n  - a\n  # within\n  - b\n# c\nb: 1\n",
            json!("x"),
            "model: x\n# c\nb: 1\n",
        ),
        (
            "model:\n- a\n- b\n# c\nb: 1\n",
            json!("x"),
            "model: x\n# c\nb: 1\n",
        ),
        ("model: [a, {b: '#'}] # c\n", json!("x"), "model: x # c\n"),
        ("model: a\nmodel: b\n", json!("x"), "model: a\nmodel: x\n"),
        (
            "b: &k 1\nmodel: *k # c\n",
            json!("x"),
            "b: &k 1\nmodel: x # c\n",
        ),
        ("  b: 1\n  model: y\n", json!("x"), "  b: 1\n  model: x\n"),
        (
            "model: y\n",
            json!(["a", "b(c:*)"]),
            "model: [a, \"b(c:*)\"]\n",
        ),
        (
            "model: y\n",
            json!({"k": [1, true, null]}),
            "model: {\"k\": [1, true, null]}\n",
        ),
        ("model: y\n", json!("yes"), "model: \"yes\"\n"),
        (
            "model: y\n",
            json!("a --- b\n"),
            "model: \"a --\\x2d b\\n\"\n",
        ),
    ] {
        becomes(before, "model", value, after);
    }
}

#[test]
fn a_new_field_comes_last_and_null_takes_one_out() {
    becomes(
        "b: 1\n# end\n",
        "model",
        json!("x"),
        "b: 1\n# end\nmodel: x\n",
    );
    becomes("", "model", json!("x"), "model: x\n");
    becomes("  b: 1\n", "model", json!("x"), "  b: 1\n  model: x\n");
    becomes(
        "b: |+\n  text\n\n",
        "model",
        json!("x"),
        "b: |+\n  text\n\nmodel: x\n",
    );
    for gone in [
        "model: x # c\n",
        "model: |\n  a\n\n  b\n",
        "model:\n  - a\n  # within\n",
        "model: a\nmodel: b\n",
    ] {
        let around = |part: &str| format!("# first\nb: 1\n{part}\n# c\nd: 2\n");
        becomes(&around(gone), "model", Json::Null, &around(""));
    }
    becomes("b: 1\n", "model", Json::Null, "b: 1\n");
}

#[test]
fn the_line_ends_and_the_mark_of_a_file_stay() {
    let file = "\u{feff}---\r\nname: a\r\ndescription: d\r\n---\r\nDo.\r\n";
    let edit = Edit {
        fields: vec![
            ("description".into(), json!("e")),
            ("model".into(), json!("x")),
        ],
        prompt: Some("Do that.".to_owned()),
    };
    let expected = "\u{feff}---\r\nname: a\r\ndescription: e\r\nmodel: x\r\n---\r\nDo that.\r\n";
    assert_eq!(edited(file, &edit), expected);
}

#[test]
fn what_cannot_be_changed_in_its_place_is_refused() {
    let refused = |text: &[u8], edit: &Edit| edit.apply(text).unwrap_err();
    let model = set("model", json!("x"));
    for text in [
        &b"---\n{name: a, description: d}\n---\n"[..],
        b"---\nname: a\nmodel: &m y\nb: *m\n---\n",
        b"---\nname: a\nb: '\n---\n",
        b"---\nname: \xff\n---\n",
        b"no frontmatter",
    ] {
        assert_eq!(refused(text, &model), NotEditable::AsWritten);
    }
    // It would be read as text, as the file is no YAML.
    let lenient = b"---\nname: a\ndescription: d: e\n---\n";
    assert_eq!(
        refused(lenient, &set("tools", json!(["Read"]))),
        NotEditable::AsWritten
    );
    let one = edited("---\nname: a\ndescription: d: e\n---\n", &model);
    assert_eq!(one, "---\nname: a\ndescription: d: e\nmodel: x\n---\n");
    let large = set("description", json!("x".repeat(70_000)));
    assert_eq!(
        refused(b"---\nname: a\n---\n", &large),
        NotEditable::TooLarge
    );
}

/// Ways to write a field of one value, each with its line ends as `\n`.
fn written() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("NAME: plain text\n"),
        Just("NAME: 'it''s # quoted'  # a comment\n"),
        Just("\"NAME\": \"a \\\" quote\"\n"),
        Just("NAME: |\n  # heading\n\n  line\n"),
        Just("NAME: >2-\n   folded\n  text\n"),
        Just("NAME: over\n  two lines\n"),
        Just("NAME: [a, 'b, c', {d: e}] # list\n"),
        Just("NAME:\n  - a # one\n  # within\n  - b\n"),
        Just("NAME:\n- a\n-  b: c\n   d: e\n"),
        Just("NAME:\n"),
        Just("NAME: ~\n"),
    ]
}

fn between() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => Just(""),
        1 => Just("# a comment: of no field\n"),
        1 => Just("\n"),
        1 => Just("\n# 'open\n\n"),
    ]
}

/// Any text, and those that mean something in YAML.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[-:#,'\"{}\\[\\]&*!|>%@` \na-c]{0,12}",
        "(true|no|null|~|1|0x1|1e3|---|\\.\\.\\.|- a|a: b|a #b| a|a )",
    ]
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        text().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::from),
            proptest::collection::btree_map(text(), inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// The parts of a file, of which the field `at` is to be changed: none where it is new.
#[derive(Clone, Debug)]
struct File {
    head: &'static str,
    parts: Vec<String>,
    at: Option<usize>,
    tail: &'static str,
    line_end: &'static str,
}

impl File {
    fn text(&self, changed: Option<&str>) -> String {
        let mut parts = self.parts.clone();
        match (self.at, changed) {
            (Some(at), Some(changed)) => changed.clone_into(&mut parts[at]),
            (None, Some(changed)) => parts.push(changed.to_owned()),
            _ => {}
        }
        let text = format!("{}{}{}", self.head, parts.concat(), self.tail);
        text.replace('\n', self.line_end)
    }
}

fn file() -> impl Strategy<Value = File> {
    let fields = vec((between(), written()), 0..5);
    let head = prop_oneof![Just("---\n"), Just("\u{feff}---  \n\n")];
    let tail = prop_oneof![
        Just("---\n"),
        Just("---\n\n# Prompt\n---\nmodel: none\n"),
        Just("---")
    ];
    (
        head,
        fields,
        between(),
        any::<prop::sample::Index>(),
        any::<bool>(),
        tail,
        any::<bool>(),
    )
        .prop_map(|(head, fields, last, index, is_new, tail, is_crlf)| {
            let mut parts = Vec::new();
            for (n, (before, field)) in fields.iter().enumerate() {
                parts.push((*before).to_owned());
                parts.push(field.replace("NAME", &format!("field{n}")));
            }
            parts.push(last.to_owned());
            let at = (!fields.is_empty() && !is_new).then(|| 2 * index.index(fields.len()) + 1);
            if let Some(at) = at {
                let name = format!("field{}", at / 2);
                parts[at] = parts[at].replace(&name, "model");
            }
            File {
                head,
                parts,
                at,
                tail,
                line_end: if is_crlf { "\r\n" } else { "\n" },
            }
        })
}

proptest! {
    #[test]
    fn only_the_named_lines_change(file in file(), value in value()) {
        let before = file.text(None);
        // The parts around it, by a value that is in none of them.
        let around = file.text(Some("\u{1}"));
        let (start, end) = around.split_once('\u{1}').unwrap();
        let after = edited(&before, &set("model", value.clone()));
        let line = after.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
        let line = line.unwrap_or_else(|| panic!("{after:?} is not within {around:?}"));
        prop_assert_eq!(line.matches('\n').count(), 1, "{:?}", line);
        prop_assert!(line.ends_with(file.line_end) && line.contains("model"));
        // One in the line of the value.
        let comment = file.at.and_then(|at| Some(file.parts[at].rsplit_once(" # ")?.1));
        if let Some(comment) = comment.filter(|comment| comment.lines().count() == 1) {
            prop_assert!(line.trim_end().ends_with(comment.trim_end()), "{:?}", line);
        }
        // Changed again it is the same, and the other way round it is as it was without it.
        prop_assert_eq!(&edited(&after, &set("model", value)), &after);
        let without = edited(&after, &set("model", Json::Null));
        prop_assert_eq!(&without, &format!("{start}{end}"));
        prop_assert_eq!(edited(&before, &set("model", Json::Null)), match file.at {
            Some(_) => without,
            None => before,
        });
    }

    #[test]
    fn a_new_file_is_read_as_it_was_asked_for(
        description in text(),
        prompt in text(),
        tools in vec("[A-Z][a-z]{1,8}(\\([a-z:*, ]{1,8}\\))?", 0..4),
    ) {
        let edit = Edit {
            fields: vec![
                ("name".into(), json!("a")),
                ("description".into(), json!(description)),
                ("tools".into(), json!(tools)),
            ],
            prompt: Some(prompt.clone()),
        };
        let bytes = edit.file().unwrap();
        let reading = read(&bytes, AGENT, &Client::built_in(None));
        let Outcome::Agent(definition) = &reading.outcome else {
            prop_assert!(description.is_empty(), "{:?}", reading);
            return Ok(());
        };
        prop_assert_eq!(&definition.name, "a");
        let said = definition.config.tools.clone();
        let trimmed: Vec<String> = tools.iter().map(|tool| tool.trim().to_owned()).collect();
        prop_assert_eq!(said, Some(trimmed));
        let text = String::from_utf8(bytes).unwrap();
        let body = text.splitn(3, "---").nth(2).unwrap();
        prop_assert_eq!(body.trim(), prompt.trim());
    }
}
