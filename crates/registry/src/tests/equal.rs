//! Whatever happens to the files, a scan that knows the last one says what a fresh scan says.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use tempfile::TempDir;

use agentpulse_definitions::{Client, Scope, State};

use super::naive::{self, BROKEN, definition};
use crate::{Registry, Root, Snapshot};

#[derive(Clone, Debug)]
enum Step {
    Write(usize, usize),
    Break(usize),
    /// The same size and the same times, other bytes.
    WriteUnseen(usize, usize),
    /// By another file and a rename over it, as editors do.
    Replace(usize, usize),
    Truncate(usize),
    Touch(usize),
    Remove(usize),
    Rename(usize, usize),
    HardLink(usize, usize),
    Link(usize, usize),
    LinkToFolder(usize, usize),
    Folder(usize),
    RemoveFolder(usize),
    RenameFolder(usize, usize),
    Many(usize),
    RemoveRoot,
    Scan,
}

const FILES: [&str; 8] = [
    "a.md",
    "b.md",
    "sub/a.md",
    "sub/.c.md",
    ".hidden/deep/d.md",
    "sub/A.md",
    "e.MD",
    "sub/f.txt",
];
const FOLDERS: [&str; 4] = ["sub", ".hidden", ".hidden/deep", "a.md"];
const WORDS: [&str; 4] = ["one", "two", "six", "ten"];

fn step() -> impl Strategy<Value = Step> {
    let (file, folder, word) = (|| 0..FILES.len(), || 0..FOLDERS.len(), || 0..WORDS.len());
    prop_oneof![
        6 => (file(), word()).prop_map(|(file, word)| Step::Write(file, word)),
        2 => file().prop_map(Step::Break),
        4 => (file(), word()).prop_map(|(file, word)| Step::WriteUnseen(file, word)),
        3 => (file(), word()).prop_map(|(file, word)| Step::Replace(file, word)),
        1 => file().prop_map(Step::Truncate),
        1 => file().prop_map(Step::Touch),
        2 => file().prop_map(Step::Remove),
        2 => (file(), file()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (file(), file()).prop_map(|(from, to)| Step::HardLink(from, to)),
        1 => (file(), file()).prop_map(|(from, to)| Step::Link(from, to)),
        1 => (folder(), folder()).prop_map(|(from, to)| Step::LinkToFolder(from, to)),
        1 => folder().prop_map(Step::Folder),
        1 => folder().prop_map(Step::RemoveFolder),
        1 => (folder(), folder()).prop_map(|(from, to)| Step::RenameFolder(from, to)),
        1 => word().prop_map(Step::Many),
        1 => Just(Step::RemoveRoot),
        8 => Just(Step::Scan),
    ]
}

/// What cannot be done, such as writing below a file, is not done.
fn act(root: &Path, step: &Step) {
    let file = |index: &usize| root.join(FILES[*index]);
    let folder = |index: &usize| root.join(FOLDERS[*index]);
    let text = |index: &usize, word: &usize| definition(&format!("n{index}"), WORDS[*word]);
    let write = |path: &Path, text: String| {
        let _ = fs::create_dir_all(path.parent().unwrap());
        let _ = fs::write(path, text);
    };
    match step {
        Step::Write(index, word) => write(&file(index), text(index, word)),
        Step::Break(index) => write(&file(index), BROKEN.to_owned()),
        Step::WriteUnseen(index, word) => {
            let path = file(index);
            let seen = fs::metadata(&path).and_then(|seen| seen.modified());
            if let Ok(modified) = seen
                && path.is_file()
            {
                write(&path, text(index, word));
                let opened = File::options().write(true).open(&path).unwrap();
                opened.set_modified(modified).unwrap();
            }
        }
        Step::Replace(index, word) => {
            let beside = root.join("4913");
            write(&beside, text(index, word));
            let _ = fs::rename(&beside, file(index));
            let _ = fs::remove_file(&beside);
        }
        Step::Truncate(index) => {
            let _ = File::options().write(true).truncate(true).open(file(index));
        }
        Step::Touch(index) => {
            if let Ok(opened) = File::options().write(true).open(file(index)) {
                let _ = opened.set_modified(SystemTime::now() - Duration::from_secs(100));
            }
        }
        Step::Remove(index) => drop(fs::remove_file(file(index))),
        Step::Rename(from, to) => drop(fs::rename(file(from), file(to))),
        Step::HardLink(from, to) => drop(fs::hard_link(file(from), file(to))),
        Step::Link(from, to) => drop(symlink(file(from), file(to))),
        Step::LinkToFolder(from, to) => drop(symlink(folder(from), folder(to).join("link"))),
        Step::Folder(index) => drop(fs::create_dir_all(folder(index))),
        Step::RemoveFolder(index) => drop(fs::remove_dir_all(folder(index))),
        Step::RenameFolder(from, to) => drop(fs::rename(folder(from), folder(to))),
        Step::Many(word) => {
            for index in 0..30 {
                write(&root.join(format!("many/m{index}.md")), text(&index, word));
            }
        }
        Step::RemoveRoot => drop(fs::remove_dir_all(root)),
        Step::Scan => {}
    }
}

/// What the client would load.
fn good(snapshot: &Snapshot) -> BTreeMap<PathBuf, (String, String)> {
    let agents = snapshot.registered.agents.values();
    let good = agents.filter(|agent| agent.state == State::Good);
    good.map(|agent| {
        let definition = &agent.definition;
        (
            agent.path.clone(),
            (definition.name.clone(), definition.description.clone()),
        )
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_scan_says_what_a_fresh_scan_says(steps in proptest::collection::vec(step(), 1..40)) {
        let folder = TempDir::new().unwrap();
        let paths = [folder.path().join("one"), folder.path().join("two")];
        let roots: Vec<Root> = paths
            .iter()
            .map(|path| Root { scope: Scope::Project, path: path.clone(), plugin: None })
            .collect();
        let naive_roots: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        let mut registry = Registry::new(Client::built_in(None));
        for (index, step) in steps.iter().chain([&Step::Scan]).enumerate() {
            act(&paths[index % 2], step);
            if !matches!(step, Step::Scan) {
                continue;
            }
            let snapshot = registry.scan(&roots, SystemTime::now());
            let naive = naive::agents(&naive_roots);
            prop_assert_eq!(&good(&snapshot), &naive);
            let fresh = Registry::new(Client::built_in(None)).scan(&roots, SystemTime::now());
            prop_assert_eq!(&snapshot.files, &fresh.files);
        }
    }
}
