//! inotify.

use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::fs::statfs;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

use crate::{Notice, Watch, What};

const EVENTS_BYTES: usize = 8 << 10;
/// Where nothing can be read of what is reported, which the system does not do.
const PAUSE: Duration = Duration::from_secs(10);
/// File systems on which this kernel sees all that is written: ext4, XFS, btrfs, F2FS, ZFS, tmpfs
/// and overlays. To network folders, and to those that a virtual machine shares, files come without
/// a word.
const LOCAL: [u32; 7] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0xf2f5_2010,
    0x2fc1_2fc1,
    0x0102_1994,
    0x794c_7630,
];

pub struct Notices {
    events: AsyncFd<OwnedFd>,
}

impl Notices {
    /// Returns None where the system gives none.
    #[expect(
        deprecated,
        reason = "an OwnedFd is safe in it, and what replaces it is an unsafe function"
    )]
    pub fn new() -> Option<Notices> {
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        let events = AsyncFd::with_interest(events, Interest::READABLE).ok()?;
        Some(Notices { events })
    }

    /// Watches a file or a folder; to watch it again is one watch.
    ///
    /// # Errors
    /// It is not there, its file system reports nothing, or there are too many watches.
    pub fn watch(&self, path: &Path, what: What) -> io::Result<Watch> {
        let found = u64::try_from(statfs(path)?.f_type).unwrap_or_default();
        if !LOCAL.iter().any(|&local| u64::from(local) == found) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(inotify::add_watch(&self.events, path, flags(what))?)
    }

    pub fn unwatch(&self, watch: Watch) {
        // One whose folder has gone has ended by itself.
        let _ = inotify::remove_watch(&self.events, watch);
    }

    /// Returns once something has happened for which `is_news` says so.
    pub async fn wait(&self, mut is_news: impl FnMut(Notice<'_>) -> bool) {
        loop {
            let Ok(mut ready) = self.events.readable().await else {
                return sleep(PAUSE).await;
            };
            let read = ready.try_io(|events| read(events.get_ref(), &mut is_news));
            if let Ok(Ok(())) = read {
                return;
            }
        }
    }
}

fn flags(what: What) -> WatchFlags {
    let arrivals = WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE;
    match what {
        What::Arrivals => arrivals | WatchFlags::ONLYDIR,
        What::New => WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR,
        // That something is opened or read is none of it: who reads it again would never end.
        What::Changes => {
            arrivals
                | WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVED_FROM
                | WatchFlags::MODIFY
                | WatchFlags::ATTRIB
                | WatchFlags::DELETE_SELF
                | WatchFlags::MOVE_SELF
        }
    }
}

/// Reads until there is news, and fails where nothing is left to read.
fn read(events: &OwnedFd, is_news: &mut impl FnMut(Notice<'_>) -> bool) -> io::Result<()> {
    let mut buffer = [MaybeUninit::uninit(); EVENTS_BYTES];
    let mut reader = Reader::new(events, &mut buffer);
    loop {
        let event = reader.next()?;
        let is_lost = event.events().contains(ReadFlags::QUEUE_OVERFLOW);
        let name = event
            .file_name()
            .map(|name| OsStr::from_bytes(name.to_bytes()));
        let watch = (!is_lost).then(|| event.wd());
        if is_news(Notice { watch, name }) {
            return Ok(());
        }
    }
}
