//! What the documented settings file says must be true.

use super::super::{DEFAULT_FILE, Setting, Source};
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
    let by_default = load("", &[], &[]).expect("defaults are valid");
    let by_file = load(DEFAULT_FILE, &[], &[]).expect("the documented file is valid");
    let from_file = |setting: &Setting| Setting {
        source: Source::File,
        ..setting.clone()
    };
    let as_from_file: Vec<Setting> = by_default.describe().iter().map(from_file).collect();
    assert_eq!(by_file.describe(), as_from_file);
    let keys = by_file.describe().iter().map(|setting| &setting.key);
    assert!(keys.eq(documented().iter().map(|(key, _)| key)));
}

#[test]
fn the_documented_file_names_what_is_reloaded() {
    let head = DEFAULT_FILE
        .lines()
        .take_while(|line| line.starts_with('#'));
    let lines = head.skip_while(|line| !line.contains("these change at once"));
    let named = lines.filter_map(|line| line.strip_prefix("#   "));
    let named = named.flat_map(|line| line.split(',')).map(str::trim);
    let named: Vec<&str> = named.filter(|name| !name.is_empty()).collect();
    let (section, single): (Vec<&str>, Vec<&str>) =
        named.into_iter().partition(|name| name.ends_with('*'));
    assert_eq!(section, ["select.*", "tasks.*", "alerts.*"]);
    let webhook = ("alerts.webhooks.0.url", "http://localhost:1");
    let config = load("", &[], &[webhook]).expect("valid");
    let mut reloaded = Vec::new();
    for setting in config.describe() {
        let key = setting.key.as_str();
        match key.starts_with("alerts.") {
            true => assert_eq!(
                setting.is_reloaded,
                !key.starts_with("alerts.webhooks."),
                "{key}"
            ),
            false
                if ["select.", "tasks."]
                    .iter()
                    .any(|section| key.starts_with(section)) =>
            {
                assert!(setting.is_reloaded, "{key}");
            }
            false => reloaded.extend(setting.is_reloaded.then_some(key)),
        }
    }
    reloaded.sort_unstable();
    let mut single = single;
    single.sort_unstable();
    assert_eq!(single, reloaded);
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
    // limits 7, max_bytes 2, rescan, select 10, tasks 5, emails, projects, log 2; of alerts:
    // budgets 2, thresholds 16, windows 6, for and severity 24 each.
    assert_eq!(bounded, 113);
}
