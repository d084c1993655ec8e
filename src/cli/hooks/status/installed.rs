//! What of ours is in settings files, and whether it could run.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use serde::Serialize;

use crate::cli::hooks::document::{COMMENTS, Document, EVENTS};
use crate::cli::hooks::file::SettingsFile;
use crate::cli::hooks::hook_command::{OurCommand, parse};
use crate::cli::hooks::json::Wrong;
use crate::cli::hooks::location::Named;

const INSTALL: &str = "run `agentpulse hooks install`";

#[derive(Debug, Serialize)]
pub struct Installed {
    pub scope: &'static str,
    pub path: PathBuf,
    pub exists: bool,
    /// Why the file cannot be read.
    pub error: Option<String>,
    pub disable_all_hooks: bool,
    /// After how many days the client deletes transcripts, if the file says so.
    pub cleanup_days: Option<u64>,
    pub has_comments: bool,
    /// Handlers that report the same events and were not installed by us.
    pub likewise: Vec<String>,
    /// A row for each event that we use.
    pub events: Vec<Event>,
}

#[derive(Debug, Serialize)]
pub struct Event {
    pub event: &'static str,
    pub state: State,
    pub commands: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Installed,
    Missing,
    ProgramMissing,
    ProgramNotExecutable,
}

/// What a command's first word leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Program {
    At(PathBuf),
    Missing,
    NotExecutable,
    /// Written with a variable: only the client's own shell knows.
    Untold,
}

impl Installed {
    pub fn read(named: &Named) -> Installed {
        let mut installed = Installed {
            scope: named.scope,
            path: named.path.clone(),
            exists: true,
            error: None,
            disable_all_hooks: false,
            cleanup_days: None,
            has_comments: false,
            likewise: Vec::new(),
            events: Vec::new(),
        };
        match SettingsFile::read(&named.path) {
            Ok(SettingsFile { text: None, .. }) => installed.exists = false,
            Ok(SettingsFile {
                text: Some(text), ..
            }) => {
                if let Err(wrong) = installed.take(&text) {
                    let shown = named.path.display();
                    installed.error = Some(format!("{shown}: {}", wrong.in_text(&text)));
                }
            }
            Err(failure) => installed.error = Some(failure.message),
        }
        installed
    }

    fn take(&mut self, text: &str) -> Result<(), Wrong> {
        let document = Document::parse(text)?;
        self.disable_all_hooks = document.disables_all_hooks();
        self.cleanup_days = document.cleanup_days();
        self.has_comments = !document.comments.is_empty();
        self.likewise = document
            .likewise()?
            .into_iter()
            .map(str::to_owned)
            .collect();
        for event in EVENTS {
            let ours = match document.event(event)? {
                Some(member) => document.ours(member)?,
                None => Vec::new(),
            };
            self.events.push(Event {
                event,
                state: ours
                    .first()
                    .map_or(State::Missing, |ours| state(&ours.parsed)),
                commands: ours.iter().map(|ours| ours.command.to_owned()).collect(),
            });
        }
        Ok(())
    }

    /// Whether it can be read, and names no hook of ours.
    pub fn has_nothing(&self) -> bool {
        let missing = |event: &Event| event.state == State::Missing;
        self.error.is_none() && self.events.iter().all(missing)
    }

    pub fn shown(&self) -> String {
        let path = self.path.display();
        let there = self
            .events
            .iter()
            .filter(|event| event.state != State::Missing);
        match (&self.error, self.exists, there.count()) {
            (Some(_), ..) => format!("{path} cannot be understood"),
            (None, false, _) => format!("{path} is not there"),
            (None, true, there) => format!("{path}: {there} of {} events", EVENTS.len()),
        }
    }
}

impl Program {
    pub fn of(command: &OurCommand) -> Program {
        let program = command.program.as_str();
        if program.contains('$') {
            return Program::Untold;
        }
        let path = match program.strip_prefix("~/") {
            Some(rest) => env::home_dir().map(|home| home.join(rest)),
            None if program.contains('/') => Some(PathBuf::from(program)),
            None => return Program::search(program),
        };
        match path {
            Some(path) if !path.is_file() => Program::Missing,
            Some(path) if !is_executable(&path) => Program::NotExecutable,
            Some(path) => Program::At(path),
            None => Program::Missing,
        }
    }

    fn search(name: &str) -> Program {
        let folders = env::var_os("PATH").unwrap_or_default();
        let mut places = env::split_paths(&folders).map(|folder| folder.join(name));
        let found = places.find(|place| place.is_file() && is_executable(place));
        found.map_or(Program::Missing, Program::At)
    }
}

fn is_executable(path: &Path) -> bool {
    access(path, Access::EXEC_OK).is_ok()
}

fn state(command: &OurCommand) -> State {
    match Program::of(command) {
        Program::At(_) | Program::Untold => State::Installed,
        Program::Missing => State::ProgramMissing,
        Program::NotExecutable => State::ProgramNotExecutable,
    }
}

