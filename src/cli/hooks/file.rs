//! A settings file on the disk: read whole, backed up, and replaced whole.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::cli::failure::io_failed;
use crate::cli::failure::{Failure, failed};
use agentpulse_contract::exit;

/// A hundred times what people keep there. Whatever is longer is some other file.
pub const FILE_MAX_BYTES: u64 = 4 << 20;

/// As many links as Linux follows.
const MAX_LINKS: usize = 40;

/// Some editors put it before every text, and clients pass over it.
const MARK: char = '\u{feff}';

const BACKUP_ENDING: &str = ".agentpulse-backup";

#[derive(Debug)]
pub struct SettingsFile {
    /// As it was named.
    pub path: PathBuf,
    /// Where it lies: a link is kept, so that it still leads into the user's dotfiles.
    target: PathBuf,
    /// None where there is no file; without its byte order mark.
    pub text: Option<String>,
    has_mark: bool,
    metadata: Option<Metadata>,
}

impl SettingsFile {
    /// # Errors
    /// 65 for what is no text of at most [`FILE_MAX_BYTES`], 1 for what cannot be read.
    pub fn read(path: &Path) -> Result<SettingsFile, Failure> {
        let unreadable = |error| io_failed(path.display(), &error);
        let target = followed(path).map_err(unreadable)?;
        let metadata = match fs::metadata(&target) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(error)),
        };
        let mut text = match &metadata {
            // Opening a pipe would wait for its writer.
            Some(metadata) if !metadata.is_file() => return Err(refused(path, "is no file")),
            Some(_) => Some(read_text(path, &target)?),
            None => None,
        };
        let has_mark = text.as_ref().is_some_and(|text| text.starts_with(MARK));
        if let Some(text) = text.as_mut().filter(|_| has_mark) {
            text.drain(..MARK.len_utf8());
        }
        Ok(SettingsFile {
            path: path.to_owned(),
            target,
            text,
            has_mark,
            metadata,
        })
    }

    /// The place of the text before the last change.
    pub fn backup(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(BACKUP_ENDING);
        name.into()
    }

    /// Puts a text into the place of the one that was read, or nothing, and keeps the one that was
    /// read as the backup. The mode and the owner stay.
    ///
    /// # Errors
    /// 73 for what cannot be written, 1 when the file has changed since it was read.
    pub fn replace(&self, text: Option<&str>) -> Result<(), Failure> {
        let now = SettingsFile::read(&self.path)?;
        if (&now.text, now.has_mark) != (&self.text, self.has_mark) {
            return Err(failed(format_args!(
                "{} has changed in this moment, try again",
                self.path.display()
            )));
        }
        if let Some(before) = &self.text {
            self.write(&self.backup(), before)?;
        }
        match text {
            Some(text) => self.write(&self.target, text),
            None => fs::remove_file(&self.target).map_err(|error| unwritten(&self.target, &error)),
        }
    }

    /// A reader sees the old text or the new one, also after a crash.
    fn write(&self, path: &Path, text: &str) -> Result<(), Failure> {
        let failed = |error| unwritten(path, &error);
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(failed)?;
        clear_abandoned(folder, path).map_err(failed)?;
        let temporary = folder.join(temporary_name(path));
        let written = self
            .write_temporary(&temporary, text)
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            // Nobody misses it; the first error is the one that counts.
            let _ = fs::remove_file(&temporary);
        }
        written.map_err(failed)?;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)
    }

    fn write_temporary(&self, temporary: &Path, text: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        if self.metadata.is_some() {
            // Settings can hold secrets: no other user may read them before the mode is set.
            options.mode(0o600);
        }
        let mut file = options.open(temporary)?;
        if self.has_mark {
            write!(file, "{MARK}")?;
        }
        file.write_all(text.as_bytes())?;
        if let Some(metadata) = &self.metadata {
            let ours = file.metadata()?;
            if (ours.uid(), ours.gid()) != (metadata.uid(), metadata.gid()) {
                fchown(&file, Some(metadata.uid()), Some(metadata.gid()))?;
            }
            file.set_permissions(metadata.permissions())?;
        }
        file.sync_all()
    }
}

/// A failure for what is in a file, with the code of damaged data.
pub fn refused(path: &Path, reason: &str) -> Failure {
    Failure::new(exit::CORRUPT, format!("{}: {reason}", path.display()))
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::new(exit::CANNOT_CREATE, format!("{}: {error}", path.display()))
}

