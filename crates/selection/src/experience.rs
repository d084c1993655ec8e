//! Which agents did tasks of such words before, and how well.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::vocabulary::Vocabulary;

/// Of one agent; the oldest goes.
const MAX_OF_AGENT: usize = 64;
/// Of the tasks of one agent, those nearest to the query count.
const NEAREST: usize = 20;
/// Of one task; the first words of a longer one.
const MAX_TERMS: usize = 32;
/// Similarities are compared in steps: of tasks that are about as near, the newer ones count.
const STEPS: f64 = 8.0;

/// A task that an agent did.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    pub agent: Arc<str>,
    pub terms: Vec<String>,
    /// 0 for a failure to 1 for a success.
    pub success: f64,
    /// How much its success says, 0..1.
    pub strength: f64,
}

/// The tasks of an agent that are near to a query.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Near {
    /// Similarities times strengths, summed.
    pub weight: f64,
    /// The same times success.
    pub success: f64,
    pub tasks: usize,
}

impl Near {
    /// The mean success with so many tasks of `expected` success beside it.
    pub(crate) fn mean(&self, expected: f64, prior: f64) -> f64 {
        (self.success + prior * expected) / (self.weight + prior)
    }
}

#[derive(Debug, Clone)]
pub struct Experience {
    most: usize,
    vocabulary: Vocabulary,
    /// The numbers of the tasks with each term, rising.
    postings: Vec<Vec<u64>>,
    /// From the task `first` on; one that was forgotten is `None`.
    tasks: VecDeque<Option<Task>>,
    first: u64,
    agents: Vocabulary,
    /// The numbers of the tasks of each agent, rising.
    by_agent: Vec<VecDeque<u64>>,
    count: usize,
}

#[derive(Debug, Clone)]
struct Task {
    agent: u32,
    terms: Box<[u32]>,
    success: f64,
    strength: f64,
}

