//! When a folder of the spool may have a line. Linux notifies of each; where it does not, or
//! not of all, the folders are read twice a second.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// On each folder.
pub struct SpoolNews {
    #[cfg(target_os = "linux")]
    watch: Option<linux::Watch>,
}

impl SpoolNews {
    pub fn of(folders: &[PathBuf; 2]) -> SpoolNews {
        #[cfg(not(target_os = "linux"))]
        let _ = folders;
        SpoolNews {
            #[cfg(target_os = "linux")]
            watch: linux::Watch::new(folders),
        }
    }

    /// Returns when it is time for a look. `is_left`: something is there that could not be taken.
    pub async fn wait(&mut self, is_left: bool) {
        #[cfg(target_os = "linux")]
        if let Some(watch) = self.watch.as_mut().filter(|_| !is_left)
            && watch.is_due().await
        {
            return;
        }
        let _ = is_left;
        sleep(LOOK_EVERY).await;
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
    use rustix::fs::statfs;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;
    use tokio::time::{sleep, timeout};

    use agentpulse_contract::spool::is_line;

    /// For what is under a temporary name, because its hook was killed.
    const LOOK_EVERY: Duration = Duration::from_secs(10);
    /// Lines of hooks that end together are taken together.
    const GATHER: Duration = Duration::from_millis(50);
    const EVENTS_BYTES: usize = 8 << 10;
    /// File systems on which this kernel sees all that is written: ext4, XFS, btrfs, F2FS, ZFS,
    /// tmpfs and overlays. To network folders, and to those that a virtual machine shares, files
    /// come without a word.
    const LOCAL: [u32; 7] = [
        0xef53,
        0x5846_5342,
        0x9123_683e,
        0xf2f5_2010,
        0x2fc1_2fc1,
        0x0102_1994,
        0x794c_7630,
    ];

    pub struct Watch {
        events: AsyncFd<OwnedFd>,
        folders: [PathBuf; 2],
        /// The watches on the folders themselves.
        watches: [Option<i32>; 2],
    }

    impl Watch {
        #[expect(
            deprecated,
            reason = "an OwnedFd is safe in it, and what replaces it is an unsafe function"
        )]
        pub fn new(folders: &[PathBuf; 2]) -> Option<Watch> {
            let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
            Some(Watch {
                events: AsyncFd::with_interest(events, Interest::READABLE).ok()?,
                folders: folders.clone(),
                watches: [None; 2],
            })
        }

        /// Waits for a time to look. Returns false, at once, where a folder cannot be watched.
        pub async fn is_due(&mut self) -> bool {
            let before = self.watches;
            if !self.renew() {
                return false;
            }
            // Into a new folder a line may have come before it was watched.
            if self.watches == before && timeout(LOOK_EVERY, self.noticed()).await.is_ok() {
                sleep(GATHER).await;
            }
            true
        }

        /// Watches both folders, one that is not there by the folder that it will be in.
        fn renew(&mut self) -> bool {
            for at in 0..self.folders.len() {
                let folder = &self.folders[at];
                self.watches[at] =
                    self.watch(folder, WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE);
                let made = WatchFlags::CREATE | WatchFlags::MOVED_TO;
                let parent = || self.watch(self.folders[at].parent()?, made);
                if self.watches[at].is_none() && parent().is_none() {
                    return false;
                }
            }
            true
        }

        fn watch(&self, folder: &Path, what: WatchFlags) -> Option<i32> {
            let found = u64::try_from(statfs(folder).ok()?.f_type).ok()?;
            let is_local = LOCAL.iter().any(|&local| u64::from(local) == found);
            let add = || inotify::add_watch(&self.events, folder, what | WatchFlags::ONLYDIR).ok();
            is_local.then(add).flatten()
        }

        /// Returns once there is a line or a folder.
        async fn noticed(&self) {
            loop {
                let Ok(mut ready) = self.events.readable().await else {
                    return sleep(LOOK_EVERY).await;
                };
                let read = ready.try_io(|events| self.read(events.get_ref()));
                if let Ok(Ok(true)) = read {
                    return;
                }
            }
        }

        /// Whether anything of what has happened is news: also a folder that has gone.
        fn read(&self, events: &OwnedFd) -> io::Result<bool> {
            let mut buffer = [MaybeUninit::uninit(); EVENTS_BYTES];
            let mut reader = Reader::new(events, &mut buffer);
            loop {
                let event = reader.next()?;
                let name = event.file_name().map(|name| name.to_string_lossy());
                let is_folder = |name: &str| {
                    let mut names = self.folders.iter().filter_map(|folder| folder.file_name());
                    names.any(|folder| folder == name)
                };
                if name.is_none_or(|name| is_line(&name) || is_folder(&name)) {
                    return Ok(true);
                }
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::path::Path;

    use tokio::time::timeout;

    use super::linux::Watch;
    use super::*;

    /// Shorter than the time after which it would look anyway.
    const SOON: Duration = Duration::from_secs(5);

    #[track_caller]
    fn put(folder: &Path, name: &str) {
        fs::write(folder.join(".being-written"), "{}").expect("a file");
        fs::rename(folder.join(".being-written"), folder.join(name)).expect("a name");
    }

    #[tokio::test]
    async fn a_line_is_told_of_also_in_a_folder_that_comes_later() {
        let outer = tempfile::tempdir().expect("a temporary folder");
        let folders = ["now", "later"].map(|name| outer.path().join(name));
        fs::create_dir(&folders[0]).expect("a folder");
        let mut watch = Watch::new(&folders).expect("the system notifies");
        let mut noticed = async |what: &str, happens: &dyn Fn()| {
            let both = async {
                let (noticed, ()) = tokio::join!(watch.is_due(), async { happens() });
                noticed
            };
            let noticed = timeout(SOON, both).await;
            assert_eq!(noticed, Ok(true), "{what}");
        };
        noticed("what is there when the watch begins", &|| {}).await;
        noticed("a line", &|| put(&folders[0], "1.json")).await;
        noticed("a folder", &|| {
            fs::create_dir(&folders[1]).expect("a folder");
        })
        .await;
        noticed("what it had before it was watched", &|| {}).await;
        noticed("a line in it", &|| put(&folders[1], "2.json")).await;
        noticed("a folder that goes", &|| {
            fs::remove_dir_all(&folders[1]).expect("it goes");
        })
        .await;
    }
}
