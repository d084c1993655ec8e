//! The folders where hooks leave what they could not deliver: one line a file, named by its time.
//! A file goes when its line is in the journal, so that a crash between the two only makes a
//! duplicate.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::OFlags;
use tokio::sync::watch;
use tracing::{debug, warn};

use super::decoded::MAX_LINE_BYTES;
use super::delivery::{Delivery, key_of_file};
use super::spool_news::SpoolNews;
use super::submit::Intake;
use agentpulse_contract::spool as format;
use agentpulse_pipeline::writer::Unavailable;

/// Files that one look takes; the next look comes at once when there are more.
const MAX_FILES: usize = 1_024;
/// Files that are remembered as stuck.
const MAX_STUCK: usize = 4_096;
/// Lines that go to the writer together.
const TOGETHER: usize = 256;
/// A hook that was killed between writing and renaming leaves its line under a temporary name.
/// After this time nobody is still writing it.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);

pub struct Spool {
    folders: [PathBuf; 2],
    intake: Intake,
    /// Files that cannot be read or removed: they are reported once and stand in nobody's way.
    stuck: HashSet<PathBuf>,
}

impl Spool {
    pub fn new(folder: PathBuf, socket: &Path, intake: Intake) -> Spool {
        Spool {
            folders: [folder, format::beside_socket(socket)],
            intake,
            stuck: HashSet::new(),
        }
    }

    /// Writes down for hooks what the folder may hold. If that cannot be written they hold to the
    /// default, which is no reason for the daemon to stop.
    pub fn tell_bound(&self, max_bytes: u64) {
        let path = format::bound_of(&self.folders[0]);
        let temporary = format::temporary_bound_of(&self.folders[0]);
        let written = std::fs::write(&temporary, max_bytes.to_string())
            .and_then(|()| std::fs::rename(&temporary, &path));
        if let Err(error) = written {
            warn!(%error, ?path, "the bound of the spool cannot be written for hooks");
        }
    }

    /// Takes in all that is there. An error leaves what is left for the next look.
    pub async fn drain(&mut self) -> Result<(), Unavailable> {
        loop {
            let (folders, stuck) = (self.folders.clone(), self.stuck.clone());
            let files = run_blocking(move || files(&folders, &stuck)).await?;
            if files.is_empty() {
                return Ok(());
            }
            let mut gone = 0;
            for some in files.chunks(TOGETHER) {
                gone += self.take(some).await?;
            }
            if gone == 0 {
                return Ok(());
            }
        }
    }

    /// Looks again and again, until `stop`.
    pub async fn watch(mut self, mut stop: watch::Receiver<bool>) {
        let mut news = SpoolNews::of(&self.folders);
        let mut is_left = false;
        loop {
            tokio::select! {
                () = news.wait(is_left) => {}
                _ = stop.changed() => return,
            }
            let drained = self.drain().await;
            is_left = drained.is_err();
            if let Err(unavailable) = drained {
                debug!(%unavailable, "the spool waits");
            }
        }
    }

    /// A file that has gone meanwhile is none of these.
    fn leave(&mut self, file: &Path) {
        if file.exists() && self.stuck.len() < MAX_STUCK {
            self.stuck.insert(file.to_owned());
        }
    }

    /// Answers how many files are gone.
    async fn take(&mut self, files: &[PathBuf]) -> Result<usize, Unavailable> {
        let files = files.to_vec();
        let (lines, unread) = run_blocking(move || read_lines(files)).await?;
        self.leave_all(unread, "a spooled line cannot be read");
        let mut body = Vec::new();
        let (mut taken, mut keys) = (Vec::new(), Vec::new());
        for (file, line) in lines {
            let name = file.file_name().unwrap_or_default();
            keys.push(key_of_file(name.as_encoded_bytes(), &line));
            body.extend_from_slice(&line);
            body.push(b'\n');
            taken.push(file);
        }
        let delivery = Delivery::Files(keys.into());
        let answer = self.intake.lines(body.into(), delivery).await?;
        for (line, reason) in &answer.rejections {
            let file = taken
                .get(*line as usize - 1)
                .map(|file| file.display().to_string());
            warn!(?file, reason, "a spooled line is refused");
        }
        let count = taken.len();
        let kept = run_blocking(move || remove(taken)).await?;
        let gone = count - kept.len();
        self.leave_all(kept, "a spooled line cannot be removed");
        self.intake.counters.spool_files.add(gone as u64);
        Ok(gone)
    }

