use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use super::folder::PARTIAL;
use super::take::with_ending;
use super::*;
use crate::access::Access;
use crate::history::{History, Reader};
use crate::journal::{Entry, Journal, Prune, Tail};
use crate::{registry, tasks};
use agentpulse_contract::data_folder::{ACCESS, HISTORY, JOURNAL, REGISTRY, TASKS};
use agentpulse_core::bucket::Day;
use agentpulse_core::change::Change;
use agentpulse_core::cursor::Cursor;
use agentpulse_core::execution::{Catalog, Execution, Fact, Origin, Start};
use agentpulse_core::lifetime::LifetimeCounters;
use agentpulse_core::names::{NameLimits, Names};
use agentpulse_core::zone::Zone;

const CREATED_MS: i64 = 1_795_169_700_000;

fn changes(seqs: std::ops::RangeInclusive<u64>) -> Vec<Arc<Change>> {
    seqs.map(|seq| {
        let mut execution = Execution::new(format!("run-{seq}"));
        let start = Start {
            agent_name: "tester".to_owned(),
            agent_type: None,
            started_ms: seq as i64,
            task_description: None,
            tools_granted: Vec::new(),
            context_size: None,
            origin: Origin::default(),
        };
        execution.merge(Fact::Start(Box::new(start)), &Catalog::default());
        Arc::new(Change::between(None, Arc::new(execution), seq, seq as i64))
    })
    .collect()
}

/// A data folder: 30 changes, of which history has 20 and the journal the last `kept`.
fn data(dir: &Path, kept: u64) -> PathBuf {
    let data = dir.join("data");
    fs::create_dir(&data).unwrap();
    let mut journal = Journal::open(&data.join(JOURNAL)).unwrap();
    let mut history = History::open(&data.join(HISTORY)).unwrap();
    let all = changes(1..=30);
    let prune = Prune {
        history_seq: 30 - kept,
        keep_rows: 0,
        older_than_ms: 0,
    };
    let entry = Entry {
        changes: &all,
        ..Entry::default()
    };
    journal.append(&entry, &prune).unwrap();
    let cursor = Cursor::new(journal.epoch(), 20);
    let limits = NameLimits {
        agents: 1,
        types: 1,
        tools: 1,
    };
    let names = Names::new(limits, Zone::utc(), Day(0));
    let totals = LifetimeCounters::of(all[..20].iter().map(Arc::as_ref), &names);
    history.flush(&all[..20], &totals, &cursor).unwrap();
    Access::open(&data.join(ACCESS)).unwrap();
    registry::Store::open(&data.join(REGISTRY)).unwrap();
    tasks::Store::open(&data.join(TASKS)).unwrap();
    data
}

fn backup(dir: &Path) -> Taken {
    let data = data(dir, 15);
    take(&data, &dir.join("b.tar"), CREATED_MS, &Progress::default()).unwrap()
}

fn unpacked(dir: &Path, bytes: &[u8]) -> Result<Restored, Error> {
    let archive = dir.join("changed.tar");
    fs::write(&archive, bytes).unwrap();
    let into = tempfile::tempdir().unwrap();
    unpack(&archive, into.path(), &[], &Progress::default())
}

#[test]
fn a_restored_backup_has_a_new_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let taken = backup(dir.path());
    let mode = fs::metadata(&taken.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let left: BTreeSet<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["b.tar".into(), "data".into()].into());
    let manifest = &taken.manifest;
    assert_eq!((manifest.history_seq, manifest.journal_seq), (20, 30));
    assert_eq!(manifest.created, "2026-11-20T10:15:00Z");

    let into = dir.path().join("new");
    fs::create_dir(&into).unwrap();
    let restored = unpack(
        &taken.path,
        &into,
        &["other".to_owned()],
        &Progress::default(),
    );
    let restored = restored.unwrap();
    assert_eq!(restored.manifest, taken.manifest);
    let journal = Journal::open(&into.join(JOURNAL)).unwrap();
    assert_eq!(journal.epoch(), restored.epoch);
    assert_ne!(journal.epoch(), manifest.epoch);
    assert_eq!(journal.past_epochs(), ["other", &manifest.epoch]);
    assert_eq!(journal.last_seq(), 30);
    let tail = Tail::open(&into.join(JOURNAL)).unwrap();
    assert_eq!(tail.read(0, 100).unwrap(), changes(16..=30));
    let reader = Reader::open(&into.join(HISTORY)).unwrap();
    assert_eq!(reader.count().unwrap(), 20);
}

