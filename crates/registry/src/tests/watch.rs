//! What is noticed. That nothing else is, the tests of the daemon count.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use crate::watch::Watched;

/// Longer than the system takes to report.
const SOON: Duration = Duration::from_secs(10);

/// Whether it is news.
async fn is_news(watched: &Watched, happens: impl FnOnce()) -> bool {
    happens();
    timeout(SOON, watched.changed()).await.is_ok()
}

#[tokio::test]
async fn a_place_that_comes_later_is_noticed_from_above() {
    let folder = TempDir::new().unwrap();
    let agents = folder.path().join("project/.claude/agents");
    let mut watched = Watched::new();
    let others = [agents.clone()];
    assert!(watched.set(&[], &others), "the first watch is new");
    assert!(watched.is_whole());
    assert!(!watched.set(&[], &others), "it is there already");
    let project = folder.path().join("project");
    assert!(is_news(&watched, || fs::create_dir(&project).unwrap()).await);
    assert!(watched.set(&[], &others), "the next folder on the way");
    assert!(is_news(&watched, || fs::create_dir_all(&agents).unwrap()).await);
    watched.set(&others, &others);
    assert!(is_news(&watched, || fs::write(agents.join("a.md"), "x").unwrap()).await);
}

#[test]
fn what_the_system_does_not_report_is_known() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let folder = TempDir::new().unwrap();
    let whole = |sources: &[PathBuf], others: &[PathBuf]| {
        let mut watched = Watched::new();
        watched.set(sources, others);
        watched.is_whole()
    };
    let proc = Path::new("/proc/self/fd").to_owned();
    assert!(whole(&[folder.path().to_owned()], &[]));
    assert!(
        !whole(&[folder.path().to_owned(), proc.clone()], &[]),
        "it reports nothing"
    );
    assert!(!whole(&[], &[proc.join("agents")]));
    assert!(
        !whole(&[folder.path().join("gone")], &[]),
        "it was there a moment ago"
    );
}

/// A scan reads all of it: if that were news, the next one would follow at once, for ever.
#[tokio::test]
async fn what_is_only_read_is_no_news() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.md");
    fs::write(&file, "x").unwrap();
    let mut watched = Watched::new();
    watched.set(&[folder.path().to_owned()], &[]);
    let is_read = is_news(&watched, || {
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::read(&file).unwrap();
    });
    assert!(timeout(Duration::from_millis(200), is_read).await.is_err());
    assert!(is_news(&watched, || fs::write(&file, "y").unwrap()).await);
}

/// More happens than the system remembers. Nothing of it is of interest but that it was too much.
#[tokio::test]
async fn reports_that_were_lost_are_news() {
    let folder = TempDir::new().unwrap();
    let mut watched = Watched::new();
    watched.set(&[], &[folder.path().join("agents")]);
    assert!(watched.is_whole());
    let max = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let max: usize = max.trim().parse().unwrap();
    let is_other = is_news(&watched, || {
        fs::write(folder.path().join("other"), "").unwrap();
    });
    assert!(timeout(Duration::from_millis(200), is_other).await.is_err());
    // Each is made, and closed.
    let storm = || {
        for n in 0..=max / 2 {
            fs::write(folder.path().join(n.to_string()), "").unwrap();
        }
    };
    assert!(is_news(&watched, storm).await);
}
