//! docs/redis.md against the keys and fields that a real run writes: none missing, none more.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Value, json};

use crate::harness::{Daemon, Run, Setup, eventually, now_ms};
use crate::model::{DAY_MS, HOUR_MS, hour};

const PAGE: &str = include_str!("../../docs/redis.md");
/// Objects whose fields the page lists.
const LISTED_OBJECT: &str = "token_usage";

/// By the pattern of a key.
type Fields = BTreeMap<String, BTreeSet<String>>;

struct Documented {
    /// Type and life of each key.
    keys: BTreeMap<String, (String, String)>,
    fields: Fields,
}

fn documented() -> Documented {
    let (mut keys, mut fields) = (BTreeMap::new(), Fields::new());
    let mut of: Vec<String> = Vec::new();
    let mut is_keys = false;
    let coded = Regex::new("`([^`]+)`").expect("a pattern");
    for line in PAGE.lines() {
        if line.starts_with('#') {
            is_keys = line == "## Keys";
            of = match line.starts_with("### ") {
                true => coded.captures_iter(line).map(|c| c[1].to_owned()).collect(),
                false => Vec::new(),
            };
        }
        let Some(row) = line.strip_prefix("| `") else {
            continue;
        };
        let (name, rest) = row.split_once('`').expect("a name in code");
        if is_keys {
            let rest = rest.replace(r"\|", "/");
            let cells: Vec<&str> = rest.split('|').map(str::trim).collect();
            let [_, kind, _, kept, ..] = cells[..] else {
                panic!("{line} has other cells")
            };
            keys.insert(name.to_owned(), (kind.to_owned(), kept.to_owned()));
        }
        for pattern in &of {
            fields
                .entry(pattern.clone())
                .or_default()
                .insert(name.to_owned());
        }
    }
    Documented { keys, fields }
}

/// What a pattern of the page stands for.
fn expression(pattern: &str) -> Regex {
    let placeholder = Regex::new(r"\\\{([^}]+)\\\}").expect("a pattern");
    let text = regex::escape(pattern);
    let text = placeholder.replace_all(&text, |found: &regex::Captures| {
        match found[1].replace('\\', "").as_str() {
            "YYYY-MM-DD" => r"\d{4}-\d\d-\d\d",
            "YYYY-MM-DD-HH" => r"\d{4}-\d\d-\d\d-\d\d",
            "HH" => r"\d\d",
            "ms" => r"\d+",
            _ => ".+",
        }
    });
    Regex::new(&format!("^{text}$")).expect("a pattern")
}

fn one_of<'a>(patterns: impl Iterator<Item = &'a String>, name: &str) -> Option<String> {
    let found: Vec<&String> = patterns
        .filter(|pattern| expression(pattern).is_match(name))
        .collect();
    assert!(found.len() <= 1, "{name} is of {found:?}");
    found.first().map(|pattern| (*pattern).clone())
}

/// One of everything: what runs, each way to end, tools, tokens, a correction, a moved duration.
fn everything(now_ms: i64) -> Vec<Value> {
    let usage = json!({"input_tokens": 1, "output_tokens": 2, "cache_read_tokens": 3,
        "cache_write_tokens": 4, "estimated_cost": 0.5});
    let run = |id: &str| Run::new(id).agent("tester").ended(now_ms - 1_000);
    let nameless = |id: &str, ms: u64| {
        json!({"event": "stop", "agent_id": id, "duration_ms": ms,
            "execution_end": crate::model::rfc3339(now_ms - 1_000)})
    };
    vec![
        Run::new("runs").began(now_ms - 5_000).start(),
        run("good")
            .took(5)
            .called(json!({"Read": 2, "Bash": 1}))
            .stops_with("token_usage", usage.clone())
            .stop(),
        run("bad")
            .took(9)
            .status("failure")
            .stops_with("error_details", json!({"type": "E", "message": "m"}))
            .stops_with("token_usage", usage)
            .stop(),
        run("late").took(7).status("timeout").stop(),
        run("unpriced")
            .with("model", "no-model-of-ours")
            .stops_with(
                "token_usage",
                json!({"input_tokens": 7, "output_tokens": 1}),
            )
            .stop(),
        nameless("moves", 50),
        nameless("stays", 60),
        Run::new("moves")
            .agent("tester")
            .began(now_ms - 3_000)
            .start(),
    ]
}

struct Found {
    keys: BTreeMap<String, BTreeSet<String>>,
    fields: Fields,
}

/// All keys by their patterns, and the fields of all of them.
fn found(daemon: &Daemon, page: &Documented) -> Found {
    let mut found = Found {
        keys: BTreeMap::new(),
        fields: Fields::new(),
    };
    for key in daemon.redis(&["KEYS", "*"]).texts() {
        let pattern = one_of(page.keys.keys(), &key);
        let pattern = pattern.unwrap_or_else(|| panic!("docs/redis.md has no {key}"));
        let kind = daemon.redis(&["TYPE", &key]).text();
        let fields: Vec<String> = match kind.as_str() {
            "hash" => daemon.redis(&["HKEYS", &key]).texts(),
            "list" => {
                let elements = daemon.redis(&["LRANGE", &key, "0", "-1"]).texts();
                elements
                    .iter()
                    .flat_map(|element| of_json(element))
                    .collect()
            }
            "string" => of_json(&daemon.redis(&["GET", &key]).text()),
            _ => Vec::new(),
        };
        found
            .fields
            .entry(pattern.clone())
            .or_default()
            .extend(fields);
        let (documented, kept) = &page.keys[&pattern];
        let as_documented = match kind.as_str() {
            "zset" => "sorted set",
            other => other,
        };
        assert_eq!(documented, as_documented, "{key}");
        lives(daemon, &key, kept);
        found.keys.entry(pattern).or_default().insert(key);
    }
    found
}

