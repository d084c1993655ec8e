//! What is wrong between definitions.

use std::collections::BTreeMap;

use crate::agent::{Agent, Scope};
use crate::effective::{Index, Standing, standings};
use crate::finding::{Code, Finding, quoted};
use crate::names::loose;
use crate::place::Place;

/// Of all descriptions of a project; the client warns above it.
pub const TOKEN_BUDGET: usize = 15_000;
const BY_ORDER: &str = "takes one of them, by the order in which the file system lists them";
/// Prompts that are compared with each other: the time grows with the square.
const MAX_COMPARED: usize = 1_000;

/// A finding and the agent that has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict<'a> {
    pub agent: &'a Agent,
    pub finding: Finding,
}

/// The conflicts of the trees that a client joins, the one whose names win first.
pub fn conflicts<'a>(trees: &[Vec<&'a Agent>]) -> Vec<Conflict<'a>> {
    let of_tree = |tree: &Vec<&'a Agent>| tree.iter().map(|agent| agent.run_name()).collect();
    let names: Vec<Vec<&str>> = trees.iter().map(of_tree).collect();
    let at = |(tree, index): Index| trees[tree][index];
    let mut conflicts = Vec::new();
    let mut effective: Vec<&Agent> = Vec::new();
    for (tree, standings) in standings(&names).into_iter().enumerate() {
        for (index, standing) in standings.into_iter().enumerate() {
            let agent = at((tree, index));
            match standing {
                Standing::Effective => effective.push(agent),
                Standing::Twin(other) => {
                    conflicts.push(twin(agent, at(other), BY_ORDER));
                }
                Standing::Shadowed(by) => conflicts.push(shadowed(agent, at(by))),
            }
        }
    }
    near(&effective, &mut conflicts);
    bare(&effective, &mut conflicts);
    similar(&effective, &mut conflicts);
    over_budget(&effective, &mut conflicts);
    conflicts
}

/// The conflicts of the library, in which a name is to be one definition's.
pub fn library_conflicts<'a>(library: &[&'a Agent]) -> Vec<Conflict<'a>> {
    let mut named: BTreeMap<&str, Vec<&Agent>> = BTreeMap::new();
    for agent in library {
        named.entry(agent.run_name()).or_default().push(agent);
    }
    let several = named.into_values().filter(|twins| twins.len() > 1);
    let of_name = |twins: Vec<&'a Agent>| {
        let other = |index: usize| twins[usize::from(index == 0)];
        let twin = |(index, agent): (usize, &&'a Agent)| {
            let client = "looks in no library, and none of the name is offered for a task";
            twin(agent, other(index), client)
        };
        twins.iter().enumerate().map(twin).collect::<Vec<_>>()
    };
    several.flat_map(of_name).collect()
}

fn conflict<'a>(
    agent: &'a Agent,
    code: Code,
    message: String,
    client: &'static str,
) -> Conflict<'a> {
    let place = agent.definition.name_place;
    let finding = Finding::new(code, place, message, client).of_field("name");
    Conflict { agent, finding }
}

fn twin<'a>(agent: &'a Agent, other: &Agent, client: &'static str) -> Conflict<'a> {
    let message = format!(
        "{} is {}, too",
        other.path.display(),
        quoted(agent.run_name())
    );
    conflict(agent, Code::SameTreeTwin, message, client)
}

fn shadowed<'a>(agent: &'a Agent, by: &Agent) -> Conflict<'a> {
    let message = format!("{} ({}) is taken for it", by.path.display(), by.scope);
    conflict(agent, Code::Shadowed, message, "takes the other one")
}

/// Each with the first that has the same key.
fn alike<'a, K: Ord>(
    agents: &[&'a Agent],
    key: impl Fn(&'a Agent) -> Option<K>,
) -> Vec<(&'a Agent, &'a Agent)> {
    let mut first: BTreeMap<K, &Agent> = BTreeMap::new();
    let mut pairs = Vec::new();
    for agent in agents {
        let Some(key) = key(agent) else { continue };
        match first.get(&key) {
            Some(other) => pairs.push((*agent, *other)),
            None => {
                first.insert(key, agent);
            }
        }
    }
    pairs
}

fn near<'a>(agents: &[&'a Agent], conflicts: &mut Vec<Conflict<'a>>) {
    for (agent, other) in alike(agents, |agent| Some(loose(agent.run_name()))) {
        let message = format!(
            "nearly the name {} of {}",
            quoted(other.run_name()),
            other.path.display()
        );
        let client =
            "refuses a name that is written a little differently, because both may be meant";
        conflicts.push(conflict(agent, Code::Near, message, client));
    }
}

fn bare<'a>(agents: &[&'a Agent], conflicts: &mut Vec<Conflict<'a>>) {
    let bare =
        |agent: &'a Agent| (agent.scope == Scope::Plugin).then_some(agent.definition.name.as_str());
    for (agent, other) in alike(agents, bare) {
        let message = format!(
            "{} has the same name without its plugin",
            quoted(other.run_name())
        );
        let client = "needs the name of the plugin, too";
        conflicts.push(conflict(agent, Code::PluginBare, message, client));
    }
}

