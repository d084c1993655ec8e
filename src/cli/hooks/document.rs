//! A client's settings as far as hooks go: events, their groups, the handlers of a group.

use std::ops::Range;

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged;

use super::hook_command::{self, OurCommand};
use super::json::{Json, Wrong, items, members, span};

/// The events that make an execution. The prompt and the stop are the main thread's.
pub const EVENTS: [&str; 10] = [
    "SessionStart",
    "SessionEnd",
    "UserPromptSubmit",
    "Stop",
    "SubagentStart",
    "SubagentStop",
    "StopFailure",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
];

/// Version 2.1.332 reads its settings with `JSON.parse`, and goes on without those that it refuses.
/// It passes over a byte order mark.
pub const COMMENTS: &str = "has comments, and Claude Code reads no settings with comments";

pub struct Document<'a> {
    pub text: &'a str,
    pub root: Value<'a>,
    pub comments: Vec<Range<usize>>,
}

/// One handler of ours.
pub struct OurHandler<'a> {
    /// Which group of the event, and which handler of the group.
    pub place: (usize, usize),
    pub command: &'a str,
    pub command_value: &'a Value<'a>,
    pub parsed: OurCommand,
}

impl<'a> Document<'a> {
    /// # Errors
    /// No JSON, no object, `hooks` no object, an event of ours no array, or a key of these twice.
    pub fn parse(text: &'a str) -> Result<Document<'a>, Wrong> {
        let Json { root, comments } = Json::parse(text)?;
        if root.as_object().is_none() {
            return Err(Wrong::new(root.start(), "settings must be an object"));
        }
        let document = Document {
            text,
            root,
            comments,
        };
        for event in EVENTS {
            document.event(event)?;
        }
        Ok(document)
    }

    pub fn hooks(&self) -> Result<Option<&ObjectProp<'a>>, Wrong> {
        let hooks = member(&self.root, "hooks")?;
        if let Some(hooks) = hooks
            && hooks.value.as_object().is_none()
        {
            return Err(Wrong::new(hooks.value.start(), "hooks must be an object"));
        }
        Ok(hooks)
    }

