//! Reads of some of the executions. While they last, the rollups are [tables in
//! memory](super::only_rollups), which SQLite finds before those of the file.

use std::cell::RefCell;

use rusqlite::Connection;

use crate::sqlite::{Result, from_json};
use agentpulse_core::execution::Execution;
use agentpulse_core::only::Only;

use super::only_rollups::{Wanted, make_rollups};
use super::read::Reader;

/// Of which executions a reader reads now.
pub(super) type Chosen = RefCell<Only>;

impl Reader {
    /// What `f` reads is of the chosen executions alone, and of one moment. The rollups that it
    /// reads are those that it wants.
    pub fn only<T>(
        &self,
        only: &Only,
        wanted: &Wanted,
        f: impl FnOnce(&Reader) -> Result<T>,
    ) -> Result<T> {
        // The end of the transaction takes the tables away, also when a statement is interrupted.
        self.db.snapshot(|_| {
            let chosen = ChosenRead(self);
            self.db.read(|conn| {
                conn.execute_batch("PRAGMA query_only = OFF")?;
                make_rollups(conn, self.zone(), only, wanted)
            })?;
            chosen.reads_only()?;
            self.chosen.replace(only.clone());
            f(self)
        })
    }

    /// Whether an execution, which stands in a column, is one of those that are read.
    pub(super) fn takes(&self, row: &rusqlite::Row, column: usize) -> rusqlite::Result<bool> {
        let only = self.chosen.borrow();
        Ok(only.is_all() || only.takes(&from_json::<Execution>(row, column)?))
    }
}

/// At its end the reader reads all executions again. Also when a report panics: the reader goes on
/// to answer others.
struct ChosenRead<'a>(&'a Reader);

impl ChosenRead<'_> {
    fn reads_only(&self) -> Result<()> {
        let set = |conn: &Connection| conn.execute_batch("PRAGMA query_only = ON");
        self.0.db.read(set)
    }
}

impl Drop for ChosenRead<'_> {
    fn drop(&mut self) {
        self.0.chosen.take();
        // Without it a reader would still only read: it has no statement that writes.
        let _ = self.reads_only();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::super::sample::{NOW_MS, TODAY, World};
    use super::*;
    use agentpulse_core::bucket::Day;
    use agentpulse_core::dimension::Dimension;
    use agentpulse_core::kind::Kind;

    /// All that ended by now.
    fn all() -> Wanted {
        Wanted {
            ended_ms: 0..NOW_MS + 1,
            sessions: true,
        }
    }

    fn of_project(name: &str) -> Only {
        Only {
            project: Some(name.to_owned()),
            ..Only::default()
        }
    }

    /// All that is read of rollups, and of single executions beside them.
    fn answers(reader: &Reader) -> Vec<String> {
        let (from, to) = (Day(0), TODAY);
        vec![
            format!("{:?}", reader.days(from, to).unwrap()),
            format!("{:?}", reader.all_agent_days(from, to)),
            format!("{:?}", reader.agent_days("agent-1", from, to).unwrap()),
            format!("{:?}", reader.type_tool_sums(from, to)),
            format!("{:?}", reader.pairs(from, to)),
            format!(
                "{:?}",
                reader.costliest(Dimension::Session, from, to, 3).unwrap()
            ),
            format!("{:?}", reader.slowest("agent-1", from, to, 5).unwrap()),
            format!("{:?}", reader.failed("agent-1", 5).unwrap()),
            format!("{:?}", reader.running_count().unwrap()),
        ]
    }

    #[test]
    fn what_is_read_of_some_is_what_a_history_of_these_alone_says() {
        let world = World::any();
        let whole = answers(&world.reader());
        for only in [
            of_project("project-1"),
            of_project("nowhere"),
            Only {
                branch: Some("branch-0".to_owned()),
                host: Some("host-1".to_owned()),
                ..Only::default()
            },
            Only {
                kind: Some(Kind::Main),
                ..Only::default()
            },
            // On every day all of them.
            Only {
                kind: Some(Kind::default()),
                ..Only::default()
            },
        ] {
            let mut alone = World::new();
            for (_, one) in world.executions.values().filter(|(_, one)| only.takes(one)) {
                alone.put(one.clone());
            }
            alone.flush();
            let reader = world.reader();
            let found = reader.only(&only, &all(), |reader| Ok(answers(reader)));
            assert_eq!(found.unwrap(), answers(&alone.reader()), "{only:?}");
            assert_eq!(answers(&reader), whole, "nothing of it is left");
        }
    }

    #[test]
    fn a_read_that_fails_leaves_nothing() {
        let world = World::any();
        let reader = world.reader();
        let whole = answers(&reader);
        let missing =
            |reader: &Reader| reader.db.read(|conn| conn.execute_batch("SELECT x FROM y"));
        let only = of_project("project-1");
        assert!(reader.only(&only, &all(), missing).is_err());
        assert_eq!(answers(&reader), whole);
        let panics = |_: &Reader| -> Result<()> { panic!("a report") };
        let panicked = AssertUnwindSafe(|| reader.only(&only, &all(), panics));
        assert!(catch_unwind(panicked).is_err());
        assert_eq!(answers(&reader), whole);
        let write = "DELETE FROM main.executions";
        let write = |reader: &Reader| reader.db.read(|conn| conn.execute_batch(write));
        assert!(reader.only(&only, &all(), write).is_err(), "it reads only");
    }
}
