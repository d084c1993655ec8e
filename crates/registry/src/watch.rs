//! Where something has to change before the definitions do. What happened is not asked: any news
//! is a reason to scan.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::future::pending;
use std::io;
use std::path::{Path, PathBuf};

use agentpulse_notices::{Notice, Notices, Watch, What};

/// A user has some 10,000 and more, of all programs together.
const MAX_WATCHES: usize = 8_192;

pub struct Watched {
    /// None where the system reports nothing.
    notices: Option<Notices>,
    /// By what in it is of interest.
    watches: HashMap<Watch, Interest>,
    /// Nothing changes in the last places that would not be reported.
    is_whole: bool,
}

enum Interest {
    All,
    Names(HashSet<OsString>),
}

impl Watched {
    pub fn new() -> Watched {
        Watched {
            notices: Notices::new(),
            watches: HashMap::new(),
            is_whole: false,
        }
    }

    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Watches these from now on: all of the sources, and by their folders the other paths, which
    /// need not exist. Returns whether there is a new watch, before which something may have
    /// changed unseen.
    pub fn set(&mut self, sources: &[PathBuf], others: &[PathBuf]) -> bool {
        let Some(notices) = &self.notices else {
            return false;
        };
        let mut after = HashMap::new();
        let mut is_whole = sources.len() + others.len() <= MAX_WATCHES;
        for source in sources.iter().take(MAX_WATCHES) {
            match notices.watch(source, What::Changes) {
                Ok(watch) => drop(after.insert(watch, Interest::All)),
                Err(_) => is_whole = false,
            }
        }
        for path in others
            .iter()
            .take(MAX_WATCHES.saturating_sub(sources.len()))
        {
            is_whole &= from_above(notices, path, &mut after);
        }
        let gone = self
            .watches
            .keys()
            .filter(|watch| !after.contains_key(watch));
        gone.for_each(|watch| notices.unwatch(*watch));
        let is_new = after.keys().any(|watch| !self.watches.contains_key(watch));
        self.watches = after;
        self.is_whole = is_whole;
        is_new
    }

    /// Returns once there is news; never where nothing is reported.
    pub async fn changed(&self) {
        match &self.notices {
            Some(notices) => notices.wait(|notice| self.is_news(notice)).await,
            None => pending().await,
        }
    }

    fn is_news(&self, notice: Notice<'_>) -> bool {
        let Some(watch) = notice.watch else {
            return true;
        };
        match (self.watches.get(&watch), notice.name) {
            // The last words of a watch that was given up.
            (None, _) => false,
            (Some(Interest::Names(names)), Some(name)) => names.contains(name),
            (Some(_), _) => true,
        }
    }
}

/// Watches the nearest folder above it that is there, for what is on the way to it.
fn from_above(notices: &Notices, path: &Path, watches: &mut HashMap<Watch, Interest>) -> bool {
    let mut on_the_way = path;
    for above in path.ancestors().skip(1) {
        match notices.watch(above, What::Changes) {
            Ok(watch) => {
                let name = on_the_way.file_name().map(OsStr::to_owned);
                let interest = watches.entry(watch);
                let interest = interest.or_insert_with(|| Interest::Names(HashSet::new()));
                if let Interest::Names(names) = interest {
                    names.extend(name);
                }
                return true;
            }
            Err(error) if is_missing(&error) => on_the_way = above,
            Err(_) => return false,
        }
    }
    false
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
