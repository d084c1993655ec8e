//! What the documented settings file says must be true.

use super::super::{DEFAULT_FILE, Source};
use super::load;

/// The keys that the documented file sets, with the comment above each; what all sections of the
/// rules have in common stands above the first.
fn documented() -> Vec<(String, String)> {
    let mut keys = Vec::new();
    let (mut section, mut comment, mut of_rules) = ("", String::new(), String::new());
    for line in DEFAULT_FILE.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            if section == "alerts" {
                of_rules = comment.clone();
            }
        } else if line.starts_with('#') {
            comment.push_str(line);
            continue;
        } else if let Some((key, _)) = line.split_once(" = ") {
            let shared = if section.starts_with("alerts.") {
                &of_rules
            } else {
                ""
            };
            keys.push((format!("{section}.{key}"), format!("{shared}{comment}")));
        }
        comment.clear();
    }
    keys
}

#[test]
fn the_documented_file_names_every_key_with_its_true_default() {
    let by_default = load("", &[], &[]).expect("defaults are valid").describe();
    let by_file = load(DEFAULT_FILE, &[], &[])
        .expect("the documented file is valid")
        .describe();
    let as_from_file: Vec<_> = by_default
        .into_iter()
        .map(|(key, value, _)| (key, value, Source::File))
        .collect();
    assert_eq!(by_file, as_from_file);
    let in_order: Vec<String> = documented().into_iter().map(|(key, _)| key).collect();
    assert_eq!(
        by_file
            .into_iter()
            .map(|(key, _, _)| key)
            .collect::<Vec<_>>(),
        in_order
    );
}

#[test]
fn the_documented_file_names_the_true_bounds() {
    let mut bounded = 0;
    for (key, comment) in documented() {
        // Nothing that has a range or a choice may be empty, so the refusal names them.
        let Err(refusal) = load("", &[], &[(&key, "")]) else {
            continue;
        };
        let problem = refusal.problem;
        let range = problem
            .split_once(", ")
            .filter(|(_, range)| range.contains("..="));
        if let Some((_, bounds)) = problem.split_once("one of ").or(range) {
            assert!(comment.contains(bounds), "{key}: {bounds}, but {comment}");
            bounded += 1;
        }
    }
    // Counted by hand: http 4, maxmemory, check_interval, journal 2, history 2, reaper 2,
    // limits 7, max_bytes 2, emails, log 2; of alerts: budgets 2, thresholds 12, windows 4, for
    // and severity 16 each.
    assert_eq!(bounded, 74);
}
