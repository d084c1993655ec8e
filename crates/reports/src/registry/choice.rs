//! Which definitions an answer is of, and what is known of each beside its file.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use agentpulse_core::only::Only;
use agentpulse_definitions::{Agent, Scope, Severity, State};
use agentpulse_pipeline::running::{AgentRuns, Running};
use agentpulse_registry::{Current, Lost, Site};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "DefinedStatus")]
pub enum Status {
    /// An execution of it runs.
    Active,
    Idle,
    /// The client does not load it, or does not launch it.
    Error,
    /// Named in `registry.maintenance`.
    Maintenance,
}

impl Status {
    pub const CHOICES: [(&str, Status); 4] = [
        ("active", Status::Active),
        ("idle", Status::Idle),
        ("error", Status::Error),
        ("maintenance", Status::Maintenance),
    ];

    pub fn word(self) -> &'static str {
        let choice = Status::CHOICES.iter().find(|(_, status)| *status == self);
        choice.map_or("", |(word, _)| word)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribution {
    Project,
    Name,
    Ambiguous,
}

impl Attribution {
    pub fn word(self) -> &'static str {
        match self {
            Attribution::Project => "project",
            Attribution::Name => "name",
            Attribution::Ambiguous => "ambiguous",
        }
    }
}

pub struct Chosen {
    pub agent: Arc<Agent>,
    pub project: Option<String>,
    pub is_effective: bool,
    pub shadowed_by: Option<PathBuf>,
    pub attribution: Attribution,
    /// Executions of its name are its own: of all, or of some projects.
    pub is_named: bool,
    pub runs: AgentRuns,
    pub status: Status,
}

/// Those of all places, or where a project is asked for, those that its client joins.
pub fn choose(
    current: &Current,
    running: &Running,
    only: &Only,
    maintenance: &[String],
) -> Vec<Chosen> {
    let mut chosen = match &only.project {
        Some(project) => current
            .site(project)
            .map_or(Vec::new(), |site| in_site(current, site, project)),
        None => everywhere(current),
    };
    let runs = Runs::of(running, only, &chosen);
    for one in &mut chosen {
        one.runs = runs.of_agent(one);
        one.status = status(one, maintenance);
    }
    chosen
}

fn everywhere(current: &Current) -> Vec<Chosen> {
    let projects = projects(&current.sites);
    let agents = &current.snapshot.registered.agents;
    let mut named: HashMap<&str, usize> = HashMap::new();
    for agent in agents.values() {
        *named.entry(agent.run_name()).or_default() += 1;
    }
    let chosen = |agent: &Arc<Agent>| Chosen {
        project: projects
            .get(agent.root.as_path())
            .map(|name| (*name).to_owned()),
        is_effective: current.together.effective.contains(&agent.id),
        is_named: named[agent.run_name()] == 1 || current.together.effective.contains(&agent.id),
        shadowed_by: None,
        attribution: match named[agent.run_name()] {
            1 => Attribution::Name,
            _ => Attribution::Ambiguous,
        },
        ..Chosen::of(agent)
    };
    agents.values().map(chosen).collect()
}

fn in_site(current: &Current, site: &Site, project: &str) -> Vec<Chosen> {
    let roots: HashSet<&Path> = site.roots.iter().map(|root| root.path.as_path()).collect();
    let all = current.members(site);
    let members: HashMap<&str, _> = all
        .iter()
        .map(|member| (member.agent.id.as_str(), member.lost_to.as_ref()))
        .collect();
    let agents = current.snapshot.registered.agents.values();
    let here = agents.filter(|agent| roots.contains(agent.root.as_path()));
    let taken: HashSet<&str> = all
        .iter()
        .filter(|member| member.lost_to.is_none())
        .map(|member| member.agent.run_name())
        .collect();
    let chosen = |agent: &Arc<Agent>| {
        let member = members.get(agent.id.as_str()).copied();
        // What is broken, or is there under another name, is no member.
        let is_there = member.is_some() || agent.state == State::Broken;
        is_there.then(|| Chosen {
            project: Some(project.to_owned()),
            is_effective: matches!(member, Some(None)),
            is_named: matches!(member, Some(None)) || !taken.contains(agent.run_name()),
            shadowed_by: match member.flatten() {
                Some(Lost::Shadowed(by)) => Some(by.path.clone()),
                _ => None,
            },
            attribution: Attribution::Project,
            ..Chosen::of(agent)
        })
    };
    here.filter_map(chosen).collect()
}

/// By the folder of their definitions. A folder within another project is that one's.
fn projects(sites: &[Site]) -> HashMap<&Path, &str> {
    let mut projects = HashMap::new();
    for site in sites {
        let Some(project) = site.project.as_deref() else {
            continue;
        };
        for root in site
            .roots
            .iter()
            .filter(|root| root.scope == Scope::Project)
        {
            let is_own = root.path.starts_with(&site.folder);
            let entry = projects.entry(root.path.as_path());
            match is_own {
                true => drop(entry.insert_entry(project)),
                false => drop(entry.or_insert(project)),
            }
        }
    }
    projects
}

/// What runs, by name and project.
struct Runs {
    all: HashMap<String, HashMap<Option<String>, AgentRuns>>,
    /// Names that a project defines itself.
    own: HashSet<(String, String)>,
}

impl Runs {
    fn of(running: &Running, only: &Only, chosen: &[Chosen]) -> Runs {
        let own = chosen
            .iter()
            .filter(|one| one.agent.scope == Scope::Project);
        let own =
            own.filter_map(|one| Some((one.agent.run_name().to_owned(), one.project.clone()?)));
        Runs {
            all: running.by_agent(only),
            own: own.collect(),
        }
    }

    /// An agent runs where it is the one of its name.
    fn of_agent(&self, one: &Chosen) -> AgentRuns {
        let mut sum = AgentRuns::default();
        if !one.is_named {
            return sum;
        }
        let name = one.agent.run_name();
        let of_project = one.agent.scope == Scope::Project;
        for (project, runs) in self.all.get(name).into_iter().flatten() {
            let is_own = |project: &String| self.own.contains(&(name.to_owned(), project.clone()));
            let is_its = match (one.attribution, of_project, project) {
                (Attribution::Ambiguous, true, project) => *project == one.project,
                (Attribution::Ambiguous, false, Some(project)) => !is_own(project),
                _ => true,
            };
            if is_its {
                sum.add(*runs);
            }
        }
        sum
    }
}

fn status(one: &Chosen, maintenance: &[String]) -> Status {
    let agent = &one.agent;
    let is_error = |finding: &agentpulse_definitions::Finding| finding.severity == Severity::Error;
    if agent.state == State::Broken || agent.findings.iter().any(is_error) {
        return Status::Error;
    }
    if maintenance.iter().any(|name| name == agent.run_name()) {
        return Status::Maintenance;
    }
    match one.runs.count {
        0 => Status::Idle,
        _ => Status::Active,
    }
}

impl Chosen {
    /// The executions of its name in history are its own.
    pub fn has_figures(&self) -> bool {
        self.is_named && self.attribution != Attribution::Ambiguous
    }

    fn of(agent: &Arc<Agent>) -> Chosen {
        Chosen {
            agent: agent.clone(),
            project: None,
            is_effective: false,
            shadowed_by: None,
            attribution: Attribution::Name,
            is_named: true,
            runs: AgentRuns::default(),
            status: Status::Idle,
        }
    }
}
