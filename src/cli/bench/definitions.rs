//! What definitions of agents cost: a scan, a change, a list, and the choice of one.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use hyper::StatusCode;
use serde_json::Value;

use super::load::Load;
use super::machine::memory;
use super::reads::{Client, Error};
use super::result::{Row, percentile_ms, row};
use super::storm;
use super::subject::Subject;
use crate::cli::failure::{Failure, failed, io_failed};
use agentpulse_definitions as definitions;
use agentpulse_registry::{Registry, Root};

/// As many as the largest collection that its users have.
const SCANNED: usize = 4_462;
pub const PART: &str = "4,462 definitions";
/// Of which one is chosen.
const CHOSEN_OF: usize = 10_000;
const OF_FOLDER: usize = 45;
const CHANGES: usize = 40;
const QUESTIONS: usize = 200;
const DEADLINE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Words that a task and a description may have.
const VERBS: [&str; 20] = [
    "review",
    "test",
    "deploy",
    "document",
    "migrate",
    "optimise",
    "debug",
    "translate",
    "design",
    "monitor",
    "refactor",
    "secure",
    "scan",
    "plan",
    "measure",
    "generate",
    "summarise",
    "format",
    "restore",
    "classify",
];
const SUBJECTS: [&str; 25] = [
    "queries",
    "pages",
    "tickets",
    "images",
    "schemas",
    "invoices",
    "logs",
    "caches",
    "tests",
    "containers",
    "backups",
    "packages",
    "secrets",
    "metrics",
    "sessions",
    "forms",
    "reports",
    "tables",
    "lessons",
    "fixtures",
    "releases",
    "addresses",
    "diagrams",
    "alerts",
    "pipelines",
];

pub fn measure(subject: &Subject, load: &mut Load) -> Result<Vec<Row>, Failure> {
    let before = memory(subject.pid());
    let folder = subject.folder().join("new");
    let cannot = |error: io::Error| io_failed(folder.display(), &error);
    fill(&folder, 0..SCANNED, 0).map_err(cannot)?;
    let mut rows = scan(&folder).map_err(cannot)?;
    let agents = subject.client_folder().join("agents");
    fs::create_dir_all(subject.client_folder()).map_err(cannot)?;
    fs::rename(&folder, &agents).map_err(cannot)?;
    let mut asked = Asked::new(subject.http()?)?;
    asked.until_known(SCANNED)?;
    rows.push(asked.changes(&agents)?);
    let page = asked.times(QUESTIONS, |_| "/api/registry/agents?limit=100".to_owned())?;
    rows.push(row(PART, "a page of 100, with numbers, p99", page, "ms"));
    let words = |n: usize| format!("/api/registry/agents?limit=10&q={}", VERBS[n % VERBS.len()]);
    let found = asked.times(QUESTIONS, words)?;
    rows.push(row(PART, "a search of words, p99", found, "ms").at_most(10.0));
    let held = before.zip(memory(subject.pid()));
    let held = held
        .map(|(before, now)| now.resident_kib.saturating_sub(before.resident_kib) as f64 / 1_024.0);
    rows.push(row(PART, "memory for them", held, "MiB").at_most(30.0));
    rows.extend(storm::measure(subject, load, &agents, SCANNED)?);
    fill(&agents.join("more"), SCANNED..CHOSEN_OF, 0).map_err(cannot)?;
    asked.until_known(CHOSEN_OF)?;
    rows.extend(asked.selections()?);
    Ok(rows)
}

/// An agent a file, so many files a folder.
pub fn fill(folder: &Path, numbers: Range<usize>, edit: usize) -> io::Result<()> {
    for number in numbers {
        let folder = folder.join(format!("team-{}", number / OF_FOLDER));
        if number % OF_FOLDER == 0 || !folder.exists() {
            fs::create_dir_all(&folder)?;
        }
        fs::write(
            folder.join(format!("agent-{number}.md")),
            definition(number, edit),
        )?;
    }
    Ok(())
}

fn definition(number: usize, edit: usize) -> String {
    let task = task(number);
    format!(
        "---\nname: agent-{number}\ndescription: Use it to {task} of team {number}, as often as \
         they change.\ntools: Read, Grep, Edit\nmodel: inherit\n---\n\n# Agent {number}\n\n\
         {prompt}\n\nEdit {edit}.\n",
        prompt = "Read what the task names, do it, and say what was done. ".repeat(40),
    )
}

