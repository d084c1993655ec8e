//! `agentpulse mcp config`: what has a client start this server. It changes no file.

use std::env;

use serde_json::{Value, json};

use crate::cli::failure::{Failure, failed, io_failed};
use crate::cli::output::print;
use crate::cli::shell::quoted;
use crate::cli::target::Target;

const NAME: &str = "agentpulse";

pub fn run(target: &Target) -> Result<(), Failure> {
    let program = env::current_exe()
        .map_err(|error| io_failed("where agentpulse lies is not known", &error))?;
    let program = program
        .into_os_string()
        .into_string()
        .map_err(|path| failed(format_args!("{} is not UTF-8", path.display())))?;
    let mut arguments = vec!["mcp".to_owned()];
    arguments.extend(target.arguments()?);
    print(&shown(&program, &arguments))
}

fn shown(program: &str, arguments: &[String]) -> String {
    let words = [program]
        .into_iter()
        .chain(arguments.iter().map(String::as_str));
    let command: Vec<String> = words.map(quoted).collect();
    let command = command.join(" ");
    let entry = json!({
        "mcpServers": {NAME: {"type": "stdio", "command": program, "args": arguments}},
    });
    let entry = pretty(&entry);
    format!(
        "# For all your projects, run:\nclaude mcp add --scope user {NAME} -- {command}\n\n\
         # Or for one project, add to its .mcp.json:\n{entry}\n"
    )
}

fn pretty(json: &Value) -> String {
    format!("{json:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_is_json_and_the_line_is_for_a_shell() {
        let arguments = ["mcp", "--data-dir", "/a b"].map(str::to_owned);
        let shown = shown("/bin/agentpulse", &arguments);
        let line =
            "claude mcp add --scope user agentpulse -- /bin/agentpulse mcp --data-dir '/a b'";
        assert_eq!(shown.lines().nth(1), Some(line));
        let (_, entry) = shown.split_once(".mcp.json:\n").expect("the entry");
        let entry: Value = serde_json::from_str(entry).expect("JSON");
        let server = &entry["mcpServers"]["agentpulse"];
        assert_eq!(server["args"], json!(arguments));
    }
}
