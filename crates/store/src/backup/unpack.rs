//! Restoring: a backup is unpacked, checked and given a new epoch before it replaces the data of a
//! daemon.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::Error;
use super::hash::Hashing;
use super::manifest::{AnyFormat, FORMAT, MANIFEST, Manifest, Part};
use super::progress::{Progress, Stage};
use crate::access::{self, Access};
use crate::history::{self, History, Reader};
use crate::journal::{self, Journal, Tail};
use crate::registry;
use crate::tasks;
use agentpulse_contract::data_folder::{ACCESS, DATABASES, HISTORY, JOURNAL, REGISTRY, TASKS};

/// A manifest is some hundred bytes.
const MAX_MANIFEST_BYTES: u64 = 64 * 1024;

/// Between two progress reports.
const STEP_BYTES: u64 = 1 << 20;

/// Changes that are read at once.
const READ_BACK: usize = 1_024;

/// The result of unpacking.
#[derive(Clone, Debug)]
pub struct Restored {
    pub manifest: Manifest,
    /// The new one; that of the backup is one of its past.
    pub epoch: String,
}

/// Unpacks the backup into the folder `into`, checks it, and renews the journal's epoch: the
/// changes after the backup are not those that once followed it. `past` are further epochs that a
/// live view may have.
///
/// # Errors
/// A file that is no backup, incomplete, damaged or of a newer version; errors of the disk.
pub fn unpack(
    archive: &Path,
    into: &Path,
    past: &[String],
    progress: &Progress,
) -> Result<Restored, Error> {
    let mut input = open(archive)?;
    let mut archive = Archive::new(archive, &mut input)?;
    let manifest = archive.manifest()?;
    progress.begin(Stage::Unpack);
    let all: u64 = manifest.parts.iter().map(|part| part.bytes).sum();
    has_room(into, all)?;
    let mut done = 0;
    for part in &manifest.parts {
        let mut report = |copied| progress.report(done + copied, all);
        archive.part(part, into, &mut report)?;
        done += part.bytes;
    }
    archive.end()?;
    let epoch = renew(&archive.name(), &manifest, into, past)?;
    Ok(Restored { manifest, epoch })
}

/// The manifest of the backup; the rest is not read.
///
/// # Errors
/// A file that is no backup, or one of a newer version.
pub fn manifest_of(archive: &Path) -> Result<Manifest, Error> {
    Archive::new(archive, &mut open(archive)?)?.manifest()
}

/// The two that a daemon cannot be without, then others, each once.
fn is_whole(parts: &[Part]) -> bool {
    let mut names = parts.iter().map(|part| part.name.as_str());
    let mut known = [ACCESS, REGISTRY, TASKS].into_iter();
    names.next() == Some(HISTORY)
        && names.next() == Some(JOURNAL)
        && names.all(|name| known.any(|known| known == name))
}

/// A backup is not compressed: the space that it needs is known before anything is written.
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

/// A reader that fails if it ends too early: tar takes an archive that ends between two files for a
/// complete one.
struct Endless(BufReader<File>);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }
}

/// An archive while it is read, and the path for its errors.
struct Archive<'a> {
    path: &'a Path,
    entries: tar::Entries<'a, Endless>,
}

fn open(path: &Path) -> Result<tar::Archive<Endless>, Error> {
    let io = |error| Error::io(path, error);
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err(Error::NotABackup(path.display().to_string()));
    }
    let input = BufReader::new(File::open(path).map_err(io)?);
    Ok(tar::Archive::new(Endless(input)))
}