    pub fn event(&self, name: &str) -> Result<Option<&ObjectProp<'a>>, Wrong> {
        let Some(hooks) = self.hooks()? else {
            return Ok(None);
        };
        let event = member(&hooks.value, name)?;
        if let Some(event) = event
            && event.value.as_array().is_none()
        {
            let reason = format!("hooks.{name} must be an array");
            return Err(Wrong::new(event.value.start(), reason));
        }
        Ok(event)
    }

    /// Ours among the handlers of an event.
    pub fn ours<'d>(&'d self, event: &'d ObjectProp) -> Result<Vec<OurHandler<'d>>, Wrong> {
        let mut ours = Vec::new();
        for (group, value) in items(&event.value).iter().enumerate() {
            for (index, handler) in handlers(value)?.iter().enumerate() {
                let Some((command, command_value)) = text_of(handler, "command")? else {
                    continue;
                };
                if let Some(parsed) = hook_command::parse(command) {
                    ours.push(OurHandler {
                        place: (group, index),
                        command,
                        command_value,
                        parsed,
                    });
                }
            }
        }
        Ok(ours)
    }

    /// Handlers that bring us events and are none that we installed: with ours beside them each
    /// event would come twice.
    pub fn likewise(&self) -> Result<Vec<&str>, Wrong> {
        let mut found = Vec::new();
        for event in EVENTS {
            let groups = self
                .event(event)?
                .map_or(&[][..], |event| items(&event.value));
            for group in groups {
                for handler in handlers(group)? {
                    let command = text_of(handler, "command")?.map(|(command, _)| command);
                    let url = text_of(handler, "url")?.map(|(url, _)| url);
                    found.extend(command.filter(|command| {
                        command.contains(hook_command::PROGRAM)
                            && hook_command::parse(command).is_none()
                    }));
                    found.extend(url.filter(|url| url.ends_with("/api/hooks/claude-code")));
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The span of a container; around that of all settings is nothing but what belongs to it.
    pub fn whole(&self, container: &Value) -> Range<usize> {
        match span(container) {
            root if root == span(&self.root) => 0..self.text.len(),
            inner => inner,
        }
    }

    /// Whether there is a comment in this span, outside of these nodes.
    pub fn has_comments_beside(&self, nodes: &[Range<usize>], span: &Range<usize>) -> bool {
        let mut comments = self.comments.iter();
        comments.any(|comment| {
            let is_in = |node: &Range<usize>| node.contains(&comment.start);
            is_in(span) && !nodes.iter().any(is_in)
        })
    }

    /// The client's own switch, in any of its files.
    pub fn disables_all_hooks(&self) -> bool {
        let switch = member(&self.root, "disableAllHooks").ok().flatten();
        let switch = switch.and_then(|switch| switch.value.as_boolean_lit());
        switch.is_some_and(|switch| switch.value)
    }

    /// After how many days the client deletes transcripts, if the file says so.
    pub fn cleanup_days(&self) -> Option<u64> {
        let days = member(&self.root, "cleanupPeriodDays").ok().flatten()?;
        days.value.as_number_lit()?.value.parse().ok()
    }
}

/// The handlers of a group; none for a value that is no group, which is not ours to fix.
pub fn handlers<'v, 'a>(group: &'v Value<'a>) -> Result<&'v [Value<'a>], Wrong> {
    Ok(member(group, "hooks")?.map_or(&[], |hooks| items(&hooks.value)))
}

/// The one member of that key. Of two a client reads the last, another the first, and a person
/// the one that they see.
pub fn member<'v, 'a>(
    object: &'v Value<'a>,
    key: &str,
) -> Result<Option<&'v ObjectProp<'a>>, Wrong> {
    let mut found = members(object)
        .iter()
        .filter(|member| member.name.as_str() == key);
    let first = found.next();
    match found.next() {
        Some(second) => {
            let reason = format!("the key {key:?} is there twice");
            Err(Wrong::new(second.start(), reason))
        }
        None => Ok(first),
    }
}

fn text_of<'v>(object: &'v Value, key: &str) -> Result<Option<(&'v str, &'v Value<'v>)>, Wrong> {
    Ok(member(object, key)?.and_then(|member| {
        let text = member.value.as_string_lit()?;
        Some((text.value.as_ref(), &member.value))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, expect: &str) {
        let Err(wrong) = Document::parse(text) else {
            panic!("{text} is taken")
        };
        assert_eq!(wrong.in_text(text), expect);
    }

    #[test]
    fn settings_without_a_place_for_hooks_are_refused() {
        refused("[]", "line 1 column 1: settings must be an object");
        refused(
            "{\"hooks\": []}",
            "line 1 column 11: hooks must be an object",
        );
        refused(
            "{\"hooks\": null}",
            "line 1 column 11: hooks must be an object",
        );
        refused(
            "{\"hooks\":\n{\"PreToolUse\": {}}}",
            "line 2 column 16: hooks.PreToolUse must be an array",
        );
        refused(
            "{\"hooks\": {}, \"hooks\": {}}",
            "line 1 column 15: the key \"hooks\" is there twice",
        );
        refused(
            "{\"hooks\": {\"StopFailure\": [], \"Stop\\u0046ailure\": []}}",
            "line 1 column 31: the key \"StopFailure\" is there twice",
        );
    }

    #[test]
    fn odd_values_beside_our_hooks_are_allowed() {
        let text = r#"{"a": 1, "a": 2, "hooks": {"Notification": 7, "x": null, "x": {},
            "PreToolUse": [1, {}, {"hooks": 1}, {"hooks": [1, {"command": 1}]}]}}"#;
        let document = Document::parse(text).unwrap();
        let event = document.event("PreToolUse").unwrap().unwrap();
        assert!(document.ours(event).unwrap().is_empty());
        assert!(document.likewise().unwrap().is_empty());
        assert!(!document.disables_all_hooks());
    }

    #[test]
    fn ours_and_its_likes_are_told_apart() {
        let text = r#"{"disableAllHooks": true, "hooks": {"PreToolUse": [
            {"matcher": "Bash", "hooks": [{"command": "x"}, {"command": "x agentpulse-hook"}]},
            {"hooks": [{"type": "http", "url": "http://h/api/hooks/claude-code"},
                       {"command": "/a/agentpulse-hook claude-code"}]}]}}"#;
        let document = Document::parse(text).unwrap();
        let event = document.event("PreToolUse").unwrap().unwrap();
        let ours = document.ours(event).unwrap();
        assert_eq!(ours.len(), 1);
        assert_eq!(ours[0].place, (1, 1));
        let likewise = ["http://h/api/hooks/claude-code", "x agentpulse-hook"];
        assert_eq!(document.likewise().unwrap(), likewise);
        assert!(document.disables_all_hooks());
    }
}