/// Of an object; of any other text none.
fn of_json(text: &str) -> Vec<String> {
    let Ok(Value::Object(object)) = serde_json::from_str(text) else {
        return Vec::new();
    };
    let mut fields: Vec<String> = object.keys().cloned().collect();
    let listed = object.get(LISTED_OBJECT).and_then(Value::as_object);
    let listed = listed.into_iter().flat_map(|object| object.keys());
    fields.extend(listed.map(|field| format!("{LISTED_OBJECT}.{field}")));
    fields
}

/// Whether a key expires when its row says.
#[track_caller]
fn lives(daemon: &Daemon, key: &str, kept: &str) {
    let expires_ms = match daemon.redis(&["EXPIRETIME", key]).text().as_str() {
        "-1" => None,
        seconds => Some(seconds.parse::<i64>().expect("seconds") * 1_000),
    };
    let bucket = Regex::new(r"\d{4}-\d\d-\d\d(-\d\d)?").expect("a pattern");
    let bucket_end_ms = || {
        let name = bucket.find(key).expect("a bucket in the name").as_str();
        let (day, hour) = name.split_at(10);
        let midnight: jiff::Timestamp = format!("{day}T00:00:00Z").parse().expect("a day");
        let hours: i64 = hour
            .get(1..)
            .map_or(24, |hour| hour.parse::<i64>().expect("HH") + 1);
        midnight.as_millisecond() + hours * HOUR_MS
    };
    let expected_ms = match kept.split_once(' ') {
        None => None,
        _ if kept == "while they run" => None,
        Some(("1", "minute after its deadline")) => {
            let shown: Value = serde_json::from_str(&daemon.redis(&["GET", key]).text())
                .expect("a running execution");
            let deadline: jiff::Timestamp = shown["deadline"]
                .as_str()
                .and_then(|text| text.parse().ok())
                .expect("a moment");
            Some((deadline.as_millisecond() + 60_000)..=(deadline.as_millisecond() + 60_999))
        }
        Some((days, after)) => {
            let days_ms = days.parse::<i64>().expect("a number of days") * DAY_MS;
            match after {
                "days after the day" | "days after the hour" => {
                    let end_ms = bucket_end_ms() + days_ms;
                    Some(end_ms..=end_ms)
                }
                "days after the last change" => {
                    Some((now_ms() - 120_000 + days_ms)..=(now_ms() + 1_000 + days_ms))
                }
                other => panic!("{key} is kept {other}"),
            }
        }
    };
    let is_as_documented = match (&expected_ms, expires_ms) {
        (None, None) => true,
        (Some(range), Some(at_ms)) => range.contains(&at_ms),
        _ => false,
    };
    assert!(
        is_as_documented,
        "{key} expires at {expires_ms:?}, kept {kept}"
    );
}

#[test]
fn the_page_lists_each_key_and_field_of_a_run_and_no_other() {
    let daemon = Setup::new().start();
    let lines = everything(now_ms());
    // One by one: a duration that moves within a batch is none that was taken away.
    for (n, line) in (1..).zip(&lines) {
        daemon.accept(std::slice::from_ref(line));
        let at_end = format!(":{n}");
        eventually("Redis has it", || {
            let cursor = daemon.redis(&["GET", "journal:cursor"]).text();
            cursor.ends_with(&at_end).then_some(()).ok_or(cursor)
        });
    }
    let page = documented();
    assert!(
        page.keys.len() > 10 && page.fields.len() > 5,
        "{:?}",
        page.keys
    );

    let found = found(&daemon, &page);
    let listed: BTreeSet<&String> = page.keys.keys().collect();
    assert_eq!(found.keys.keys().collect::<BTreeSet<_>>(), listed, "keys");
    assert!(found.keys["metrics:daily:{YYYY-MM-DD}"].len() <= 2);
    for (pattern, fields) in &found.fields {
        let documented = page.fields.get(pattern);
        let documented = documented.into_iter().flatten();
        let mut unseen: BTreeSet<&String> = documented.clone().collect();
        for field in fields {
            let row = one_of(documented.clone(), field);
            let row = row.unwrap_or_else(|| panic!("docs/redis.md has no {field} of {pattern}"));
            unseen.remove(&row);
        }
        assert!(unseen.is_empty(), "{pattern} has no {unseen:?}");
    }
    assert_eq!(
        page.fields.keys().find(|key| !page.keys.contains_key(*key)),
        None
    );
    // Midnight may have come in between: both hours are there then.
    let this_hour = format!("metrics:hourly:{}:", hour(now_ms() - 1_000));
    let hours = &found.keys["metrics:hourly:{YYYY-MM-DD-HH}:{agent_type}"];
    assert!(
        hours
            .iter()
            .any(|key| key.starts_with(&this_hour) || hours.len() > 1)
    );
}
