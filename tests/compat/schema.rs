//! Which version a folder is of: it only ever rises, and a folder of a later one is refused.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::{Frozen, copy, on_folder, setup};

const DATABASES: [&str; 5] = [
    "journal.db",
    "history.db",
    "access.db",
    "registry.db",
    "tasks.db",
];

/// A new folder and one that was migrated are the same: no step of a released version was edited,
/// so that the version alone says who can read a folder.
#[test]
fn folders_of_released_versions_get_the_schema_of_a_new_one() {
    let mut new = setup().start();
    assert_eq!(new.sigterm().code(), Some(0));
    for frozen in Frozen::all() {
        let mut old = on_folder(|data| copy(&frozen.folder.join("data"), data));
        assert_eq!(old.sigterm().code(), Some(0));
        for name in DATABASES {
            assert_eq!(schema(&old.data.join(name)), schema(&new.data.join(name)));
        }
    }
}

/// The version of a database, and its tables and indexes.
fn schema(path: &Path) -> (i64, Vec<String>) {
    let conn = Connection::open(path).expect("a database");
    let version = conn.query_row("PRAGMA user_version", [], |row| row.get(0));
    let mut all = conn
        .prepare("SELECT name || ': ' || coalesce(sql, '') FROM sqlite_master ORDER BY name")
        .expect("a statement");
    let all = all.query_map([], |row| row.get(0)).expect("rows");
    (
        version.expect("a version"),
        all.collect::<Result<_, _>>().expect("texts"),
    )
}

/// Versions since the first refuse a folder of this one in the same way, by the version in it.
#[test]
fn folders_of_newer_versions_are_refused_and_left_as_they_are() {
    let mut daemon = setup().start();
    assert_eq!(daemon.sigterm().code(), Some(0));
    for name in DATABASES {
        let set_version = |version: i64| {
            let conn = Connection::open(daemon.data.join(name)).expect("a database");
            let set = conn.pragma_update(None, "user_version", version);
            set.expect("it can be written");
        };
        let (version, _) = schema(&daemon.data.join(name));
        set_version(version + 1);
        let read = |name| fs::read(daemon.data.join(name)).expect("a database");
        let before = DATABASES.map(read);
        let exit = daemon.setup.run_to_exit(&daemon.data);
        assert_eq!(exit.code, Some(65), "{name}: {}", exit.log);
        let reason = format!("{name} is of a newer version of agentpulse");
        assert!(exit.log.contains(&reason), "{reason}: {}", exit.log);
        assert!(
            DATABASES.map(read) == before,
            "{name}: the folder was changed"
        );
        set_version(version);
    }
}