impl<'a> Archive<'a> {
    fn new(path: &'a Path, archive: &'a mut tar::Archive<Endless>) -> Result<Archive<'a>, Error> {
        let entries = archive.entries().map_err(|error| Error::io(path, error))?;
        Ok(Archive {
            path,
            // Names and sizes are those of the headers: what else could speak of them is read whole
            // into memory.
            entries: entries.raw(true),
        })
    }

    /// The file that follows; `None` at the end that a whole archive has.
    fn next(&mut self) -> Result<Option<tar::Entry<'a, Endless>>, Error> {
        let entry = self.entries.next().transpose();
        match entry.map_err(|error| self.unreadable(error))? {
            // A link, a folder or a device is not part of a backup.
            Some(entry) if !entry.header().entry_type().is_file() => Err(self.damaged()),
            entry => Ok(entry),
        }
    }

    fn manifest(&mut self) -> Result<Manifest, Error> {
        let mut entry = match self.next() {
            Err(error @ Error::Io { .. }) => return Err(error),
            Ok(Some(entry)) if *entry.path_bytes() == *MANIFEST.as_bytes() => entry,
            _ => return Err(Error::NotABackup(self.name())),
        };
        if entry.size() > MAX_MANIFEST_BYTES {
            return Err(Error::NotABackup(self.name()));
        }
        let mut text = Vec::new();
        let read = entry.read_to_end(&mut text);
        read.map_err(|error| self.unreadable(error))?;
        let by: AnyFormat = serde_json::from_slice(&text).map_err(|_| self.damaged())?;
        if by.format > FORMAT {
            let file = self.name();
            return Err(Error::Newer { file, by });
        }
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| self.damaged())?;
        if !is_whole(&manifest.parts) {
            return Err(self.damaged());
        }
        let mut sizes = manifest.parts.iter().map(|part| part.bytes);
        let whole = sizes.try_fold(0, u64::checked_add);
        let there = fs::metadata(self.path).map_err(|error| Error::io(self.path, error))?;
        if whole.is_none_or(|whole| whole > there.len()) {
            return Err(Error::Torn(self.name()));
        }
        Ok(manifest)
    }

    /// `report` is called with the number of bytes so far.
    fn part(
        &mut self,
        part: &Part,
        into: &Path,
        report: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let entry = self.next()?.ok_or_else(|| Error::Torn(self.name()))?;
        if *entry.path_bytes() != *part.name.as_bytes() || entry.size() != part.bytes {
            return Err(self.damaged());
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
        let mut content = Hashing::new(entry);
        copy(&mut content, &mut out, report).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::Torn(self.name()),
            _ => broken(error),
        })?;
        if content.finish() != part.sha256 {
            return Err(self.damaged());
        }
        out.sync_all().map_err(broken)
    }

    fn end(&mut self) -> Result<(), Error> {
        match self.next()? {
            None => Ok(()),
            Some(_) => Err(self.damaged()),
        }
    }

    fn unreadable(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::Torn(self.name()),
            // The error of tar for an invalid header.
            io::ErrorKind::Other => self.damaged(),
            _ => Error::io(self.path, error),
        }
    }

    fn damaged(&self) -> Error {
        Error::Damaged(self.name())
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    report: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut copied = 0;
    loop {
        let step = io::copy(&mut from.take(STEP_BYTES), to)?;
        copied += step;
        if report(copied).is_break() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if step < STEP_BYTES {
            return Ok(());
        }
    }
}

/// The changes that a start reads back: those that history lacks.
fn readable(journal: &Path, history_seq: u64) -> Result<(), Error> {
    let tail = Tail::open(journal)?;
    let mut seq = history_seq;
    while let Some(last) = tail.read(seq, READ_BACK)?.last() {
        seq = last.seq;
    }
    Ok(())
}

/// The hashes prove that the databases are complete; this, that they belong together.
fn renew(name: &str, manifest: &Manifest, into: &Path, past: &[String]) -> Result<String, Error> {
    let [journal, history, access, registry, tasks] = DATABASES.map(|file| into.join(file));
    // Before a statement of ours runs: it would also run foreign triggers.
    history::check(&history)?;
    journal::check(&journal)?;
    if access.exists() {
        access::check(&access)?;
    }
    if registry.exists() {
        registry::check(&registry)?;
    }
    if tasks.exists() {
        tasks::check(&tasks)?;
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
    // A history of an older version is migrated now, and not by the daemon.
    drop(History::open(&history)?);
    let seq = Reader::open(&history)?.cursor()?.map_or(0, |at| at.seq);
    if seq != manifest.history_seq {
        return Err(Error::Damaged(name.to_owned()));
    }
    let mut databases = vec![history, journal];
    if access.exists() {
        // One that cannot be read is rejected now and not by the daemon.
        Access::open(&access)?;
        databases.push(access);
    }
    if registry.exists() {
        drop(registry::Store::open(&registry)?);
        databases.push(registry);
    }
    if tasks.exists() {
        tasks::Store::renew(&tasks)?;
        databases.push(tasks);
    }
    for path in databases {
        // The last connection has checkpointed and removed its log.
        let log = path.with_extension("db-wal");
        if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            let error = io::Error::other("the log was not written back");
            return Err(Error::io(&log, error));
        }
    }
    Ok(epoch)
}
