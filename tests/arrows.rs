//! Rules about the source itself: which part may import which, where a driver may be named, how
//! long a file may be, what a script must say of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

const LINES_MAX: usize = 400;
const WIDTH_MAX: usize = 100;

/// The parts of two crates, from the innermost outwards; a part may import parts of earlier rows.
/// Cargo holds the arrows between crates.
const CRATES: [(&str, &[&[&str]]); 2] = [
    (
        "crates/store/src",
        &[
            &["sqlite"],
            &["journal", "history", "access", "registry", "tasks"],
            &["backup"],
        ],
    ),
    ("crates/server/src", &[&["intake"], &["http"], &["daemon"]]),
];

/// The folders in which a driver may be named.
const DRIVERS: [(&str, &[&str]); 5] = [
    ("fred", &["crates/live/src"]),
    // The model of the queue reads what other programs read.
    ("rusqlite", &["crates/store/src", "crates/queue/tests"]),
    ("rusqlite_migration", &["crates/store/src"]),
    ("saphyr_parser", &["crates/definitions/src"]),
    // The benchmark measures the daemon against a server that has nothing beside it.
    ("axum", &["crates/server/src/http", "src/cli/bench"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// Code without comments: what a comment names is no import.
fn code(path: &Path) -> String {
    let lines = read(path);
    lines
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""))
        .collect::<Vec<_>>()
        .join("\n")
}

/// `http/router.rs` in a source is of the part `http`, and two modules below the root of its crate.
fn part(path: &Path, source: &str) -> (String, usize) {
    let inner = path
        .strip_prefix(root().join(source))
        .expect("below the source");
    let names: Vec<String> = inner
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .filter(|name| name != "mod")
        .collect();
    (names[0].clone(), names.len())
}

/// The parts that this code names from the root of the crate.
fn named_parts(code: &str, depth: usize) -> BTreeSet<String> {
    let up = format!(r"(?:super\s*::\s*){{{depth}}}");
    let path = Regex::new(&format!(
        r"\b(?:crate\s*::\s*|agentpulse\s*::\s*|{up})(\{{|\w+)"
    ));
    let mut named = BTreeSet::new();
    for found in path.expect("a valid pattern").captures_iter(code) {
        let word = found.get(1).expect("the group");
        if word.as_str() == "{" {
            named.extend(first_names(&code[word.end()..]));
        } else {
            named.insert(word.as_str().to_owned());
        }
    }
    named
}

/// Of `domain::{a, b}, live::x}` the names `domain` and `live`.
fn first_names(list: &str) -> Vec<String> {
    let (mut depth, mut names, mut item) = (0, Vec::new(), String::new());
    for c in list.chars() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(std::mem::take(&mut item)),
            _ if depth == 0 => item.push(c),
            _ => {}
        }
    }
    names.push(item);
    let first = |item: String| item.split("::").next().unwrap_or("").trim().to_owned();
    names
        .into_iter()
        .map(first)
        .filter(|name| !name.is_empty())
        .collect()
}

fn row(rows: &[&[&str]], part: &str) -> Option<usize> {
    rows.iter().position(|row| row.contains(&part))
}

fn allowed(rows: &[&[&str]], from: &str, to: &str) -> bool {
    let (Some(outer), Some(inner)) = (row(rows, from), row(rows, to)) else {
        return false;
    };
    inner < outer
}