    fn leave_all(&mut self, files: Vec<(PathBuf, io::Error)>, why: &str) {
        for (file, error) in files {
            warn!(%error, ?file, "{why}");
            self.leave(&file);
        }
    }
}

/// Files are read beside the tasks: with many hooks in one folder each waits for its lock, and
/// a task that waits holds up the answers to other hooks, which then come to the spool as well.
async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unavailable> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Unavailable(error.to_string()))
}

/// The oldest files of both folders, in the order of their stamps.
fn files(folders: &[PathBuf], stuck: &HashSet<PathBuf>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in folders {
        match files_in(folder, stuck) {
            Ok(found) => files.extend(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => warn!(%error, ?folder, "the spool cannot be read"),
        }
    }
    files.sort_by(|a, b| stamp(a).cmp(stamp(b)));
    files.truncate(MAX_FILES);
    files
}

fn files_in(folder: &Path, stuck: &HashSet<PathBuf>) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_line =
            format::is_line(&name) || format::is_temporary(&name) && is_abandoned(&entry.path());
        let is_stuck = stuck.contains(&entry.path());
        if is_line && !is_stuck && entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

type Failed = Vec<(PathBuf, io::Error)>;

fn read_lines(files: Vec<PathBuf>) -> (Vec<(PathBuf, Vec<u8>)>, Failed) {
    let (mut lines, mut failed) = (Vec::new(), Vec::new());
    for file in files {
        match read_line(&file) {
            Ok(line) => lines.push((file, line)),
            Err(error) => failed.push((file, error)),
        }
    }
    (lines, failed)
}

/// Answers what is still there.
fn remove(files: Vec<PathBuf>) -> Failed {
    let removed = files.into_iter().map(|file| {
        let removed = std::fs::remove_file(&file);
        (file, removed)
    });
    removed
        .filter_map(|(file, removed)| Some((file, removed.err()?)))
        .collect()
}

/// One line, without line breaks, so that the lines of a body are its files.
fn read_line(file: &Path) -> io::Result<Vec<u8>> {
    // A pipe that took the place of the file after it was listed would wait for a writer.
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(file)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut line = Vec::new();
    file.take(MAX_LINE_BYTES as u64 + 1)
        .read_to_end(&mut line)?;
    for byte in &mut line {
        if *byte == b'\n' {
            *byte = b' ';
        }
    }
    Ok(line)
}

fn stamp(file: &Path) -> &std::ffi::OsStr {
    let name = file.file_name().unwrap_or_default();
    name.to_str()
        .map_or(name, |name| format::stamp(name).as_ref())
}

fn is_abandoned(file: &Path) -> bool {
    let modified = std::fs::metadata(file).and_then(|data| data.modified());
    modified.is_ok_and(|time| {
        SystemTime::now()
            .duration_since(time)
            .is_ok_and(|age| age > ABANDONED_AFTER)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_vanished_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [line, pipe, link] = ["line", "pipe", "link"].map(|name| folder.path().join(name));
        std::fs::write(&line, "{}\n").expect("a file");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo runs").success());
        std::os::unix::fs::symlink(&line, &link).expect("a link");
        assert_eq!(read_line(&line).expect("a line"), b"{} ");
        assert!(read_line(&pipe).is_err());
        assert!(read_line(&link).is_err());
        assert!(read_line(folder.path()).is_err());
    }
}