fn task(number: usize) -> String {
    let verb = VERBS[number % VERBS.len()];
    let subject = SUBJECTS[number / VERBS.len() % SUBJECTS.len()];
    let beside = SUBJECTS[number / 7 % SUBJECTS.len()];
    format!("{verb} {subject} beside {beside}")
}

/// In this process: of a file that has just been written the daemon may scan a part.
fn scan(folder: &Path) -> io::Result<Vec<Row>> {
    let begun = Instant::now();
    let bytes = read_all(folder)?;
    let reading = begun.elapsed().as_secs_f64();
    let mut registry = Registry::new(definitions::Client::built_in(None));
    let begun = Instant::now();
    let snapshot = registry.scan(&Root::of(folder), SystemTime::now());
    let scanned = begun.elapsed().as_secs_f64();
    let count = snapshot.registered.agents.len();
    if count != SCANNED {
        return Err(io::Error::other(format!("{count} of {SCANNED} were found")));
    }
    Ok(vec![
        row(PART, "listing and reading the files", reading * 1e3, "ms"),
        row(PART, "their bytes", bytes as f64 / 1_048_576.0, "MiB"),
        row(PART, "the first scan", scanned * 1e3, "ms"),
        row(
            PART,
            "the first scan, against reading",
            scanned / reading,
            "×",
        )
        .at_most(3.0),
    ])
}

fn read_all(folder: &Path) -> io::Result<usize> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += match entry.file_type()?.is_dir() {
            true => read_all(&entry.path())?,
            false => fs::read(entry.path())?.len(),
        };
    }
    Ok(bytes)
}

/// A client that asks one thing after the other.
struct Asked {
    client: Client,
}

impl Asked {
    fn new(address: SocketAddr) -> Result<Asked, Failure> {
        let client = Client::open(address).map_err(refused)?;
        Ok(Asked { client })
    }

    fn read(&mut self, path: &str) -> Result<Value, Failure> {
        let (status, body) = self.client.get(path).map_err(refused)?;
        if status != StatusCode::OK {
            return Err(failed(format_args!("{path}: {status}")));
        }
        serde_json::from_slice(&body).map_err(failed)
    }

    fn until_known(&mut self, count: usize) -> Result<(), Failure> {
        let begun = Instant::now();
        while self.read("/api/registry/stats")?["agent_counts"]["total"] != count {
            if begun.elapsed() > DEADLINE {
                return Err(failed(format_args!(
                    "the {count} definitions are not known"
                )));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// From the end of a write until the change is answered.
    fn changes(&mut self, agents: &Path) -> Result<Row, Failure> {
        let mut took = Vec::new();
        for number in 0..CHANGES {
            let before = self.read("/api/registry/stats")?;
            let (seq, epoch) = (&before["seq"], before["epoch"].as_str().unwrap_or_default());
            let path = format!("/api/registry/changes?since={seq}&epoch={epoch}&wait=30");
            let file = agents.join(format!("team-{}/agent-{number}.md", number / OF_FOLDER));
            let written = fs::write(&file, definition(number, 1));
            written.map_err(|error| io_failed(file.display(), &error))?;
            let begun = Instant::now();
            self.read(&path)?;
            took.push(begun.elapsed());
        }
        took.sort_unstable();
        let p99 = percentile_ms(&took, 0.99);
        Ok(row(PART, "a change is answered after, p99", p99, "ms").at_most(1_000.0))
    }

    /// The 99th percentile, in ms.
    fn times(&mut self, count: usize, path: impl Fn(usize) -> String) -> Result<f64, Failure> {
        let mut took = Vec::new();
        for number in 0..count {
            let path = path(number);
            let begun = Instant::now();
            self.read(&path)?;
            took.push(begun.elapsed());
        }
        took.sort_unstable();
        Ok(percentile_ms(&took, 0.99))
    }

    fn selections(&mut self) -> Result<Vec<Row>, Failure> {
        let path = |number: usize| {
            let task = task(number * 37).replace(' ', "+");
            format!("/api/agents/select?q={task}+number+{number}")
        };
        // The first one waits for the index.
        self.read(&path(QUESTIONS))?;
        let new = self.times(QUESTIONS, path)?;
        let same = self.times(QUESTIONS, |_| path(0))?;
        let part = "a choice of 10,000";
        Ok(vec![
            row(part, "another task each time, p99", new, "ms").at_most(20.0),
            row(part, "the same task, p99", same, "ms").at_most(2.0),
        ])
    }
}

fn refused(error: Error) -> Failure {
    failed(format_args!("the daemon does not answer: {error}"))
}