fn arrows_of(source: &str, rows: &[&[&str]]) {
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for path in files(source, "rs") {
        let (from, depth) = part(&path, source);
        if from == "lib" {
            continue;
        }
        assert!(
            row(rows, &from).is_some(),
            "{} belongs to no known part",
            shown(&path)
        );
        for to in named_parts(&code(&path), depth) {
            if row(rows, &to).is_none() || to == from {
                continue;
            }
            if !allowed(rows, &from, &to) {
                wrong.push(format!("{} imports {to}", shown(&path)));
            }
            arrows.entry(from.clone()).or_default().insert(to);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(arrows.len() > 1, "the arrows were read: {arrows:?}");
}

#[test]
fn imports_point_one_way() {
    for (source, rows) in CRATES {
        arrows_of(source, rows);
    }
}

#[test]
fn a_wrong_arrow_would_be_seen() {
    let code = "use crate::{intake::{a, b}, sqlite::x,\n backup};\nlet y = super::super::http::z;";
    let named: Vec<String> = named_parts(code, 2).into_iter().collect();
    assert_eq!(named, ["backup", "http", "intake", "sqlite"]);
    let [(_, store), (_, server)] = CRATES;
    assert!(!allowed(store, "journal", "history") && !allowed(server, "intake", "http"));
    assert!(allowed(store, "backup", "journal") && allowed(server, "daemon", "intake"));
}

#[test]
fn each_driver_stays_in_its_place() {
    for (name, folders) in DRIVERS {
        let named = Regex::new(&format!(r"\b{name}\s*(::|;|\{{)")).expect("a valid pattern");
        let all = ["src", "crates"]
            .into_iter()
            .flat_map(|folder| files(folder, "rs"));
        let users: Vec<PathBuf> = all.filter(|path| named.is_match(&code(path))).collect();
        assert!(!users.is_empty(), "nobody uses {name}");
        for path in users {
            let path = shown(&path);
            let is_there = folders.iter().any(|folder| path.starts_with(folder));
            assert!(is_there, "{path} names {name}");
        }
    }
}

#[test]
fn every_crate_has_the_lints_of_the_workspace_and_only_the_hook_is_unsafe() {
    let mut manifests = vec![root().join("Cargo.toml"), root().join("hook/Cargo.toml")];
    let of_crates = files("crates", "toml").into_iter();
    manifests.extend(of_crates.filter(|path| path.ends_with("Cargo.toml")));
    for path in manifests {
        let has_lints = read(&path).contains("[lints]\nworkspace = true");
        assert!(has_lints, "{} has no [lints]", shown(&path));
    }
    for path in ["src", "crates", "benches"]
        .into_iter()
        .flat_map(|folder| files(folder, "rs"))
    {
        let is_safe = !read(&path).contains("unsafe_code");
        assert!(is_safe, "{} allows unsafe code", shown(&path));
    }
}

#[test]
fn pure_crates_have_no_input_output_or_clock() {
    let impure = Regex::new(
        r"\btokio::|\bstd::(fs|net|io|env|process|thread)\b|SystemTime|Instant\b|::now\(\)",
    );
    let impure = impure.expect("a valid pattern");
    let is_test = |path: &Path| path.components().any(|part| part.as_os_str() == "tests");
    let pure = ["core", "definitions", "redact", "selection", "sources"]
        .map(|name| format!("crates/{name}/src"));
    for path in pure.iter().flat_map(|folder| files(folder, "rs")) {
        if is_test(&path) {
            continue;
        }
        let code = code(&path);
        let pure = code.split("#[cfg(test)]").next().unwrap_or("");
        let found = impure.find(pure).map(|found| found.as_str());
        assert_eq!(found, None, "{}", shown(&path));
    }
}

#[test]
fn files_are_short_and_lines_are_narrow() {
    let mut long = Vec::new();
    for folder in ["src", "crates", "tests", "benches", "hook/src"] {
        for path in files(folder, "rs") {
            let text = read(&path);
            let lines = text.lines().count();
            if lines > LINES_MAX {
                long.push(format!("{}: {lines} lines", shown(&path)));
            }
            // A literal that rustfmt cannot break is the one excuse.
            let wide = |line: &&str| line.chars().count() > WIDTH_MAX && !line.contains(['"', '`']);
            if let Some(line) = text.lines().find(wide) {
                long.push(format!("{}: {line}", shown(&path)));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn every_script_refuses_to_run_over_memory_and_names_what_it_takes() {
    let scripts = files("lua", "lua");
    assert!(!scripts.is_empty(), "there are scripts");
    for path in scripts {
        let text = read(&path);
        let first = text.lines().next().unwrap_or("");
        assert!(
            first.starts_with("#!lua"),
            "{} begins with {first:?}",
            shown(&path)
        );
        let comments = text
            .lines()
            .skip(1)
            .take_while(|line| line.trim().is_empty() || line.starts_with("--"));
        let header: String = comments.collect();
        for word in ["KEYS", "ARGV", "RETURNS"] {
            assert!(
                header.contains(word),
                "the header of {} has no {word}",
                shown(&path)
            );
        }
        let body: Vec<&str> = text
            .lines()
            .skip(1)
            .map(|line| line.split("--").next().unwrap_or(""))
            .collect();
        for word in ["'TIME'", "\"TIME\"", "SCAN", "FLUSH", "'KEYS'", "\"KEYS\""] {
            assert!(
                !body.join("\n").contains(word),
                "{} uses {word}",
                shown(&path)
            );
        }
    }
}

#[test]
fn no_test_sleeps() {
    let sleep = Regex::new(r"\bsleep\s*\(").expect("a valid pattern");
    for path in files("tests", "rs") {
        assert!(!sleep.is_match(&code(&path)), "{} sleeps", shown(&path));
    }
}
