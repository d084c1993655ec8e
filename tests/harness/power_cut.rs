//! A power cut: of what was written only that is left which was synced, as `durable_image.c`
//! keeps it. Linux with a C compiler only.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use tempfile::TempDir;

use super::daemon::Daemon;
use super::folder::{folder, kill_private_redis};
use super::setup::Setup;
use super::time::eventually;

/// The library of the image, and the image.
pub struct Power {
    folder: TempDir,
}

impl Power {
    /// Returns None where no library can be preloaded, or files have no time of birth.
    pub fn supply() -> Option<Power> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        let folder = folder();
        fs::metadata(folder.path()).ok()?.created().ok()?;
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/durable_image.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(folder.path().join("library.so"))
            .args([source, "-ldl", "-lpthread"])
            .status()
            .expect("a C compiler");
        assert!(built.success(), "{source} compiles");
        fs::create_dir(folder.path().join("image")).expect("a new folder");
        Some(Power { folder })
    }

    /// The environment of a program whose writes a cut may take back.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let text = |path: &Path| path.to_str().expect("a path of ours").to_owned();
        [
            ("LD_PRELOAD", text(&self.folder.path().join("library.so"))),
            ("DURABLE_IMAGE", text(&self.image())),
        ]
    }

    /// A new daemon that runs on this power.
    pub fn start(&self, setup: Setup) -> Daemon {
        let environment = self.environment().into_iter();
        let setup = environment.fold(setup, |setup, (name, value)| {
            setup.environment(name, &value)
        });
        setup.start()
    }

    /// Ends the daemon and its Redis at once, and leaves of its folder what was durable.
    pub fn cut(&self, daemon: &mut Daemon) {
        let redis = daemon.redis_pid();
        daemon.kill9();
        if redis.is_some() {
            kill_private_redis(&daemon.data);
            eventually("Redis is gone", || match daemon.redis_pid() {
                None => Ok(()),
                Some(pid) => Err(format!("{pid:?}")),
            });
        }
        self.cut_folder(&daemon.data);
    }

    /// Leaves of a folder that nobody uses what was durable.
    pub fn cut_folder(&self, data: &Path) {
        let lost = data.with_extension("lost");
        let _ = fs::remove_dir_all(&lost);
        fs::rename(data, &lost).expect("the folder moves");
        self.bring_back(&id_of(&lost), data);
        self.seed(data);
    }

    /// What is there now is durable.
    pub fn seed(&self, data: &Path) {
        fs::remove_dir_all(self.image()).expect("the image goes");
        fs::create_dir(self.image()).expect("a new folder");
        self.seed_folder(data);
    }

    fn seed_folder(&self, from: &Path) {
        let mut entries = String::new();
        for entry in fs::read_dir(from).expect("a folder") {
            let path = entry.expect("an entry").path();
            let kind = fs::symlink_metadata(&path).expect("an entry").file_type();
            let name = path.file_name().and_then(|n| n.to_str()).expect("a name");
            if kind.is_dir() {
                entries += &format!("d {} {name}\n", id_of(&path));
                self.seed_folder(&path);
            } else if kind.is_file() {
                entries += &format!("f {} {name}\n", id_of(&path));
                fs::copy(&path, self.kept('f', &id_of(&path))).expect("a copy");
            }
        }
        fs::write(self.kept('d', &id_of(from)), entries).expect("the image's entry");
    }

    fn bring_back(&self, id: &str, to: &Path) {
        let mut private = fs::DirBuilder::new();
        private.mode(0o700).create(to).expect("a new folder");
        let entries = fs::read_to_string(self.kept('d', id)).unwrap_or_default();
        for entry in entries.lines() {
            let mut parts = entry.splitn(3, ' ');
            let mut part = || parts.next().expect("three parts");
            let (kind, id, path) = (part(), part(), to.join(part()));
            if kind == "d" {
                self.bring_back(id, &path);
                continue;
            }
            // A file of which nothing was synced is there and empty.
            let content = fs::read(self.kept('f', id)).unwrap_or_default();
            let mut file = fs::File::options();
            let file = file.write(true).create_new(true).mode(0o600).open(&path);
            let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, &content));
            written.expect("a file comes back");
        }
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn kept(&self, kind: char, id: &str) -> PathBuf {
        self.image().join(format!("{kind}.{id}"))
    }
}

/// As the library writes it: the inode and its time of birth.
fn id_of(path: &Path) -> String {
    let found = fs::symlink_metadata(path).expect("it is there");
    let born = found.created().expect("a file system with times of birth");
    let born = born.duration_since(UNIX_EPOCH).expect("after 1970");
    format!("{}.{}.{}", found.ino(), born.as_secs(), born.subsec_nanos())
}
