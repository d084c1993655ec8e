//! What a scan keeps, and what it costs.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::getuid;
use tempfile::TempDir;

use agentpulse_definitions::Change::Deregistered;
use agentpulse_definitions::{Agent, Client, Code, Reason, Scope, State, diff};

use super::naive::{BROKEN, definition};
use crate::{Registry, Root, Snapshot};

fn root(path: &Path) -> Root {
    Root {
        scope: Scope::User,
        path: path.to_owned(),
        plugin: None,
    }
}

fn at(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms)
}

fn registry() -> Registry {
    Registry::new(Client::built_in(None))
}

fn only(snapshot: &Snapshot) -> &Agent {
    let agents: Vec<&Arc<Agent>> = snapshot.registered.agents.values().collect();
    assert_eq!(agents.len(), 1, "{agents:?}");
    agents[0]
}

/// A file that was written long ago, so that it is not read again for being new.
fn write_old(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    let opened = File::options().write(true).open(path).unwrap();
    opened
        .set_modified(SystemTime::now() - Duration::from_secs(100))
        .unwrap();
}

#[test]
fn a_file_that_breaks_keeps_what_it_was_until_it_is_right_again() {
    let folder = TempDir::new().unwrap();
    let (file, roots) = (folder.path().join("a.md"), [root(folder.path())]);
    let mut registry = registry();
    fs::write(&file, definition("a", "one")).unwrap();
    let before = registry.scan(&roots, at(1));
    let (id, version) = (only(&before).id.clone(), only(&before).version.clone());

    fs::write(&file, BROKEN).unwrap();
    let broken = registry.scan(&roots, at(2));
    let agent = only(&broken);
    assert_eq!(
        (&agent.id, &agent.version, agent.state),
        (&id, &version, State::Broken)
    );
    assert_eq!(agent.findings[0].code, Code::Yaml);
    assert!(
        broken.trees(&roots)[0].is_empty(),
        "the client does not load it"
    );

    fs::write(&file, definition("a", "two")).unwrap();
    let fixed = registry.scan(&roots, at(3));
    let agent = only(&fixed);
    assert_eq!((&agent.id, agent.state), (&id, State::Good));
    assert_ne!(agent.version, version);

    // A file that never was good is in no answer but that of what is wrong.
    fs::write(&file, "# no agent").unwrap();
    assert!(registry.scan(&roots, at(4)).registered.agents.is_empty());
    fs::write(&file, BROKEN).unwrap();
    let snapshot = registry.scan(&roots, at(5));
    assert!(snapshot.registered.agents.is_empty());
    assert_eq!(snapshot.files[0].findings()[0].code, Code::Yaml);
}

#[test]
fn agents_of_a_folder_that_cannot_be_read_are_kept_and_said_to_be_old() {
    // A test that runs as root reads everything.
    if getuid().is_root() {
        return unreadable_to_root();
    }
    let folder = TempDir::new().unwrap();
    let (agents, roots) = (
        folder.path().join("agents"),
        [root(&folder.path().join("agents"))],
    );
    write_old(&agents.join("a.md"), &definition("a", "one"));
    let mut registry = registry();
    registry.scan(&roots, at(1));
    fs::set_permissions(&agents, Permissions::from_mode(0o0)).unwrap();
    for now_ms in [2, 3] {
        let snapshot = registry.scan(&roots, at(now_ms));
        assert_eq!(only(&snapshot).stale_since_ms, Some(2));
    }
    fs::set_permissions(&agents, Permissions::from_mode(0o700)).unwrap();
    assert_eq!(only(&registry.scan(&roots, at(4))).stale_since_ms, None);
}

/// A name that is too long for the file system is an error that is no absence, for root as well.
fn unreadable_to_root() {
    let folder = TempDir::new().unwrap();
    let (agents, roots) = (
        folder.path().join("agents"),
        [root(&folder.path().join("agents"))],
    );
    write_old(&folder.path().join("real/a.md"), &definition("a", "one"));
    symlink(folder.path().join("real"), &agents).unwrap();
    let mut registry = registry();
    registry.scan(&roots, at(1));
    fs::remove_file(&agents).unwrap();
    symlink("x".repeat(300), &agents).unwrap();
    for now_ms in [2, 3] {
        let snapshot = registry.scan(&roots, at(now_ms));
        assert_eq!(only(&snapshot).stale_since_ms, Some(2));
    }
    fs::remove_file(&agents).unwrap();
    symlink(folder.path().join("real"), &agents).unwrap();
    assert_eq!(only(&registry.scan(&roots, at(4))).stale_since_ms, None);
}

#[test]
fn a_root_that_is_gone_takes_its_agents_along() {
    let folder = TempDir::new().unwrap();
    let (agents, roots) = (
        folder.path().join("agents"),
        [root(&folder.path().join("agents"))],
    );
    write_old(&agents.join("a.md"), &definition("a", "one"));
    let mut registry = registry();
    let before = registry.scan(&roots, at(1));
    fs::remove_dir_all(&agents).unwrap();
    let after = registry.scan(&roots, at(2));
    let changes = diff(&before.registered, &after.registered);
    assert!(
        matches!(
            &changes[..],
            [Deregistered {
                reason: Reason::Deleted,
                ..
            }]
        ),
        "{changes:?}"
    );
}

#[test]
fn what_has_not_changed_is_not_read_again() {
    let folder = TempDir::new().unwrap();
    let roots = [root(folder.path())];
    for index in 0..20 {
        let path = folder.path().join(format!("{index}.md"));
        fs::write(&path, definition(&format!("n{index}"), "one")).unwrap();
    }
    let mut registry = registry();
    let now = SystemTime::now();
    let mut files_read = |after_s| {
        let after = Duration::from_secs(after_s);
        registry.scan(&roots, now + after).files_read
    };
    assert_eq!(files_read(0), 20);
    // Within two seconds they may have changed once more without a mark.
    assert_eq!(files_read(1), 20);
    assert_eq!(files_read(60), 20);
    assert_eq!(files_read(61), 0);
    fs::write(folder.path().join("3.md"), definition("n3", "two")).unwrap();
    assert_eq!(files_read(120), 1);
}

#[test]
fn a_file_is_one_file_by_whatever_name() {
    let folder = TempDir::new().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    write_old(&one.join("a.md"), &definition("a", "one"));
    fs::create_dir_all(&two).unwrap();
    fs::hard_link(one.join("a.md"), two.join("b.md")).unwrap();
    symlink(one.join("a.md"), one.join("b.md")).unwrap();
    symlink(&one, one.join("circle")).unwrap();
    symlink("nothing", one.join("gone.md")).unwrap();
    symlink("self.md", one.join("self.md")).unwrap();
    let roots = [root(&one), root(&two)];
    let snapshot = registry().scan(&roots, at(1));
    let trees = snapshot.trees(&roots);
    let paths: Vec<_> = trees.iter().flatten().map(|agent| &agent.path).collect();
    assert_eq!(paths, [&one.join("a.md")]);
    // For who works in the other place alone it is there.
    let trees = snapshot.trees(&roots[1..]);
    assert_eq!(trees[0][0].path, two.join("b.md"));
}

#[test]
fn twins_have_ids_of_their_own() {
    let folder = TempDir::new().unwrap();
    for file in ["a.md", "b.md", "sub/c.md"] {
        write_old(&folder.path().join(file), &definition("a", "one"));
    }
    let mut registry = registry();
    let snapshot = registry.scan(&[root(folder.path())], at(1));
    assert_eq!(snapshot.registered.agents.len(), 3);
    assert_eq!(snapshot, registry.scan(&[root(folder.path())], at(2)));
}
