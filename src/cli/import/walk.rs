//! The transcripts below a folder.

use std::fs::read_dir;
use std::io;
use std::iter::{empty, once};
use std::path::{Path, PathBuf};

use agentpulse_transcripts::layout::{MAX_DEPTH, SUBAGENTS, agent_id, main_session};

type Paths = Box<dyn Iterator<Item = io::Result<PathBuf>> + Send>;

/// The transcripts below these folders, as they come from the file system, one at a time: nothing
/// grows with their number. An error stands for a folder that cannot be read.
pub fn transcripts(roots: &[PathBuf]) -> Paths {
    let roots = Vec::from(roots).into_iter().map(Ok);
    let sessions = below(below(Box::new(roots)));
    Box::new(sessions.flat_map(|session| -> Paths {
        match session {
            Ok(path) if main_session(&path).is_some() => Box::new(once(Ok(path))),
            Ok(path) => agents(&path),
            Err(error) => Box::new(once(Err(error))),
        }
    }))
}

/// Those of the agents of a session, by its folder.
fn agents(session: &Path) -> Paths {
    let subagents = Box::new(once(Ok(session.join(SUBAGENTS))));
    let files = all_below(subagents, MAX_DEPTH);
    Box::new(files.filter(|file| file.as_ref().map_or(true, |file| agent_id(file).is_some())))
}

/// The folder of the session to which a transcript belongs.
pub fn session(file: &Path) -> Option<&Path> {
    let is_subagents = |folder: &&Path| folder.file_name().is_some_and(|name| name == SUBAGENTS);
    file.ancestors().find(is_subagents)?.parent()
}

/// A link to a folder is not followed: it may lead in a circle.
fn all_below(folders: Paths, depth: usize) -> Paths {
    Box::new(below(folders).flat_map(move |entry| match entry {
        Ok(path) if depth > 1 && is_folder(&path) => all_below(Box::new(once(Ok(path))), depth - 1),
        entry => Box::new(once(entry)),
    }))
}

fn is_folder(path: &Path) -> bool {
    let is_folder = path.symlink_metadata().is_ok_and(|entry| entry.is_dir());
    is_folder && agent_id(path).is_none()
}

fn below(folders: Paths) -> Paths {
    Box::new(folders.flat_map(|folder| match folder {
        Ok(folder) => entries(&folder),
        Err(error) => Box::new(once(Err(error))),
    }))
}

fn entries(folder: &Path) -> Paths {
    match read_dir(folder) {
        Ok(entries) => Box::new(entries.map(|entry| Ok(entry?.path()))),
        // Files lie between the folders, and a session may have had no subagents.
        Err(error) if is_no_folder(&error) => Box::new(empty()),
        Err(error) => {
            let place = format!("{}: {error}", folder.display());
            Box::new(once(Err(io::Error::new(error.kind(), place))))
        }
    }
}

fn is_no_folder(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
