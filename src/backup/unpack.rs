//! The way back: a backup is unpacked, checked and given an epoch of its own before anything of
//! it is put in the place of a daemon's data.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::hash::Hashing;
use super::manifest::{AnyFormat, FORMAT, Manifest, Part};
use super::tar::{self, Entry, Header};
use super::{ACCESS, Error, HISTORY, JOURNAL, MANIFEST, Progress, Stage};
use crate::access::{self, Access};
use crate::history::{self, History, Reader};
use crate::journal::{self, Journal, Tail};

/// A manifest is some hundred bytes.
const MAX_MANIFEST_BYTES: u64 = 64 * 1024;

/// Between two looks at how far it is.
const STEP_BYTES: u64 = 1 << 20;

/// Changes that are read at once.
const READ_BACK: usize = 1_024;

/// What was unpacked.
#[derive(Clone, Debug)]
pub struct Restored {
    pub manifest: Manifest,
    /// The present one; that of the backup is one of its past.
    pub epoch: String,
}

/// Unpacks the backup into the folder `into`, checks it, and renews the journal's epoch: what
/// follows the backup is not what once followed it. `past` are further epochs that a live view
/// may be of.
///
/// # Errors
/// What is no backup, torn, damaged or of a newer version; what a disk says.
pub fn unpack(
    archive: &Path,
    into: &Path,
    past: &[String],
    progress: &Progress,
) -> Result<Restored, Error> {
    let mut archive = Archive::open(archive)?;
    let manifest = archive.manifest()?;
    progress.begin(Stage::Unpack);
    let all: u64 = manifest.parts.iter().map(|part| part.bytes).sum();
    has_room(into, all)?;
    let mut done = 0;
    for part in &manifest.parts {
        let mut told = |copied| progress.tell(done + copied, all);
        archive.part(part, into, &mut told)?;
        done += part.bytes;
    }
    archive.end()?;
    let epoch = renew(&archive.name, &manifest, into, past)?;
    Ok(Restored { manifest, epoch })
}

/// What the backup says of itself; the rest of it is not looked at.
///
/// # Errors
/// What is no backup, or one of a newer version.
pub fn manifest_of(archive: &Path) -> Result<Manifest, Error> {
    Archive::open(archive)?.manifest()
}

/// A backup is not compressed: what it needs is known before anything is written.
fn has_room(into: &Path, bytes: u64) -> Result<(), Error> {
    let disk = rustix::fs::statvfs(into).map_err(|error| Error::io(into, error.into()))?;
    if bytes <= disk.f_bavail.saturating_mul(disk.f_frsize) {
        return Ok(());
    }
    let error = io::Error::new(
        io::ErrorKind::StorageFull,
        format!("the backup needs {} MiB, which are not free", bytes >> 20),
    );
    Err(Error::io(into, error))
}

/// The open archive, and what its errors name.
struct Archive<'a> {
    name: String,
    path: &'a Path,
    input: BufReader<File>,
    bytes: u64,
}

