//! Each field with each wrong value: the code, the line and the column.

use crate::{Client, FileName, Outcome, Reading, read};

pub const AGENT: FileName<'_> = FileName {
    stem: "a",
    prefix: None,
};
const OF_PLUGIN: FileName<'_> = FileName {
    stem: "a",
    prefix: Some("p:"),
};

fn client(version: Option<&str>) -> Client {
    Client::built_in(version.map(|version| version.parse().unwrap()))
}

pub fn reading(text: &str) -> Reading {
    read(text.as_bytes(), AGENT, &client(None))
}

/// As `line:column code`.
pub fn found(reading: &Reading) -> Vec<String> {
    let findings = reading.findings.iter();
    let shown = findings.map(|finding| {
        let place = finding.place;
        format!("{}:{} {}", place.line, place.column, finding.code)
    });
    shown.collect()
}

fn of_field(line: &str) -> Vec<String> {
    found(&reading(&format!(
        "---\nname: a\ndescription: x\n{line}\n---\n"
    )))
}

#[test]
fn a_right_value_is_not_reported() {
    for line in [
        "tools: Read, mcp__git__log, Agent(a, b)",
        "tools: '*'",
        "tools: []",
        "tools:\n- Read\n- Bash(git log:*)",
        "tools: ExitPlanMode\npermissionMode: plan",
        "tools: LSP\nbackground: false",
        "disallowedTools: [Write]",
        "model: Inherit",
        "model: claude-opus-5-5",
        "model: us.anthropic.claude-x-v1:0",
        "permissionMode: manual",
        "maxTurns: 3",
        "maxTurns: '3'",
        "effort: xhigh",
        "effort: 12",
        "skills: one, two",
        "skills: [one]",
        "mcpServers: [github, {own: {command: x}}]",
        "hooks: {Stop: [{matcher: '', hooks: [{type: command, command: x, timeout: 5}]}]}",
        "memory: project",
        "isolation: worktree",
        "background: 'true'",
        "color: pink",
        "initialPrompt: go",
        "experimental: {cacheTtl: 1h}",
        "omitClaudeMd: true",
        "model:",
        "# model: sonnet",
    ] {
        assert_eq!(of_field(line), [""; 0], "{line}");
    }
}

#[test]
fn a_wrong_value_is_reported_where_it_stands() {
    for (line, expected) in [
        ("tools: 5", "4:8 bad_value"),
        ("tools: {a: b}", "4:8 bad_value"),
        ("tools: [Read, 5]", "4:15 bad_value"),
        ("tools: [Read, null]", "4:15 bad_value"),
        ("tools: Read, Raed", "4:14 unknown_tool"),
        ("tools: \"Read, Raed\"", "4:15 unknown_tool"),
        ("tools:\n- Read\n- Raed", "6:3 unknown_tool"),
        ("tools: Read, TaskOutput", "4:14 tool_denied_anyway"),
        ("tools: Read, ExitPlanMode", "4:14 tool_denied_anyway"),
        ("tools: Read, LSP", "4:14 not_in_background"),
        ("disallowedTools: true", "4:18 bad_value"),
        ("disallowedTools: Nope", "4:18 unknown_tool"),
        ("model: [a]", "4:8 bad_value"),
        ("model: sonet", "4:8 bad_value"),
        ("model: ''", "4:8 bad_value"),
        ("permissionMode: Plan", "4:17 bad_value"),
        ("permissionMode: 5", "4:17 bad_value"),
        ("maxTurns: 0", "4:11 bad_value"),
        ("maxTurns: -1", "4:11 bad_value"),
        ("maxTurns: 1.5", "4:11 bad_value"),
        ("maxTurns: many", "4:11 bad_value"),
        ("maxTurns: 5000000000", "4:11 bad_value"),
        ("effort: huge", "4:9 bad_value"),
        ("effort: 1.5", "4:9 bad_value"),
        ("skills: {a: b}", "4:9 bad_value"),
        ("skills: [a, [b]]", "4:13 bad_value"),
        ("mcpServers: github", "4:13 bad_value"),
        ("mcpServers: [github, 1]", "4:22 bad_value"),
        ("hooks: nope", "4:8 bad_hooks"),
        ("hooks: {Stop: nope}", "4:15 bad_hooks"),
        ("hooks: {Stop: [{}]}", "4:16 bad_hooks"),
        ("hooks: {Stop: [{matcher: 5, hooks: []}]}", "4:26 bad_hooks"),
        ("hooks: {Stop: [{hooks: [x]}]}", "4:25 bad_hooks"),
        ("hooks: {Stop: [{hooks: [{type: nope}]}]}", "4:32 bad_hooks"),
        (
            "hooks: {Stop: [{hooks: [{type: command}]}]}",
            "4:25 bad_hooks",
        ),
        (
            "hooks: {Stop: [{hooks: [{type: command, command: x, timeout: y}]}]}",
            "4:62 bad_hooks",
        ),
        ("memory: cloud", "4:9 bad_value"),
        ("isolation: jail", "4:12 bad_value"),
        ("background: maybe", "4:13 bad_value"),
        ("background: 1", "4:13 bad_value"),
        ("color: Red", "4:8 bad_value"),
        ("initialPrompt: [a]", "4:16 bad_value"),
        ("experimental: 1h", "4:15 bad_value"),
        ("experimental: {cacheTtl: 2h}", "4:26 bad_value"),
        ("experimental: {ttl: 1h}", "4:16 unknown_field"),
        ("version: 1", "4:1 unknown_field"),
        ("  Tools : Read", "4:1 unknown_field"),
        ("5: x", "4:1 unknown_field"),
        ("? [a]\n: b", "4:3 unknown_field"),
        ("model: opus\nmodel: haiku", "5:1 duplicate_key"),
        (
            "name: a\ndescription: y",
            "4:1 duplicate_key, 5:1 duplicate_key",
        ),
        ("tools: [Nope]", "4:8 zero_tools, 4:9 unknown_tool"),
        (
            "tools: TaskOutput",
            "4:8 zero_tools, 4:8 tool_denied_anyway",
        ),
        (
            "tools: Read\ndisallowedTools: Read",
            "4:8 tool_denied_anyway",
        ),
    ] {
        let line = line.trim_start();
        assert_eq!(of_field(line).join(", "), expected, "{line}");
    }
}

