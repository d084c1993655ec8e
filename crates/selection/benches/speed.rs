//! How long a selection among 10,000 agents takes, and what its index holds:
//! `cargo bench -p agentpulse-selection`.

use std::sync::Arc;

use divan::{AllocProfiler, Bencher, black_box};

use agentpulse_selection::cache::Cache;
use agentpulse_selection::candidate::Candidate;
use agentpulse_selection::document::Document;
use agentpulse_selection::experience::{Experience, Past};
use agentpulse_selection::index::Index;
use agentpulse_selection::learning::Learner;
use agentpulse_selection::request::Request;
use agentpulse_selection::roster::Roster;
use agentpulse_selection::select::{Knowledge, MIN_FIT, Selector};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const AGENTS: usize = 10_000;
const TASKS: usize = 20_000;
const TASK: &str = "word3 word17 word40 review the word120 and word900 of word2500";

fn main() {
    divan::main();
}

struct World {
    selector: Selector,
    index: Index,
    experience: Experience,
    learner: Learner,
    roster: Roster,
}

/// A few words are in most texts, most words in a few.
fn word(number: usize) -> String {
    let spread = number.wrapping_mul(2_654_435_761) % 10_007;
    format!("word{}", spread * spread % 10_007 * spread / 40_000)
}

fn document(number: usize) -> Document {
    let text = |from: usize, count: usize| -> String {
        let words = (from..from + count).map(|place| word(number * 61 + place));
        words.collect::<Vec<_>>().join(" ")
    };
    let run_name: Arc<str> = format!("agent{number}-{}", word(number)).into();
    Document {
        id: run_name.clone(),
        run_name,
        description: text(0, 40),
        headings: vec![text(40, 3), text(43, 3), text(46, 3)],
        tools: ["Read", "Edit", "Bash"].map(str::to_owned).to_vec(),
        mcp_servers: Vec::new(),
        skills: Vec::new(),
        agent_type: "reviewer".to_owned(),
    }
}

fn index(selector: &Selector) -> Index {
    let mut index = Index::default();
    for number in 0..AGENTS {
        let document = document(number);
        index
            .replace(document, &selector.words, &selector.phases)
            .expect("within its bounds");
    }
    index
}

fn world() -> World {
    let selector = Selector::default();
    let index = index(&selector);
    let ids: Vec<Arc<str>> = (0..AGENTS).map(|number| document(number).id).collect();
    let mut experience = Experience::of(TASKS);
    for number in 0..TASKS {
        experience.add(&Past {
            agent: ids[number * 7 % AGENTS].clone(),
            terms: (0..8).map(|place| word(number * 13 + place)).collect(),
            success: (number % 2) as f64,
            strength: 1.0,
        });
    }
    let candidate = |id: &Arc<str>| {
        let mut candidate = Candidate::new(id.clone());
        candidate
            .recent
            .add(1, (id.len() + usize::from(id.as_bytes()[7])) as u64 % 6, 5);
        candidate
    };
    World {
        roster: Roster::new(&index, ids.iter().map(candidate)),
        learner: Learner::default(),
        selector,
        index,
        experience,
    }
}

impl World {
    fn request(&self) -> Request {
        Request {
            task: TASK.to_owned(),
            ..Request::default()
        }
    }

    fn select(&self, cache: Option<&mut Cache>) {
        let request = self.request();
        let query = self
            .selector
            .read(&request, &self.index)
            .expect("within its bounds");
        let search = |query: &agentpulse_selection::query::Query| self.index.search(&query.terms);
        let matches = match cache {
            Some(cache) => cache.matches(&query, 1, 0, search).0,
            None => Arc::new(search(&query)),
        };
        let known = Knowledge {
            index: &self.index,
            experience: &self.experience,
            expected_success: 0.6,
            min_fit: MIN_FIT,
            learned: Some((&self.learner, "me")),
        };
        let selector = &self.selector;
        black_box(selector.select(&known, &request, &query, &matches, &self.roster));
    }
}

/// What stays allocated is the index.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn build_index(bencher: Bencher) {
    let selector = Selector::default();
    bencher.bench(|| index(&selector));
}

/// The same postings without factors.
#[divan::bench]
fn search(bencher: Bencher) {
    let world = world();
    let query = world
        .selector
        .read(&world.request(), &world.index)
        .expect("within its bounds");
    bencher.bench(|| world.index.search(&query.terms));
}

#[divan::bench]
fn select(bencher: Bencher) {
    let world = world();
    bencher.bench(|| world.select(None));
}

#[divan::bench]
fn select_cached(bencher: Bencher) {
    let world = world();
    let mut cache = Cache::default();
    bencher.bench_local(|| world.select(Some(&mut cache)));
}

/// While a reader keeps the index as it was.
#[divan::bench]
fn replace_a_document(bencher: Bencher) {
    let mut world = world();
    let mut number = 0;
    bencher.bench_local(|| {
        let reader = world.index.clone();
        number = (number + 1) % AGENTS;
        let (words, phases) = (&world.selector.words, &world.selector.phases);
        world
            .index
            .replace(document(number), words, phases)
            .expect("within its bounds");
        reader
    });
}
