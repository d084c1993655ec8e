//! A world with hidden success rates: 40 agents, of which five suit each of 8 kinds of task, some
//! of these much better than others. Their definitions say which kinds they are for, not how good
//! they are at them.

use std::collections::HashSet;
use std::sync::Arc;

use agentpulse_selection::candidate::{Candidate, Runs};
use agentpulse_selection::document::Document;
use agentpulse_selection::experience::{Experience, Past};
use agentpulse_selection::index::Index;
use agentpulse_selection::learning::{Ended, Learner};
use agentpulse_selection::query::Query;
use agentpulse_selection::request::Request;
use agentpulse_selection::reward::Outcome;
use agentpulse_selection::roster::Roster;
use agentpulse_selection::select::{Knowledge, MIN_FIT, Selection, Selector};

const AGENTS: usize = 40;
const KINDS: usize = 8;
const SUITED: usize = 5;
const WORDS: usize = 8;
const TASKS_A_DAY: usize = 40;

/// Numbers by chance, of a seed (xorshift64*).
pub struct Chance(u64);

impl Chance {
    pub fn of(seed: u64) -> Self {
        Chance((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }
}

#[derive(Clone, Copy, Default)]
pub struct Policy {
    /// Runs and past tasks are known.
    pub history: bool,
    pub learning: bool,
    pub explore: bool,
    /// Outcomes say nothing.
    pub random: bool,
    /// At half time the best agent of each kind turns bad.
    pub swap: bool,
}

pub struct World {
    selector: Selector,
    pub index: Index,
    candidates: Vec<Candidate>,
    /// By kind and agent.
    success: Vec<Vec<f64>>,
}

/// A task that was done.
pub struct Done {
    pub selection: Selection,
    pub is_success: bool,
    pub regret: f64,
    /// The success rate of the one that a draw was compared with: the first in rank.
    pub first: f64,
    pub regret_of_uniform: f64,
}

impl World {
    pub fn of(seed: u64) -> World {
        let mut chance = Chance::of(seed);
        let mut texts = vec![String::new(); AGENTS];
        let mut success = vec![vec![0.0; AGENTS]; KINDS];
        for (kind, success) in success.iter_mut().enumerate() {
            let mut suited = HashSet::new();
            while suited.len() < SUITED {
                suited.insert(chance.below(AGENTS));
            }
            for agent in 0..AGENTS {
                let is_suited = suited.contains(&agent);
                let words = if is_suited {
                    3 + chance.below(4)
                } else {
                    chance.below(2)
                };
                for _ in 0..words {
                    texts[agent].push_str(&format!("k{kind}w{} ", chance.below(WORDS)));
                }
                success[agent] = match is_suited {
                    true => chance.between(0.35, 0.95),
                    false => chance.between(0.05, 0.3),
                };
            }
        }
        let selector = Selector::default();
        let mut world = World {
            index: Index::default(),
            candidates: Vec::new(),
            selector,
            success,
        };
        for (agent, description) in texts.into_iter().enumerate() {
            let document = Document {
                id: name(agent),
                run_name: name(agent),
                description,
                headings: Vec::new(),
                tools: Vec::new(),
                mcp_servers: Vec::new(),
                skills: Vec::new(),
                agent_type: "generic".to_owned(),
            };
            world.candidates.push(Candidate::new(document.id.clone()));
            let (words, phases) = (&world.selector.words, &world.selector.phases);
            world
                .index
                .replace(document, words, phases)
                .expect("within its bounds");
        }
        world
    }

    fn task(chance: &mut Chance) -> (usize, Request) {
        let kind = chance.below(KINDS);
        let words: Vec<String> = (0..4)
            .map(|_| format!("k{kind}w{}", chance.below(WORDS)))
            .collect();
        let task = words.join(" ");
        (
            kind,
            Request {
                task,
                ..Request::default()
            },
        )
    }

    pub fn read(&self, request: &Request) -> Query {
        self.selector
            .read(request, &self.index)
            .expect("a request within its bounds")
    }

    pub fn select(
        &self,
        request: &Request,
        candidates: &[Candidate],
        experience: &Experience,
        learned: Option<(&Learner, &str)>,
    ) -> Selection {
        let query = self.read(request);
        let matches = self.index.search(&query.terms);
        let roster = Roster::new(&self.index, candidates.iter().cloned());
        let known = Knowledge {
            index: &self.index,
            experience,
            expected_success: 0.6,
            min_fit: MIN_FIT,
            learned,
        };
        self.selector
            .select(&known, request, &query, &matches, &roster)
    }

    pub fn candidates(&self) -> Vec<Candidate> {
        self.candidates.clone()
    }

    /// As many tasks, each with what was chosen and what it came to. Chance is the same for every
    /// policy.
    pub fn run(&self, seed: u64, policy: Policy, tasks: usize) -> Vec<Done> {
        let mut chance = Chance::of(seed.wrapping_add(1_000_003));
        let mut success = self.success.clone();
        let mut candidates = self.candidates();
        let mut days: Vec<Vec<(i64, u64)>> = vec![Vec::new(); AGENTS];
        let mut experience = Experience::of(20_000);
        let mut learner = Learner::default();
        let mut done = Vec::with_capacity(tasks);
        for number in 0..tasks {
            let day = (number / TASKS_A_DAY) as i64;
            if policy.swap && number == tasks / 2 {
                for of_kind in &mut success {
                    let best = best(of_kind);
                    of_kind[best] = 0.1;
                }
            }
            if number % TASKS_A_DAY == 0 && policy.history {
                for (candidate, days) in candidates.iter_mut().zip(&days) {
                    candidate.recent = runs(days, day);
                }
            }
            let (kind, mut request) = World::task(&mut chance);
            for candidate in &mut candidates {
                candidate.running = chance.below(2) as u32;
            }
            let (draw, luck, noise) = (chance.bits(), chance.unit(), chance.unit());
            request.explore = policy.explore.then_some(draw);
            let learned = policy.learning.then_some((&learner, "me"));
            let selection = self.select(&request, &candidates, &experience, learned);
            let first = selection.agents[0].run_name.clone();
            let chosen = selection
                .recommendation
                .clone()
                .unwrap_or_else(|| first.clone());
            let agent = number_of(&chosen);
            let of_kind = &success[kind];
            let is_success = luck < of_kind[agent];
            let seen = if policy.random {
                noise < 0.5
            } else {
                is_success
            };
            let terms: Vec<String> = self
                .read(&request)
                .terms
                .into_iter()
                .map(|term| term.term)
                .collect();
            if policy.history {
                candidates[agent].recent.add(0, u64::from(seen), 1);
                days[agent].push((day, u64::from(seen)));
                experience.add(&Past {
                    agent: chosen.clone(),
                    terms: terms.clone(),
                    success: f64::from(u8::from(seen)),
                    strength: 1.0,
                });
            }
            if policy.learning {
                let ranked = selection.agents.iter().find(|one| one.run_name == chosen);
                let ranked = ranked.expect("the chosen one is shown").learned;
                let outcome = Outcome::Task {
                    is_completed: seen,
                    is_retried: false,
                };
                let ended = Ended {
                    asker: "me".into(),
                    agent: chosen,
                    day,
                    terms,
                    base: ranked.base,
                    surprise: ranked.surprise,
                    reward: outcome.reward().expect("an outcome"),
                };
                learner.record(&ended).expect("within its bounds");
            }
            let most = of_kind[best(of_kind)];
            done.push(Done {
                regret: most - of_kind[agent],
                first: of_kind[number_of(&first)],
                regret_of_uniform: most - of_kind.iter().sum::<f64>() / AGENTS as f64,
                selection,
                is_success,
            });
        }
        done
    }
}

fn runs(days: &[(i64, u64)], today: i64) -> Runs {
    let mut runs = Runs::default();
    for (day, succeeded) in days {
        runs.add((today - day) as u32, *succeeded, 1);
    }
    runs
}

fn name(agent: usize) -> Arc<str> {
    format!("a{agent:02}").into()
}

fn number_of(name: &str) -> usize {
    name[1..].parse().expect("the number of an agent")
}

fn best(success: &[f64]) -> usize {
    let numbered = success.iter().enumerate();
    numbered
        .max_by(|a, b| a.1.total_cmp(b.1))
        .expect("agents")
        .0
}
