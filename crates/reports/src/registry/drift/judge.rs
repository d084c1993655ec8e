//! What each difference is.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use agentpulse_core::bucket::{DAY_MS, rfc3339};
use agentpulse_core::price::normalised;
use agentpulse_definitions::{Client, Config, Scope, State, Tool, tool};
use agentpulse_registry::Current;

use super::found::{Found, Sample};
use crate::registry::choice::Chosen;

/// A definition that is younger has had no occasion yet.
const NEW_MS: i64 = 7 * DAY_MS;
const STALE_MS: i64 = 30 * DAY_MS;
/// Of fewer executions it is not said that they never call a tool.
const MIN_EXECUTIONS: usize = 20;
/// Models that follow the session.
const ANY_MODEL: [&str; 3] = ["inherit", "opusplan", "default"];

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CodeOfDrift")]
pub enum Code {
    /// The client does not load the file any more.
    Broken,
    /// The client ran an agent that no definition has.
    RanUndefined,
    /// Another definition took the executions of its name in a project.
    ShadowedButRun,
    /// Executions used another model than the definition says.
    ModelDiffers,
    /// Tools are granted, and no execution calls them.
    ToolsUnused,
    /// It is there for 7 days, and never ran; each session pays for its description.
    NeverRan,
    /// It last ran more than 30 days ago.
    Stale,
}

impl Code {
    pub const CHOICES: [(&str, Code); 7] = [
        ("broken", Code::Broken),
        ("ran_undefined", Code::RanUndefined),
        ("shadowed_but_run", Code::ShadowedButRun),
        ("model_differs", Code::ModelDiffers),
        ("tools_unused", Code::ToolsUnused),
        ("never_ran", Code::NeverRan),
        ("stale", Code::Stale),
    ];

    pub fn word(self) -> &'static str {
        let choice = Code::CHOICES.iter().find(|(_, code)| *code == self);
        choice.map_or("", |(word, _)| word)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RowOfDrift")]
pub struct Row {
    pub code: Code,
    pub run_name: String,
    /// Null where nothing is defined.
    pub agent_id: Option<String>,
    pub file_path: Option<String>,
    /// Where it was found, for what is of one project.
    pub project: Option<String>,
    /// That it was found in.
    pub executions: i64,
    /// What every session pays for the description; estimated by its length.
    pub description_tokens: usize,
    pub message: String,
}

/// What is known, of both sides.
pub struct Defined<'a> {
    pub current: &'a Current,
    pub chosen: &'a [Chosen],
    /// By the ids of definitions.
    pub created_ms: &'a HashMap<String, i64>,
    /// When the last definition of a name went.
    pub removed_ms: &'a HashMap<String, i64>,
    pub found: &'a Found,
    pub shown: &'a dyn Fn(&Path) -> String,
    pub now_ms: i64,
}

/// By code, then by name.
pub fn judge(defined: &Defined) -> Vec<Row> {
    let client = Client::built_in(None);
    let undefined = defined.found.undefined.iter();
    let undefined = undefined.filter(|(name, _)| !client.has_agent(name));
    let mut rows: Vec<Row> = undefined
        .map(|(name, (executions, last_ms))| defined.undefined(name, *executions, *last_ms))
        .collect();
    for one in defined.chosen {
        defined.add(one, &mut rows);
    }
    defined.add_shadowed(&mut rows);
    rows.sort_by(|a, b| {
        let key = |row: &Row| (row.code, row.run_name.clone(), row.agent_id.clone());
        key(a).cmp(&key(b)).then_with(|| a.project.cmp(&b.project))
    });
    rows
}