fn read_text(path: &Path, target: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    File::open(target)
        .and_then(|file| file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| io_failed(path.display(), &error))?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return Err(refused(path, "is longer than 4 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| refused(path, "is not UTF-8"))
}

/// Where links lead, also when nothing is there.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            // A relative link is relative to the folder that it lies in.
            Ok(next) => path = path.parent().unwrap_or(Path::new("")).join(next),
            // What is no link, or not there.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links"))
}

const TEMPORARY_ENDING: &str = ".tmp";

/// Ends with the number of this process and [`TEMPORARY_ENDING`].
fn temporary_name(path: &Path) -> OsString {
    let mut name = temporary_beginning(path);
    name.push(format!("{}{TEMPORARY_ENDING}", std::process::id()));
    name
}

fn temporary_beginning(path: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".agentpulse-");
    name
}

/// Removes what a process that was killed while it wrote this file has left.
fn clear_abandoned(folder: &Path, path: &Path) -> io::Result<()> {
    let beginning = temporary_beginning(path);
    let beginning = beginning.as_encoded_bytes();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let rest = name.as_encoded_bytes().strip_prefix(beginning);
        let pid = rest.and_then(|rest| rest.strip_suffix(TEMPORARY_ENDING.as_bytes()));
        let pid = pid.and_then(|pid| std::str::from_utf8(pid).ok()?.parse().ok());
        let is_gone = |pid| test_kill_process(pid) == Err(Errno::SRCH);
        if pid.and_then(Pid::from_raw).is_some_and(is_gone) {
            fs::remove_file(folder.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_text_is_replaced_and_the_one_before_is_kept_with_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let file = SettingsFile::read(&path).unwrap();
        file.replace(Some("new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_to_string(file.backup()).unwrap(), "old");
        assert_eq!((mode(&path), mode(&file.backup())), (0o640, 0o640));
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            2,
            "no temporary file"
        );

        let failure = file.replace(Some("newer")).unwrap_err();
        assert_eq!(failure.code, 1, "it is no longer what was read: {failure}");
        SettingsFile::read(&path).unwrap().replace(None).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        fs::write(&path, "\u{feff}old").unwrap();
        let file = SettingsFile::read(&path).unwrap();
        assert_eq!(file.text.as_deref(), Some("old"));
        file.replace(Some("new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "\u{feff}new");
        assert_eq!(fs::read_to_string(file.backup()).unwrap(), "\u{feff}old");
    }

    #[test]
    fn leftovers_of_a_killed_install_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let gone = child.id();
        child.wait().unwrap();
        let left = |pid: u32| format!(".settings.json.agentpulse-{pid}.tmp");
        let kept = [
            ".settings.json.agentpulse-mine.tmp".to_owned(),
            format!(".other.json.agentpulse-{gone}.tmp"),
            left(1),
        ];
        for name in kept.iter().chain([&left(gone)]) {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let file = SettingsFile::read(&path).unwrap();
        file.replace(Some("new")).unwrap();
        let names = fs::read_dir(folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        let mut expect = kept.to_vec();
        expect.push("settings.json".to_owned());
        expect.sort();
        assert_eq!(names, expect);
    }

    #[test]
    fn an_absent_file_is_created_with_its_folder_and_without_backup() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/settings.json");
        let file = SettingsFile::read(&path).unwrap();
        assert_eq!(file.text, None);
        file.replace(Some("{}")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
        assert!(!file.backup().exists());
    }

    #[test]
    fn links_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        fs::create_dir(place("dotfiles")).unwrap();
        fs::create_dir(place("home")).unwrap();
        symlink("../dotfiles/claude.json", place("home/link")).unwrap();
        symlink("link", place("home/settings.json")).unwrap();
        for (text, before) in [("new", None), ("newer", Some("new"))] {
            let file = SettingsFile::read(&place("home/settings.json")).unwrap();
            assert_eq!(file.text.as_deref(), before);
            file.replace(Some(text)).unwrap();
            assert_eq!(
                fs::read_to_string(place("dotfiles/claude.json")).unwrap(),
                text
            );
            assert!(place("home/settings.json").is_symlink() && place("home/link").is_symlink());
        }
        assert!(place("home/settings.json.agentpulse-backup").is_file());
        symlink("loop", place("loop")).unwrap();
        assert!(SettingsFile::read(&place("loop")).is_err());
    }

    #[test]
    fn a_file_that_is_no_text_or_too_long_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        fs::write(&path, b"\xff").unwrap();
        let refusal = |expect: &str| {
            let failure = SettingsFile::read(&path).unwrap_err();
            assert_eq!(failure.code, 65);
            assert_eq!(failure.message, format!("{}: {expect}", path.display()));
        };
        refusal("is not UTF-8");
        fs::write(&path, vec![b' '; FILE_MAX_BYTES as usize + 1]).unwrap();
        refusal("is longer than 4 MiB");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        refusal("is no file");
    }
}