impl Archive<'_> {
    fn open(path: &Path) -> Result<Archive<'_>, Error> {
        let io = |error| Error::io(path, error);
        // Opening a pipe would wait for its writer.
        let data = fs::metadata(path).map_err(io)?;
        if !data.is_file() {
            return Err(Error::NotABackup(path.display().to_string()));
        }
        Ok(Archive {
            name: path.display().to_string(),
            path,
            input: BufReader::new(File::open(path).map_err(io)?),
            bytes: data.len(),
        })
    }

    fn io(&self, error: io::Error) -> Error {
        Error::io(self.path, error)
    }

    fn manifest(&mut self) -> Result<Manifest, Error> {
        let strange = || Error::NotABackup(self.name.clone());
        let entry = match tar::read_header(&mut self.input).map_err(|e| self.io(e))? {
            Header::Entry(entry) => entry,
            Header::Torn | Header::End | Header::Strange => return Err(strange()),
        };
        if entry.name != MANIFEST || entry.bytes > MAX_MANIFEST_BYTES {
            return Err(strange());
        }
        let mut text = Vec::new();
        let read = (&mut self.input).take(entry.bytes).read_to_end(&mut text);
        let read = read.map_err(|error| self.io(error))?;
        if (read as u64) < entry.bytes {
            return Err(self.torn());
        }
        self.padding(entry.bytes)?;
        let by: AnyFormat =
            serde_json::from_slice(&text).map_err(|_| Error::Damaged(self.name.clone()))?;
        if by.format > FORMAT {
            let file = self.name.clone();
            return Err(Error::Newer { file, by });
        }
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|_| Error::Damaged(self.name.clone()))?;
        let names: Vec<&str> = manifest.parts.iter().map(|part| &*part.name).collect();
        if names != [HISTORY, JOURNAL] && names != [HISTORY, JOURNAL, ACCESS] {
            return Err(Error::Damaged(self.name.clone()));
        }
        let mut sizes = manifest.parts.iter().map(|part| part.bytes);
        let whole = sizes.try_fold(0, u64::checked_add);
        if whole.is_none_or(|whole| whole > self.bytes) {
            return Err(self.torn());
        }
        Ok(manifest)
    }

    /// `told` hears how many of its bytes are there.
    fn part(
        &mut self,
        part: &Part,
        into: &Path,
        told: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let expected = Entry {
            name: part.name.clone(),
            bytes: part.bytes,
        };
        match tar::read_header(&mut self.input).map_err(|e| self.io(e))? {
            Header::Entry(entry) if entry == expected => {}
            Header::Torn | Header::End => return Err(self.torn()),
            Header::Entry(_) | Header::Strange => return Err(Error::Damaged(self.name.clone())),
        }
        let path = into.join(&part.name);
        let broken = |error| Error::io(&path, error);
        let mut out = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(broken)?;
        let mut content = Hashing::new((&mut self.input).take(part.bytes));
        let copied = copy(&mut content, &mut out, told).map_err(broken)?;
        let sha256 = content.finish();
        if copied < part.bytes {
            return Err(self.torn());
        }
        if sha256 != part.sha256 {
            return Err(Error::Damaged(self.name.clone()));
        }
        out.sync_all().map_err(broken)?;
        self.padding(part.bytes)
    }

    fn end(&mut self) -> Result<(), Error> {
        match tar::read_header(&mut self.input).map_err(|e| self.io(e))? {
            Header::End => Ok(()),
            Header::Torn => Err(self.torn()),
            Header::Entry(_) | Header::Strange => Err(Error::Damaged(self.name.clone())),
        }
    }

    fn padding(&mut self, bytes: u64) -> Result<(), Error> {
        match tar::read_padding(&mut self.input, bytes).map_err(|e| self.io(e))? {
            true => Ok(()),
            false => Err(self.torn()),
        }
    }

    fn torn(&self) -> Error {
        Error::Torn(self.name.clone())
    }
}

/// Answers how many bytes there were.
fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    told: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> io::Result<u64> {
    let mut copied = 0;
    loop {
        let step = io::copy(&mut from.take(STEP_BYTES), to)?;
        copied += step;
        if told(copied).is_break() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if step < STEP_BYTES {
            return Ok(copied);
        }
    }
}

/// What a start reads back: the changes that history does not have.
fn readable(journal: &Path, history_seq: u64) -> Result<(), Error> {
    let tail = Tail::open(journal)?;
    let mut seq = history_seq;
    while let Some(last) = tail.read(seq, READ_BACK)?.last() {
        seq = last.seq;
    }
    Ok(())
}

/// The hashes say that the databases are what was backed up; this, that they belong together.
fn renew(name: &str, manifest: &Manifest, into: &Path, past: &[String]) -> Result<String, Error> {
    let [history, journal, access] = [HISTORY, JOURNAL, ACCESS].map(|file| into.join(file));
    // Before a statement of ours runs: it would run what others put beside it as well.
    history::check(&history)?;
    journal::check(&journal)?;
    if access.exists() {
        access::check(&access)?;
    }
    let epoch = {
        let mut journal = Journal::open(&journal)?;
        let follows = Tail::open(&into.join(JOURNAL))?
            .continues(manifest.history_seq, manifest.journal_seq)?;
        if journal.epoch() != manifest.epoch || !follows {
            return Err(Error::Damaged(name.to_owned()));
        }
        readable(&into.join(JOURNAL), manifest.history_seq)?;
        for epoch in past {
            journal.adopt_past_epoch(epoch)?;
        }
        journal.renew_epoch()?;
        journal.epoch().to_owned()
    };
    // A history of an older version is brought to this one now, and not by the daemon.
    drop(History::open(&history)?);
    let seq = Reader::open(&history)?.cursor()?.map_or(0, |at| at.seq);
    if seq != manifest.history_seq {
        return Err(Error::Damaged(name.to_owned()));
    }
    let mut databases = vec![history, journal];
    if access.exists() {
        // One that cannot be read is refused now and not by the daemon.
        Access::open(&access)?;
        databases.push(access);
    }
    for path in databases {
        // The last connection has written its log back and taken it away.
        let log = path.with_extension("db-wal");
        if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            let error = io::Error::other("the log was not written back");
            return Err(Error::io(&log, error));
        }
    }
    Ok(epoch)
}
