//! Who worked in the same sessions: the runs of an agent beside others, and how they ended.

use std::collections::{HashMap, HashSet};

use agentpulse_core::bucket::Day;
use agentpulse_core::execution::Status;
use agentpulse_core::zone::Zone;
use agentpulse_selection::candidate::Runs;
use agentpulse_store::history::{Error, Launched, Reader};

use super::record::DAYS;
use crate::window::{ended_in, last_days};

/// The newest.
const MAX_EXECUTIONS: usize = 10_000;

/// The executions of the last days, of which the sessions are known.
#[derive(Default)]
pub struct Company {
    runs: Vec<Run>,
    sessions_of: HashMap<String, HashSet<u32>>,
}

struct Run {
    agent_name: String,
    session: u32,
    age_days: u32,
    is_success: bool,
}

impl Company {
    pub fn read(reader: &Reader, zone: &Zone, today: Day) -> Result<Company, Error> {
        let ended_ms = ended_in(zone, last_days(DAYS, today));
        let launched = reader.launched(ended_ms, MAX_EXECUTIONS)?;
        Ok(Company::of(launched, |at_ms| {
            (today.0 - zone.day_of(at_ms).0).unsigned_abs()
        }))
    }

    fn of(launched: Vec<Launched>, age_days: impl Fn(i64) -> u32) -> Company {
        let mut company = Company::default();
        let mut numbers: HashMap<String, u32> = HashMap::new();
        for one in launched {
            let Some(session_id) = one.session_id else {
                continue;
            };
            let next = numbers.len() as u32;
            let session = *numbers.entry(session_id).or_insert(next);
            let sessions = company.sessions_of.entry(one.agent_name.clone());
            sessions.or_default().insert(session);
            company.runs.push(Run {
                agent_name: one.agent_name,
                session,
                age_days: age_days(one.ended_ms),
                is_success: one.status == Some(Status::Success),
            });
        }
        company
    }

    /// By name, the runs of agents in sessions in which one of these ran as well.
    pub fn beside(&self, names: &[&str]) -> HashMap<&str, Runs> {
        let mut found: HashMap<&str, Runs> = HashMap::new();
        for run in &self.runs {
            let mut others = names.iter().filter(|name| **name != run.agent_name);
            let is_beside = others.any(|name| {
                let sessions = self.sessions_of.get(*name);
                sessions.is_some_and(|sessions| sessions.contains(&run.session))
            });
            if is_beside {
                let runs = found.entry(&run.agent_name).or_default();
                runs.add(run.age_days, u64::from(run.is_success), 1);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_beside_others_are_those_of_their_sessions() {
        let one = |agent_name: &str, session_id: Option<&str>, status| Launched {
            agent_name: agent_name.to_owned(),
            ended_ms: 0,
            status: Some(status),
            duration_ms: None,
            session_id: session_id.map(str::to_owned),
            total_tokens: 0,
            cost_micros: 0,
            parent_id: None,
        };
        let (good, bad) = (Status::Success, Status::Failure);
        let launched = vec![
            one("planner", Some("s1"), good),
            one("coder", Some("s1"), good),
            one("coder", Some("s1"), bad),
            one("coder", Some("s2"), good),
            one("tester", Some("s2"), bad),
            one("planner", None, good),
            one("tester", None, good),
        ];
        let company = Company::of(launched, |_| 0);
        let beside = |names: &[&str]| {
            let found = company.beside(names).into_iter();
            let counts = found.map(|(name, runs)| (name.to_owned(), runs.succeeded, runs.finished));
            let mut counts: Vec<_> = counts.collect();
            counts.sort();
            counts
        };
        assert_eq!(beside(&["planner"]), [("coder".to_owned(), 1, 2)]);
        let all = [("coder".to_owned(), 2, 3), ("planner".to_owned(), 1, 1)];
        let with_tester = beside(&["planner", "coder"]);
        assert_eq!(with_tester.last(), Some(&("tester".to_owned(), 0, 1)));
        assert_eq!(beside(&["planner", "tester"])[..1], [all[0].clone()]);
        assert_eq!(beside(&["nobody"]), []);
    }
}
