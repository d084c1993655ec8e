//! The part of a payload that is sent: named fields, and sizes instead of contents.
//!
//! Payloads hold source code, prompts and secrets. A list of what is kept stays safe when a client
//! adds fields; a list of what is dropped would not.

use crate::fields::{Field, Kind, keep, unquoted};
use crate::scan::{self, Object};
use crate::writer::ObjectWriter;

/// Members whose contents stay here, and the names under which their sizes go.
const SIZES: [(&str, &str); 2] = [
    ("tool_input", "tool_input_bytes"),
    ("tool_response", "tool_response_bytes"),
];

/// Tasks in the background that a stop lists; the daemon takes no longer list.
const TASKS_MAX: usize = 256;

/// The two names, new and old, of the tool that launches a subagent.
const LAUNCH_TOOLS: [&[u8]; 2] = [b"Agent", b"Task"];

const EVERY_EVENT: &[Field] = &[
    ("hook_event_name", Kind::Name),
    ("session_id", Kind::Name),
    ("transcript_path", Kind::Path),
    ("prompt_id", Kind::Name),
    ("agent_id", Kind::Name),
    ("agent_type", Kind::Name),
    ("agent_transcript_path", Kind::Path),
    ("stop_hook_active", Kind::Flag),
    ("tool_name", Kind::Name),
    ("tool_use_id", Kind::Name),
    ("duration_ms", Kind::Count),
    ("is_interrupt", Kind::Flag),
];

const LAUNCH_INPUT: &[Field] = &[("subagent_type", Kind::Name), ("model", Kind::Name)];

const LAUNCH_RESPONSE: &[Field] = &[
    ("status", Kind::Name),
    ("agentId", Kind::Name),
    ("agentType", Kind::Name),
    // What a teammate is.
    ("agent_type", Kind::Name),
    ("resolvedModel", Kind::Name),
    ("totalDurationMs", Kind::Count),
    ("totalToolUseCount", Kind::Count),
];

const TASK: &[Field] = &[("id", Kind::Name)];

const TASK_STOP_INPUT: &[Field] = &[("task_id", Kind::Name)];
const TASK_STOP_RESPONSE: &[Field] = &[("task_type", Kind::Name)];

pub struct Projection {
    /// A JSON object.
    pub payload: String,
    /// False when the input was torn or was no JSON object.
    pub whole: bool,
}

/// Keeps the named fields of a payload, under the names and in the nesting that they came with.
///
/// Added are `payload_bytes`, the size of what was read, and `tool_input_bytes` and
/// `tool_response_bytes`, the sizes of those members as they were written, when they were read to
/// their ends.
pub fn project(input: &[u8]) -> Projection {
    let object = scan::object(input);
    let mut payload = ObjectWriter::default();
    let event_fields = fields_of_event(word(&object, "hook_event_name"));
    let (input_fields, response_fields) = fields_of_tool(word(&object, "tool_name"));
    // Each is read, whatever the result of the one before.
    let sound = [
        keep(&object, EVERY_EVENT, &mut payload),
        keep(&object, event_fields, &mut payload),
        keep_nested(&object, "tool_input", input_fields, &mut payload),
        keep_nested(&object, "tool_response", response_fields, &mut payload),
        keep_tasks(&object, &mut payload),
    ];
    payload.number("payload_bytes", input.len());
    for (key, size_key) in SIZES {
        if let Some(member) = object.member(key).filter(|member| member.whole) {
            payload.number(size_key, member.value.len());
        }
    }
    Projection {
        payload: payload.finish(),
        whole: object.whole && !sound.contains(&false),
    }
}

/// Fields that other events use for free text.
fn fields_of_event(event: &[u8]) -> &'static [Field] {
    match event {
        b"SessionStart" => &[("source", Kind::Word)],
        b"SessionEnd" => &[("reason", Kind::Word)],
        b"StopFailure" => &[("error", Kind::Word)],
        _ => &[],
    }
}

/// The kept fields of a tool's input and of its response.
fn fields_of_tool(tool: &[u8]) -> (&'static [Field], &'static [Field]) {
    match tool {
        _ if LAUNCH_TOOLS.contains(&tool) => (LAUNCH_INPUT, LAUNCH_RESPONSE),
        b"TaskStop" => (TASK_STOP_INPUT, TASK_STOP_RESPONSE),
        _ => (&[], &[]),
    }
}