/// A command of ours that can be run.
pub fn first_command(files: &[Installed]) -> Option<(&str, OurCommand)> {
    let events = files.iter().flat_map(|file| &file.events);
    let runs = events.filter(|event| event.state == State::Installed);
    runs.flat_map(|event| &event.commands)
        .find_map(|command| Some((command.as_str(), parse(command)?)))
}

/// What keeps events from coming, or brings them twice. A client joins all files, so that an event
/// needs to be in one of them.
pub fn problems(files: &[Installed]) -> Vec<String> {
    let mut problems: Vec<String> = files.iter().filter_map(|file| file.error.clone()).collect();
    for file in files {
        let shown = file.path.display();
        if file.disable_all_hooks {
            problems.push(format!(
                "{shown} has disableAllHooks: no hook runs; remove it"
            ));
        }
        if file.has_comments {
            problems.push(format!("{shown} {COMMENTS}: no hook runs; remove them"));
        }
        problems.extend(file.likewise.iter().map(|other| {
            format!("{shown} also has {other:?}, so that events come twice: remove one")
        }));
    }
    let mut missing = Vec::new();
    let mut twice = Vec::new();
    let mut programs = BTreeSet::new();
    for event in EVENTS {
        let rows = files.iter().flat_map(|file| &file.events);
        let rows: Vec<&Event> = rows.filter(|row| row.event == event).collect();
        if rows.iter().all(|row| row.state == State::Missing) {
            missing.push(event);
        }
        // A client runs the same command once only.
        let commands: BTreeSet<&String> = rows.iter().flat_map(|row| &row.commands).collect();
        if commands.len() > 1 {
            twice.push(event);
        }
        programs.extend(commands);
    }
    if !missing.is_empty() {
        problems.push(format!(
            "no hook of ours is on {}: {INSTALL}",
            missing.join(", ")
        ));
    }
    if !twice.is_empty() {
        let events = twice.join(", ");
        problems.push(format!(
            "different commands are on {events}, so that they come twice: install the same one \
             in all files, or uninstall it from one"
        ));
    }
    problems.extend(programs.into_iter().filter_map(|command| unusable(command)));
    problems
}

fn unusable(command: &str) -> Option<String> {
    let ours = parse(command)?;
    let problem = match Program::of(&ours) {
        Program::Missing => "is not there",
        Program::NotExecutable => "is not executable",
        Program::At(_) | Program::Untold => return None,
    };
    Some(format!("{} {problem}: {INSTALL}", ours.program))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cli::hooks::edit;

    #[test]
    fn status_names_installed_missing_and_unrunnable_hooks() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let program = place("agentpulse-hook");
        let command = format!("{} claude-code", program.display());
        let read = |name: &str| {
            Installed::read(&Named {
                scope: "user",
                path: place(name),
            })
        };
        fs::write(place("a"), edit::install(None, &command).unwrap()).unwrap();
        let state = || read("a").events[0].state;
        assert_eq!(state(), State::ProgramMissing);
        fs::write(&program, "").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(state(), State::ProgramNotExecutable);
        assert_eq!(
            problems(&[read("a")]),
            [format!(
                "{} is not executable: {INSTALL}",
                program.display()
            )]
        );
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(state(), State::Installed);
        assert!(problems(&[read("a"), read("none")]).is_empty());
        assert_eq!(
            first_command(&[read("none"), read("a")]).unwrap().0,
            command
        );

        fs::write(place("b"), "{\"disableAllHooks\": true,}").unwrap();
        let found = problems(&[read("b")]);
        assert!(
            found[0].ends_with("line 1 column 25: trailing commas are not allowed"),
            "{found:?}"
        );
        fs::write(place("b"), "{} // why").unwrap();
        let found = problems(&[read("b")]);
        assert!(found[0].contains(COMMENTS), "{found:?}");
        fs::write(place("b"), "{\"disableAllHooks\": true}").unwrap();
        let found = problems(&[read("b")]);
        assert!(found[0].contains("disableAllHooks"), "{found:?}");
        assert!(
            found[1].contains("SessionStart, SessionEnd, UserPromptSubmit"),
            "{found:?}"
        );
    }

    #[test]
    fn two_commands_on_one_event_are_a_problem_and_one_in_two_files_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, command: &str| {
            let path = folder.path().join(name);
            fs::write(&path, edit::install(None, command).unwrap()).unwrap();
            Installed::read(&Named {
                scope: "user",
                path,
            })
        };
        let [a, b] = [
            "$A/agentpulse-hook claude-code",
            "$B/agentpulse-hook claude-code",
        ];
        assert!(problems(&[file("a", a), file("b", a)]).is_empty());
        let found = problems(&[file("a", a), file("b", b)]);
        assert!(
            found[0].starts_with("different commands are on SessionStart"),
            "{found:?}"
        );
    }
}
