//! Lines and columns, whatever stands before them.

use super::fields::{found, reading};
use crate::{Client, Outcome, read};

#[test]
fn line_breaks_marks_tabs_and_wide_letters_do_not_move_a_place() {
    for (text, expected) in [
        (
            "---\r\nname: a\r\ndescription: x\r\ncolor: mauve\r\n---\r\n",
            "4:8 bad_value",
        ),
        (
            "\u{feff}---\nname: a\ndescription: x\ncolor: mauve\n---\n",
            "1:1 bom, 4:8 bad_value",
        ),
        (
            "---\n\n\nname: a\ndescription: x\ncolor: mauve\n---\n",
            "6:8 bad_value",
        ),
        (
            "---\nname: a\ndescription: x\ncolor:\tmauve\n---\n",
            "4:8 bad_value",
        ),
        (
            "---\nname: a\ndescription: x\n{color: mauve}\n---\n",
            "5:1 yaml",
        ),
        (
            "---\n{name: a, description: 漢字é🦀, color: mauve}\n---\n",
            "2:37 bad_value",
        ),
        (
            "---\nname: a\ndescription: x\n\"color\"  :   'mauve'\n---\n",
            "4:14 bad_value",
        ),
        (
            "---\nname: a\ndescription: x\ncolor: |\n  mauve\n---\n",
            "5:3 bad_value",
        ),
        ("---\nname: a\ndescription: x\ncolor: >-\n  red\n---\n", ""),
        (
            "---\nname: a\ndescription: |\n  é: x\n  y\ncolor: mauve\n---\n",
            "6:8 bad_value",
        ),
        (
            "---\nname: a\ndescription: x # é\n# comment\ncolor: mauve\n---\n",
            "5:8 bad_value",
        ),
        (
            "---\nname: a\ndescription: x\ncolor: !!str mauve\n---\n",
            "4:8 bad_value",
        ),
        (
            "---\nname: a\ndescription: x\nskills: &s [a]\ncolor: *s\n---\n",
            "5:8 bad_value",
        ),
        (
            "---\nname: a\ndescription: é: x\ncolor: mauve\n---\n",
            "3:15 yaml_lenient, 4:8 bad_value",
        ),
        (
            "---\nname: a\ndescription: x: \"\\y\"\ncolor: é: m\n---\n",
            "3:15 yaml_lenient, 4:8 bad_value",
        ),
        (
            "---\nname: a\ndescription: x\ntools:\n\t- Raed\n\t- Read\n---\n",
            "5:4 unknown_tool",
        ),
        (
            "---\nname: a\ndescription: one --- two\n---\n",
            "3:18 dashes_inside",
        ),
        ("---\nname: a\ndescription: 'é\n---\n", "3:14 yaml"),
        ("---\nname: a\ndescription: x\n", "1:1 yaml"),
        ("# title\nname: a\n", "1:1 documentation"),
    ] {
        assert_eq!(found(&reading(text)).join(", "), expected, "{text}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_reported_and_replaced() {
    for mark in ["", "\u{feff}"] {
        let mut bytes = mark.as_bytes().to_vec();
        bytes.extend(b"---\nname: a\ndescription: caf\xe9 \xff\n---\n");
        let reading = read(&bytes, super::fields::AGENT, &Client::built_in(None));
        assert!(
            found(&reading).contains(&"3:17 not_utf8".to_owned()),
            "{:?}",
            found(&reading)
        );
        let Outcome::Agent(agent) = reading.outcome else {
            panic!("an agent");
        };
        assert_eq!(agent.description, "caf\u{fffd} \u{fffd}");
    }
}

#[test]
fn a_value_that_is_quoted_is_read_as_it_is_written() {
    let text = "---\nname: a\ndescription: say: \"hi\" \\n {x}\n---\n";
    let Outcome::Agent(agent) = reading(text).outcome else {
        panic!("an agent");
    };
    assert_eq!(agent.description, "say: \"hi\" \\n {x}");
}
