//! Where a file lies that is not where its hook said. The client names the folder of a project by
//! its working directory, and in a worktree of git the files lie in that of the repository; the
//! files of a workflow's agents lie deeper. Ids of sessions and agents are unique, so that a file
//! is found by them.

use std::ffi::OsStr;
use std::fs::read_dir;
use std::path::{Component, Path, PathBuf};

use super::layout::SUBAGENTS;

/// Below the folder of the agents of a session.
const WORKFLOWS: &str = "workflows";
/// Folders of projects that are looked through, and of workflows of one session.
const MAX_FOLDERS: usize = 4_096;

/// The file of the same session and the same name below a root. Returns `None` if there is none.
///
/// Where the named folder is there, a file that is not written yet is the usual case, and it is
/// looked for on every read: other projects are then left alone.
pub fn find(roots: &[PathBuf], path: &Path) -> Option<PathBuf> {
    let (file, named) = (path.file_name()?, path.parent()?);
    let session = session(path);
    if named.is_dir() {
        return session.and_then(|_| within(named, file));
    }
    let projects = roots.iter().flat_map(|root| below(root));
    let Some(session) = session else {
        // The main thread's lies in the folder of the project.
        let mut files = projects.map(|project| project.join(file));
        return files.find(|file| file.is_file());
    };
    let folders = projects.map(|project| project.join(session).join(SUBAGENTS));
    // Most projects do not know the session: one look at each.
    let mut known = folders.filter(|folder| folder.is_dir());
    known.find_map(|folder| within(&folder, file))
}

/// The file in a folder of subagents, or in that of a workflow below it.
fn within(folder: &Path, file: &OsStr) -> Option<PathBuf> {
    let workflows = below(&folder.join(WORKFLOWS));
    let folders = std::iter::once(folder.to_owned()).chain(workflows);
    let mut files = folders.map(|folder| folder.join(file));
    files.find(|file| file.is_file())
}

/// The folder before [`SUBAGENTS`].
fn session(path: &Path) -> Option<&OsStr> {
    let mut parts = path.components().rev().skip(1);
    parts.find(|part| part.as_os_str() == SUBAGENTS)?;
    match parts.next()? {
        Component::Normal(session) => Some(session),
        _ => None,
    }
}

fn below(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = read_dir(folder).into_iter().flatten().take(MAX_FOLDERS);
    entries.filter_map(|entry| Some(entry.ok()?.path()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::tempdir;

    use super::*;

    #[test]
    fn a_file_is_found_by_its_session_and_its_name_in_any_project() {
        let root = tempdir().unwrap();
        let file = |place: &str| {
            let path = root.path().join(place);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        };
        let plain = file("-home-dev-shop/s1/subagents/agent-a1.jsonl");
        let deeper = file("-home-dev-shop/s1/subagents/workflows/wf_1/agent-a2.jsonl");
        file("-home-dev-shop/s2/subagents/agent-a3.jsonl");
        let roots = [PathBuf::from("/nowhere"), root.path().to_owned()];
        let found = |place: &str| find(&roots, &root.path().join(place));
        for (place, expect) in [
            ("-home-dev-tree/s1/subagents/agent-a1.jsonl", Some(&plain)),
            ("-home-dev-tree/s1/subagents/agent-a2.jsonl", Some(&deeper)),
            ("-home-dev-shop/s1/subagents/agent-a2.jsonl", Some(&deeper)),
            // Its folder is there, and the file in it is not written yet.
            ("-home-dev-shop/s2/subagents/agent-a1.jsonl", None),
            ("-home-dev-shop/s1/subagents/agent-a2.jsonl", Some(&deeper)),
            // Of another session, and no agent's.
            ("-home-dev-tree/s1/subagents/agent-a3.jsonl", None),
            ("-home-dev-tree/s1/agent-a1.jsonl", None),
            ("../s1/subagents/..", None),
        ] {
            assert_eq!(found(place).as_ref(), expect, "{place}");
        }
    }
}
