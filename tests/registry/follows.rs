//! Whatever happens to the files, without a word to the daemon: what it answers is what a fresh
//! scan says.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::home::{Home, agents, definition, refresh, shown, until, write};
use super::naive::{Loaded, loaded};
use crate::harness::{Daemon, eventually};

const BURSTS: u64 = 40;
/// Each waits for the timer.
const UNREPORTED: usize = 4;
const BROKEN: &str = "---\nname: broken\ndescription: 'open\n---\n";
const FILES: [&str; 6] = ["a", "b", "sub/a", "sub/.c", ".hidden/deep/d", "sub/E"];
const FOLDERS: [&str; 4] = ["sub", ".hidden", ".hidden/deep", "other"];

/// The same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most) as usize
    }

    fn file(&mut self, root: &Path) -> PathBuf {
        root.join(format!("{}.md", FILES[self.below(6)]))
    }

    fn folder(&mut self, root: &Path) -> PathBuf {
        root.join(FOLDERS[self.below(4)])
    }
}

/// What cannot be done, such as writing below a file, is not done.
fn act(root: &Path, random: &mut Random) {
    let (file, other) = (random.file(root), random.file(root));
    let (folder, beside) = (random.folder(root), random.folder(root));
    let text = definition(&format!("n{}", random.below(5)), "");
    let put = |text: &str| {
        let _ = fs::create_dir_all(file.parent().expect("a folder"));
        fs::write(&file, text)
    };
    let _ = match random.below(16) {
        0..=4 => put(&text),
        5 => put(BROKEN),
        // In two halves, as a slow program writes.
        6 => put("").and_then(|()| {
            let mut opened = File::options().append(true).open(&file)?;
            opened.write_all(&text.as_bytes()[..10])?;
            opened.write_all(&text.as_bytes()[10..])
        }),
        7 => {
            let new = root.join("4913");
            fs::write(&new, &text).and_then(|()| fs::rename(&new, &file))
        }
        8 => fs::remove_file(&file),
        9 => fs::rename(&file, &other),
        10 => fs::hard_link(&file, &other),
        11 => symlink(&file, &other),
        12 => symlink(&folder, beside.join("link")),
        13 => fs::rename(&folder, &beside),
        14 => fs::remove_dir_all(&folder),
        _ => fs::create_dir_all(&folder),
    };
}

/// What a client loads, by the daemon.
fn loaded_by(daemon: &Daemon, home: &Home) -> Loaded {
    let all = agents(daemon, "");
    let good = all.iter().filter(|agent| agent["status"] != "error");
    let one = |agent: &Value| {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let path = text(&agent["file_path"]);
        let path = home.path(path.strip_prefix("~/").expect("below the home"));
        (
            path,
            (text(&agent["name"]), text(&agent["config"]["description"])),
        )
    };
    good.map(one).collect()
}

#[track_caller]
fn is_as_the_files_are(daemon: &Daemon, home: &Home, what: &str) {
    eventually(what, || {
        let mut files = loaded(&home.user());
        files.append(&mut loaded(&home.of("shop")));
        let told = loaded_by(daemon, home);
        match told == files {
            true => Ok(()),
            false => Err(format!("told {told:#?}, and there is {files:#?}")),
        }
    });
}

#[test]
fn it_is_always_what_a_fresh_scan_says() {
    let home = Home::new();
    let shop = home.path("shop").display().to_string();
    let projects = format!("[\"{shop}\"]");
    let daemon = home.setup().set("registry.projects", &projects).start();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for burst in 0..BURSTS {
        let root = match burst % 2 {
            0 => home.user(),
            _ => home.of("shop"),
        };
        let root = root.as_path();
        match burst % 10 {
            // The root, the folder above it, and the project come and go.
            7 => drop(fs::remove_dir_all(root)),
            8 => drop(fs::remove_dir_all(root.parent().expect("a folder"))),
            9 => drop(fs::rename(home.path("shop"), home.path("gone"))),
            _ => {}
        }
        for _ in 0..=random.below(6) {
            act(root, &mut random);
        }
        if burst % 10 == 9 && random.below(2) == 0 {
            let _ = fs::remove_dir_all(home.path("shop"));
            let _ = fs::rename(home.path("gone"), home.path("shop"));
        }
        let _ = fs::remove_dir_all(home.path("gone"));
        is_as_the_files_are(&daemon, &home, &format!("after burst {burst}"));
    }
}

