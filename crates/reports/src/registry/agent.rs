//! An agent as it is defined, and how it does.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use agentpulse_core::bucket::rfc3339;
use agentpulse_definitions as definitions;

use super::Definitions;
use super::choice::{Chosen, Status};
use super::detail::{Health, Relationships};
use super::figures::Figures;
use super::finding::Finding;
use super::versions::Versions;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedAgent")]
pub struct Agent {
    /// Stays while its file moves within its place, and goes with its name.
    pub agent_id: String,
    pub name: String,
    /// The name of its executions: that of a plugin's agent has the plugin before it.
    pub run_name: String,
    pub agent_type: String,
    /// The place: of the machine, a project, the user or a plugin; or the library.
    #[schemars(extend("enum" = ["managed", "project", "user", "plugin", "library"]))]
    pub scope: String,
    /// The project that has the file, or that was asked for; null for the others.
    pub project: Option<String>,
    pub file_path: String,
    pub status: Status,
    /// Of the bytes of the file: the first 128 bits of their SHA-256.
    pub version: String,
    /// When its first version began that is known; null if none is recorded.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: Option<String>,
    /// When the file was written; null if it cannot be read.
    #[schemars(extend("format" = "date-time"))]
    pub last_modified: Option<String>,
    /// The last end of an execution of that name; null if none is known.
    #[schemars(extend("format" = "date-time"))]
    pub last_activity: Option<String>,
    /// Whether a client takes it: in the project that was asked for, else in any that is known.
    pub effective: bool,
    /// The file that is taken for it in the project that was asked for.
    pub shadowed_by: Option<String>,
    /// Since when its folder cannot be read, so that it may not be as shown.
    #[schemars(extend("format" = "date-time"))]
    pub stale_since: Option<String>,
    pub config: Config,
    pub resources: Resources,
    pub performance: Performance,
    pub findings: Vec<Finding>,
    /// Of one agent that is asked for by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// Of one agent that is asked for by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relationships: Option<Relationships>,
    /// What was counted of each version, where that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<Versions>,
    /// The prompt, redacted, where that is asked for: of `version`, and of the library only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// As the client understands it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedConfig")]
pub struct Config {
    pub description: String,
    pub model: Option<String>,
    /// Null: all that agents have.
    pub tools: Option<Vec<String>>,
    pub disallowed_tools: Vec<String>,
    pub mcp_servers: Vec<String>,
    pub skills: Vec<String>,
    pub permission_mode: Option<String>,
    pub max_turns: Option<u32>,
    pub memory: Option<String>,
    pub background: Option<bool>,
    pub effort: Option<String>,
    pub isolation: Option<String>,
    pub color: Option<String>,
    pub has_hooks: bool,
    /// What the client does not know.
    pub extra: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedResources")]
pub struct Resources {
    /// Executions of it that run.
    pub active_tasks: usize,
    /// Tokens of those so far.
    pub running_tokens: u64,
    /// Of the prompt; estimated by its length.
    pub prompt_tokens: usize,
    /// What every session pays for the description; estimated by its length.
    pub description_tokens: usize,
}

/// Of the executions that ended in the last days.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedPerformance")]
pub struct Performance {
    pub days: i32,
    /// How executions were found: `project`, those of the name in the project that was asked for;
    /// `name`, all of the name, which has one definition; `ambiguous`, several definitions have the
    /// name, and none of them has the numbers; `other`, of a library, those that a client looks for
    /// have them.
    #[schemars(extend("enum" = ["project", "name", "ambiguous", "other"]))]
    pub attribution: String,
    pub total_tasks: i64,
    /// 0..1 with four decimals; null without an execution.
    pub task_success_rate: Option<f64>,
    pub error_count: i64,
    pub timeout_count: i64,
    /// Null if no duration is known.
    pub avg_response_time_ms: Option<i64>,
    /// Within 1 %.
    pub p95_response_time_ms: Option<u64>,
    /// Of all executions those that did not time out, 0..1 with four decimals.
    pub reliability: Option<f64>,
    pub total_tokens: i64,
    /// Dollars, of those executions whose cost is known.
    pub estimated_cost: f64,
    /// Executions with tokens of a model whose price is not known.
    pub unpriced_count: i64,
}

impl Agent {
    pub fn of(
        chosen: &Chosen,
        figures: &Figures,
        created_ms: Option<i64>,
        days: i32,
        definitions: &Definitions,
    ) -> Agent {
        let agent = &chosen.agent;
        let catalog = definitions.settings.borrow().catalog.clone();
        Agent {
            agent_id: agent.id.clone(),
            name: agent.definition.name.clone(),
            run_name: agent.run_name().to_owned(),
            agent_type: catalog.types.classify(agent.run_name()).to_owned(),
            scope: agent.scope.name().to_owned(),
            project: chosen.project.clone(),
            file_path: definitions.shown(&agent.path),
            status: chosen.status,
            version: agent.version.clone(),
            created_at: created_ms.map(rfc3339),
            last_modified: agent.modified_ms.map(rfc3339),
            last_activity: figures.last_ms.map(rfc3339),
            effective: chosen.is_effective,
            shadowed_by: chosen
                .shadowed_by
                .as_deref()
                .map(|path| definitions.shown(path)),
            stale_since: agent.stale_since_ms.map(rfc3339),
            config: Config::of(&agent.definition),
            resources: Resources {
                active_tasks: chosen.runs.count,
                running_tokens: chosen.runs.tokens,
                prompt_tokens: agent.definition.body.tokens,
                description_tokens: agent.definition.description_tokens,
            },
            performance: figures.performance(days, chosen.attribution),
            findings: agent
                .findings
                .iter()
                .map(|found| definitions.finding(found))
                .collect(),
            health: None,
            relationships: None,
            versions: None,
            body: None,
        }
    }
}

impl Config {
    fn of(definition: &definitions::Definition) -> Config {
        let config = definition.config.clone();
        Config {
            description: definition.description.clone(),
            model: config.model,
            tools: config.tools,
            disallowed_tools: config.disallowed_tools,
            mcp_servers: config.mcp_servers,
            skills: config.skills,
            permission_mode: config.permission_mode,
            max_turns: config.max_turns,
            memory: config.memory,
            background: config.background,
            effort: config.effort,
            isolation: config.isolation,
            color: config.color,
            has_hooks: config.has_hooks,
            extra: config.extra,
        }
    }
}