impl Defined<'_> {
    fn undefined(&self, name: &str, executions: i64, last_ms: i64) -> Row {
        let why = match self.removed_ms.get(name) {
            Some(removed_ms) if *removed_ms >= last_ms => {
                format!(
                    "its last definition was removed at {}",
                    rfc3339(*removed_ms)
                )
            }
            Some(removed_ms) => format!(
                "it ran after its last definition was removed at {}",
                rfc3339(*removed_ms)
            ),
            None => {
                "no place that is known has it: it may be given by --agents, be in a folder of \
                     --add-dir, or have been removed before"
                    .to_owned()
            }
        };
        Row {
            code: Code::RanUndefined,
            run_name: name.to_owned(),
            agent_id: None,
            file_path: None,
            project: None,
            executions,
            description_tokens: 0,
            message: why,
        }
    }

    fn add(&self, one: &Chosen, rows: &mut Vec<Row>) {
        let agent = &one.agent;
        // No client loads it, and no session pays for it.
        if agent.scope == Scope::Library {
            return;
        }
        let mut add = |code, executions, message| {
            rows.push(self.row(one, code, executions, message));
        };
        if agent.state == State::Broken {
            let message = "it was loaded before, and is not as its file is now";
            return add(Code::Broken, 0, message.to_owned());
        }
        if !one.is_effective {
            return;
        }
        let name = agent.run_name();
        let count = self.found.counts.get(name).copied().unwrap_or(0);
        let last_ms = self.found.last_ms.get(name).copied();
        let tokens = agent.definition.description_tokens;
        match (count, last_ms) {
            (0, None) if one.runs.count == 0 && self.is_old(one) => {
                let message =
                    format!("it never ran; its description costs every session {tokens} tokens");
                add(Code::NeverRan, 0, message);
            }
            (0, Some(last_ms)) if one.runs.count == 0 && self.now_ms - last_ms > STALE_MS => {
                let message = format!("it last ran at {}", rfc3339(last_ms));
                add(Code::Stale, 0, message);
            }
            _ => {}
        }
        let Some(sample) = self.found.samples.get(name).filter(|_| one.has_figures()) else {
            return;
        };
        let config = &agent.definition.config;
        if let Some((executions, message)) = model_differs(config, sample) {
            add(Code::ModelDiffers, executions, message);
        }
        if let Some(message) = tools_unused(config, sample) {
            add(Code::ToolsUnused, sample.executions as i64, message);
        }
    }

    fn is_old(&self, one: &Chosen) -> bool {
        let created_ms = self.created_ms.get(&one.agent.id);
        created_ms.is_some_and(|created_ms| self.now_ms - created_ms >= NEW_MS)
    }

    /// By the projects in which a name ran: who has it there, and who would have liked to.
    fn add_shadowed(&self, rows: &mut Vec<Row>) {
        let names: BTreeSet<&str> = self.chosen.iter().map(|one| one.agent.run_name()).collect();
        for site in self.current.sites.iter() {
            let Some(project) = &site.project else {
                continue;
            };
            for member in self.current.members(site) {
                let name = member.agent.run_name();
                let Some(agentpulse_registry::Lost::Shadowed(by)) = member.lost_to else {
                    continue;
                };
                let ran = self
                    .found
                    .samples
                    .get(name)
                    .filter(|_| names.contains(name));
                let ran = ran.and_then(|sample| sample.projects.get(project));
                let own = self
                    .chosen
                    .iter()
                    .find(|one| one.agent.id == member.agent.id);
                if let (Some(executions), Some(one)) = (ran, own) {
                    let message = format!("{} is taken for it", (self.shown)(&by.path));
                    let mut row = self.row(one, Code::ShadowedButRun, *executions as i64, message);
                    row.project = Some(project.clone());
                    rows.push(row);
                }
            }
        }
    }

    fn row(&self, one: &Chosen, code: Code, executions: i64, message: String) -> Row {
        let agent = &one.agent;
        Row {
            code,
            run_name: agent.run_name().to_owned(),
            agent_id: Some(agent.id.clone()),
            file_path: Some((self.shown)(&agent.path)),
            project: one.project.clone(),
            executions,
            description_tokens: agent.definition.description_tokens,
            message,
        }
    }
}

/// Executions that used another model, and what is said of them.
pub(super) fn model_differs(config: &Config, sample: &Sample) -> Option<(i64, String)> {
    let said = config.model.as_deref()?;
    if ANY_MODEL.contains(&said) {
        return None;
    }
    let wanted = normalised(said);
    // An alias is the family of a model.
    let is_it = |model: &str| {
        let model = normalised(model);
        model == wanted
            || model
                .strip_prefix(&wanted)
                .is_some_and(|more| more.starts_with('-'))
    };
    let others = sample.models.iter().filter(|(model, _)| !is_it(model));
    let others: Vec<(&String, &usize)> = others.collect();
    let count: usize = others.iter().map(|(_, count)| **count).sum();
    let (most, _) = others
        .iter()
        .max_by_key(|(model, count)| (**count, *model))?;
    let all: usize = sample.models.values().sum();
    Some((
        count as i64,
        format!(
            "it says {said}, and {count} of {all} executions used another, most of them {most}"
        ),
    ))
}

pub(super) fn tools_unused(config: &Config, sample: &Sample) -> Option<String> {
    if sample.executions < MIN_EXECUTIONS {
        return None;
    }
    let is_called = |entry: &&String| match tool(entry) {
        Tool::All => true,
        Tool::Mcp(server) => {
            let server = server.trim_end_matches("__*");
            let of_server = format!("{server}__");
            let mut called = sample.tools.iter();
            called.any(|called| *called == server || called.starts_with(&of_server))
        }
        // The client calls one tool by both names.
        Tool::BuiltIn("Agent" | "Task") => {
            sample.tools.contains("Agent") || sample.tools.contains("Task")
        }
        Tool::BuiltIn(name) => sample.tools.contains(name),
    };
    let granted = config.tools.iter().flatten();
    let unused: Vec<&str> = granted
        .filter(|entry| !is_called(entry))
        .map(String::as_str)
        .collect();
    let all = sample.executions;
    (!unused.is_empty()).then(|| format!("none of {all} executions called {}", unused.join(", ")))
}
