//! Which definitions an answer is of, and what is known of each beside its file.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use agentpulse_core::only::Only;
use agentpulse_definitions::{Agent, Finding, Scope, Severity, State};
use agentpulse_pipeline::running::{AgentRuns, Running};
use agentpulse_registry::{Current, Lost, Site};

use super::by_project::{Among, ByProject, Same};

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
    /// A definition that a client looks for has the name.
    Other,
}

impl Attribution {
    pub fn word(self) -> &'static str {
        match self {
            Attribution::Project => "project",
            Attribution::Name => "name",
            Attribution::Ambiguous => "ambiguous",
            Attribution::Other => "other",
        }
    }
}

#[derive(Clone)]
pub struct Chosen {
    pub agent: Arc<Agent>,
    pub project: Option<String>,
    pub is_effective: bool,
    /// It is of the library, and alone has its name there.
    pub is_offered: bool,
    pub shadowed_by: Option<PathBuf>,
    pub attribution: Attribution,
    /// Executions of its name are its own: of all, or of some projects.
    pub is_named: bool,
    pub runs: AgentRuns,
    pub status: Status,
}

/// What depends on the definitions alone, of the last ones.
#[derive(Clone, Default)]
pub struct Standings(Arc<ByProject<Same<Current>, Standing>>);

/// What stands in a project, or everywhere. Of what runs it knows nothing.
pub struct Standing {
    pub all: Vec<Chosen>,
    /// By the names of executions.
    places: HashMap<String, Vec<usize>>,
}

impl Standings {
    /// Those of all places and of the library, or where a project is asked for, those that its
    /// client joins.
    pub fn choose(
        &self,
        current: &Arc<Current>,
        running: &Running,
        only: &Only,
        maintenance: &[String],
    ) -> Vec<Chosen> {
        let among = Among {
            project: only.project.clone(),
            library: only.project.is_none(),
        };
        let standing = self.of(current, &among);
        let mut chosen = Vec::clone(&standing.all);
        for (place, runs) in standing.runs(running, only) {
            chosen[place].runs = runs;
        }
        for one in &mut chosen {
            one.status = one.status(maintenance);
        }
        chosen
    }

    pub fn of(&self, current: &Arc<Current>, among: &Among) -> Arc<Standing> {
        self.0.get(Same::of(current), among, || {
            let mut all = match &among.project {
                Some(project) => current
                    .site(project)
                    .map_or(Vec::new(), |site| in_site(current, site, project)),
                None => everywhere(current),
            };
            if among.library {
                all.extend(library(current));
            }
            Standing::new(all)
        })
    }
}

impl Standing {
    fn new(all: Vec<Chosen>) -> Standing {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, one) in all.iter().enumerate() {
            let name = one.agent.run_name().to_owned();
            places.entry(name).or_default().push(place);
        }
        Standing { all, places }
    }

    /// The runs of those that run, with their places in `all`.
    pub fn runs(&self, running: &Running, only: &Only) -> Vec<(usize, AgentRuns)> {
        let mut found = Vec::new();
        for (name, by_project) in running.by_agent(only) {
            let places = self.places.get(&name).map_or([].as_slice(), Vec::as_slice);
            let of_name = || places.iter().map(|place| &self.all[*place]);
            let own = of_name().filter(|one| one.agent.scope == Scope::Project);
            let own: HashSet<&str> = own.filter_map(|one| one.project.as_deref()).collect();
            let runs = of_name().map(|one| one.runs_of(&by_project, &own));
            found.extend(places.iter().copied().zip(runs));
        }
        found.retain(|(_, runs)| runs.count > 0);
        found
    }
}

fn everywhere(current: &Current) -> Vec<Chosen> {
    let projects = projects(&current.sites);
    let named = named(of_client(current));
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
    of_client(current).map(chosen).collect()
}

/// Executions of a name are those of a definition that a client looks for, if there is one.
fn library(current: &Current) -> Vec<Chosen> {
    let agents = || {
        let agents = current.snapshot.registered.agents.values();
        agents.filter(|agent| agent.scope == Scope::Library)
    };
    let (of_client, here) = (named(of_client(current)), named(agents()));
    let chosen = |agent: &Arc<Agent>| {
        let name = agent.run_name();
        let is_others = of_client.contains_key(name);
        Chosen {
            is_offered: current.together.offered.contains(&agent.id),
            is_named: !is_others && here[name] == 1,
            attribution: match here[name] {
                _ if is_others => Attribution::Other,
                1 => Attribution::Name,
                _ => Attribution::Ambiguous,
            },
            ..Chosen::of(agent)
        }
    };
    agents().map(chosen).collect()
}

fn of_client(current: &Current) -> impl Iterator<Item = &Arc<Agent>> {
    let agents = current.snapshot.registered.agents.values();
    agents.filter(|agent| agent.scope != Scope::Library)
}

/// How many have each name.
fn named<'a>(agents: impl Iterator<Item = &'a Arc<Agent>>) -> HashMap<&'a str, usize> {
    let mut named = HashMap::new();
    for agent in agents {
        *named.entry(agent.run_name()).or_default() += 1;
    }
    named
}

fn in_site(current: &Current, site: &Site, project: &str) -> Vec<Chosen> {
    let roots: HashSet<&Path> = site.roots.iter().map(|root| root.path.as_path()).collect();
    let all = current.members(site);
    let members: HashMap<&str, _> = all
        .iter()
        .map(|member| (member.agent.id.as_str(), member.lost_to.as_ref()))
        .collect();
    let here = of_client(current).filter(|agent| roots.contains(agent.root.as_path()));
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

impl Chosen {
    /// The client loads it, and launches it.
    pub fn is_loadable(&self) -> bool {
        let is_error = |finding: &Finding| finding.severity == Severity::Error;
        self.agent.state == State::Good && !self.agent.findings.iter().any(is_error)
    }

    pub fn status(&self, maintenance: &[String]) -> Status {
        if !self.is_loadable() {
            return Status::Error;
        }
        if maintenance.iter().any(|name| name == self.agent.run_name()) {
            return Status::Maintenance;
        }
        match self.runs.count {
            0 => Status::Idle,
            _ => Status::Active,
        }
    }

    /// An agent runs where it is the one of its name. `own` are the projects that define it
    /// themselves.
    fn runs_of(
        &self,
        by_project: &HashMap<Option<String>, AgentRuns>,
        own: &HashSet<&str>,
    ) -> AgentRuns {
        let mut sum = AgentRuns::default();
        if !self.is_named {
            return sum;
        }
        let of_project = self.agent.scope == Scope::Project;
        for (project, runs) in by_project {
            let is_its = match (self.attribution, of_project, project) {
                (Attribution::Ambiguous, true, project) => *project == self.project,
                (Attribution::Ambiguous, false, Some(project)) => !own.contains(project.as_str()),
                _ => true,
            };
            if is_its {
                sum.add(*runs);
            }
        }
        sum
    }

    /// The executions of its name in history are its own.
    pub fn has_figures(&self) -> bool {
        self.is_named && self.attribution != Attribution::Ambiguous
    }

    fn of(agent: &Arc<Agent>) -> Chosen {
        Chosen {
            agent: agent.clone(),
            project: None,
            is_effective: false,
            is_offered: false,
            shadowed_by: None,
            attribution: Attribution::Name,
            is_named: true,
            runs: AgentRuns::default(),
            status: Status::Idle,
        }
    }
}