#[test]
fn a_file_that_breaks_stays_as_it_was_and_is_an_error() {
    let home = Home::new();
    write(&home.user(), "a", &definition("a", "model: opus\n"));
    let daemon = home.setup().start();
    let before = until(&daemon, "it is idle", |all| {
        all.len() == 1 && all[0]["status"] == "idle"
    });
    write(&home.user(), "a", BROKEN);
    let broken = until(&daemon, "it is an error", |all| all[0]["status"] == "error");
    for field in ["/agent_id", "/version", "/config"] {
        assert_eq!(shown(&broken, field), shown(&before, field));
    }
    assert_eq!(broken[0]["findings"][0]["code"], "yaml");
    assert_eq!(broken[0]["effective"], false);
    assert_eq!(agents(&daemon, "&status=error").len(), 1);
    assert_eq!(agents(&daemon, "&status=idle").len(), 0);
    write(&home.user(), "a", &definition("a", "model: haiku\n"));
    let fixed = until(&daemon, "it is right again", |all| {
        all[0]["status"] == "idle"
    });
    assert_eq!(fixed[0]["agent_id"], before[0]["agent_id"]);
    assert_eq!(fixed[0]["config"]["model"], "haiku");
}

#[test]
fn agents_of_a_folder_that_cannot_be_read_stay_and_are_said_to_be_old() {
    let home = Home::new();
    write(&home.path("real"), "a", &definition("a", ""));
    fs::create_dir_all(home.path(".claude")).expect("a folder");
    symlink(home.path("real"), home.user()).expect("a link");
    let daemon = home.setup().start();
    until(&daemon, "it is there", |all| all.len() == 1);
    // An error that is no absence, also for root.
    fs::remove_file(home.user()).expect("a link");
    symlink("x".repeat(300), home.user()).expect("a link");
    refresh(&daemon);
    let old = agents(&daemon, "");
    assert_eq!(old.len(), 1);
    assert!(old[0]["stale_since"].is_string(), "{old:?}");
    let stats = daemon.read("/api/registry/stats").expect("an answer");
    assert_eq!(stats["agent_counts"]["stale"], 1);
    fs::remove_file(home.user()).expect("a link");
    refresh(&daemon);
    assert_eq!(agents(&daemon, ""), [] as [Value; 0]);
}

/// What moves far above a place is reported by nobody.
#[test]
fn what_no_watch_reports_is_found_by_the_next_scan() {
    let home = Home::new();
    let project = |above: &str| home.of(&format!("{above}/below/shop"));
    let shop = home.path("deep/below/shop");
    let projects = format!("[{:?}]", shop.display().to_string());
    let setup = home.setup().set("registry.projects", &projects);
    let daemon = setup.set("registry.rescan", "\"5s\"").start();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut before = Loaded::new();
    for change in 0..UNREPORTED {
        for _ in 0..20 {
            act(&project("next"), &mut random);
        }
        let _ = fs::rename(home.path("deep"), home.path(&format!("old{change}")));
        fs::rename(home.path("next"), home.path("deep")).expect("a move");
        let files = loaded(&project("deep"));
        assert_ne!(files, before, "it is another one");
        eventually("it is as the files are", || {
            let told = loaded_by(&daemon, &home);
            let differs = || format!("{told:#?}, and there is {files:#?}");
            (told == files).then_some(()).ok_or_else(differs)
        });
        before = files;
    }
}

/// What the settings name is read, whatever is kept of names.
#[test]
fn a_project_without_a_name_has_its_definitions() {
    for (names, is_name) in [("name", true), ("hash", true), ("off", false)] {
        let home = Home::new();
        write(&home.of("shop"), "a", &definition("a", ""));
        let projects = format!("[{:?}]", home.path("shop").display().to_string());
        let setup = home.setup().set("registry.projects", &projects);
        let daemon = setup.set("privacy.projects", &format!("{names:?}")).start();
        let all = until(&daemon, "it is there", |all| all.len() == 1);
        let project = &all[0]["project"];
        assert_eq!(project.is_string(), is_name, "{names}: {project}");
        assert_eq!(project == "~/shop", names == "name", "{names}: {project}");
        assert_eq!(all[0]["effective"], true);
    }
}
