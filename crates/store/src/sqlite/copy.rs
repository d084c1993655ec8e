//! A copy of a whole database, of one moment, while others write to it.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::{Db, Error, Kind, READER_CACHE_KIB, Result, create_private};

/// Copied between two looks at whether to go on: one MiB, some milliseconds.
const PAGES_A_STEP: i32 = 256;
/// A page that another connection is just writing back; the next try finds it.
const LOCKED_PAUSE: Duration = Duration::from_millis(1);

/// Copies the database at `from`, all of its tables, to the new file `to` (mode 0600), and puts it
/// on the disk. `step` gets how many of how many pages are done, and may end the copying.
///
/// The source is read within one transaction. Without one, every commit of another connection would
/// make the copying begin again, and under load it would never end. The price is that the source's
/// log cannot be emptied meanwhile. `VACUUM INTO` was rejected: it builds every index again, and
/// reports no progress.
///
/// # Errors
/// Those of SQLite, and [`Error::is_interrupted`] when `step` ended it.
pub(crate) fn copy(
    from: &Path,
    to: &Path,
    step: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<()> {
    let source = Db::open(from, READER_CACHE_KIB)?;
    create_private(to).map_err(|error| Error::at(to, Kind::Open(error)))?;
    source.snapshot(|conn| {
        // A transaction begins with its first read.
        source.read(|conn| conn.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(())))?;
        let copied = copy_pages(conn, to, step).map_err(|error| Error::of(to, error))?;
        match copied {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::at(from, Kind::Interrupted)),
        }
    })?;
    File::open(to)
        .and_then(|file| file.sync_all())
        .map_err(|error| Error::at(to, Kind::Open(error)))
}

fn copy_pages(
    source: &Connection,
    to: &Path,
    step: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> rusqlite::Result<ControlFlow<()>> {
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // A copy that breaks off is thrown away, so that it needs no journal of its own.
    target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    let backup = Backup::new(source, &mut target)?;
    loop {
        let result = backup.step(PAGES_A_STEP)?;
        let pages = backup.progress();
        let [left, all] = [pages.remaining, pages.pagecount].map(|n| n.max(0) as u64);
        if step(all.saturating_sub(left), all).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        match result {
            StepResult::Done => return Ok(ControlFlow::Continue(())),
            StepResult::More => {}
            _ => std::thread::sleep(LOCKED_PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite_migration::M;

    use super::*;

    const SCHEMA: &[M] = &[M::up("CREATE TABLE t (n INTEGER) STRICT")];

    fn insert(db: &mut Db, rows: i64) {
        let fill = "WITH RECURSIVE c (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c LIMIT ?1)
                    INSERT INTO t SELECT n FROM c";
        db.write(|tx| tx.execute(fill, [rows])).unwrap();
    }

    fn rows(path: &Path) -> i64 {
        let db = Db::open_reader(path, SCHEMA).unwrap();
        db.read(|conn| conn.query_row("SELECT count(*) FROM t", [], |row| row.get(0)))
            .unwrap()
    }

    #[test]
    fn it_is_of_one_moment_while_another_writes() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("t.db"), dir.path().join("copy.db"));
        let mut db = Db::open_writer(&from, SCHEMA, 1024).unwrap();
        insert(&mut db, 300_000);
        let mut steps = 0;
        copy(&from, &to, &mut |done, all| {
            assert!(done <= all);
            steps += 1;
            insert(&mut db, 1_000);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(steps > 2, "it was written to between {steps} steps");
        assert_eq!(rows(&to), 300_000);
        assert_eq!(rows(&from), 300_000 + steps * 1_000);
    }

    #[test]
    fn it_can_be_ended() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("t.db");
        let mut db = Db::open_writer(&from, SCHEMA, 1024).unwrap();
        insert(&mut db, 300_000);
        let to = dir.path().join("copy.db");
        let error = copy(&from, &to, &mut |_, _| ControlFlow::Break(())).unwrap_err();
        assert!(error.is_interrupted());
    }
}
