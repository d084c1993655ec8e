//! What a selection is asked, as JSON or as parameters.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, Param, Params};
use agentpulse_core::error::Rejection;
use agentpulse_core::limits::MAX_NAME_BYTES;
use agentpulse_pipeline::settings::RuntimeSettings;
use agentpulse_selection::request::{self, MAX_LIMIT, MAX_TASK_BYTES, Request};
use agentpulse_selection::weights::Weights;

use super::answer::Selected;

/// More than a task in which each byte is escaped, with full lists.
pub const MAX_BODY_BYTES: usize = 256 << 10;
const DEFAULT_LIMIT: usize = 5;

const TASK: Param = Param::new(
    "q",
    "What is to be done, in words; without it nobody is recommended.",
);
const PROJECT: Param = Param::new("project", "As a client has it that is started there.");
const LIBRARY: Param = Param::new(
    "library",
    "Whether those of the library may be chosen, too.",
);
const COUNT: Param = Param::new("count", "How many agents at most.");

#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SelectionRequest")]
pub struct Ask {
    /// What is to be done, in words: at most 8,192 bytes. Without a word nobody is recommended.
    #[schemars(length(max = 8_192))]
    pub task: String,
    /// As a client has it that is started there, such as `~/shop`; without it, all definitions.
    pub project: Option<String>,
    /// How many agents at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 20))]
    pub limit: usize,
    #[serde(default)]
    pub context: Context,
    /// By factor, 0 to 1,000; 0 switches one off, and those that are not named have that of the
    /// settings.
    #[serde(default)]
    pub weights: BTreeMap<String, f64>,
    /// Names of agents that are not to be chosen, at most 64.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub exclude: Vec<String>,
    /// Tools that the agent must have, at most 64.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub require_tools: Vec<String>,
    #[serde(default)]
    pub optimize: Optimize,
    /// Recommend one that is drawn among those that are about as good, to learn of them.
    #[serde(default)]
    pub explore: bool,
    /// Those of the library may be chosen, too.
    #[serde(default = "default_library")]
    pub library: bool,
}

/// What is known beside the task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "SelectionContext")]
pub struct Context {
    #[schemars(length(max = 64))]
    pub keywords: Vec<String>,
    /// The phase that the task is in, for want of words in the task.
    pub phase: Option<String>,
    /// `py`, `.sql`.
    #[schemars(length(max = 64))]
    pub file_types: Vec<String>,
    /// Paths, of which the ends are read.
    #[schemars(length(max = 64))]
    pub files: Vec<String>,
    /// The agent that hands the task on.
    #[schemars(length(min = 1, max = 256))]
    pub caller: Option<String>,
    /// Agents that the chosen one will work with.
    #[schemars(length(max = 64))]
    pub with: Vec<String>,
    /// The session in which the chosen agent will run.
    #[schemars(length(min = 1, max = 256))]
    pub session_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "SelectionOptimize")]
pub enum Optimize {
    #[default]
    Quality,
    Cost,
    Speed,
}

fn default_library() -> bool {
    true
}

fn default_limit() -> usize {
    DEFAULT_LIMIT
}

impl Endpoint for Ask {
    const PATH: &'static str = "/api/agents/select";
    const SUMMARY: &'static str = "Which agent should take a task, and why";
    type Answer = Selected;

    fn parse(params: &Params) -> Result<Ask, InvalidParameter> {
        let schema = || json!({"type": "string", "minLength": 1, "maxLength": MAX_TASK_BYTES});
        let in_bounds = |text: &str| {
            (1..=MAX_TASK_BYTES)
                .contains(&text.len())
                .then(|| text.to_owned())
        };
        let bounds = format!("1..={MAX_TASK_BYTES} bytes");
        let task = params.parsed(TASK, schema, in_bounds, &bounds)?;
        let limit = params.number(COUNT, 1..=MAX_LIMIT, Some(DEFAULT_LIMIT))?;
        Ok(Ask {
            task: task.unwrap_or_default(),
            project: params.name(PROJECT)?,
            limit: limit.unwrap_or(DEFAULT_LIMIT),
            library: params.flag(LIBRARY)?.unwrap_or(true),
            ..Ask::default()
        })
    }
}

impl Ask {
    /// # Errors
    /// A name or a weight is out of its bounds; the others are checked when it is answered.
    pub(super) fn request(&self, settings: &RuntimeSettings) -> Result<Request, Rejection> {
        let names = [
            ("project", &self.project),
            ("context.caller", &self.context.caller),
            ("context.session_id", &self.context.session_id),
        ];
        for (field, name) in names {
            let Some(name) = name else { continue };
            let bytes = name.len();
            if !(1..=MAX_NAME_BYTES).contains(&bytes) {
                return Err(Rejection::new(format!(
                    "{field}: {bytes} bytes, allowed are 1 to {MAX_NAME_BYTES}"
                )));
            }
            if name.chars().any(char::is_control) {
                return Err(Rejection::new(format!(
                    "{field}: it has control characters"
                )));
            }
        }
        let weights = self
            .weights
            .iter()
            .map(|(name, weight)| (name.as_str(), *weight));
        let by_setting = settings.select_weights.iter().copied();
        let context = self.context.clone();
        Ok(Request {
            task: self.task.clone(),
            limit: self.limit,
            context: request::Context {
                keywords: context.keywords,
                phase: context.phase,
                file_types: context.file_types,
                files: context.files,
                caller: context.caller,
                with: context.with,
            },
            weights: Weights::default().changed(by_setting)?.changed(weights)?,
            exclude: self.exclude.clone(),
            require_tools: self.require_tools.clone(),
            optimize: match self.optimize {
                Optimize::Quality => request::Optimize::Quality,
                Optimize::Cost => request::Optimize::Cost,
                Optimize::Speed => request::Optimize::Speed,
            },
            explore: None,
        })
    }
}
