//! Taking a backup: the databases are copied, checked and packed into one file.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::Error;
use super::folder::{PARTIAL, sync_folder};
use super::hash::{Hashing, sha256};
use super::manifest::{FORMAT, MANIFEST, Manifest, Part};
use super::progress::{Progress, Stage};
use crate::history::Reader;
use crate::journal::{Journal, Tail};
use crate::sqlite::{copy, quick_check};
use agentpulse_contract::data_folder::{ACCESS, DATABASES, HISTORY, JOURNAL, REGISTRY, TASKS};
use agentpulse_failpoint::failpoint;

const ARCHIVE: &str = "archive.tar";

/// A backup that is in its place.
#[derive(Clone, Debug)]
pub struct Taken {
    pub path: PathBuf,
    pub bytes: u64,
    pub manifest: Manifest,
}

/// Backs up the databases in `data` and renames the file to `target`, replacing a file of that
/// name. The journal must not lose what history had not committed when this began.
///
/// `created_ms` is the time it is stamped with, in milliseconds since 1970.
///
/// # Errors
/// Databases that cannot be read or are damaged, a disk that is full; nothing is left behind then.
pub fn take(
    data: &Path,
    target: &Path,
    created_ms: i64,
    progress: &Progress,
) -> Result<Taken, Error> {
    let work = with_ending(target, PARTIAL);
    make_work_folder(&work)?;
    let taken = take_in(&work, data, target, created_ms, progress);
    let removed = fs::remove_dir_all(&work);
    let taken = taken?;
    removed.map_err(|error| Error::io(&work, error))?;
    Ok(taken)
}

fn take_in(
    work: &Path,
    data: &Path,
    target: &Path,
    created_ms: i64,
    progress: &Progress,
) -> Result<Taken, Error> {
    let parts = parts_of(data);
    for &name in &parts {
        progress.begin(match name {
            HISTORY => Stage::History,
            JOURNAL => Stage::Journal,
            ACCESS => Stage::Access,
            REGISTRY => Stage::Registry,
            _ => Stage::Tasks,
        });
        copy(&data.join(name), &work.join(name), &mut |done, all| {
            progress.report(done, all)
        })?;
        failpoint(name);
    }
    progress.begin(Stage::Check);
    let manifest = describe(work, &parts, created_ms)?;
    progress.begin(Stage::Pack);
    let archive = work.join(ARCHIVE);
    let bytes = pack(work, &archive, &manifest, created_ms, progress)?;
    fs::rename(&archive, target).map_err(|error| Error::io(target, error))?;
    sync_folder(target).map_err(|error| Error::io(target, error))?;
    Ok(Taken {
        path: target.to_owned(),
        bytes,
        manifest,
    })
}

/// A folder in which no daemon of this version ever ran may lack the last three.
fn parts_of(data: &Path) -> Vec<&'static str> {
    let others = [ACCESS, REGISTRY, TASKS].into_iter();
    let others = others.filter(|name| data.join(name).exists());
    [HISTORY, JOURNAL].into_iter().chain(others).collect()
}

/// Removes the remains of an interrupted backup of that name, and nothing else.
fn make_work_folder(work: &Path) -> Result<(), Error> {
    let io = |error| Error::io(work, error);
    if work.exists() {
        for entry in fs::read_dir(work).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            let name = name.to_string_lossy();
            let mut ours = DATABASES.into_iter().chain([ARCHIVE]);
            if !ours.any(|ours| name.starts_with(ours)) {
                return Err(Error::InTheWay(work.display().to_string()));
            }
        }
        fs::remove_dir_all(work).map_err(io)?;
    }
    fs::DirBuilder::new().mode(0o700).create(work).map_err(io)
}

/// Checks the copies: a backup that cannot be restored is none.
fn describe(work: &Path, parts: &[&str], created_ms: i64) -> Result<Manifest, Error> {
    let [history, journal] = [HISTORY, JOURNAL].map(|name| work.join(name));
    for name in parts {
        quick_check(&work.join(name))?;
    }
    let cursor = Reader::open(&history)?.cursor()?;
    let history_seq = cursor.map_or(0, |cursor| cursor.seq);
    let (epoch, journal_seq) = {
        let journal = Journal::open(&journal)?;
        (journal.epoch().to_owned(), journal.last_seq())
    };
    if !Tail::open(&journal)?.continues(history_seq, journal_seq)? {
        return Err(Error::Gap(history_seq));
    }
    Ok(Manifest {
        format: FORMAT,
        agentpulse: env!("CARGO_PKG_VERSION").to_owned(),
        created: stamp(created_ms),
        epoch,
        history_seq,
        journal_seq,
        parts: parts
            .iter()
            .map(|name| part(work, name))
            .collect::<Result<_, _>>()?,
    })
}

fn part(work: &Path, name: &str) -> Result<Part, Error> {
    let path = work.join(name);
    let (bytes, sha256) = sha256(&path).map_err(|error| Error::io(&path, error))?;
    Ok(Part {
        name: name.to_owned(),
        bytes,
        sha256,
    })
}

/// Returns the size of the archive, in bytes.
fn pack(
    work: &Path,
    archive: &Path,
    manifest: &Manifest,
    created_ms: i64,
    progress: &Progress,
) -> Result<u64, Error> {
    let io = |error| Error::io(archive, error);
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(archive)
        .map_err(io)?;
    let mut out = tar::Builder::new(BufWriter::new(file));
    let mtime_s = created_ms.max(0) as u64 / 1000;
    let text = serde_json::to_vec_pretty(manifest).map_err(|error| io(error.into()))?;
    let bytes = text.len() as u64;
    append(&mut out, MANIFEST, bytes, mtime_s, text.as_slice()).map_err(io)?;
    let all: u64 = manifest.parts.iter().map(|part| part.bytes).sum();
    let mut done = 0;
    for part in &manifest.parts {
        let path = work.join(&part.name);
        let file = File::open(&path).map_err(|error| Error::io(&path, error))?;
        let mut input = Hashing::new(BufReader::new(file));
        append(&mut out, &part.name, part.bytes, mtime_s, &mut input).map_err(io)?;
        if input.finish() != part.sha256 {
            return Err(Error::Damaged(part.name.clone()));
        }
        done += part.bytes;
        if progress.report(done, all).is_break() {
            return Err(Error::Interrupted);
        }
    }
    let out = out.into_inner().map_err(io)?;
    let file = out.into_inner().map_err(|error| io(error.into_error()))?;
    file.sync_all().map_err(io)?;
    Ok(file.metadata().map_err(io)?.len())
}

fn append(
    out: &mut tar::Builder<impl Write>,
    name: &str,
    bytes: u64,
    mtime_s: u64,
    content: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(bytes);
    header.set_mtime(mtime_s);
    out.append_data(&mut header, name, content)
}

pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn stamp(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| String::new(), |at| at.to_string())
}
