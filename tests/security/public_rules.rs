//! The redactor alone, against planted secrets and what only looks like one, and against a public
//! set of rules: what each of them finds is taken out, or there is a reason why it is not.

use std::collections::BTreeSet;
use std::fs;

use agentpulse_redact::{redact, redact_name, secret_name};
use agentpulse_sources::{clean_name, clean_text};

use crate::security::corpus::{assemble, look_alikes, planted};

const RULES: &str = include_str!("../data/public_rules.tsv");

#[test]
fn matches_of_public_rules_are_redacted() {
    let lines = RULES.lines().filter(|line| !line.starts_with('#'));
    let (mut ids, mut covered, mut left) = (BTreeSet::new(), 0, Vec::new());
    for (n, line) in (1..).zip(lines) {
        let fields: Vec<&str> = line.split('\t').collect();
        assert!(ids.insert(fields[0]), "{} stands twice", fields[0]);
        if fields[1] == "-" {
            assert!(fields[2].len() > 20, "{} has a reason", fields[0]);
            continue;
        }
        covered += 1;
        let sample = assemble(n, line);
        for text in [&sample.text, &sample.said()] {
            let clean = redact(text);
            if clean.contains(&sample.core) || !clean.contains("[redacted:") {
                left.push(format!("{} {text:?}: {clean:?}", sample.kind));
            }
        }
    }
    assert!(left.is_empty(), "{left:#?}");
    let docs = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/security.md"));
    let figure = format!("{covered} of the {} rules", ids.len());
    let docs = docs.expect("the page");
    assert!(docs.contains(&figure), "docs/security.md says {figure:?}");
}

#[test]
fn planted_secrets_are_taken_out_of_texts_and_names() {
    let mut left = Vec::new();
    for one in planted() {
        let mut clean = match one.key.as_deref() {
            Some(key) => {
                let found = secret_name(key).map(|found| found.redact(&one.text).into_owned());
                vec![found.unwrap_or_else(|| clean_text(one.text.clone()))]
            }
            None => vec![clean_text(one.text.clone()), clean_text(one.said())],
        };
        for text in &clean {
            assert_eq!(redact(text), *text, "once is enough");
        }
        if one.key.is_none() {
            clean.extend(clean_name(one.text.clone()));
        }
        let seen = clean.iter().find(|clean| clean.contains(&one.core));
        left.extend(seen.map(|seen| format!("{} {:?}: {seen:?}", one.kind, one.text)));
    }
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn look_alikes_of_public_rules_stay() {
    let mut changed = Vec::new();
    for text in look_alikes() {
        let said = format!("it said {text} and stopped");
        for (clean, text) in [
            (redact(&text), &text),
            (redact(&said), &said),
            (redact_name(&text), &text),
        ] {
            if clean != text.as_str() {
                changed.push(format!("{text:?}: {clean:?}"));
            }
        }
    }
    assert!(changed.is_empty(), "{changed:#?}");
}