#[test]
fn names_and_descriptions() {
    for (text, expected) in [
        ("name: a\ndescription: x", ""),
        ("name: -a\ndescription: x", "2:7 bad_name"),
        ("name: a:b\ndescription: x", "2:7 bad_name"),
        ("name: 5\ndescription: x", "2:7 bad_name"),
        ("name: [a]\ndescription: x", "2:7 bad_name"),
        ("name: ''\ndescription: x", "2:7 bad_name"),
        ("name:\ndescription: x", "2:1 bad_name"),
        ("name: b\ndescription: x", "2:7 file_name_differs"),
        (
            "name: A\ndescription: x",
            "2:7 file_name_differs, 2:7 name_style",
        ),
        ("description: x", "2:1 documentation"),
        ("name: a", "2:1 no_description"),
        ("name: a\ndescription:", "3:1 no_description"),
        ("name: a\ndescription: ''", "3:14 no_description"),
        ("name: a\ndescription: 12", "3:14 no_description"),
        ("name: a\ndescription: [x]", "3:14 no_description"),
        (
            "name: a\nwhen_to_use: x",
            "2:1 no_description, 3:1 unknown_field",
        ),
        ("- name: a", "2:1 documentation"),
        ("just text", "2:1 documentation"),
        ("", "3:1 documentation"),
    ] {
        let reading = reading(&format!("---\n{text}\n---\n"));
        assert_eq!(found(&reading).join(", "), expected, "{text}");
        let has_error = reading
            .findings
            .iter()
            .any(|finding| finding.severity == crate::Severity::Error);
        let is_agent = matches!(reading.outcome, Outcome::Agent(_));
        let is_document = matches!(reading.outcome, Outcome::Documentation);
        assert_eq!(is_agent, !has_error && !is_document, "{text}");
    }
}

#[test]
fn an_older_client_is_asked_by_its_own_rules() {
    let text = "---\nname: a:b\ndescription: x\npermissionMode: manual\ntools: Nope, LSP\nexperimental: {cacheTtl: 1h}\n---\n";
    let found = |version| found(&read(text.as_bytes(), AGENT, &client(Some(version)))).join(", ");
    assert_eq!(
        found("2.1.168"),
        "2:7 file_name_differs, 2:7 name_style, 4:17 bad_value, 5:8 unknown_tool, \
         6:1 unknown_field"
    );
    assert_eq!(
        found("2.1.217"),
        "2:7 file_name_differs, 2:7 name_style, 5:8 unknown_tool, 5:14 not_in_background, 6:1 unknown_field"
    );
    assert_eq!(found("2.1.300"), "2:7 bad_name");
}

#[test]
fn an_agent_of_a_plugin_is_loaded_whatever_it_says() {
    for (text, name, expected) in [
        ("# text", "a", ""),
        ("---\nname: b\nfoo: 'x\n---\n", "a", "3:6 yaml"),
        ("---\nmodel: opus\n---\n", "a", "2:1 placeholder"),
        (
            "---\nname: b\ndescription: x\nhooks: 5\npermissionMode: 5\nmcpServers: [x]\n---\n",
            "b",
            "2:7 file_name_differs, 4:1 plugin_ignores, 5:1 plugin_ignores, 6:1 plugin_ignores",
        ),
    ] {
        let reading = read(text.as_bytes(), OF_PLUGIN, &client(None));
        assert_eq!(found(&reading).join(", "), expected, "{text}");
        let Outcome::Agent(agent) = reading.outcome else {
            panic!("{text} is {:?}", reading.outcome);
        };
        assert_eq!(agent.name, name, "{text}");
    }
}

#[test]
fn a_definition_says_what_it_says() {
    let text = "---\nname: a\ndescription: Reviews /home/jane/code\nmodel: opus\ntools: Read, Agent(b, c)\n\
        disallowedTools: [Write]\nmcpServers: [one, {two: {}}]\nskills: s\nmaxTurns: '7'\n\
        background: 'true'\n\
        effort: 3\nhooks: {}\npriority: 8\nnote: password=hunter2hunter2\nfoo: [1]\n---\n\n# Title\n\nbody\n";
    let Outcome::Agent(agent) = reading(text).outcome else {
        panic!("an agent");
    };
    assert_eq!(agent.description, "Reviews ~/code");
    // 23 characters, as written.
    assert_eq!(agent.description_tokens, 6);
    assert_eq!(
        (agent.body.bytes, agent.body.headings.as_slice()),
        (14, &["Title".to_owned()][..])
    );
    let config = serde_json::to_value(&agent.config).unwrap();
    let expected = serde_json::json!({
        "model": "opus", "tools": ["Read", "Agent(b, c)"], "disallowed_tools": ["Write"],
        "mcp_servers": ["one", "two"], "skills": ["s"], "permission_mode": null, "max_turns": 7,
        "memory": null, "background": true, "effort": "3", "isolation": null, "color": null,
        "has_hooks": true,
        "extra": {"priority": 8, "note": config["extra"]["note"], "foo": "[…]"},
    });
    assert_eq!(config, expected);
    assert!(!config.to_string().contains("hunter2"), "{config}");
}
