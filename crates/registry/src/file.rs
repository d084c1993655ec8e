//! Reading a file so that what was read is what stood there at one moment.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;

use agentpulse_definitions::MAX_FILE_BYTES;

/// A file that changes each time while it is read is taken as it was at last.
const MAX_READS: usize = 3;
/// A file system may keep times as coarse as this, so that a second change leaves no mark.
const COARSE: Duration = Duration::from_secs(2);

/// Device and inode.
pub type Identity = (u64, u64);

/// What is not the same after a change, unless that came right after the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    modified_ns: i128,
    changed_ns: i128,
    size: u64,
    inode: u64,
    device: u64,
}

impl Stamp {
    pub fn of(seen: &Metadata) -> Stamp {
        let ns = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Stamp {
            modified_ns: ns(seen.mtime(), seen.mtime_nsec()),
            changed_ns: ns(seen.ctime(), seen.ctime_nsec()),
            size: seen.size(),
            inode: seen.ino(),
            device: seen.dev(),
        }
    }

    /// What is one file, by whatever name.
    pub fn identity(&self) -> Identity {
        (self.device, self.inode)
    }

    pub fn modified_ms(&self) -> i64 {
        in_ms(self.modified_ns)
    }

    pub fn changed_ms(&self) -> i64 {
        in_ms(self.changed_ns)
    }

    /// Whether the file may have changed after it was read, not before this moment, and look the
    /// same.
    pub fn is_fresh_at(&self, moment: SystemTime) -> bool {
        let since = moment.checked_sub(COARSE).unwrap_or(UNIX_EPOCH);
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = i128::try_from(since.as_nanos()).unwrap_or(i128::MAX);
        self.modified_ns.max(self.changed_ns) >= since
    }
}

fn in_ms(ns: i128) -> i64 {
    i64::try_from(ns / 1_000_000).unwrap_or(i64::MAX)
}

#[derive(Debug)]
pub struct Contents {
    pub bytes: Vec<u8>,
    pub stamp: Stamp,
}

/// Reads at most one byte more than the client does.
pub fn read(path: &Path) -> io::Result<Contents> {
    let mut reads = 1;
    loop {
        // What has become a pipe since it was listed is not waited for.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        let mut bytes = Vec::new();
        Read::by_ref(&mut file)
            .take(MAX_FILE_BYTES as u64 + 1)
            .read_to_end(&mut bytes)?;
        if Stamp::of(&file.metadata()?) == stamp || reads == MAX_READS {
            return Ok(Contents { bytes, stamp });
        }
        reads += 1;
    }
}
