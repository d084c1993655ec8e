//! Which of the tools that a definition lists an agent is really given.

use crate::client::Client;
use crate::finding::{Code, quoted};
use crate::meaning::{Meaning, Meanings};
use crate::tools::{Entry, Tool, tool};

const TAKES_AWAY: &str = "does not give it to the agent";

/// Reports each finding with its field, and its place if it is of one entry.
pub fn check(
    meanings: &Meanings,
    client: &Client,
    mut report: impl FnMut(&str, Code, Option<usize>, String, &'static str),
) {
    let (granted, denied) = (list(meanings, "tools"), list(meanings, "disallowedTools"));
    let plans = meanings.get("permissionMode") == Some(&Meaning::Text("plan".to_owned()));
    let is_foreground = meanings.get("background") == Some(&Meaning::Flag(false));
    let in_background = client.has_background() && !is_foreground;
    let never = |name: &str| client.is_never_given(name) && !(plans && name == "ExitPlanMode");
    let mut has_one = false;
    for entry in granted {
        let at = Some(entry.at);
        let name = match tool(&entry.text) {
            Tool::BuiltIn(name) => name,
            Tool::All | Tool::Mcp(_) => {
                has_one = true;
                continue;
            }
        };
        if !client.is_tool(name) {
            report(
                "tools",
                Code::UnknownTool,
                at,
                unknown(name, client),
                "ignores the entry",
            );
            continue;
        }
        if never(name) {
            let message = format!("{name} is for the main thread only");
            report("tools", Code::ToolDeniedAnyway, at, message, TAKES_AWAY);
            continue;
        }
        has_one = true;
        if denied.iter().any(|other| other.text == entry.text) {
            let message = format!("{} is in disallowedTools, too", quoted(&entry.text));
            report("tools", Code::ToolDeniedAnyway, at, message, TAKES_AWAY);
        } else if in_background && !client.is_of_background(name) {
            let message = format!("{name} is not for agents in the background");
            let client = "gives it to the agent in the foreground only";
            report("tools", Code::NotInBackground, at, message, client);
        }
    }
    if !granted.is_empty() && !has_one && client.refuses_without_tools() {
        let message = "none of the tools is one that an agent is given".to_owned();
        report(
            "tools",
            Code::ZeroTools,
            None,
            message,
            "refuses to launch it",
        );
    }
    for entry in denied {
        if let Tool::BuiltIn(name) = tool(&entry.text)
            && !client.is_tool(name)
        {
            let at = Some(entry.at);
            let message = unknown(name, client);
            report(
                "disallowedTools",
                Code::UnknownTool,
                at,
                message,
                "ignores the entry",
            );
        }
    }
}

fn unknown(name: &str, client: &Client) -> String {
    let meant = client
        .meant_tool(name)
        .map(|tool| format!("; {tool} is meant?"));
    format!(
        "{} is no known tool{}",
        quoted(name),
        meant.unwrap_or_default()
    )
}

fn list<'m>(meanings: &'m Meanings, field: &str) -> &'m [Entry] {
    match meanings.get(field) {
        Some(Meaning::List(entries)) => entries,
        _ => &[],
    }
}