impl Experience {
    /// Keeps this many tasks; the oldest goes.
    pub fn of(most: usize) -> Self {
        Experience {
            most: most.max(1),
            vocabulary: Vocabulary::default(),
            postings: Vec::new(),
            tasks: VecDeque::new(),
            first: 0,
            agents: Vocabulary::default(),
            by_agent: Vec::new(),
            count: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn add(&mut self, past: &Past) {
        let number = self.first + self.tasks.len() as u64;
        let mut terms: Vec<u32> = Vec::new();
        for term in past.terms.iter().take(MAX_TERMS) {
            let term = self.vocabulary.add(term);
            self.postings.resize_with(self.vocabulary.len(), Vec::new);
            if self.postings[term].last() != Some(&number) {
                self.postings[term].push(number);
                terms.push(term as u32);
            }
        }
        let agent = self.agents.add(&past.agent);
        self.by_agent.resize_with(self.agents.len(), VecDeque::new);
        self.tasks.push_back(Some(Task {
            agent: agent as u32,
            terms: terms.into(),
            success: past.success,
            strength: past.strength,
        }));
        self.count += 1;
        let of_agent = &mut self.by_agent[agent];
        of_agent.push_back(number);
        if of_agent.len() > MAX_OF_AGENT {
            let oldest = of_agent[0];
            self.forget(oldest);
        } else if self.count > self.most {
            self.forget(self.first);
        }
    }

    /// The agents with tasks that share words with these.
    pub fn near(&self, terms: &[&str]) -> HashMap<Arc<str>, Near> {
        let of_agent =
            |(similarity, number): (f64, u64)| (self.task(number).agent, similarity, number);
        let mut found: Vec<(u32, f64, u64)> =
            self.similar(terms).into_iter().map(of_agent).collect();
        // The agents apart, of each the nearest first, of these the newest.
        found.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0)
                .then_with(|| b.1.total_cmp(&a.1))
                .then(b.2.cmp(&a.2))
        });
        let of_agents = found.chunk_by(|a, b| a.0 == b.0).map(|tasks| {
            let mut near = Near::default();
            for (_, similarity, number) in tasks.iter().take(NEAREST) {
                let task = self.task(*number);
                let weight = similarity * task.strength;
                near.weight += weight;
                near.success += weight * task.success;
                near.tasks += 1;
            }
            (self.agents.term(tasks[0].0 as usize).clone(), near)
        });
        of_agents.collect()
    }

    /// Tasks with their similarity in steps, without those of less than half a step: the cosine of
    /// the words. A rare word counts no more than a common one: what is rare changes with each
    /// task, and with it the similarities of all others.
    fn similar(&self, terms: &[&str]) -> Vec<(f64, u64)> {
        let mut shared: Vec<u32> = vec![0; self.tasks.len()];
        let mut touched: Vec<u64> = Vec::new();
        for term in terms.iter().filter_map(|term| self.vocabulary.number(term)) {
            for task in &self.postings[term] {
                let count = &mut shared[(task - self.first) as usize];
                if *count == 0 {
                    touched.push(*task);
                }
                *count += 1;
            }
        }
        let similarity = |number: u64| {
            let shared = f64::from(shared[(number - self.first) as usize]);
            let of_both = terms.len() * self.task(number).terms.len();
            (shared / (of_both as f64).sqrt() * STEPS).round() / STEPS
        };
        let all = touched
            .into_iter()
            .map(|number| (similarity(number), number));
        all.filter(|(similarity, _)| *similarity > 0.0).collect()
    }

    fn task(&self, number: u64) -> &Task {
        let place = (number - self.first) as usize;
        self.tasks[place]
            .as_ref()
            .expect("a task that is in a list")
    }

    fn forget(&mut self, number: u64) {
        let place = (number - self.first) as usize;
        let task = self.tasks[place].take().expect("a task that is in a list");
        for term in &task.terms {
            let list = &mut self.postings[*term as usize];
            let place = list
                .binary_search(&number)
                .expect("a task stands under its terms");
            list.remove(place);
            if list.is_empty() {
                self.vocabulary.remove(*term as usize);
            }
        }
        // It is the oldest of its agent: all go in their order.
        let of_agent = &mut self.by_agent[task.agent as usize];
        of_agent.pop_front();
        if of_agent.is_empty() {
            self.agents.remove(task.agent as usize);
        }
        self.count -= 1;
        while matches!(self.tasks.front(), Some(None)) {
            self.tasks.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(agent: &str, task: &str, success: f64) -> Past {
        Past {
            agent: agent.into(),
            terms: task.split(' ').map(str::to_owned).collect(),
            success,
            strength: 1.0,
        }
    }

    #[test]
    fn what_is_near_counts_by_its_similarity() {
        let mut experience = Experience::of(100);
        experience.add(&past("a", "slow query", 1.0));
        experience.add(&past("a", "slow query", 0.0));
        experience.add(&past("b", "green paint", 1.0));
        experience.add(&past("c", "slow paint", 1.0));
        let near = experience.near(&["slow", "query"]);
        assert_eq!(
            near["a"],
            Near {
                weight: 2.0,
                success: 1.0,
                tasks: 2
            }
        );
        assert!(!near.contains_key("b"));
        let c = near["c"];
        // One of two words: a cosine of a half.
        assert_eq!(c.weight, 0.5);
        assert_eq!(near["a"].mean(0.6, 4.0), (1.0 + 2.4) / 6.0);
        assert!(experience.near(&[]).is_empty() && experience.near(&["new"]).is_empty());
    }

    #[test]
    fn of_tasks_that_are_as_near_the_newest_count() {
        let mut experience = Experience::of(1_000);
        for _ in 0..MAX_OF_AGENT {
            experience.add(&past("a", "x y", 0.0));
        }
        for _ in 0..NEAREST {
            experience.add(&past("a", "x y", 1.0));
        }
        let near = experience.near(&["x", "y"])["a"];
        assert_eq!((near.tasks, near.weight, near.success), (20, 20.0, 20.0));
        assert_eq!(experience.len(), MAX_OF_AGENT);
    }

    #[test]
    fn what_is_forgotten_leaves_nothing() {
        let mut experience = Experience::of(3);
        for (number, agent) in ["a", "b", "a", "c", "b", "d"].into_iter().enumerate() {
            experience.add(&past(agent, &format!("word{number} shared"), 1.0));
        }
        assert_eq!(experience.len(), 3);
        let near = experience.near(&["shared"]);
        let mut agents: Vec<&str> = near.keys().map(|agent| &**agent).collect();
        agents.sort_unstable();
        assert_eq!(agents, ["b", "c", "d"]);
        assert!(experience.near(&["word0"]).is_empty());
        assert_eq!(experience.vocabulary.len(), 5);
    }
}
