//! The picture of the crates in `docs/architecture.md` is the graph of their `Cargo.toml` files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each crate uses.
type Graph = BTreeMap<String, BTreeSet<String>>;

const PREFIX: &str = "agentpulse-";
/// The root package, as the picture calls it.
const PROGRAM: &str = "agentpulse";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folders of all crates of the workspace that are part of a program.
fn folders() -> Vec<PathBuf> {
    let crates = fs::read_dir(root().join("crates")).expect("the crates");
    let crates = crates.map(|entry| entry.expect("an entry").path());
    crates
        .chain([root().to_owned(), root().join("hook")])
        .collect()
}

fn cargo_graph() -> Graph {
    let mut graph = Graph::new();
    for folder in folders() {
        let text = fs::read_to_string(folder.join("Cargo.toml")).expect("a Cargo.toml");
        let manifest: toml::Table = text.parse().expect("TOML");
        let name = manifest["package"]["name"].as_str().expect("a name");
        let uses = manifest
            .get("dependencies")
            .and_then(|table| table.as_table());
        let uses = uses.into_iter().flat_map(toml::Table::keys);
        let uses = uses.filter_map(|used| used.strip_prefix(PREFIX));
        let name = name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
        graph.insert(name, uses.map(str::to_owned).collect());
    }
    graph
}

/// Whether there is a way of two arrows or more.
fn is_implied(graph: &Graph, from: &str, to: &str) -> bool {
    let mut open: Vec<&str> = graph[from].iter().map(String::as_str).collect();
    open.retain(|&first| first != to);
    let mut seen = BTreeSet::new();
    while let Some(next) = open.pop() {
        if next == to {
            return true;
        }
        if seen.insert(next) {
            open.extend(graph[next].iter().map(String::as_str));
        }
    }
    false
}

/// The lines of the picture: arrows that do not follow from others.
fn arrows(graph: &Graph) -> BTreeSet<String> {
    let all = graph
        .iter()
        .flat_map(|(from, uses)| uses.iter().map(move |to| (from, to)));
    let kept = all.filter(|(from, to)| !is_implied(graph, from, to));
    kept.map(|(from, to)| format!("{from} --> {to}")).collect()
}

#[test]
fn the_picture_has_the_arrows_of_the_crates() {
    let graph = cargo_graph();
    assert!(graph.contains_key(PROGRAM) && graph.len() > 8, "{graph:?}");
    let text = fs::read_to_string(root().join("docs/architecture.md")).expect("the document");
    let picture = text.split("## Crates").nth(1).expect("the part");
    let picture = picture.split("```mermaid").nth(1).expect("the picture");
    let picture = picture.split("```").next().unwrap_or_default();
    let lines = picture.lines().map(str::trim);
    let drawn: BTreeSet<String> = lines
        .filter(|line| line.contains("-->"))
        .map(str::to_owned)
        .collect();
    let expected = arrows(&graph);
    let lines = expected.iter().map(|arrow| format!("    {arrow}\n"));
    let lines: String = lines.collect();
    assert!(drawn == expected, "the picture should have:\n{lines}");
}

#[test]
fn an_arrow_that_follows_from_others_is_left_out() {
    let graph = [("a", vec!["b", "c"]), ("b", vec!["c"]), ("c", vec![])];
    let graph: Graph = graph
        .into_iter()
        .map(|(name, uses)| {
            (
                name.to_owned(),
                uses.into_iter().map(str::to_owned).collect(),
            )
        })
        .collect();
    let arrows: Vec<String> = arrows(&graph).into_iter().collect();
    assert_eq!(arrows, ["a --> b", "b --> c"]);
}
