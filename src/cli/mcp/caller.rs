//! Whose calls these are, and the daemon that answers them.

use std::env;
use std::process;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use super::rpc::Params;
use crate::cli::select;
use agentpulse_client::path::encoded;
use agentpulse_client::{AskError, Control};
use agentpulse_config::Config;

/// The client sets it for the servers that it starts.
const SESSION: &str = "CLAUDE_CODE_SESSION_ID";
/// Beyond what the daemon is asked to wait.
const MARGIN: Duration = Duration::from_secs(12);
/// The most that the daemon waits.
const MAX_WAIT_S: u64 = 60;

#[derive(Clone)]
pub struct Caller {
    control: Control,
    /// The tool call in which it asks.
    use_id: Option<String>,
    /// Of the client, if it has one.
    pub session: Option<String>,
    /// Of the folder in which the client is.
    pub project: Option<String>,
}

impl Caller {
    pub fn of(config: &Config) -> Caller {
        Caller {
            control: Control::of(config),
            use_id: None,
            session: env::var(SESSION).ok().filter(|id| !id.is_empty()),
            project: select::here(config),
        }
    }

    pub fn in_call(&self, use_id: Option<String>) -> Caller {
        Caller {
            use_id,
            ..self.clone()
        }
    }

    /// Who works and writes, if the caller does not say: it stays where the client connects again.
    pub fn name(&self) -> String {
        match &self.session {
            Some(session) => format!("claude-code-{session}"),
            None => format!("mcp-{}", process::id()),
        }
    }

    /// # Errors
    /// The daemon does not answer, or refuses.
    pub async fn read(&self, path: &str, query: &Params) -> Result<Value, AskError> {
        let deadline = MARGIN + wait(query);
        let path = with_query(path, query);
        self.control.ask(Method::GET, &path, deadline).await
    }

    /// # Errors
    /// The daemon does not answer, or refuses.
    pub async fn send(&self, path: &str, body: Params) -> Result<Value, AskError> {
        let deadline = MARGIN + wait(&body);
        let control = self.control.in_call(self.use_id.as_deref());
        control.post_within(path, &json!(body), deadline).await
    }
}

fn wait(asked: &Params) -> Duration {
    let wait = asked.get("wait").map(word);
    let seconds: u64 = wait.and_then(|wait| wait.parse().ok()).unwrap_or(0);
    Duration::from_secs(seconds.min(MAX_WAIT_S))
}

fn with_query(path: &str, query: &Params) -> String {
    let mut whole = path.to_owned();
    let mut joint = '?';
    for (name, value) in query {
        whole.push_str(&format!(
            "{joint}{}={}",
            encoded(name),
            encoded(&word(value))
        ));
        joint = '&';
    }
    whole
}

/// As it stands in a URL.
pub fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_escaped_and_its_wait_is_bounded() {
        let Value::Object(query) = json!({"a b": "1&c", "d": true, "wait": "7"}) else {
            unreachable!("it is an object");
        };
        assert_eq!(with_query("/x", &query), "/x?a%20b=1%26c&d=true&wait=7");
        assert_eq!(with_query("/x", &Params::new()), "/x");
        assert_eq!(wait(&query), Duration::from_secs(7));
        let Value::Object(query) = json!({"wait": 99_999}) else {
            unreachable!("it is an object");
        };
        assert_eq!(wait(&query), Duration::from_secs(MAX_WAIT_S));
    }
}