/// A name that other fields depend on, as written: those that matter have no escapes.
fn word<'a>(object: &Object<'a>, key: &str) -> &'a [u8] {
    let member = object.member(key).filter(|member| member.whole);
    member.map_or(b"", |member| unquoted(member.value))
}

/// A torn member is read as well: the part before the tear is still valid.
fn keep_nested(object: &Object, key: &str, fields: &[Field], payload: &mut ObjectWriter) -> bool {
    let Some(member) = object.member(key).filter(|_| !fields.is_empty()) else {
        return true;
    };
    let mut nested = ObjectWriter::default();
    let sound = keep(&scan::object(member.value), fields, &mut nested);
    if !nested.is_empty() {
        payload.value(key, &nested.finish());
    }
    sound
}

/// The ids of what runs in the background, all or none: half a list would say that the other half
/// has ended. Only a stop of the main thread is asked for it.
fn keep_tasks(object: &Object, payload: &mut ObjectWriter) -> bool {
    if word(object, "hook_event_name") != b"Stop" {
        return true;
    }
    let member = object.member("background_tasks");
    let member = member.filter(|member| member.whole);
    let Some(tasks) = member.and_then(|member| scan::items(member.value, TASKS_MAX)) else {
        return true;
    };
    let mut kept = Vec::new();
    for task in tasks {
        let mut fields = ObjectWriter::default();
        if !keep(&scan::object(task), TASK, &mut fields) {
            return false;
        }
        if fields.is_empty() {
            return true;
        }
        kept.push(fields.finish());
    }
    payload.value("background_tasks", &format!("[{}]", kept.join(",")));
    true
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fields::{NAME_MAX_BYTES, PATH_MAX_BYTES, WORD_MAX_BYTES};

    fn check(input: &str, whole: bool, mut expect: Value) {
        expect["payload_bytes"] = input.len().into();
        let projection = project(input.as_bytes());
        let payload: Value = serde_json::from_str(&projection.payload).unwrap();
        assert_eq!(payload, expect, "{input}");
        assert_eq!(projection.whole, whole, "{input}");
    }

    #[test]
    fn a_launch_keeps_its_type_and_model_and_no_text() {
        check(
            r#"{"hook_event_name":"PreToolUse","cwd":"/home/dev","permission_mode":"plan",
                "tool_name":"Agent","tool_use_id":"toolu_1","tool_input":{"description":"look",
                "prompt":"read \"model\":\"x\"","subagent_type":"probe","model":"haiku"}}"#,
            true,
            json!({
                "hook_event_name": "PreToolUse", "tool_name": "Agent",
                "tool_use_id": "toolu_1", "tool_input_bytes": 111,
                "tool_input": {"subagent_type": "probe", "model": "haiku"},
            }),
        );
    }

    #[test]
    fn the_answer_to_a_launch_keeps_ids_and_counts() {
        check(
            r#"{"tool_name":"Task","duration_ms":9,"tool_response":{"status":"completed",
"agentId":"a1","prompt":"p","agentType":"probe","resolvedModel":"m","totalDurationMs":12,
"totalToolUseCount":3}}"#,
            true,
            json!({
                "tool_name": "Task", "duration_ms": 9, "tool_response_bytes": 135,
                "tool_response": {"status": "completed", "agentId": "a1", "agentType": "probe",
                    "resolvedModel": "m", "totalDurationMs": 12, "totalToolUseCount": 3},
            }),
        );
    }

    #[test]
    fn other_tools_keep_sizes_only() {
        check(
            r#"{"tool_name":"Read","tool_input":{"model":"m","task_id":"t","file_path":"/a"},
                "tool_response":{"status":"s","content":"c"}}"#,
            true,
            json!({"tool_name": "Read", "tool_input_bytes": 44, "tool_response_bytes": 28}),
        );
        check(
            r#"{"tool_name":"TaskStop","tool_input":{"task_id":"a1","model":"m"},
                "tool_response":"ok"}"#,
            true,
            json!({"tool_name": "TaskStop", "tool_input": {"task_id": "a1"},
                "tool_input_bytes": 28, "tool_response_bytes": 4}),
        );
    }

    #[test]
    fn of_tasks_in_the_background_all_ids_are_kept_or_none() {
        let payload = |event: &str, tasks: &str| {
            format!(r#"{{"hook_event_name":"{event}","background_tasks":{tasks}}}"#)
        };
        let two = r#"[ {"id":"a1","type":"subagent","description":"]},{"} , {"id":"w1"} ]"#;
        for (tasks, ids) in [
            (two, json!([{"id": "a1"}, {"id": "w1"}])),
            ("[ ]", json!([])),
        ] {
            let kept = json!({"hook_event_name": "Stop", "background_tasks": ids});
            check(&payload("Stop", tasks), true, kept);
            let other = json!({"hook_event_name": "SubagentStop"});
            check(&payload("SubagentStop", tasks), true, other);
        }
        let list = |count| format!("[{}]", vec![r#"{"id":"a"}"#; count].join(","));
        let most = json!(vec![json!({"id": "a"}); TASKS_MAX]);
        let kept = json!({"hook_event_name": "Stop", "background_tasks": most});
        check(&payload("Stop", &list(TASKS_MAX)), true, kept);
        let none = json!({"hook_event_name": "Stop"});
        for odd in [
            "null",
            "{}",
            r#"[{"id":"a1"},"a2"]"#,
            r#"[{"id":"a1"},{"id":7}]"#,
            r#"[{"id":"a1"}{"id":"a2"}]"#,
            r#"[{"id":"a1"},]"#,
            &list(TASKS_MAX + 1),
        ] {
            check(&payload("Stop", odd), true, none.clone());
        }
        let torn = r#"{"hook_event_name":"Stop","background_tasks":[{"id":"a1"},{"id":"#;
        check(torn, false, none);
    }

    #[test]
    fn words_are_kept_for_their_own_event_only() {
        for (event, field) in [
            ("SessionStart", "source"),
            ("SessionEnd", "reason"),
            ("StopFailure", "error"),
        ] {
            check(
                &json!({"hook_event_name": event, field: "rate_limit"}).to_string(),
                true,
                json!({"hook_event_name": event, field: "rate_limit"}),
            );
            check(
                &json!({"hook_event_name": event, field: "API Error: 400"}).to_string(),
                true,
                json!({"hook_event_name": event, field: "unknown"}),
            );
            check(
                &json!({"hook_event_name": "Other", field: "rate_limit"}).to_string(),
                true,
                json!({"hook_event_name": "Other"}),
            );
        }
        let long = "e".repeat(WORD_MAX_BYTES + 1);
        check(
            &json!({"hook_event_name": "StopFailure", "error": long}).to_string(),
            true,
            json!({"hook_event_name": "StopFailure", "error": "unknown"}),
        );
    }

    #[test]
    fn a_string_over_its_cap_is_dropped() {
        let (name, path) = ("n".repeat(NAME_MAX_BYTES), "p".repeat(PATH_MAX_BYTES));
        check(
            &json!({"agent_id": name, "transcript_path": path}).to_string(),
            true,
            json!({"agent_id": name, "transcript_path": path}),
        );
        check(
            &json!({"agent_id": name + "n", "transcript_path": path + "p"}).to_string(),
            true,
            json!({}),
        );
    }

    #[test]
    fn a_value_of_another_type_is_dropped() {
        check(
            r#"{"session_id":1,"agent_id":null,"agent_type":["a"],"stop_hook_active":"yes",
                "duration_ms":-3,"is_interrupt":0,"tool_name":{},"prompt_id":nonsense}"#,
            true,
            json!({}),
        );
    }

    #[test]
    fn a_torn_payload_keeps_what_is_certain() {
        check(
            r#"{"session_id":"s","hook_event_name":"PreToolUse","tool_name":"Agent",
                "tool_input":{"subagent_type":"probe","prompt":"half of it","model":"hai"#,
            false,
            json!({"session_id": "s", "hook_event_name": "PreToolUse", "tool_name": "Agent",
                "tool_input": {"subagent_type": "probe"}}),
        );
        check(
            r#"{"hook_event_name":"StopFailure","error":"rate_li"#,
            false,
            json!({"hook_event_name": "StopFailure"}),
        );
        check(r#"{"duration_ms":12"#, false, json!({}));
        check("not json", false, json!({}));
    }
}
