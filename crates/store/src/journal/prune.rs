//! Which rows may go, and how they go: a few at a time, the oldest first.

use rusqlite::Connection;

/// Which rows may go: those that history has committed and nobody holds (`seq <= history_seq`),
/// when they are beyond the last `keep_rows` or were accepted before `older_than_ms`. The oldest
/// go first, and none goes while an older one stays.
#[derive(Clone, Copy, Debug)]
pub struct Prune {
    pub history_seq: u64,
    pub keep_rows: u64,
    pub older_than_ms: i64,
}

/// Looks at no more rows than it may delete, whatever the clock did when they were accepted.
pub(super) fn delete(
    conn: &Connection,
    prune: &Prune,
    last_seq: u64,
    max_rows: usize,
) -> rusqlite::Result<usize> {
    let beyond_seq = last_seq.saturating_sub(prune.keep_rows);
    let mut select = conn
        .prepare_cached("SELECT seq, at_ms FROM journal WHERE seq <= ?1 ORDER BY seq LIMIT ?2")?;
    let mut rows = select.query((prune.history_seq as i64, max_rows as i64))?;
    let mut last_to_go = None;
    while let Some(row) = rows.next()? {
        let (seq, at_ms): (i64, i64) = (row.get(0)?, row.get(1)?);
        if seq as u64 > beyond_seq && at_ms >= prune.older_than_ms {
            break;
        }
        last_to_go = Some(seq);
    }
    match last_to_go {
        None => Ok(0),
        Some(seq) => conn
            .prepare_cached("DELETE FROM journal WHERE seq <= ?1")?
            .execute([seq]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{KEEP_ALL, changes, entry, seqs};
    use super::super::*;

    #[test]
    fn rows_go_when_history_has_them_and_they_are_many_or_old() {
        // (history_seq, keep_rows, older_than_ms) and the first row of 1..=100 that stays.
        let check = |history_seq, keep_rows, older_than_ms, first| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("journal.db");
            let mut journal = Journal::open(&path).unwrap();
            journal
                .append(&entry(&changes(1..=100)), &KEEP_ALL)
                .unwrap();
            let prune = Prune {
                history_seq,
                keep_rows,
                older_than_ms,
            };
            journal.prune(&prune, 1_000).unwrap();
            assert_eq!(seqs(&path).first(), Some(&first), "{prune:?}");
        };
        check(50, 0, 0, 51);
        check(50, 70, 0, 31);
        check(50, 100, 21, 21);
        check(10, 100, 21, 11);
        check(50, 100, 0, 1);
        check(0, 0, 1_000, 1);
    }

    #[test]
    fn an_append_prunes_a_little() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let mut journal = Journal::open(&path).unwrap();
        journal
            .append(&entry(&changes(1..=3_000)), &KEEP_ALL)
            .unwrap();
        let prune = Prune {
            history_seq: 3_000,
            keep_rows: 100,
            older_than_ms: 0,
        };
        journal
            .append(&entry(&changes(3_001..=3_010)), &prune)
            .unwrap();
        assert_eq!(seqs(&path), (1_021..=3_010).collect::<Vec<_>>());
        assert_eq!(journal.prune(&prune, 30).unwrap(), 30);
        journal.append(&Entry::default(), &prune).unwrap();
        assert_eq!(seqs(&path).first(), Some(&2_051));
        journal.append(&Entry::default(), &prune).unwrap();
        assert_eq!(seqs(&path), (2_911..=3_010).collect::<Vec<_>>());
    }
}
