//! What `/metrics` says, read as strictly as the format is written: every family is announced
//! before its series, no series is written twice, and histograms add up.

use std::collections::{BTreeMap, BTreeSet};

use super::daemon::Daemon;

pub type Labels = BTreeMap<String, String>;

#[derive(Debug)]
pub struct Scrape {
    pub text: String,
    /// Kind and help of each family.
    pub families: BTreeMap<String, (String, String)>,
    pub samples: Vec<Sample>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub family: String,
    pub name: String,
    pub labels: Labels,
    pub value: f64,
}

impl Scrape {
    pub fn of(daemon: &Daemon) -> Scrape {
        let response = daemon.get("/metrics");
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(
            response.header("content-type"),
            Some("text/plain; version=0.0.4; charset=utf-8")
        );
        Scrape::parse(response.text())
    }

    pub fn parse(text: String) -> Scrape {
        assert!(text.ends_with('\n'));
        let mut scrape = Scrape {
            text,
            families: BTreeMap::new(),
            samples: Vec::new(),
        };
        let (mut current, mut seen) = (String::new(), BTreeSet::new());
        for line in scrape.text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help");
                let family = (String::new(), help.to_owned());
                let before = scrape.families.insert(name.to_owned(), family);
                assert_eq!(before, None, "{name} is told twice");
                current = name.to_owned();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert_eq!(name, current, "the type follows the help");
                scrape.families.get_mut(name).expect("just told").0 = kind.to_owned();
            } else {
                let sample = sample(line, &current);
                let kind = &scrape.families[&current].0;
                let suffixes: &[&str] = match kind.as_str() {
                    "histogram" => &["_bucket", "_sum", "_count"],
                    _ => &[""],
                };
                let rest = sample.name.strip_prefix(&current);
                assert!(rest.is_some_and(|s| suffixes.contains(&s)), "{line}");
                assert!(
                    seen.insert((sample.name.clone(), sample.labels.clone())),
                    "told twice: {line}"
                );
                scrape.samples.push(sample);
            }
        }
        scrape.check_histograms();
        scrape
    }

    fn check_histograms(&self) {
        let mut last: BTreeMap<(String, Labels), f64> = BTreeMap::new();
        for sample in &self.samples {
            let mut labels = sample.labels.clone();
            let bound = labels.remove("le");
            let key = (sample.family.clone(), labels);
            if bound.is_some() {
                let before = last.insert(key, sample.value).unwrap_or(0.0);
                assert!(before <= sample.value, "{sample:?} after {before}");
            } else if sample.name.ends_with("_count") {
                assert_eq!(last.get(&key), Some(&sample.value), "{sample:?}");
            }
        }
    }

    /// The value of one series.
    #[track_caller]
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels)
            .unwrap_or_else(|| panic!("no {name} {labels:?} in\n{}", self.text))
    }

    pub fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let own = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let labels: Labels = labels.iter().map(own).collect();
        let same = |sample: &&Sample| sample.name == name && sample.labels == labels;
        self.samples.iter().find(same).map(|sample| sample.value)
    }

    /// The sum of all series of a name.
    pub fn sum(&self, name: &str) -> f64 {
        let of = |sample: &&Sample| sample.name == name;
        self.samples
            .iter()
            .filter(of)
            .map(|sample| sample.value)
            .sum()
    }

    /// Fails if a counter of the other scrape, which came before, is missing here or has fallen.
    /// The times of requests are those of the process.
    #[track_caller]
    pub fn has_not_fallen_since(&self, before: &Scrape) {
        for old in &before.samples {
            let counts = before.families[&old.family].0 != "gauge";
            if counts && !old.family.contains("_http_") {
                let same = |new: &&Sample| new.name == old.name && new.labels == old.labels;
                let new = self.samples.iter().find(same);
                let new = new.unwrap_or_else(|| panic!("{old:?} is gone"));
                assert!(new.value >= old.value, "{old:?} fell to {}", new.value);
            }
        }
    }
}

fn sample(line: &str, family: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("a series and its value");
    let value = match value {
        "+Inf" => f64::INFINITY,
        number => number.parse().unwrap_or_else(|e| panic!("{line}: {e}")),
    };
    let (name, labels) = match series.split_once('{') {
        None => (series, Labels::new()),
        Some((name, rest)) => (
            name,
            labels(rest.strip_suffix('}').expect("a closing brace")),
        ),
    };
    Sample {
        family: family.to_owned(),
        name: name.to_owned(),
        labels,
        value,
    }
}

/// `a="x",b="y"`, with escapes.
fn labels(text: &str) -> Labels {
    let mut labels = Labels::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, quoted) = rest.split_once("=\"").expect("a name and a quote");
        let (mut value, mut chars) = (String::new(), quoted.char_indices());
        let end = loop {
            match chars.next().expect("a closing quote") {
                (at, '"') => break at + 1,
                (_, '\\') => value.push(match chars.next().expect("an escape").1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        labels.insert(name.to_owned(), value);
        rest = quoted[end..].trim_start_matches(',');
    }
    labels
}
