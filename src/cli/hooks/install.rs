//! `agentpulse hooks install` and `uninstall`: one change of one file, or the sight of it.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use similar::TextDiff;

use super::document::{COMMENTS, Document};
use super::file::{SettingsFile, refused};
use super::location::Files;
use super::{edit, hook_command};
use crate::cli::failure::{Failure, failed};
use crate::cli::output::print;

#[derive(Args)]
pub struct Install {
    #[command(flatten)]
    change: Change,
    /// The command to install [default: the agentpulse-hook beside this program]
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
}

#[derive(Args)]
pub struct Uninstall {
    #[command(flatten)]
    change: Change,
}

#[derive(Args)]
struct Change {
    #[command(flatten)]
    files: Files,
    /// Show the change as a unified diff, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Install {
    pub fn run(self) -> Result<(), Failure> {
        let command = match self.command {
            Some(command) => known_again(command)?,
            None => hook_command::beside_us()?,
        };
        let file = SettingsFile::read(&self.change.files.one()?.path)?;
        let text = file.text.as_deref();
        let edited = edit::install(text, &command)
            .map_err(|wrong| refused(&file.path, &wrong.in_text(text.unwrap_or_default())))?;
        warn_of(&file.path, &edited);
        self.change.make(&file, Some(&edited), "the hooks are in")
    }
}

impl Uninstall {
    pub fn run(self) -> Result<(), Failure> {
        let file = SettingsFile::read(&self.change.files.one()?.path)?;
        let edited = match &file.text {
            Some(text) => {
                edit::uninstall(text).map_err(|wrong| refused(&file.path, &wrong.in_text(text)))?
            }
            None => None,
        };
        self.change
            .make(&file, edited.as_deref(), "no hooks of ours are in")
    }
}

impl Change {
    fn make(&self, file: &SettingsFile, text: Option<&str>, state: &str) -> Result<(), Failure> {
        let shown = file.path.display();
        if file.text.as_deref() == text {
            return print(&format!("{state} {shown}: nothing to change\n"));
        }
        if self.dry_run {
            return print(&diff(&file.path, file.text.as_deref(), text));
        }
        file.replace(text)?;
        let message = match (&file.text, text) {
            (None, _) => format!("{state} {shown}, which is new\n"),
            (_, None) => format!("{shown} held our hooks only and is removed\n"),
            _ => format!("{state} {shown}; before: {}\n", file.backup().display()),
        };
        print(&message)
    }
}

/// `uninstall` could not take out what it does not know.
fn known_again(command: String) -> Result<String, Failure> {
    match hook_command::parse(&command) {
        Some(_) => Ok(command),
        None => Err(failed(format_args!(
            "--command must be `[NAME=VALUE…] [PATH/]{} {}`, by which it is known again",
            hook_command::PROGRAM,
            hook_command::SOURCE
        ))),
    }
}

/// What keeps the hooks from being of use is not ours to change.
fn warn_of(path: &Path, text: &str) {
    let Ok(document) = Document::parse(text) else {
        return;
    };
    let mut out = io::stderr().lock();
    let shown = path.display();
    if document.disables_all_hooks() {
        // Without standard error there is no reader.
        let _ = writeln!(
            out,
            "warning: {shown} has disableAllHooks: no hook will run"
        );
    }
    if !document.comments.is_empty() {
        let _ = writeln!(out, "warning: {shown} {COMMENTS}: no hook will run");
    }
    for other in document.likewise().unwrap_or_default() {
        let _ = writeln!(
            out,
            "warning: {shown} also has {other:?}: every event would come twice"
        );
    }
}

/// None stands for no file.
fn diff(path: &Path, before: Option<&str>, after: Option<&str>) -> String {
    let name = |text: Option<&str>| match text {
        Some(_) => path.display().to_string(),
        None => "/dev/null".to_owned(),
    };
    TextDiff::from_lines(before.unwrap_or_default(), after.unwrap_or_default())
        .unified_diff()
        .header(&name(before), &name(after))
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_the_change_and_nothing_else() {
        let shown = diff(
            Path::new("/s"),
            Some("{\n  \"a\": 1\n}"),
            Some("{\n  \"a\": 2\n}"),
        );
        let expect = "--- /s\n+++ /s\n@@ -1,3 +1,3 @@\n {\n-  \"a\": 1\n+  \"a\": 2\n }\n\
                      \\ No newline at end of file\n";
        assert_eq!(shown, expect);
        let shown = diff(Path::new("/s"), None, Some("{}\n"));
        assert_eq!(shown, "--- /dev/null\n+++ /s\n@@ -0,0 +1 @@\n+{}\n");
    }

    #[test]
    fn a_command_has_to_be_known_again() {
        assert!(known_again("X=1 /a/agentpulse-hook claude-code".to_owned()).is_ok());
        assert!(known_again("/a/agentpulse-hook".to_owned()).is_err());
    }
}
