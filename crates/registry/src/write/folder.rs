//! A folder in which files are replaced whole. It is held open, so that it stays the one that was
//! checked, and no link below it is followed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Component, Path};
use std::process;

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, getpid, test_kill_process};

use agentpulse_definitions::MAX_FILE_BYTES;
use agentpulse_failpoint::failpoint;

use super::refused::Refused;

/// Of a new file.
const MODE: u32 = 0o644;
/// Hidden, and no name of a definition; the number of the process follows.
const TEMPORARY: &str = ".agentpulse-new-";

pub struct Folder(OwnedFd);

/// A file as it was read.
pub struct Found {
    pub bytes: Vec<u8>,
    metadata: fs::Metadata,
}

impl Folder {
    /// `base` may be behind links; what is below it may not, and is made where it `is_new`.
    ///
    /// # Errors
    /// A part is a link or no folder, or the disk does not let it.
    pub fn open(base: &Path, below: &Path, is_new: bool) -> Result<Folder, Refused> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(base, flags, Mode::empty());
        let mut folder = Folder(opened.map_err(io::Error::from)?);
        for part in below.components() {
            let Component::Normal(name) = part else {
                return Err(Refused::Linked);
            };
            if is_new {
                folder.make(name)?;
            }
            let flags = flags | OFlags::NOFOLLOW;
            let opened = rustix::fs::openat(&folder.0, name, flags, Mode::empty());
            folder = Folder(opened.map_err(refusal)?);
        }
        Ok(folder)
    }

    fn make(&self, name: &OsStr) -> io::Result<()> {
        match rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o777)) {
            Ok(()) => self.sync(),
            Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }

    /// None where there is no file.
    ///
    /// # Errors
    /// It has several names, is too large, or cannot be read.
    pub fn read(&self, name: &OsStr) -> Result<Option<Found>, Refused> {
        // What has become a pipe is not waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = match rustix::fs::openat(&self.0, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(refusal(error)),
        };
        let metadata = file.metadata()?;
        // Another name would keep what was.
        if !metadata.is_file() || metadata.nlink() > 1 {
            return Err(Refused::Linked);
        }
        let mut bytes = Vec::new();
        Read::by_ref(&mut file)
            .take(MAX_FILE_BYTES as u64 + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() > MAX_FILE_BYTES {
            let reason = format!("the file has more than {MAX_FILE_BYTES} bytes");
            return Err(io::Error::other(reason).into());
        }
        Ok(Some(Found { bytes, metadata }))
    }

    /// Puts a file into the place of the one that was read, or of none. Who reads it finds the one
    /// or the other whole, also after a crash.
    ///
    /// # Errors
    /// The file is not as it was, or cannot be written.
    pub fn put(&self, name: &OsStr, bytes: &[u8], before: Option<&Found>) -> Result<(), Refused> {
        self.clear_abandoned()?;
        let temporary = OsString::from(format!("{TEMPORARY}{}", process::id()));
        let put = self.put_by(&temporary, name, bytes, before);
        if put.is_err() {
            // The first error is the one that counts.
            let _ = self.unlink(&temporary);
        }
        put
    }

    fn put_by(
        &self,
        temporary: &OsStr,
        name: &OsStr,
        bytes: &[u8],
        before: Option<&Found>,
    ) -> Result<(), Refused> {
        self.write(temporary, bytes, before)?;
        failpoint("definition.staged");
        self.check_same(name, before)?;
        rustix::fs::renameat(&self.0, temporary, &self.0, name).map_err(io::Error::from)?;
        failpoint("definition.renamed");
        Ok(self.sync()?)
    }

    fn write(&self, temporary: &OsStr, bytes: &[u8], before: Option<&Found>) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.0, temporary, flags, Mode::from_raw_mode(0o600))?;
        let mut file = File::from(file);
        file.write_all(bytes)?;
        let mut mode = MODE;
        if let Some(Found { metadata, .. }) = before {
            let ours = file.metadata()?;
            if (ours.uid(), ours.gid()) != (metadata.uid(), metadata.gid()) {
                fchown(&file, Some(metadata.uid()), Some(metadata.gid()))?;
            }
            mode = metadata.mode() & 0o7777;
        }
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()
    }

    /// Removes what a daemon that was killed has left, also one that had our number.
    fn clear_abandoned(&self) -> io::Result<()> {
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let pid = entry
                .file_name()
                .to_bytes()
                .strip_prefix(TEMPORARY.as_bytes());
            let pid = pid.and_then(|pid| str::from_utf8(pid).ok()?.parse().ok());
            let is_gone = |pid: Pid| pid == getpid() || test_kill_process(pid) == Err(Errno::SRCH);
            if pid.and_then(Pid::from_raw).is_some_and(is_gone) {
                self.unlink(OsStr::from_bytes(entry.file_name().to_bytes()))?;
            }
        }
        Ok(())
    }

    /// # Errors
    /// The file is not as it was, or cannot be removed.
    pub fn remove(&self, name: &OsStr, before: &Found) -> Result<(), Refused> {
        self.check_same(name, Some(before))?;
        self.unlink(name)?;
        failpoint("definition.unlinked");
        Ok(self.sync()?)
    }

    fn check_same(&self, name: &OsStr, before: Option<&Found>) -> Result<(), Refused> {
        let now = self.read(name)?;
        match (now, before) {
            (None, None) => Ok(()),
            (Some(now), Some(before)) if now.bytes == before.bytes => Ok(()),
            (Some(_), None) => Err(Refused::NameTaken),
            _ => Err(Refused::ChangedMeanwhile),
        }
    }

    fn unlink(&self, name: &OsStr) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Of a part below the base, which a link is not opened as.
fn refusal(error: Errno) -> Refused {
    match error {
        Errno::LOOP | Errno::NOTDIR => Refused::Linked,
        Errno::NOENT => Refused::ChangedMeanwhile,
        error => Refused::Disk(error.into()),
    }
}
