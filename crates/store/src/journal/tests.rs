use std::path::Path;
use std::sync::Arc;

use super::*;
use agentpulse_core::bucket::Day;
use agentpulse_core::change::Change;
use agentpulse_core::execution::{Catalog, Execution, Fact, Origin, Start};
use agentpulse_core::names::{NameKind, TrackedName};

pub const KEEP_ALL: Prune = Prune {
    history_seq: 0,
    keep_rows: 0,
    older_than_ms: 0,
};

pub fn entry(changes: &[Arc<Change>]) -> Entry<'_> {
    Entry {
        changes,
        ..Entry::default()
    }
}

/// Accepted at a millisecond for each number.
pub fn changes(seqs: std::ops::RangeInclusive<u64>) -> Vec<Arc<Change>> {
    seqs.map(|seq| {
        let mut execution = Execution::new(format!("run-{seq}"));
        let start = Start {
            agent_name: "tester".to_owned(),
            agent_type: None,
            started_ms: seq as i64,
            task_description: Some("\"quoted\" \u{1f600}\n".to_owned()),
            tools_granted: vec!["Read".to_owned()],
            context_size: Some(7),
            origin: Origin::default(),
        };
        execution.merge(Fact::Start(Box::new(start)), &Catalog::default());
        Arc::new(Change::between(None, Arc::new(execution), seq, seq as i64))
    })
    .collect()
}

pub fn seqs(path: &Path) -> Vec<u64> {
    let tail = Tail::open(path).unwrap().read(0, usize::MAX >> 1).unwrap();
    tail.iter().map(|change| change.seq).collect()
}

#[test]
fn the_tail_reads_what_was_appended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let mut journal = Journal::open(&path).unwrap();
    let tail = Tail::open(&path).unwrap();
    assert_eq!((tail.first_seq().unwrap(), tail.rows().unwrap()), (None, 0));
    let written = changes(1..=10);
    journal.append(&entry(&written), &KEEP_ALL).unwrap();
    assert_eq!(tail.read(0, 100).unwrap(), written);
    assert_eq!(tail.read(4, 3).unwrap(), written[4..7]);
    assert_eq!(tail.first_seq().unwrap(), Some(1));
    assert_eq!(tail.rows().unwrap(), 10);
}

#[test]
fn a_number_is_not_given_again_when_all_rows_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let mut journal = Journal::open(&path).unwrap();
    journal.append(&entry(&changes(1..=5)), &KEEP_ALL).unwrap();
    let all = Prune {
        history_seq: 5,
        ..KEEP_ALL
    };
    assert_eq!(journal.prune(&all, 100).unwrap(), 5);
    drop(journal);
    let mut journal = Journal::open(&path).unwrap();
    assert!(seqs(&path).is_empty());
    assert_eq!(journal.last_seq(), 5);
    journal.raise_seq(40).unwrap();
    journal.raise_seq(7).unwrap();
    drop(journal);
    assert_eq!(Journal::open(&path).unwrap().last_seq(), 40);
}

#[test]
fn an_append_that_fails_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let mut journal = Journal::open(&path).unwrap();
    journal.append(&entry(&changes(1..=3)), &KEEP_ALL).unwrap();
    journal
        .db
        .read(|conn| conn.execute_batch("PRAGMA max_page_count = 8"))
        .unwrap();
    let many = changes(4..=1_000);
    let places = [TrackedName {
        day: Day(1),
        kind: NameKind::Agent,
        name: "b".into(),
        counted: true,
    }];
    let with_place = Entry {
        tracked_names: &places,
        ..entry(&many)
    };
    let error = journal.append(&with_place, &KEEP_ALL).unwrap_err();
    assert!(error.is_full(), "{error:?}");
    assert_eq!(journal.last_seq(), 3);
    assert_eq!(seqs(&path), [1, 2, 3]);
    assert_eq!(journal.tracked_names().unwrap(), []);
    journal
        .db
        .read(|conn| conn.execute_batch("PRAGMA max_page_count = 100000"))
        .unwrap();
    journal.append(&entry(&many), &KEEP_ALL).unwrap();
    assert_eq!(journal.last_seq(), 1_000);
}

#[test]
fn the_epoch_stays_and_others_of_its_past_are_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    let mut journal = Journal::open(&path).unwrap();
    let epoch = journal.epoch().to_owned();
    assert_eq!(epoch.len(), 16);
    for past in ["new", "old", "new", &epoch] {
        journal.adopt_past_epoch(past).unwrap();
    }
    drop(journal);
    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.epoch(), epoch);
    assert_eq!(journal.past_epochs(), ["old", "new"]);
    let other = Journal::open(&dir.path().join("other.db")).unwrap();
    assert_ne!(other.epoch(), epoch);

    let mut journal = journal;
    journal.renew_epoch().unwrap();
    let renewed = journal.epoch().to_owned();
    assert_ne!(renewed, epoch);
    drop(journal);
    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.epoch(), renewed);
    assert_eq!(journal.past_epochs(), ["old", "new", &epoch]);
}

/// Counted and not timed, so that the number is the same on every machine.
#[test]
fn an_append_writes_little_more_than_the_changes() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&dir.path().join("journal.db")).unwrap();
    let changes = changes(1..=4_096);
    let json = |change: &Arc<Change>| serde_json::to_string(change).unwrap().len() as u64;
    let needed: u64 = changes.iter().map(json).sum();
    let before = journal.wal_bytes();
    for batch in changes.chunks(512) {
        journal.append(&entry(batch), &KEEP_ALL).unwrap();
    }
    let written = journal.wal_bytes() - before;
    assert!(needed > 0 && written > needed, "{written} of {needed}");
    // Today 124.
    let most = 150;
    assert!(
        written * 100 <= needed * most,
        "{written} bytes of the log for {needed} of changes: {} %, and not {most} %",
        written * 100 / needed
    );
}