fn similar<'a>(agents: &[&'a Agent], conflicts: &mut Vec<Conflict<'a>>) {
    let compared = &agents[..agents.len().min(MAX_COMPARED)];
    for (index, agent) in compared.iter().enumerate() {
        let is_similar = |other: &&&Agent| other.definition.body.is_similar(&agent.definition.body);
        if let Some(other) = compared[..index].iter().find(is_similar) {
            let message = format!("nearly the prompt of {}", other.path.display());
            conflicts.push(conflict(
                agent,
                Code::Similar,
                message,
                "chooses by the description",
            ));
        }
    }
}

/// At the agent whose description is the longest.
fn over_budget<'a>(agents: &[&'a Agent], conflicts: &mut Vec<Conflict<'a>>) {
    let tokens = |agent: &&&Agent| agent.definition.description_tokens;
    let sum: usize = agents.iter().map(|agent| tokens(&agent)).sum();
    let longest = agents.iter().max_by_key(tokens);
    if let Some(agent) = longest.filter(|_| sum > TOKEN_BUDGET) {
        let message = format!(
            "{} descriptions of about {sum} tokens, more than {TOKEN_BUDGET}; this one has {}",
            agents.len(),
            tokens(&agent)
        );
        let client = "sends all descriptions with each session";
        let finding = Finding::new(Code::OverBudget, Place::START, message, client);
        conflicts.push(Conflict { agent, finding });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::agent::State;
    use crate::reading::Outcome;
    use crate::tests::fields::reading;

    fn agent(scope: Scope, name: &str, description: &str, body: &str) -> Agent {
        let text = format!("---\nname: {name}\ndescription: {description}\n---\n{body}");
        let Outcome::Agent(mut definition) = reading(&text).outcome else {
            panic!("an agent");
        };
        if scope == Scope::Plugin {
            definition.run_name = format!("{body}:{name}");
        }
        Agent {
            id: String::new(),
            scope,
            root: "/r".into(),
            path: format!("/r/{name}-{}.md", body.len()).into(),
            version: String::new(),
            modified_ms: None,
            definition: Arc::new(*definition),
            findings: Vec::new(),
            state: State::Good,
            stale_since_ms: None,
        }
    }

    fn found(trees: &[Vec<Agent>]) -> Vec<String> {
        let trees: Vec<Vec<&Agent>> = trees.iter().map(|tree| tree.iter().collect()).collect();
        let shown = |conflict: &Conflict<'_>| {
            let path = conflict.agent.path.display();
            format!("{path} {}", conflict.finding.code)
        };
        conflicts(&trees).iter().map(shown).collect()
    }

    #[test]
    fn each_kind_is_found_at_the_agent_that_loses() {
        use Scope::{Plugin, Project, User};
        let twins = vec![agent(Project, "a", "x", ""), agent(Project, "a", "y", "z")];
        let other = vec![agent(User, "a", "x", ""), agent(User, "A_", "x", "")];
        assert_eq!(
            found(&[twins, other]),
            [
                "/r/a-0.md same_tree_twin",
                "/r/a-1.md same_tree_twin",
                "/r/a-0.md shadowed"
            ]
        );
        let near = vec![
            agent(Project, "code-x", "x", ""),
            agent(Project, "Code X", "x", ""),
        ];
        assert_eq!(found(&[near]), ["/r/Code X-0.md near"]);
        let bare = [agent(Plugin, "a", "x", "p"), agent(Plugin, "a", "x", "qq")];
        assert_eq!(
            found(&bare.map(|agent| vec![agent])),
            ["/r/a-2.md plugin_bare"]
        );
        let body: String = (0..100).map(|n| format!("word{n} ")).collect();
        let copies = vec![
            agent(User, "a", "x", &body),
            agent(User, "b", "y", &(body.clone() + ".")),
        ];
        assert_eq!(found(&[copies]), ["/r/b-691.md similar"]);
        let half = "x".repeat(TOKEN_BUDGET * 2);
        let large = vec![agent(User, "a", &half, ""), agent(User, "b", &half, "")];
        assert_eq!(found(std::slice::from_ref(&large)), [""; 0]);
        let more = vec![agent(Project, "c", "more", "")];
        assert_eq!(found(&[more, large]), ["/r/b-0.md over_budget"]);
    }
    #[test]
    fn each_of_the_library_that_shares_its_name_is_found_and_nothing_else() {
        let named = |name: &str, body: &str| agent(Scope::Library, name, "x", body);
        let library = [
            named("a", ""),
            named("b", ""),
            named("a", "z"),
            named("B", ""),
        ];
        let library: Vec<&Agent> = library.iter().collect();
        let found = library_conflicts(&library);
        let said = |one: &Conflict<'_>| {
            let path = one.agent.path.display();
            format!("{path} {} {}", one.finding.code, one.finding.message)
        };
        assert_eq!(
            found.iter().map(said).collect::<Vec<_>>(),
            [
                "/r/a-0.md same_tree_twin /r/a-1.md is \"a\", too",
                "/r/a-1.md same_tree_twin /r/a-0.md is \"a\", too",
            ]
        );
    }
}
