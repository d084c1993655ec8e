//! Writes definitions where they are asked for by name: below the places of the user and of known
//! projects, and in the library; one at a time, and each file whole.

mod folder;
mod refused;
mod trash;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use agentpulse_definitions::{
    Agent, Client, Code, Edit, FileName, Finding, Outcome, Scope, Severity, State, names, read,
};

use crate::current::Current;
use crate::place::Root;

use self::folder::Folder;
use self::trash::Trash;

pub use self::refused::Refused;

/// Another write takes milliseconds, where the disk answers.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Fields that make a client run commands, or run them unasked.
const COMMANDS: [&str; 2] = ["hooks", "mcpServers"];
const MODE: (&str, &str) = ("permissionMode", "bypassPermissions");

/// Gives the pen to one at a time.
#[derive(Clone)]
pub struct Editor(Arc<Mutex<Pen>>);

/// The right to write.
pub struct Pen {
    client: Client,
    trash: Trash,
}

/// The pen is not free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// Where a new definition is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    User,
    /// By the name that executions have.
    Project(String),
    /// In its first folder.
    Library,
}

/// What is to be changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub edit: Edit,
    /// Fields may be set that make a client run commands.
    pub allows_commands: bool,
}

/// A definition that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct New {
    pub name: String,
    pub home: Home,
    /// With the name and the description.
    pub change: Change,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    pub agent_id: String,
    pub path: PathBuf,
    /// The file is not as it was.
    pub is_other: bool,
    /// Where the bytes are that were removed.
    pub kept: Option<PathBuf>,
}

impl Editor {
    /// What is removed is kept in the folder `trash`.
    pub fn new(client: Client, trash: PathBuf) -> Editor {
        let trash = Trash(trash);
        Editor(Arc::new(Mutex::new(Pen { client, trash })))
    }

    /// # Errors
    /// Others have written for too long.
    pub async fn pen(&self) -> Result<OwnedMutexGuard<Pen>, Busy> {
        let pen = timeout(MAX_WAIT, self.0.clone().lock_owned()).await;
        pen.map_err(|_| Busy)
    }
}

/// All of them block.
impl Pen {
    /// Makes a definition. `current` is of this moment.
    ///
    /// # Errors
    /// The place does not take it, or the client would not load it.
    pub fn create(&self, current: &Current, new: &New) -> Result<Done, Refused> {
        let root = root(current, &new.home)?;
        let is_there = |agent: &Agent| match root.scope {
            Scope::Library => agent.scope == Scope::Library,
            _ => agent.root == root.path,
        };
        let mut agents = current.snapshot.registered.agents.values();
        if agents.any(|agent| is_there(agent) && agent.run_name() == new.name) {
            return Err(Refused::NameTaken);
        }
        self.check_fields(&new.change)?;
        let bytes = new.change.edit.file()?;
        let path = root.path.join(format!("{}.md", new.name));
        self.check(&bytes, &path, &new.change.edit)?;
        let (folder, file) = folder(root.scope, &root.path, &path, true)?;
        folder.put(file, &bytes, None)?;
        Ok(Done {
            agent_id: root.agent_id(&new.name),
            path,
            is_other: true,
            kept: None,
        })
    }

    /// Changes a definition whose file has this version.
    ///
    /// # Errors
    /// It has another one, cannot be written, or would not be loaded.
    pub fn change(&self, agent: &Agent, version: &str, change: &Change) -> Result<Done, Refused> {
        let (folder, file) = folder(agent.scope, &agent.root, &agent.path, false)?;
        self.check_fields(change)?;
        let before = folder.read(file)?.ok_or(Refused::ChangedMeanwhile)?;
        if names::version(&before.bytes) != version {
            return Err(Refused::ChangedMeanwhile);
        }
        let bytes = change.edit.apply(&before.bytes)?;
        self.check(&bytes, &agent.path, &change.edit)?;
        let is_other = bytes != before.bytes;
        if is_other {
            folder.put(file, &bytes, Some(&before))?;
        }
        Ok(Done {
            agent_id: agent.id.clone(),
            path: agent.path.clone(),
            is_other,
            kept: None,
        })
    }

