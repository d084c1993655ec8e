//! Where transcripts of subagents lie: `<project>/<session>/subagents/agent-<id>.jsonl`.

use std::fs::read_dir;
use std::io;
use std::iter::{empty, once};
use std::path::{Path, PathBuf};

type Paths = Box<dyn Iterator<Item = io::Result<PathBuf>> + Send>;

/// The transcripts below a root, as they come from the file system, one at a time: nothing grows
/// with their number. An error stands for a folder that cannot be read.
pub fn transcripts(root: &Path) -> Paths {
    let sessions = below(below(Box::new(once(Ok(root.to_owned())))));
    let subagents = sessions.map(|session| Ok(session?.join("subagents")));
    let files = below(Box::new(subagents));
    Box::new(files.filter(|file| file.as_ref().map_or(true, |file| agent_id(file).is_some())))
}

/// The agent by the name of its transcript.
pub fn agent_id(file: &Path) -> Option<&str> {
    let name = file.file_name()?.to_str()?;
    let id = name.strip_prefix("agent-")?.strip_suffix(".jsonl")?;
    (!id.is_empty()).then_some(id)
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
