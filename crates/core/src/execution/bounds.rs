//! How large an execution is, and what of a large one stands in lists. An event of 256 KiB is
//! legal, so that what is bounded by a count alone is not bounded.

use std::collections::BTreeMap;
use std::mem::size_of;
use std::sync::Arc;

use super::details::Details;
use super::fact::{Origin, Start, Stop};
use super::state::Execution;
use crate::text::{CUT_MARK, cut};

/// What a list holds of the error of an execution, in bytes: its type, a message of the longest
/// kind, and what is small beside them.
pub const MAX_ERROR_BYTES: usize = 8 << 10;
/// Of each of the three other free objects.
const MAX_FREE_BYTES: usize = 1 << 10;
/// Of what it was asked to do.
const MAX_TASK_BYTES: usize = 1 << 10;
/// Of each list of tools, some 30 names, and of sessions, some ten.
const MAX_NAMES_BYTES: usize = 512;
/// Models of one run that are counted separately; a run has one or two.
const MAX_MODELS: usize = 8;
/// Around a text in memory, and around a name in JSON with a count.
const TEXT_BYTES: usize = size_of::<String>();
const MAX_COUNT_BYTES: usize = 16;

impl Execution {
    /// About how much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        let start = self.start.as_deref().map_or(0, start_bytes);
        let stop = self.stop.as_deref().map_or(0, stop_bytes);
        let hooked = self.hooked.as_deref().map_or(0, |hooked| {
            let models = hooked.usage.as_ref().map_or(0, |usage| {
                let place = text_bytes(&usage.project) + text_bytes(&usage.branch);
                calls_bytes(&usage.tool_calls) + usage.models.len() * 256 + place
            });
            let texts = [&hooked.transcript, &hooked.task_description];
            let texts = texts.into_iter().map(text_bytes).sum::<usize>();
            let later = hooked
                .later_transcripts
                .iter()
                .chain(&hooked.later_sessions);
            let texts = texts + later.map(|text| TEXT_BYTES + text.len()).sum::<usize>();
            size_of_val(hooked) + texts + calls_bytes(&hooked.tool_calls) + models
        });
        size_of_val(self) + self.id.len() + start + stop + hooked
    }

    /// As it stands in lists, about 10 KB at most, of which `error_bytes` are for its error:
    /// without the path of its transcript, and of large objects and lists the beginning, marked.
    /// Its numbers are whole or absent. Doing it again, also with fewer bytes, is as doing it once.
    pub fn listed(mut self, error_bytes: usize) -> Execution {
        // What is shorter than the least of the bounds is whole, and need not be copied.
        if let Some(start) = &mut self.start
            && start_bytes(start) > size_of::<Start>() + MAX_NAMES_BYTES
        {
            let start = Arc::make_mut(start);
            start.tools_granted = few_names(&start.tools_granted, MAX_NAMES_BYTES);
            start.task_description = start.task_description.take().map(short);
        }
        if let Some(stop) = &mut self.stop
            && stop_bytes(stop) > size_of::<Stop>() + MAX_NAMES_BYTES.min(error_bytes)
        {
            let stop = Arc::make_mut(stop);
            stop.tools_used = few_names(&stop.tools_used, MAX_NAMES_BYTES);
            stop.tool_calls = few_calls(std::mem::take(&mut stop.tool_calls));
            stop.error_details = within(stop.error_details.take(), error_bytes);
            for free in [
                &mut stop.performance_metrics,
                &mut stop.task_metadata,
                &mut stop.output_metrics,
            ] {
                *free = within(free.take(), MAX_FREE_BYTES);
            }
        }
        if let Some(hooked) = &mut self.hooked {
            hooked.transcript = None;
            hooked.later_transcripts = Vec::new();
            hooked.later_sessions = few_names(&hooked.later_sessions, MAX_NAMES_BYTES);
            hooked.tool_calls = few_calls(std::mem::take(&mut hooked.tool_calls));
            hooked.task_description = hooked.task_description.take().map(short);
            hooked.usage = hooked.usage.take().filter(|u| u.models.len() <= MAX_MODELS);
            if let Some(usage) = &mut hooked.usage {
                usage.tool_calls = few_calls(std::mem::take(&mut usage.tool_calls));
            }
        }
        self
    }
}

fn within(details: Option<Details>, max_bytes: usize) -> Option<Details> {
    details.map(|details| details.within(max_bytes))
}

fn short(text: String) -> String {
    cut(text, MAX_TASK_BYTES)
}

/// The names, where they have at most `max_bytes`; else the first of them, and a mark in the place
/// of the rest.
///
/// They are copied, because a list that is cut keeps the room of all that were in it.
pub fn few_names(names: &[String], max_bytes: usize) -> Vec<String> {
    let sizes = names.iter().map(|name| name.len() + "\"\",".len());
    match few(sizes, max_bytes) {
        None => names.to_vec(),
        Some(few) => {
            let mark = std::iter::once(CUT_MARK.to_owned());
            names[..few].iter().cloned().chain(mark).collect()
        }
    }
}