    /// Moves the file of a definition into the trash, if it has this version. Without one it has to
    /// be as it is shown; a broken file may be anything.
    ///
    /// # Errors
    /// It is another one, or cannot be removed.
    pub fn remove(
        &self,
        agent: &Agent,
        version: Option<&str>,
        now_ms: i64,
    ) -> Result<Done, Refused> {
        let (folder, file) = folder(agent.scope, &agent.root, &agent.path, false)?;
        let before = folder.read(file)?.ok_or(Refused::ChangedMeanwhile)?;
        let shown = (agent.state == State::Good).then_some(agent.version.as_str());
        let expected = version.or(shown);
        if expected.is_some_and(|version| names::version(&before.bytes) != version) {
            return Err(Refused::ChangedMeanwhile);
        }
        let kept = self.trash.keep(file, &before.bytes, now_ms)?;
        folder.remove(file, &before)?;
        Ok(Done {
            agent_id: agent.id.clone(),
            path: agent.path.clone(),
            is_other: true,
            kept: Some(kept),
        })
    }

    fn check_fields(&self, change: &Change) -> Result<(), Refused> {
        let set = change
            .edit
            .fields
            .iter()
            .filter(|(_, value)| !value.is_null());
        for (name, value) in set {
            if self.client.field(name).is_none() {
                let meant = self.client.meant(name).map(str::to_owned);
                return Err(Refused::UnknownField(name.clone(), meant));
            }
            let is_mode = (name.as_str(), value) == (MODE.0, &Json::from(MODE.1));
            if (is_mode || COMMANDS.contains(&name.as_str())) && !change.allows_commands {
                return Err(Refused::Commands(name.clone()));
            }
        }
        Ok(())
    }

    /// Whether the client would load it, and heed each field that is set.
    fn check(&self, bytes: &[u8], path: &Path, edit: &Edit) -> Result<(), Refused> {
        let stem = path.file_stem().and_then(OsStr::to_str);
        let file = FileName {
            stem: stem.unwrap_or_default(),
            prefix: None,
        };
        let reading = read(bytes, file, &self.client);
        let is_set = |field: &str| edit.fields.iter().any(|(name, _)| name == field);
        let is_ignored = |finding: &Finding| {
            matches!(finding.code, Code::BadValue | Code::UnknownField)
                && finding.field.as_deref().is_some_and(is_set)
        };
        let is_wrong =
            |finding: &Finding| finding.severity == Severity::Error || is_ignored(finding);
        let is_agent = matches!(reading.outcome, Outcome::Agent(_));
        let mut findings = reading.findings;
        findings.retain(is_wrong);
        match is_agent && findings.is_empty() {
            true => Ok(()),
            false => Err(Refused::Findings(findings)),
        }
    }
}

fn root<'c>(current: &'c Current, home: &Home) -> Result<&'c Root, Refused> {
    let found = match home {
        Home::Library => return library(current),
        Home::User => {
            let mut roots = current
                .sites
                .first()
                .into_iter()
                .flat_map(|site| &site.roots);
            roots.find(|root| root.scope == Scope::User)
        }
        Home::Project(name) => {
            let mut sites = current.sites.iter();
            let site = sites.find(|site| site.project.as_ref() == Some(name));
            // Those above it are of other projects.
            site.and_then(|site| {
                let mut roots = site.roots.iter();
                roots.find(|root| {
                    root.scope == Scope::Project && root.path.starts_with(&site.folder)
                })
            })
        }
    };
    found.ok_or(Refused::UnknownProject)
}

/// A file in a place of the client would be none of the library.
fn library(current: &Current) -> Result<&Root, Refused> {
    let mut places = current.sites.iter().flat_map(|site| &site.roots);
    let root = current.library.first().ok_or(Refused::NoLibrary)?;
    match places.any(|place| root.path.starts_with(&place.path)) {
        true => Err(Refused::NoLibrary),
        false => Ok(root),
    }
}

/// The folder of a file, and its name there. Within a project no link is followed; the user's own
/// place, and a library, may be one.
fn folder<'p>(
    scope: Scope,
    root: &Path,
    path: &'p Path,
    is_new: bool,
) -> Result<(Folder, &'p OsStr), Refused> {
    let base = match scope {
        Scope::User | Scope::Library => Some(root),
        Scope::Project => root.parent().and_then(Path::parent),
        Scope::Managed | Scope::Plugin => return Err(Refused::Place(scope)),
    };
    let name = path.file_name();
    let below = base.and_then(|base| path.parent()?.strip_prefix(base).ok());
    let (Some(base), Some(below), Some(name)) = (base, below, name) else {
        return Err(Refused::Place(scope));
    };
    if is_new && scope != Scope::Project {
        fs::create_dir_all(base)?;
    }
    Ok((Folder::open(base, below, is_new)?, name))
}
