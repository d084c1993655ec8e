//! What is known of the definitions at one moment.

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agentpulse_definitions::{
    Agent, Change, Finding, Standing, conflicts, library_conflicts, standings,
};

use crate::event::{Event, MAX_EVENTS};
use crate::place::Root;
use crate::snapshot::Snapshot;

/// Of all projects.
const MAX_CONFLICTS: usize = 10_000;

/// A folder in which a client is started, and where it then looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// The name that executions have; None for the user's own places, and where names are not
    /// kept.
    pub project: Option<String>,
    pub folder: PathBuf,
    /// Those whose names win come first.
    pub roots: Vec<Root>,
}

impl Site {
    /// The ids that agents of this name have there, in the order in which a client takes them.
    pub fn ids(&self, run_name: &str) -> Vec<String> {
        let ids = self.roots.iter().map(|root| root.agent_id(run_name));
        ids.collect()
    }
}

/// A finding that is about several definitions, at the one that has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    pub project: Option<String>,
    pub agent: Arc<Agent>,
    pub finding: Finding,
}

/// What the definitions mean together.
#[derive(Debug, Default)]
pub struct Together {
    /// The ids of those that a client takes in some project.
    pub effective: HashSet<String>,
    /// The ids of those of the library that alone have their name there.
    pub offered: HashSet<String>,
    pub conflicts: Vec<Conflict>,
}

/// How the last scan went.
#[derive(Clone, Debug, Default)]
pub struct LastScan {
    /// When it began; None before the first has ended.
    pub began_ms: Option<i64>,
    pub took: Duration,
    /// The system reports what changes.
    pub is_watched: bool,
    /// The next one should have ended.
    pub is_late: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Current {
    /// Another one in each life of the daemon.
    pub epoch: String,
    /// Grows with each change.
    pub seq: u64,
    pub snapshot: Arc<Snapshot>,
    pub sites: Arc<Vec<Site>>,
    /// In which no client looks: one tree.
    pub library: Arc<Vec<Root>>,
    pub together: Arc<Together>,
    pub last_scan: LastScan,
    events: Arc<VecDeque<Arc<Event>>>,
    /// The last change that is not kept any more.
    dropped: u64,
}

/// The changes are not kept for so long, or are of another life of the daemon.
#[derive(Debug, PartialEq)]
pub struct Expired;

/// An agent of a site.
pub struct Member<'a> {
    pub agent: &'a Agent,
    /// None where it is the client's.
    pub lost_to: Option<Lost<'a>>,
}

pub enum Lost<'a> {
    Shadowed(&'a Agent),
    /// Its tree has the name twice.
    Twin(&'a Agent),
}

impl Current {
    pub fn new(epoch: String) -> Current {
        Current {
            epoch,
            ..Current::default()
        }
    }

    /// The same after these changes.
    pub fn after(&self, changes: &[Change], is_other: bool) -> Current {
        let mut next = self.clone();
        next.seq += u64::from(is_other && changes.is_empty());
        if !changes.is_empty() {
            let kept = Arc::make_mut(&mut next.events);
            for change in changes {
                next.seq += 1;
                kept.push_back(Arc::new(Event::of(next.seq, change)));
            }
            let too_many = kept.len().saturating_sub(MAX_EVENTS);
            let last = kept.drain(..too_many).next_back();
            next.dropped = last.map_or(next.dropped, |event| event.seq);
        }
        next
    }

    /// The changes after one of them, the oldest first.
    ///
    /// # Errors
    /// Some of them are not known any more, or are not of this life.
    pub fn events_since(&self, epoch: Option<&str>, seq: u64) -> Result<Vec<Arc<Event>>, Expired> {
        let is_ours = epoch.is_none_or(|epoch| epoch == self.epoch) && seq <= self.seq;
        if !is_ours || seq < self.dropped {
            return Err(Expired);
        }
        let after = self.events.iter().filter(|event| event.seq > seq);
        Ok(after.cloned().collect())
    }

    /// Where a client looks that is started in this project: in one that is not known, in the
    /// user's own places. None before the first scan.
    pub fn site(&self, project: &str) -> Option<&Site> {
        let mut sites = self.sites.iter();
        let known = sites.find(|site| site.project.as_deref() == Some(project));
        known.or(self.sites.first())
    }

    /// What a client joins that is started there.
    pub fn members(&self, site: &Site) -> Vec<Member<'_>> {
        let trees = self.snapshot.trees(&site.roots);
        members(&trees)
    }
}

fn members<'a>(trees: &[Vec<&'a Agent>]) -> Vec<Member<'a>> {
    let names = |tree: &Vec<&'a Agent>| tree.iter().map(|agent| agent.run_name()).collect();
    let names: Vec<Vec<&str>> = trees.iter().map(names).collect();
    let standings = standings(&names);
    let at = |(tree, index): (usize, usize)| trees[tree][index];
    let member = |(agent, standing): (&&'a Agent, Standing)| Member {
        agent,
        lost_to: match standing {
            Standing::Effective => None,
            Standing::Shadowed(by) => Some(Lost::Shadowed(at(by))),
            Standing::Twin(other) => Some(Lost::Twin(at(other))),
        },
    };
    let of_tree = |(tree, standings): (&Vec<&'a Agent>, Vec<Standing>)| {
        let members = tree.iter().zip(standings).map(member);
        members.collect::<Vec<_>>()
    };
    trees.iter().zip(standings).flat_map(of_tree).collect()
}

impl Together {
    /// Sites whose agents are the same places' are one.
    pub fn of(snapshot: &Snapshot, sites: &[Site], library: &[Root]) -> Together {
        let mut together = Together::default();
        let (mut seen, mut known) = (HashSet::new(), HashSet::new());
        for site in sites {
            let filled = site.roots.iter().filter(|root| snapshot.has_agents(root));
            if !seen.insert(filled.collect::<Vec<_>>()) {
                continue;
            }
            let trees = snapshot.trees(&site.roots);
            let members = members(&trees);
            let effective = members.iter().filter(|member| member.lost_to.is_none());
            together
                .effective
                .extend(effective.map(|member| member.agent.id.clone()));
            for conflict in conflicts(&trees) {
                let (id, finding) = (&conflict.agent.id, conflict.finding);
                let is_new = known.insert((id.clone(), finding.code, finding.message.clone()));
                let agent = snapshot.registered.agents.get(id);
                if let Some(agent) = agent.filter(|_| is_new) {
                    together.conflicts.push(Conflict {
                        project: site.project.clone(),
                        agent: agent.clone(),
                        finding,
                    });
                }
            }
        }
        together.add_library(snapshot, library);
        together.conflicts.truncate(MAX_CONFLICTS);
        together
    }

    fn add_library(&mut self, snapshot: &Snapshot, library: &[Root]) {
        let agents: Vec<&Agent> = snapshot.trees(library).into_iter().flatten().collect();
        let ids = agents.iter().map(|agent| agent.id.clone());
        self.offered.extend(ids);
        for twin in library_conflicts(&agents) {
            self.offered.remove(&twin.agent.id);
            let agent = snapshot.registered.agents.get(&twin.agent.id);
            self.conflicts.extend(agent.map(|agent| Conflict {
                project: None,
                agent: agent.clone(),
                finding: twin.finding,
            }));
        }
    }
}