fn few_calls(calls: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let sizes = calls.keys().map(|name| name.len() + MAX_COUNT_BYTES);
    match few(sizes, MAX_NAMES_BYTES) {
        None => calls,
        Some(few) => {
            let mut calls: BTreeMap<_, _> = calls.into_iter().take(few).collect();
            calls.insert(CUT_MARK.to_owned(), 0);
            calls
        }
    }
}

/// How many of these stay, where not all fit.
fn few(sizes: impl Iterator<Item = usize> + Clone, max_bytes: usize) -> Option<usize> {
    if sizes.clone().sum::<usize>() <= max_bytes {
        return None;
    }
    let mut left = max_bytes - CUT_MARK.len() - MAX_COUNT_BYTES;
    let fits = |size: &usize| match left.checked_sub(*size) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    Some(sizes.take_while(fits).count())
}

fn start_bytes(start: &Start) -> usize {
    size_of_val(start)
        + start.agent_name.len()
        + text_bytes(&start.agent_type)
        + text_bytes(&start.task_description)
        + names_bytes(&start.tools_granted)
        + origin_bytes(&start.origin)
}

fn stop_bytes(stop: &Stop) -> usize {
    let free = [
        &stop.error_details,
        &stop.performance_metrics,
        &stop.task_metadata,
        &stop.output_metrics,
    ];
    let free = free.into_iter().flatten().map(Details::bytes);
    size_of_val(stop)
        + text_bytes(&stop.agent_name)
        + text_bytes(&stop.agent_type)
        + names_bytes(&stop.tools_used)
        + calls_bytes(&stop.tool_calls)
        + origin_bytes(&stop.origin)
        + free.sum::<usize>()
}

fn origin_bytes(origin: &Origin) -> usize {
    let texts = [
        &origin.session_id,
        &origin.parent_agent_id,
        &origin.model,
        &origin.project,
        &origin.branch,
        &origin.host,
        &origin.source,
    ];
    texts.into_iter().map(text_bytes).sum()
}

fn text_bytes(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}

fn names_bytes(names: &[String]) -> usize {
    names.iter().map(|name| name.len() + TEXT_BYTES).sum()
}

fn calls_bytes(calls: &BTreeMap<String, u64>) -> usize {
    let of_each = calls.keys().map(|name| name.len() + 2 * TEXT_BYTES);
    of_each.sum()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn execution(value: Value) -> Execution {
        serde_json::from_value(value).unwrap()
    }

    fn large() -> Execution {
        let text = |bytes| "x".repeat(bytes);
        let object = json!({"a": text(3_000), "b": text(40_000), "c": 1});
        let tools: Vec<String> = (100..356).map(|n| format!("{n}{}", text(200))).collect();
        let calls: Value = tools.iter().map(|tool| (tool.clone(), json!(2))).collect();
        execution(json!({
            "id": "x", "resolved": {"agent_type": "t", "cost_micros": 7},
            "start": {"agent_name": "a", "started_ms": 1, "tools_granted": tools,
                "task_description": text(4_000)},
            "stop": {"ended_ms": 5, "status": "failure", "tools_used": tools, "tool_calls": calls,
                "error_details": {"type": "E", "message": text(4_000), "stack": text(30_000),
                    "code": 3, "near": text(3_000)},
                "performance_metrics": object, "task_metadata": object, "output_metrics": object},
            "hooked": {"transcript": "/home/al/x.jsonl", "tool_calls": calls}
        }))
    }

    #[test]
    fn listed_details_are_cut_marked_and_stable() {
        let whole = large();
        assert!(whole.bytes() > 250_000, "{}", whole.bytes());
        let listed = whole.clone().listed(2 << 10);
        let text = serde_json::to_string(&listed).unwrap();
        assert!(text.len() < 8 << 10 && !text.contains("/home/al"), "{text}");
        let stop = listed.stop.as_ref().unwrap();
        assert_eq!(stop.tool_calls[CUT_MARK], 0);
        assert_eq!(stop.tools_used.last().unwrap(), CUT_MARK);
        let free = stop.output_metrics.as_ref().unwrap().fields();
        assert_eq!(Value::Object(free), json!({"c": 1, "cut": true}));
        let details = stop.error_details.as_ref().unwrap().fields();
        assert_eq!(Value::Object(details), json!({"type": "E", "cut": true}));
        assert_eq!(listed.resolved, whole.resolved);
        assert_eq!(listed.clone().listed(2 << 10), listed);
        let read = whole.listed(MAX_ERROR_BYTES);
        let details = read.error_details().unwrap().fields();
        let kept: Vec<&str> = details.keys().map(String::as_str).collect();
        assert_eq!(kept, ["code", "cut", "message", "near", "type"]);
        assert_eq!(read.listed(2 << 10), listed);
    }

    #[test]
    fn small_details_are_listed_unchanged() {
        let small = execution(json!({
            "id": "x", "resolved": {"agent_type": "t"},
            "start": {"agent_name": "a", "started_ms": 1, "tools_granted": ["Read", "Bash"]},
            "stop": {"ended_ms": 5, "status": "success", "tool_calls": {"Bash": 2},
                "task_metadata": {"a": "b"}}
        }));
        assert_eq!(small.clone().listed(2 << 10), small);
    }
}
