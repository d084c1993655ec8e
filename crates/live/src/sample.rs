//! Single executions in Redis, some at a time: keys that no execution explains, and elements that
//! are not what their execution is.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::Deserialize;

use super::error::Error;
use super::expected::{Expected, is_surplus};
use super::handle::Live;
use super::keys::Key;
use super::shown;
use agentpulse_core::bucket::{DAY_MS, rfc3339};
use agentpulse_core::execution::Execution;
use agentpulse_core::view::Failed;

/// Keys of executions of one sample: each has some hundred elements.
const SAMPLED_AT_ONCE: usize = 4;
/// Of an element that is older history may have pruned the execution.
const KNOWN_MS: i64 = 7 * DAY_MS;

/// Of one page of all keys.
pub struct Sample {
    /// The page after it, unless it was the last.
    pub next: Option<String>,
    /// A key of ours that nothing explains.
    pub surplus: Option<String>,
    keys: Vec<Sampled>,
}

struct Sampled {
    name: String,
    elements: Vec<Element>,
}

/// What a key holds of one execution.
enum Element {
    /// Of a list of executions, or of errors: the whole text.
    Ended(Listed, String),
    Failed(Listed, String),
    /// Of the durations, and of the ends, which are in seconds.
    Lasted(String, f64),
    EndedAt(String, f64),
    /// Not what any version has written.
    Unread,
}

#[derive(Deserialize)]
struct Listed {
    agent_id: String,
    execution_end: String,
}

impl Live {
    /// Reads the page `at` of all keys, and of the executions in it some; which, `turn` decides.
    pub async fn sample(
        &self,
        at: Option<String>,
        turn: usize,
        expected: &Expected,
    ) -> Result<Sample, Error> {
        let (next, names) = self.page(at.unwrap_or_else(|| "0".to_owned())).await?;
        let (mut surplus, mut of_executions) = (None, Vec::new());
        for name in names {
            let Some((key, parts)) = self.keys.parts(&name) else {
                continue;
            };
            match key {
                Key::History | Key::Errors | Key::Durations | Key::DurationEnds => {
                    of_executions.push((key, name));
                }
                _ if surplus.is_none() && !expected.explains(&name, key, &parts) => {
                    let content = self.read(key.row().kind, vec![name.clone()]).await?;
                    if is_surplus(key, &content.concat()) {
                        surplus = Some(name);
                    }
                }
                _ => {}
            }
        }
        let count = of_executions.len();
        of_executions.rotate_left((turn * SAMPLED_AT_ONCE) % count.max(1));
        of_executions.truncate(SAMPLED_AT_ONCE);
        let mut keys = Vec::new();
        for (key, name) in of_executions {
            let content = self.read(key.row().kind, vec![name.clone()]).await?;
            let elements = elements(key, content.concat());
            keys.push(Sampled { name, elements });
        }
        Ok(Sample {
            next,
            surplus,
            keys,
        })
    }
}

impl Sample {
    /// The executions that it is to be compared with.
    pub fn ids(&self) -> BTreeSet<String> {
        let elements = self.keys.iter().flat_map(|key| &key.elements);
        elements
            .filter_map(Element::id)
            .map(str::to_owned)
            .collect()
    }

    /// Which key has an element that its execution is not, in words.
    pub fn difference(
        &self,
        executions: &HashMap<String, Arc<Execution>>,
        now_ms: i64,
    ) -> Option<String> {
        let is_right = |element: &Element| {
            let execution = element.id().and_then(|id| executions.get(id));
            match execution {
                Some(execution) => element.is_of(execution),
                None => element.ended_before(now_ms - KNOWN_MS),
            }
        };
        let differs = |key: &&Sampled| !key.elements.iter().all(is_right);
        let key = self.keys.iter().find(differs)?;
        Some(format!("{} was changed", key.name))
    }
}

fn elements(key: Key, content: Vec<String>) -> Vec<Element> {
    let is_list = matches!(key, Key::History | Key::Errors);
    if is_list {
        let element = |text: String| match (key, serde_json::from_str(&text)) {
            (Key::History, Ok(listed)) => Element::Ended(listed, text),
            (_, Ok(listed)) => Element::Failed(listed, text),
            (_, Err(_)) => Element::Unread,
        };
        return content.into_iter().map(element).collect();
    }
    let element = |pair: &[String]| match (key, pair[1].parse()) {
        (Key::Durations, Ok(ms)) => Element::Lasted(pair[0].clone(), ms),
        (_, Ok(at_s)) => Element::EndedAt(pair[0].clone(), at_s),
        (_, Err(_)) => Element::Unread,
    };
    content.chunks_exact(2).map(element).collect()
}

impl Element {
    fn id(&self) -> Option<&str> {
        match self {
            Element::Ended(listed, _) | Element::Failed(listed, _) => Some(&listed.agent_id),
            Element::Lasted(id, _) | Element::EndedAt(id, _) => Some(id),
            Element::Unread => None,
        }
    }

    /// As it says itself.
    fn ended_before(&self, time_ms: i64) -> bool {
        match self {
            Element::Ended(listed, _) | Element::Failed(listed, _) => {
                listed.execution_end < rfc3339(time_ms)
            }
            Element::EndedAt(_, at_s) => *at_s < time_ms as f64 / 1e3,
            Element::Lasted(..) | Element::Unread => false,
        }
    }

    fn is_of(&self, execution: &Execution) -> bool {
        let Some(outcome) = execution.outcome() else {
            return false;
        };
        match self {
            Element::Ended(_, text) => *text == shown::ended(execution),
            Element::Failed(_, text) => {
                Failed::of(execution).is_some_and(|failed| *text == shown::failed(&failed))
            }
            Element::Lasted(_, ms) => outcome.duration_ms.map(|found| found as f64) == Some(*ms),
            Element::EndedAt(_, at_s) => outcome.ended_ms == (at_s * 1e3).round() as i64,
            Element::Unread => false,
        }
    }
}
