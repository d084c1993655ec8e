//! Which settings files a command is for.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::failure::{Failure, failed};

const FOLDER: &str = ".claude";
/// The client's variable for the folder in the place of `~/.claude`.
const CONFIG_DIR: &str = "CLAUDE_CONFIG_DIR";
const SHARED: &str = "settings.json";
const LOCAL: &str = "settings.local.json";

#[derive(Args, Default)]
pub struct Files {
    /// The .claude/settings.json of a project [default DIR: this folder]
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = ".")]
    project: Option<PathBuf>,
    /// The .claude/settings.local.json of the project, which is not shared with others
    #[arg(long)]
    local: bool,
    /// Claude Code's settings at this path
    #[arg(long, value_name = "FILE", conflicts_with_all = ["project", "local"])]
    settings: Option<PathBuf>,
}

/// A file and whom its settings are for.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    pub scope: &'static str,
    pub path: PathBuf,
}

impl Files {
    /// The file to change: the user's own, unless another is named.
    ///
    /// # Errors
    /// No home folder.
    pub fn one(&self) -> Result<Named, Failure> {
        let file = |scope, path| Ok(Named { scope, path });
        match &self.settings {
            Some(path) => file("settings", path.clone()),
            None if self.local => file("local", self.project_folder().join(LOCAL)),
            None if self.project.is_some() => file("project", self.project_folder().join(SHARED)),
            None => file("user", user_folder()?.join(SHARED)),
        }
    }

    /// All files that a client joins in the project, each once; or the one that is named.
    ///
    /// # Errors
    /// No home folder.
    pub fn all(&self) -> Result<Vec<Named>, Failure> {
        if self.settings.is_some() {
            return Ok(vec![self.one()?]);
        }
        let user = user_folder()?.join(SHARED);
        let project = self.project_folder();
        let mut files = vec![Named {
            scope: "user",
            path: user.clone(),
        }];
        // In the home folder the user's file is the project's as well.
        if absolute(&project.join(SHARED)) != absolute(&user) {
            files.push(Named {
                scope: "project",
                path: project.join(SHARED),
            });
        }
        files.push(Named {
            scope: "local",
            path: project.join(LOCAL),
        });
        Ok(files)
    }

    fn project_folder(&self) -> PathBuf {
        match &self.project {
            Some(dir) if dir != Path::new(".") => dir.join(FOLDER),
            _ => PathBuf::from(FOLDER),
        }
    }
}

/// Where the client keeps the user's own settings: by its own variable, else in the home folder.
fn user_folder() -> Result<PathBuf, Failure> {
    match std::env::var_os(CONFIG_DIR).filter(|folder| !folder.is_empty()) {
        Some(folder) => Ok(absolute(Path::new(&folder))),
        None => Ok(home()?.join(FOLDER)),
    }
}

fn home() -> Result<PathBuf, Failure> {
    std::env::home_dir()
        .filter(|home| home.is_absolute())
        .ok_or_else(|| failed("there is no home folder: set HOME, or give --settings"))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        files: Files,
    }

    fn named(line: &str) -> Named {
        let words = ["x"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).unwrap().files.one().unwrap()
    }

    #[test]
    fn one_file_is_meant() {
        for (line, scope, path) in [
            ("--project", "project", ".claude/settings.json"),
            ("--project /p", "project", "/p/.claude/settings.json"),
            ("--local", "local", ".claude/settings.local.json"),
            (
                "--project /p --local",
                "local",
                "/p/.claude/settings.local.json",
            ),
            ("--settings s.json", "settings", "s.json"),
        ] {
            let path = PathBuf::from(path);
            assert_eq!(named(line), Named { scope, path }, "{line}");
        }
        let user = named("");
        assert!(user.path.is_absolute() && user.path.ends_with(".claude/settings.json"));
    }
}
