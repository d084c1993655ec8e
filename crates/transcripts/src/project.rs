//! The project of a folder: that of the repository in which it lies, also where it is a worktree
//! of it. Found by the files that git leaves, because to start git for each turn would cost more
//! than to read it.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use agentpulse_sources::{clean_name, clean_text};

/// Folders from the first one upwards, of which the last may be the top of a repository.
const MAX_FOLDERS: usize = 64;
/// Of the file that a worktree has in the place of a repository: `gitdir: ` and a path.
const MAX_POINTER_BYTES: u64 = 4_096 + 16;
/// Where Claude Code puts worktrees, and removes them when their agent is done.
const CLIENTS_WORKTREES: &str = ".claude/worktrees";

/// The name of the project of a folder, redacted; none where it is longer than a name. Blocks.
pub fn project_of(folder: &Path, home: Option<&Path>) -> Option<String> {
    let root = root(folder);
    let below_home = home.and_then(|home| root.strip_prefix(home).ok());
    let name = match below_home {
        Some(below) => Path::new("~").join(below),
        None => root.clone(),
    };
    let name = name.to_str()?.trim_end_matches('/');
    let name = if name.is_empty() { "/" } else { name };
    // Of a text nothing is left of what was taken out, where a name would have a hash of it.
    clean_name(clean_text(name.to_owned()))
}

/// Without a repository it is the folder itself.
fn root(folder: &Path) -> PathBuf {
    let folder = outside_of_worktree(folder);
    let above = folder.ancestors().take(MAX_FOLDERS);
    let root = above.filter_map(repository).next();
    root.unwrap_or_else(|| folder.to_owned())
}

fn outside_of_worktree(folder: &Path) -> &Path {
    let worktrees = folder
        .ancestors()
        .filter(|above| above.ends_with(CLIENTS_WORKTREES));
    let outermost = worktrees
        .last()
        .and_then(|worktrees| worktrees.parent()?.parent());
    outermost.unwrap_or(folder)
}

/// The main repository, if this is the top of one or of a worktree.
fn repository(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    let seen = fs::metadata(&git).ok()?;
    if seen.is_dir() {
        return Some(folder.to_owned());
    }
    // What a pipe has in it is for somebody else.
    let main = seen.is_file().then(|| main_of(folder, &git)).flatten();
    Some(main.unwrap_or_else(|| folder.to_owned()))
}

/// The repository to which a worktree belongs, by its file; none for a submodule, which is a
/// repository of its own.
fn main_of(folder: &Path, git: &Path) -> Option<PathBuf> {
    let mut text = String::new();
    let mut pointer = File::open(git).ok()?.take(MAX_POINTER_BYTES);
    pointer.read_to_string(&mut text).ok()?;
    let line = text.lines().next()?.strip_prefix("gitdir:")?;
    let own = folder.join(line.trim());
    let worktrees = own.parent().filter(|above| above.ends_with("worktrees"))?;
    let common = worktrees.parent()?;
    let is_relative = Path::new(line.trim()).is_relative();
    let common = match is_relative {
        true => fs::canonicalize(common).ok()?,
        false => common.to_owned(),
    };
    match common.ends_with(".git") {
        true => common.parent().map(Path::to_owned),
        // A bare one.
        false => Some(common),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::{TempDir, tempdir};

    use super::*;

    struct Home(TempDir);

    impl Home {
        fn folder(&self, name: &str) -> PathBuf {
            let path = self.0.path().join(name);
            fs::create_dir_all(&path).unwrap();
            path
        }

        fn pointer(&self, name: &str, text: String) {
            fs::write(self.folder(name).join(".git"), text).unwrap();
        }

        fn project(&self, name: &str) -> Option<String> {
            project_of(&self.0.path().join(name), Some(self.0.path()))
        }
    }

    #[test]
    fn a_folder_belongs_to_its_repository_and_a_worktree_to_the_main_one() {
        let home = Home(tempdir().unwrap());
        let root = home.0.path().display().to_string();
        home.folder("shop/.git/worktrees/fix");
        home.folder("shop/src/deep");
        home.pointer("fix", format!("gitdir: {root}/shop/.git/worktrees/fix\n"));
        home.folder("fix/src");
        home.pointer("near", "gitdir: ../shop/.git/worktrees/fix\n".to_owned());
        home.pointer("shop/vendor", "gitdir: ../.git/modules/vendor\n".to_owned());
        home.pointer("bare", format!("gitdir: {root}/store.git/worktrees/bare\n"));
        home.pointer("damaged", "x".repeat(10_000));
        home.folder("plain/inner");
        let name = |name: &str| Some(name.to_owned());
        for (folder, project) in [
            ("shop", "~/shop"),
            ("shop/src/deep", "~/shop"),
            ("shop/gone/since", "~/shop"),
            ("fix", "~/shop"),
            ("fix/src", "~/shop"),
            ("shop/vendor", "~/shop/vendor"),
            ("bare", "~/store.git"),
            ("damaged", "~/damaged"),
            ("plain/inner", "~/plain/inner"),
            ("shop/.claude/worktrees/gone/src", "~/shop"),
            ("gone/.claude/worktrees/a/.claude/worktrees/b", "~/gone"),
            ("", "~"),
        ] {
            assert_eq!(home.project(folder), name(project), "{folder}");
        }
        let near = home.project("near");
        assert!(
            near.is_some_and(|near| near.ends_with("shop")),
            "links are followed there"
        );
        assert_eq!(project_of(Path::new("/"), None), name("/"));
        assert_eq!(project_of(Path::new("/srv/x"), None), name("/srv/x"));
        assert_eq!(home.project(&"long/".repeat(60)), None);
        let secret = home.project("a password=hunter2secret").unwrap();
        assert!(!secret.contains("hunter2"), "{secret}");
    }
}
