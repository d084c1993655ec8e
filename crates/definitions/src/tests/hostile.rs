//! Files that are made to cost much, and bytes by chance.

#![expect(
    clippy::disallowed_methods,
    reason = "the tests measure how long it takes"
)]

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::fields::{AGENT, found, reading};
use crate::{Client, Code, MAX_FILE_BYTES, MAX_FINDINGS, MAX_FRONTMATTER_BYTES, Outcome, read};

/// For 64 KiB and an unoptimised build; the slowest takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(3);

fn frontmatter(yaml: &str) -> String {
    format!("---\nname: a\ndescription: x\n{yaml}\n---\n")
}

/// The place of what is wrong with the YAML, and what.
fn refused(yaml: &str) -> (usize, String) {
    let asked = Instant::now();
    let reading = reading(&frontmatter(yaml));
    assert!(asked.elapsed() < PATIENCE, "{:?}", asked.elapsed());
    assert_eq!(reading.outcome, Outcome::Broken(None));
    let finding = &reading.findings[0];
    assert_eq!(finding.code, Code::Yaml);
    (finding.place.line, finding.message.clone())
}

#[test]
fn aliases_are_counted_as_what_they_stand_for() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..30 {
        let before = vec![format!("*a{}", n - 1); 9].join(", ");
        // A line that would be quoted is not: the key has a digit.
        bomb += &format!("a{n}: &a{n} [{before}]\n");
    }
    let (line, message) = refused(&bomb);
    assert!(
        line < 12 && message.contains("40000 values"),
        "{line}: {message}"
    );

    let long = format!(
        "a1: &a1 '{}'\na2: [{}]",
        "y".repeat(20_000),
        vec!["*a1"; 100].join(",")
    );
    assert!(refused(&long).1.contains("256 KiB"));
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("a1: {}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(
        found(&reading(&frontmatter(&nested(60)))),
        ["4:1 unknown_field"]
    );
    assert!(refused(&nested(65)).1.contains("64 levels"));
    refused(&nested(20_000));
    let chain: String = (1..64)
        .map(|n| format!("b{n}: &b{n} [*b{}]\n", n - 1))
        .collect();
    assert!(
        refused(&format!("b0: &b0 [x]\n{chain}"))
            .1
            .contains("64 levels")
    );
}

#[test]
fn sizes_are_bounded() {
    let client = Client::built_in(None);
    let large = frontmatter("") + &"x".repeat(MAX_FILE_BYTES);
    assert_eq!(
        found(&read(large.as_bytes(), AGENT, &client)),
        ["1:1 too_large"]
    );
    let long = frontmatter(&format!("# {}", "x".repeat(MAX_FRONTMATTER_BYTES)));
    assert_eq!(found(&reading(&long)), ["1:1 too_large"]);
    let many: String = (0..3_000).map(|n| format!("k{n}: 1\n")).collect();
    let reading = reading(&frontmatter(&many));
    assert_eq!(reading.findings.len(), MAX_FINDINGS);
    assert_eq!(reading.findings[0].place.line, 4);
}

#[test]
fn no_64_kib_take_long() {
    let size = MAX_FRONTMATTER_BYTES - 200;
    for part in [
        "[",
        "{",
        "- ",
        "a: ",
        "? ",
        "&a ",
        "*a ",
        "!",
        "'",
        "\"",
        "| ",
        "> ",
        "#",
        "%",
        "@",
        "`",
        "\t",
        "\n",
        "\r",
        " ",
        ",",
        ":",
        "é",
        "🦀",
        "a: [\n",
        "a:\n ",
        "- - ",
        "[a, ",
        "{a: ",
        "x\n",
        "\\",
        "k: {\n",
        "k: *a\n",
        "--\n",
        "k: \"a\" b\n",
    ] {
        for head in ["", "k1: [", "k1: \"", "k1: |\n  ", "k1: &a [x]\nk2: ["] {
            let asked = Instant::now();
            let text = frontmatter(&format!("{head}{}", part.repeat(size / part.len())));
            let reading = reading(&text);
            assert!(
                asked.elapsed() < PATIENCE,
                "{head}{part}: {:?}",
                asked.elapsed()
            );
            assert!(reading.findings.len() <= MAX_FINDINGS);
        }
    }
}

/// What means something to YAML, more often than chance has it.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let parts = [
        "---",
        "\n",
        "\r\n",
        "name: a\n",
        "description: x\n",
        ": ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "&a ",
        "*a",
        "!x ",
        "'",
        "\"",
        "|\n",
        ">\n",
        "#",
        "\t",
        " ",
        "  ",
        "é",
        "\u{feff}",
        "\u{2028}",
        "tools: ",
        "Read, ",
        "(",
        ")",
        "mcp__",
        "hooks:\n",
        "Stop: ",
        "? ",
        "...",
        "%",
        "<<: ",
        ",",
        "\\",
        "~",
        "0x",
        "1e",
        "model: ",
        "\0",
    ];
    let known = proptest::sample::select(parts.to_vec()).prop_map(|part| part.as_bytes().to_vec());
    prop_oneof![8 => known, 1 => proptest::collection::vec(any::<u8>(), 0..8)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn no_bytes_break_it(
        parts in proptest::collection::vec(part(), 0..40),
        has_start: bool,
        is_of_plugin: bool,
    ) {
        let mut bytes = if has_start { b"---\n".to_vec() } else { Vec::new() };
        bytes.extend(parts.concat());
        let file = crate::FileName { stem: "a", prefix: is_of_plugin.then_some("p:") };
        let reading = read(&bytes, file, &Client::built_in(None));
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.split('\n').collect();
        prop_assert!(reading.findings.len() <= MAX_FINDINGS);
        for finding in &reading.findings {
            let line = lines.get(finding.place.line - 1);
            prop_assert!(line.is_some(), "{finding:?}");
            let columns = line.map_or(0, |line| line.chars().count());
            prop_assert!((1..=columns + 1).contains(&finding.place.column), "{finding:?}");
        }
    }
}
