use super::found::Sample;
use super::judge::{model_differs, tools_unused};
use agentpulse_definitions::Config;

fn sample(executions: usize, models: &[(&str, usize)], tools: &[&str]) -> Sample {
    Sample {
        executions,
        models: models
            .iter()
            .map(|(model, count)| ((*model).to_owned(), *count))
            .collect(),
        tools: tools.iter().map(|tool| (*tool).to_owned()).collect(),
        ..Sample::default()
    }
}

fn of_model(model: &str) -> Config {
    Config {
        model: Some(model.to_owned()),
        ..Config::default()
    }
}

#[test]
fn an_alias_is_each_model_of_its_family() {
    let ran = sample(
        5,
        &[("claude-haiku-4-5-20251001", 3), ("claude-opus-4-8", 2)],
        &[],
    );
    let count = |said| model_differs(&of_model(said), &ran).map(|(count, _)| count);
    for (said, expected) in [
        ("haiku", Some(2)),
        ("opus", Some(3)),
        ("claude-haiku-4-5", Some(2)),
        ("claude-haiku-4", Some(2)),
        ("hai", Some(5)),
        ("inherit", None),
    ] {
        assert_eq!(count(said), expected, "{said}");
    }
    assert_eq!(model_differs(&Config::default(), &ran), None);
    let only = sample(3, &[("claude-haiku-4-5-20251001", 3)], &[]);
    assert_eq!(model_differs(&of_model("haiku"), &only), None);
    let (_, message) = model_differs(&of_model("haiku"), &ran).unwrap();
    let expected =
        "it says haiku, and 2 of 5 executions used another, most of them claude-opus-4-8";
    assert_eq!(message, expected);
}

#[test]
fn a_tool_that_is_granted_and_never_called_is_named() {
    let config = |tools: &[&str]| Config {
        tools: Some(tools.iter().map(|tool| (*tool).to_owned()).collect()),
        ..Config::default()
    };
    let called = ["Bash", "Task", "mcp__db__query"];
    let ran = sample(20, &[], &called);
    let all = config(&[
        "Bash(git:*)",
        "Agent(x)",
        "mcp__db",
        "mcp__db__*",
        "mcp__db__query",
        "*",
    ]);
    assert_eq!(tools_unused(&all, &ran), None);
    let some = config(&["Bash", "Write", "mcp__d", "mcp__db__drop"]);
    let expected = "none of 20 executions called Write, mcp__d, mcp__db__drop";
    assert_eq!(tools_unused(&some, &ran).as_deref(), Some(expected));
    assert_eq!(tools_unused(&some, &sample(19, &[], &called)), None);
    assert_eq!(tools_unused(&Config::default(), &ran), None);
}
