//! The agents of the sample day as the files that define them, ten of them broken in ten ways.

use std::fs;
use std::io;
use std::path::Path;

use super::cast::{Agent, CAST, Craft, MODELS, tools};

/// They need no file.
const BUILT_IN: [&str; 2] = ["Explore", "general-purpose"];

/// What a file has that its client does not like.
struct Fault {
    agent: &'static str,
    /// What stands in the file, and what is put in its place.
    change: (&'static str, &'static str),
}

const fn fault(agent: &'static str, is: &'static str, becomes: &'static str) -> Fault {
    Fault {
        agent,
        change: (is, becomes),
    }
}

#[rustfmt::skip] // A table: one fault a line.
const FAULTS: [Fault; 10] = [
    fault("log-analyzer", "description: ", "description: \"not closed, "),
    fault("pr-reviewer", "description: ", "summary: "),
    fault("calendar-sync", "name: ", "name: -"),
    fault("usage-metrics", "tools: ", "tools: AskUserQuestion #"),
    fault("style-linter", "name: style-linter", "name: code-formatter"),
    fault("code-searcher", "tools: ", "allowed-tools: "),
    fault("build-monitor", "model: ", "maxTurns: many\nmodel: "),
    fault("doc-translator", "model: ", "model: inherit\nmodel: "),
    fault("bundle-speedup", "description: ", "description: Quick --- and small. "),
    fault("cache-warmer", "model: ", "hooks: on\nmodel: "),
];

/// Writes them into a folder, which is made if there is none. Returns how many files that are.
///
/// # Errors
/// The folder has something in it, or cannot be written to.
pub fn write(folder: &Path) -> io::Result<usize> {
    fs::create_dir_all(folder)?;
    if fs::read_dir(folder)?.next().is_some() {
        return Err(io::Error::other("the folder is not empty"));
    }
    let defined = CAST.iter().filter(|agent| !BUILT_IN.contains(&agent.name));
    let mut count = 0;
    for (number, agent) in defined.enumerate() {
        let file = folder.join(format!("{}.md", agent.name));
        fs::write(file, text(agent, number))?;
        count += 1;
    }
    Ok(count)
}

fn text(agent: &Agent, number: usize) -> String {
    let (model, _) = MODELS[number % MODELS.len()];
    let family = model.split('-').nth(1).unwrap_or("inherit");
    let names: Vec<&str> = tools(agent.craft).iter().map(|(name, _)| *name).collect();
    let more = match agent.craft {
        Craft::Delegates => ", Agent",
        _ => "",
    };
    let right = format!(
        "---\nname: {name}\ndescription: {task}. Use it for tasks like this one.\n\
         tools: {tools}{more}\nmodel: {family}\n---\n\n# {name}\n\n{task}.\n\n\
         ## How\n\n1. Read what the task names.\n2. Do it.\n3. Say what was done, and what was not.\n",
        name = agent.name,
        task = agent.task,
        tools = names.join(", "),
    );
    let fault = FAULTS.iter().find(|fault| fault.agent == agent.name);
    fault.map_or(right.clone(), |fault| {
        let (is, becomes) = fault.change;
        right.replacen(is, becomes, 1)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use agentpulse_definitions::{Client, Code, FileName, Severity, read};

    /// What a client says of the file of an agent. Twins are seen between files.
    fn said(number: usize, agent: &Agent) -> BTreeSet<&'static str> {
        let file = FileName {
            stem: agent.name,
            prefix: None,
        };
        let reading = read(
            text(agent, number).as_bytes(),
            file,
            &Client::built_in(None),
        );
        let findings = reading.findings.iter();
        let grave = findings.filter(|found| found.severity != Severity::Hint);
        grave.map(|found| found.code.name()).collect()
    }

    #[test]
    fn ten_files_are_broken_in_ten_ways_and_the_others_are_right() {
        let mut codes = BTreeSet::new();
        for (number, agent) in CAST.iter().enumerate() {
            let said = said(number, agent);
            let is_faulty = FAULTS.iter().any(|fault| fault.agent == agent.name);
            let is_twin = agent.name == "style-linter";
            assert_eq!(
                said.is_empty(),
                !is_faulty || is_twin,
                "{}: {said:?}",
                agent.name
            );
            codes.extend(said);
        }
        let nine = [
            Code::Yaml,
            Code::NoDescription,
            Code::BadName,
            Code::ZeroTools,
            Code::UnknownField,
            Code::BadValue,
            Code::DuplicateKey,
            Code::DashesInside,
            Code::BadHooks,
        ];
        let nine: BTreeSet<&str> = nine.iter().map(|code| code.name()).collect();
        assert!(codes.is_superset(&nine), "{codes:?}");
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let agents = folder.path().join("new/agents");
        assert_eq!(write(&agents).unwrap(), CAST.len() - BUILT_IN.len());
        assert_eq!(
            fs::read_dir(&agents).unwrap().count(),
            CAST.len() - BUILT_IN.len()
        );
        assert_eq!(
            write(&agents).unwrap_err().to_string(),
            "the folder is not empty"
        );
    }
}
