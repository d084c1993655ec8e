//! What was removed, as long as there is room: the oldest go.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use agentpulse_failpoint::failpoint;

const MAX_FILES: usize = 100;
/// Of a name, in bytes; with the time before it a file may have it.
const MAX_NAME: usize = 200;
/// Digits of a time in milliseconds, up to the year 2286.
const DIGITS: usize = 13;

pub struct Trash(pub PathBuf);

impl Trash {
    /// Returns where the bytes are, durable.
    pub fn keep(&self, name: &OsStr, bytes: &[u8], now_ms: i64) -> io::Result<PathBuf> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)?;
        let (path, mut file) = self.new_file(name, now_ms)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        File::open(&self.0)?.sync_all()?;
        failpoint("definition.kept");
        self.prune()?;
        Ok(path)
    }

    fn new_file(&self, name: &OsStr, now_ms: i64) -> io::Result<(PathBuf, File)> {
        let name = &name.as_bytes()[..name.len().min(MAX_NAME)];
        for ms in now_ms.. {
            let mut full = format!("{ms:0DIGITS$}-").into_bytes();
            full.extend_from_slice(name);
            let path = self.0.join(OsString::from_vec(full));
            let mut options = OpenOptions::new();
            let created = options.write(true).create_new(true).mode(0o600).open(&path);
            match created {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                created => return Ok((path, created?)),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    fn prune(&self) -> io::Result<()> {
        let is_ours = |name: &OsString| {
            let digits = name
                .as_bytes()
                .iter()
                .take_while(|byte| byte.is_ascii_digit());
            digits.count() == DIGITS
        };
        let names = fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name()));
        let mut names = names.collect::<io::Result<Vec<OsString>>>()?;
        names.retain(is_ours);
        names.sort();
        let too_many = names.len().saturating_sub(MAX_FILES);
        names[..too_many]
            .iter()
            .try_for_each(|name| fs::remove_file(self.0.join(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_each_under_its_own_name() {
        let folder = tempfile::tempdir().unwrap();
        let trash = Trash(folder.path().join("trash"));
        fs::create_dir(&trash.0).unwrap();
        fs::write(trash.0.join("mine.md"), "").unwrap();
        let name = OsString::from("x".repeat(255));
        // Two at each moment.
        for n in 0..MAX_FILES as i64 + 6 {
            let path = trash
                .keep(&name, n.to_string().as_bytes(), 1_000 + n / 2)
                .unwrap();
            assert_eq!(fs::read_to_string(path).unwrap(), n.to_string());
        }
        let mut kept: Vec<String> = fs::read_dir(&trash.0)
            .unwrap()
            .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        kept.sort_by_key(|text| text.parse().unwrap_or(-1));
        let newest = (6..MAX_FILES as i64 + 6).map(|n| n.to_string());
        let expected: Vec<String> = [String::new()].into_iter().chain(newest).collect();
        assert_eq!(kept, expected);
    }
}