/// As the first format was: two databases, and the number 1.
#[test]
fn one_without_keys_is_restored_still() {
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path(), 15);
    for name in [ACCESS, REGISTRY, TASKS] {
        fs::remove_file(data.join(name)).unwrap();
    }
    let target = dir.path().join("b.tar");
    take(&data, &target, CREATED_MS, &Progress::default()).unwrap();
    let whole = fs::read(&target).unwrap();
    let text =
        String::from_utf8_lossy(&whole[512..1_536]).replace("\"format\": 4", "\"format\": 1");
    let first = [&whole[..512], text.as_bytes(), &whole[1_536..]].concat();
    let restored = unpacked(dir.path(), &first).unwrap();
    assert_eq!(
        (restored.manifest.format, restored.manifest.parts.len()),
        (1, 2)
    );
}

#[test]
fn any_tar_lists_it() {
    let dir = tempfile::tempdir().unwrap();
    let taken = backup(dir.path());
    // Without tar there is nothing to compare with.
    let Ok(listed) = Command::new("tar").arg("-tf").arg(&taken.path).output() else {
        return;
    };
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert_eq!(
        names,
        "manifest.json\nhistory.db\njournal.db\naccess.db\nregistry.db\ntasks.db\n"
    );
}

#[test]
fn wherever_it_is_torn_it_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let whole = fs::read(backup(dir.path()).path).unwrap();
    for length in (0..whole.len() - 512).step_by(4_096 + 17).skip(1) {
        let error = unpacked(dir.path(), &whole[..length]).unwrap_err();
        assert!(matches!(error, Error::Torn(_)), "{length}: {error}");
    }
    // Where the last file ends, and nothing says that it is the last.
    let error = unpacked(dir.path(), &whole[..whole.len() - 1_024]).unwrap_err();
    assert!(matches!(error, Error::Torn(_)), "{error}");
    let error = unpacked(dir.path(), b"").unwrap_err();
    assert!(matches!(error, Error::NotABackup(_)), "{error}");
    // Nothing is read of a header that is not whole.
    let error = unpacked(dir.path(), &whole[..511]).unwrap_err();
    assert!(matches!(error, Error::NotABackup(_)), "{error}");
}

#[test]
fn whatever_byte_of_it_is_changed_it_is_refused_or_means_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let taken = backup(dir.path());
    let whole = fs::read(&taken.path).unwrap();
    // Within a header are a time and a mode, which nobody reads, but also their sum.
    for at in (0..whole.len() - 1024).step_by(1_009) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        match unpacked(dir.path(), &bytes) {
            Err(error) => assert!(error.is_damage(), "{at}: {error}"),
            Ok(restored) => {
                let mut manifest = restored.manifest;
                manifest.created.clone_from(&taken.manifest.created);
                manifest.agentpulse.clone_from(&taken.manifest.agentpulse);
                assert_eq!(manifest, taken.manifest, "{at}");
            }
        }
    }
}

/// The archive with another header of its first database, whose sum is right.
fn with_header(whole: &[u8], change: fn(&mut [u8])) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let header = &mut bytes[1_536..2_048];
    change(header);
    header[148..156].fill(b' ');
    let sum: u64 = header.iter().map(|&byte| u64::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

#[test]
fn no_member_is_another_than_it_should_be() {
    let dir = tempfile::tempdir().unwrap();
    let whole = fs::read(backup(dir.path()).path).unwrap();
    unpacked(dir.path(), &with_header(&whole, |_| {})).unwrap();
    let changes: [fn(&mut [u8]); 5] = [
        |header| header[..11].copy_from_slice(b"/etc/passwd"),
        |header| header[..10].copy_from_slice(b"journal.db"),
        |header| header[156] = b'2',
        |header| header[345..348].copy_from_slice(b"../"),
        |header| header[124..135].copy_from_slice(b"77777777777"),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let error = unpacked(dir.path(), &with_header(&whole, change)).unwrap_err();
        assert!(matches!(error, Error::Damaged(_)), "{n}: {error}");
    }
    let mut twice = whole[..whole.len() - 1_024].to_vec();
    twice.extend_from_slice(&whole[1_536..]);
    let error = unpacked(dir.path(), &twice).unwrap_err();
    assert!(matches!(error, Error::Damaged(_)), "{error}");
}

/// A sparse file is as long as it says and takes no room, until it is unpacked.
#[test]
fn a_backup_without_what_its_manifest_lists_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let whole = fs::read(backup(dir.path()).path).unwrap();
    let text = String::from_utf8_lossy(&whole[512..1_536]).into_owned();
    let at = text.find("\"bytes\": ").unwrap() + 9;
    let digits = text[at..].bytes().take_while(u8::is_ascii_digit).count();
    let size = "9".repeat(digits);
    let claimed = [&text[..at], &size, &text[at + digits..]].concat();
    let bytes = [&whole[..512], claimed.as_bytes(), &whole[1_536..]].concat();
    let error = unpacked(dir.path(), &bytes).unwrap_err();
    assert!(matches!(error, Error::Torn(_)), "{error}");
}

