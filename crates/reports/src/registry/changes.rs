//! What changed in the definitions, for those who wait for it.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use agentpulse_api::params::{InvalidParameter, Param, Params};
use agentpulse_definitions::Reason;
use agentpulse_registry::{self as registry, Current, Expired, What};

use super::Definitions;

pub const PATH: &str = "/api/registry/changes";
pub const ALSO: &str = "/registry/changes";
const MAX_WAIT_S: u64 = 60;

const SINCE_SEQ: Param = Param::new("since", "The seq that the client has.");
const EPOCH: Param = Param::new("epoch", "The epoch that the client has.");
const WAIT: Param = Param::new("wait", "Seconds to wait for something that came later.");

#[derive(Debug, PartialEq)]
pub struct Query {
    since: u64,
    epoch: Option<String>,
    wait: Duration,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedChanges")]
pub struct Changes {
    /// The oldest first.
    pub events: Vec<Event>,
    /// What to ask for next.
    pub seq: u64,
    /// Another one in each life of the daemon.
    pub epoch: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedChange")]
pub struct Event {
    pub seq: u64,
    #[schemars(extend("enum" = ["agent_registered", "agent_updated", "agent_deregistered"]))]
    pub kind: String,
    pub agent_id: String,
    pub run_name: String,
    pub file_path: String,
    /// The fields of an update that are not as they were.
    pub changed: Vec<String>,
    /// Why an agent went.
    #[schemars(extend("enum" =
        ["deleted", "moved_away", "renamed", "root_gone", "plugin_disabled", null]))]
    pub reason: Option<String>,
}

impl Query {
    /// # Errors
    /// A parameter is out of its bounds.
    pub fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let since = params.number(SINCE_SEQ, 0..=u64::from(u32::MAX), Some(0))?;
        let wait = params.number(WAIT, 0..=MAX_WAIT_S, Some(0))?;
        Ok(Query {
            since: since.unwrap_or(0),
            epoch: params.name(EPOCH)?,
            wait: Duration::from_secs(wait.unwrap_or(0)),
        })
    }

    /// # Errors
    /// What came after is not known any more.
    pub async fn answer(&self, definitions: &Definitions) -> Result<Changes, Expired> {
        let current = definitions.current().await;
        let is_new = current.events_since(self.epoch.as_deref(), self.since)?;
        if !is_new.is_empty() || self.wait.is_zero() {
            return Ok(Changes::of(&is_new, &current, definitions));
        }
        let current = definitions.handle.beyond(self.since, self.wait).await;
        let changes = current.events_since(self.epoch.as_deref(), self.since)?;
        Ok(Changes::of(&changes, &current, definitions))
    }
}

impl Changes {
    fn of(
        events: &[Arc<registry::Event>],
        current: &Current,
        definitions: &Definitions,
    ) -> Changes {
        let events = events.iter();
        Changes {
            events: events.map(|event| Event::of(event, definitions)).collect(),
            seq: current.seq,
            epoch: current.epoch.clone(),
        }
    }
}

impl Event {
    pub(crate) fn of(event: &registry::Event, definitions: &Definitions) -> Event {
        let (kind, changed, reason) = match &event.what {
            What::Registered => ("agent_registered", Vec::new(), None),
            What::Updated(changed) => ("agent_updated", changed.clone(), None),
            What::Deregistered(reason) => ("agent_deregistered", Vec::new(), Some(word(*reason))),
        };
        Event {
            seq: event.seq,
            kind: kind.to_owned(),
            agent_id: event.agent_id.clone(),
            run_name: event.run_name.clone(),
            file_path: definitions.shown(&event.path),
            changed,
            reason: reason.map(str::to_owned),
        }
    }
}

fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Deleted => "deleted",
        Reason::MovedAway => "moved_away",
        Reason::Renamed => "renamed",
        Reason::RootGone => "root_gone",
        Reason::PluginDisabled => "plugin_disabled",
    }
}
