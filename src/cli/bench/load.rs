//! Events without end: the lines of a sample day again and again, each time by new ids.

use std::collections::VecDeque;

use crate::cli::demo::day::Day;
use crate::cli::demo::lines::lines;
use crate::cli::demo::random::Random;

/// So many different executions, in about 20,000 lines and 12 MB.
const EXECUTIONS: usize = 10_000;

pub struct Load {
    templates: Vec<Template>,
    next: usize,
    /// Ids of one round through the templates; a stop has the id of its start.
    ids: Vec<String>,
    random: Random,
}

/// A line around its id.
struct Template {
    before: String,
    run: usize,
    after: String,
}

impl Load {
    /// `end_ms` is when the day ends; `seed` decides the ids.
    pub fn new(seed: u64, end_ms: i64) -> Load {
        let mut load = Load {
            templates: lines(Day::plan(1, EXECUTIONS, end_ms))
                .filter_map(|(_, line)| template(&line))
                .collect(),
            next: 0,
            ids: Vec::new(),
            random: Random::new(seed),
        };
        load.begin_round();
        load
    }

    /// So many events, one a line.
    pub fn chunk(&mut self, events: u64) -> Vec<u8> {
        let mut chunk = Vec::new();
        for _ in 0..events {
            self.write(&mut chunk);
        }
        chunk
    }

    /// So many events, in chunks of about 100.
    pub fn chunks(&mut self, events: u64) -> VecDeque<Vec<u8>> {
        const CHUNK: u64 = 100;
        let sizes = (0..events).step_by(CHUNK as usize);
        sizes
            .map(|sent| self.chunk(CHUNK.min(events - sent)))
            .collect()
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        if self.next == self.templates.len() {
            self.begin_round();
        }
        let template = &self.templates[self.next];
        self.next += 1;
        out.extend_from_slice(template.before.as_bytes());
        out.extend_from_slice(self.ids[template.run].as_bytes());
        out.extend_from_slice(template.after.as_bytes());
        out.push(b'\n');
    }

    fn begin_round(&mut self) {
        self.next = 0;
        let random = &mut self.random;
        self.ids = (0..EXECUTIONS).map(|_| random_id(random)).collect();
    }
}

/// As a hook's agent has it.
fn random_id(random: &mut Random) -> String {
    format!("a{:016x}", random.next())
}

/// Nothing of a line that is no start and no stop.
fn template(line: &str) -> Option<Template> {
    if line.contains("\"event\":\"progress\"") {
        return None;
    }
    let (before, rest) = line.split_once("\"agent_id\":\"")?;
    let (id, after) = rest.split_once('"')?;
    Some(Template {
        before: format!("{before}\"agent_id\":\""),
        run: id.rsplit('-').next()?.parse().ok()?,
        after: format!("\"{after}"),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::Value;

    use super::*;

    #[test]
    fn a_stop_has_the_id_of_its_start_and_no_round_repeats_one() {
        let mut load = Load::new(1, 1_795_200_000_000);
        let rounds = 3;
        let events = rounds * load.templates.len() as u64;
        let bytes = load.chunks(events).into_iter().flatten().collect();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.lines().count() as u64, events);
        let mut seen: HashMap<String, Vec<String>> = HashMap::new();
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let id = event["agent_id"].as_str().unwrap().to_owned();
            let kind = event["event"].as_str().unwrap().to_owned();
            seen.entry(id).or_default().push(kind);
        }
        assert_eq!(seen.len(), rounds as usize * EXECUTIONS);
        let whole = seen
            .values()
            .filter(|kinds| *kinds == &["start", "stop"])
            .count();
        assert!(whole > seen.len() * 99 / 100);
        assert!(
            seen.values()
                .all(|kinds| kinds[0] == "start" && kinds.len() <= 2)
        );
    }
}