#[test]
fn a_path_has_one_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path(), 15);
    let to = |path: &Path| -> Result<Taken, Error> {
        let target = Target::of(path, CREATED_MS);
        target.prepare(std::time::Duration::ZERO)?;
        take(&data, &target.path, CREATED_MS, &Progress::default())
    };
    let at = |name: &str| dir.path().join(name);
    let made = to(&at("new/")).unwrap();
    assert_eq!(made.path.parent(), Some(at("new").as_path()));
    let mode = fs::metadata(at("new")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    to(&at("one.tar")).unwrap();
    to(&at("one.tar")).unwrap();
    fs::write(at("empty"), "").unwrap();
    to(&at("empty")).unwrap();
    fs::write(at("notes"), "somebody's").unwrap();
    fs::create_dir(at("two.tar.partial")).unwrap();
    fs::write(at("two.tar.partial/notes"), "somebody's").unwrap();
    for (wrong, words) in [
        ("notes", "is no backup"),
        ("notes/", "notes"),
        ("two.tar", "two.tar.partial"),
        ("none/two/", "none/two"),
        ("none/two.tar", "none/two.tar"),
    ] {
        let error = to(&at(wrong)).unwrap_err();
        assert!(error.is_of_place(), "{wrong}: {error}");
        assert!(error.to_string().contains(words), "{wrong}: {error}");
    }
    assert_eq!(fs::read(at("notes")).unwrap(), b"somebody's");
    assert!(at("two.tar.partial/notes").exists() && !at("none").exists());
}

#[test]
fn a_newer_format_and_a_strange_file_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let whole = fs::read(backup(dir.path()).path).unwrap();
    let text =
        String::from_utf8_lossy(&whole[512..1_536]).replace("\"format\": 4", "\"format\": 5");
    let newer = [&whole[..512], text.as_bytes(), &whole[1_536..]].concat();
    let error = unpacked(dir.path(), &newer).unwrap_err();
    assert!(error.to_string().contains("newer version"), "{error}");
    for strange in [vec![0; 4_096], b"SQLite format 3".repeat(100)] {
        let error = unpacked(dir.path(), &strange).unwrap_err();
        assert!(matches!(error, Error::NotABackup(_)), "{error}");
    }
}

#[test]
fn a_journal_that_lacks_what_history_needs_is_no_backup() {
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path(), 9);
    let target = dir.path().join("b.tar");
    let error = take(&data, &target, CREATED_MS, &Progress::default()).unwrap_err();
    assert!(matches!(error, Error::Gap(20)), "{error}");
    assert!(!target.exists());
}

#[test]
fn a_damaged_database_is_not_backed_up() {
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path(), 15);
    let path = data.join(HISTORY);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at..].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let target = dir.path().join("b.tar");
    let error = take(&data, &target, CREATED_MS, &Progress::default()).unwrap_err();
    assert!(error.is_damage(), "{error}");
    assert!(!target.exists() && !with_ending(&target, PARTIAL).exists());
}

#[test]
fn it_ends_when_nobody_waits_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path(), 15);
    let progress = Progress::default();
    progress.stop();
    let target = dir.path().join("b.tar");
    assert!(take(&data, &target, CREATED_MS, &progress).is_err());
    assert!(!target.exists());
}
