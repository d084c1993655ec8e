use std::path::Path;

use super::{Found, Store, Version};
use agentpulse_core::bucket::DAY_MS;

const AT: i64 = 1_795_169_700_000;

fn found(id: &str, version: &str, changed_ms: i64) -> Found {
    Found {
        agent_id: id.to_owned(),
        run_name: "reviewer".to_owned(),
        path: format!("~/.claude/agents/{id}.md"),
        version: version.to_owned(),
        config: format!(r#"{{"model":"{version}"}}"#),
        changed_ms,
    }
}

fn spans(store: &Store) -> Vec<(String, String, i64, Option<i64>)> {
    let versions = store.versions("reviewer").unwrap().into_iter();
    let span = |one: Version| (one.agent_id, one.version, one.from_ms, one.until_ms);
    versions.map(span).collect()
}

fn span(
    id: &str,
    version: &str,
    from: i64,
    until: Option<i64>,
) -> (String, String, i64, Option<i64>) {
    (id.to_owned(), version.to_owned(), from, until)
}

fn open(dir: &Path) -> Store {
    Store::open(&dir.join("registry.db")).unwrap()
}

#[test]
fn a_version_ends_where_the_next_begins() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store
        .record(&[], &[found("a", "one", AT - 500)], AT)
        .unwrap();
    store
        .record(&[], &[found("a", "two", AT + 70)], AT + 100)
        .unwrap();
    store.record(&["a".to_owned()], &[], AT + 200).unwrap();
    store
        .record(&[], &[found("a", "one", AT + 300)], AT + 310)
        .unwrap();
    let expected = [
        span("a", "one", AT - 500, Some(AT + 70)),
        span("a", "two", AT + 70, Some(AT + 200)),
        span("a", "one", AT + 300, None),
    ];
    assert_eq!(spans(&store), expected);
    drop(store);
    let store = Store::open_to_read(&dir.path().join("registry.db")).unwrap();
    assert_eq!(spans(&store), expected);
    assert_eq!(
        store.in_force().unwrap(),
        [("a".to_owned(), "one".to_owned())].into()
    );
    let created = store.created_ms(["a", "b"]).unwrap();
    assert_eq!(created, [("a".to_owned(), AT - 500)].into());
    assert!(store.versions("other").unwrap().is_empty());
}

/// A file that was moved into its place is as old as it was elsewhere, and clocks are set back.
#[test]
fn versions_of_one_definition_never_overlap() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.record(&[], &[found("a", "one", AT)], AT).unwrap();
    store
        .record(&[], &[found("a", "two", AT - 9_000)], AT + 50)
        .unwrap();
    store
        .record(&[], &[found("a", "three", AT + 9_000)], AT - 50)
        .unwrap();
    store.record(&["a".to_owned()], &[], AT - 60).unwrap();
    store
        .record(&[], &[found("a", "four", AT - 70)], AT - 70)
        .unwrap();
    let expected = [
        span("a", "one", AT, Some(AT + 50)),
        span("a", "two", AT + 50, Some(AT + 51)),
        span("a", "three", AT + 51, Some(AT + 51)),
        span("a", "four", AT + 52, None),
    ];
    assert_eq!(spans(&store), expected);
}

#[test]
fn what_ended_long_ago_goes() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store
        .record(&[], &[found("a", "one", AT), found("b", "one", AT)], AT)
        .unwrap();
    store
        .record(&["b".to_owned()], &[found("a", "two", AT + 1)], AT + 1)
        .unwrap();
    assert_eq!(store.prune(AT + 400 * DAY_MS).unwrap(), 0);
    assert_eq!(store.prune(AT + 400 * DAY_MS + 2).unwrap(), 2);
    assert_eq!(spans(&store), [span("a", "two", AT + 1, None)]);
    assert_eq!(store.created_ms(["a", "b"]).unwrap().len(), 1);
}

#[test]
fn of_a_definition_that_changes_all_the_time_the_newest_versions_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    for n in 0..250 {
        let version = format!("v{n}");
        store
            .record(&[], &[found("a", &version, AT + n)], AT + n)
            .unwrap();
    }
    let kept = spans(&store);
    assert_eq!(kept.len(), 200);
    assert_eq!(kept[0], span("a", "v50", AT + 50, Some(AT + 51)));
    assert_eq!(kept[199], span("a", "v249", AT + 249, None));
    assert_eq!(store.created_ms(["a"]).unwrap()["a"], AT);
}

#[test]
fn what_ended_first_goes_where_there_is_too_much() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let long = "x".repeat(10_000);
    for n in 0..100 {
        let mut one = found("a", &format!("v{n}"), AT + n);
        one.config = format!(r#"{{"description":"{long}"}}"#);
        store.record(&[], &[one], AT + n).unwrap();
    }
    let max = 600_000;
    assert!(store.used_bytes().unwrap() > max);
    store.make_room(max).unwrap();
    assert!(store.used_bytes().unwrap() <= max);
    let kept = spans(&store);
    assert!((40..60).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept.last().unwrap().1, "v99");
    // What is in force stays, however much it is.
    store.make_room(0).unwrap();
    assert_eq!(spans(&store), [span("a", "v99", AT + 99, None)]);
}
