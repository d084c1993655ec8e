//! When a folder of the spool may have a line. Where the system reports nothing, or not of all
//! folders, they are read twice a second.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use agentpulse_contract::spool::is_line;
use agentpulse_notices::{Notice, Notices, Watch, What};

/// Where nothing is reported.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// For what is under a temporary name, because its hook was killed.
const LOOK_ANYWAY: Duration = Duration::from_secs(10);
/// Lines of hooks that end together are taken together.
const GATHER: Duration = Duration::from_millis(50);

/// On each folder.
pub struct SpoolNews {
    notices: Option<Notices>,
    folders: [PathBuf; 2],
    /// The watches on the folders themselves.
    watches: [Option<Watch>; 2],
}

impl SpoolNews {
    pub fn of(folders: &[PathBuf; 2]) -> SpoolNews {
        SpoolNews {
            notices: Notices::new(),
            folders: folders.clone(),
            watches: [None; 2],
        }
    }

    /// Returns when it is time for a look. `is_left`: something is there that could not be taken.
    pub async fn wait(&mut self, is_left: bool) {
        if is_left || !self.is_due().await {
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits for a time to look. Returns false, at once, where a folder cannot be watched.
    async fn is_due(&mut self) -> bool {
        let before = self.watches;
        let is_watched = self.renew();
        let Some(notices) = self.notices.as_ref().filter(|_| is_watched) else {
            return false;
        };
        // Into a new folder a line may have come before it was watched.
        if self.watches == before {
            let news = notices.wait(|notice| self.is_news(notice));
            if timeout(LOOK_ANYWAY, news).await.is_ok() {
                sleep(GATHER).await;
            }
        }
        true
    }

    /// Watches both folders, one that is not there by the folder that it will be in.
    fn renew(&mut self) -> bool {
        let Some(notices) = &self.notices else {
            return false;
        };
        for (folder, watch) in self.folders.iter().zip(&mut self.watches) {
            *watch = notices.watch(folder, What::Arrivals).ok();
            let parent = || notices.watch(folder.parent()?, What::New).ok();
            if watch.is_none() && parent().is_none() {
                return false;
            }
        }
        true
    }

    /// A line or a folder, also a folder that has gone.
    fn is_news(&self, notice: Notice<'_>) -> bool {
        let is_folder = |name: &OsStr| {
            let mut names = self.folders.iter().filter_map(|folder| folder.file_name());
            names.any(|folder| folder == name)
        };
        let is_news = |name: &OsStr| is_line(&name.to_string_lossy()) || is_folder(name);
        notice.name.is_none_or(is_news)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::path::Path;

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
        let mut watch = SpoolNews::of(&folders);
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
