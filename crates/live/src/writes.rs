//! What a batch writes, as `lua/apply.lua` takes it: for each key a section of operations.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use serde::Serialize;

use super::content::{Content, Rows};
use super::keys::{Key, Keyspace, Kind};
use agentpulse_core::change::Change;
use agentpulse_core::execution::Execution;
use agentpulse_core::names::Names;
use agentpulse_core::view::Active;

/// The values of one call in a rebuild: some milliseconds of Redis's time. A section is not
/// divided, so that a call may exceed it by one.
const CHUNK_VALUES: usize = 8_000;

#[derive(Clone, Debug, Default)]
pub struct Writes {
    pub(super) sections: Vec<Section>,
}

impl Writes {
    /// What the changes, in the order of the journal, do to Redis.
    ///
    /// `idle_ms`: how long after its last heartbeat an execution counts as hung.
    pub fn of(
        changes: &[Arc<Change>],
        names: &Names,
        keys: &Keyspace,
        idle_ms: i64,
        now_ms: i64,
    ) -> Writes {
        Content::of(changes, names, idle_ms).writes(keys, now_ms)
    }

    /// What Redis holds after all that history knows, but for what runs and the lists of what has
    /// ended, into an empty Redis: to be applied in order.
    pub fn of_rows(rows: &Rows, names: &Names, keys: &Keyspace, now_ms: i64) -> Vec<Writes> {
        Content::of_rows(rows, names, now_ms)
            .writes(keys, now_ms)
            .divided()
    }

    /// What Redis holds of executions that run.
    pub fn of_active(active: &[Active], keys: &Keyspace, now_ms: i64) -> Writes {
        Content::of_active(active).writes(keys, now_ms)
    }

    /// What Redis holds of executions that have ended, which are all that there are to be of their
    /// agents.
    pub fn of_ended(
        ended: &[Arc<Execution>],
        names: &Names,
        keys: &Keyspace,
        now_ms: i64,
    ) -> Writes {
        Content::of_ended(ended, names, now_ms).writes(keys, now_ms)
    }

    pub fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }

    fn divided(self) -> Vec<Writes> {
        let mut chunks = vec![Writes::default()];
        let mut values = 0;
        let mut is_second = false;
        for section in self.sections {
            let more = section.args.len() + section.texts.len();
            if values > 0 && values + more > CHUNK_VALUES && !is_second {
                chunks.push(Writes::default());
                values = 0;
            }
            values += more;
            is_second = section.is_first_of_two;
            if let Some(chunk) = chunks.last_mut() {
                chunk.sections.push(section);
            }
        }
        chunks
    }

    /// Sections without an operation are left out.
    pub(super) fn push(&mut self, section: Section) {
        if section.operations > 0 {
            self.sections.push(section);
        }
    }

    /// Two sections that stay together, because operations of the second change the first as well.
    pub(super) fn push_both(&mut self, mut first: Section, second: Section) {
        first.is_first_of_two = true;
        self.sections.extend([first, second]);
    }
}

/// One key, and what happens to it.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) expires_s: i64,
    is_first_of_two: bool,
    operations: usize,
    /// The operations, each with its name and the number of its values.
    args: Vec<Arg>,
    /// The long texts of its operations, in their order.
    texts: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Arg {
    Text(Cow<'static, str>),
    Number(i64),
}

impl Section {
    /// `moment_ms` is the moment from which the life of the key counts.
    pub(super) fn new(keys: &Keyspace, key: Key, parts: &[&dyn Display], moment_ms: i64) -> Self {
        Section {
            name: keys.name(key, parts),
            kind: key.row().kind,
            expires_s: key.expires_s(moment_ms),
            is_first_of_two: false,
            operations: 0,
            args: Vec::new(),
            texts: Vec::new(),
        }
    }

    /// An operation without values is left out.
    pub(super) fn operation<T: Into<Arg>>(mut self, name: &'static str, values: Vec<T>) -> Self {
        if !values.is_empty() {
            self.args.extend([name.into(), count(values.len())]);
            self.args.extend(values.into_iter().map(Into::into));
            self.operations += 1;
        }
        self
    }

    /// An operation whose values are long texts: the script takes them as they come. Without them
    /// it is left out.
    pub(super) fn texts(mut self, name: &'static str, texts: Vec<String>) -> Self {
        if texts.is_empty() {
            return self;
        }
        let count = texts.len() as i64;
        self.texts.extend(texts);
        self.operation(name, vec![count])
    }

    pub(super) fn delete(self) -> Self {
        self.bare("del")
    }

    /// What follows from the sums of such a bucket, if some of them change.
    pub(super) fn derive(self, bucket: &'static str) -> Self {
        if self.operations == 0 {
            return self;
        }
        self.bare(bucket)
    }

    fn bare(mut self, name: &'static str) -> Self {
        self.args.extend([name.into(), count(0)]);
        self.operations += 1;
        self
    }

    pub(super) fn add<T>(self, sums: impl IntoIterator<Item = (T, i64)>) -> Self
    where
        T: Into<Cow<'static, str>>,
    {
        let sums = sums.into_iter().filter(|&(_, sum)| sum != 0);
        let (mut members, deltas): (Vec<Arg>, Vec<Arg>) = sums
            .map(|(member, sum)| (Arg::Text(member.into()), Arg::Number(sum)))
            .unzip();
        members.extend(deltas);
        self.operation("add", members)
    }

    pub(super) fn merge(self, merge: Merge) -> Self {
        let counts = [&merge.adds, &merge.least, &merge.most].map(Vec::len);
        if counts.iter().sum::<usize>() == 0 {
            return self;
        }
        let mut values: Vec<Arg> = counts.into_iter().map(count).collect();
        let (fields, given): (Vec<Arg>, Vec<Arg>) = [merge.adds, merge.least, merge.most]
            .into_iter()
            .flatten()
            .map(|(field, value)| (Arg::Text(field), Arg::Number(value)))
            .unzip();
        values.extend(fields);
        values.extend(given);
        self.operation("merge", values)
    }

    /// What is added to its fields or members, by their names; the least and the most are left out.
    pub(super) fn sums(&self) -> BTreeMap<&str, String> {
        let mut sums = BTreeMap::new();
        let mut args = self.args.as_slice();
        while let [name, Arg::Number(count), rest @ ..] = args {
            let values;
            (values, args) = rest.split_at(*count as usize);
            let (names, amounts) = match (name.text(), values) {
                (Some("merge"), [Arg::Number(adds), _, _, merged @ ..]) => {
                    let (fields, given) = merged.split_at(merged.len() / 2);
                    let adds = *adds as usize;
                    (&fields[..adds], &given[..adds])
                }
                (Some("add"), members) => members.split_at(members.len() / 2),
                _ => continue,
            };
            let names = names.iter().filter_map(Arg::text);
            let amounts = amounts.iter().filter_map(Arg::number);
            sums.extend(names.zip(amounts.map(|amount| amount.to_string())));
        }
        sums
    }

    /// Adds its arguments and texts to those of the script. Returns the name of its key.
    pub(super) fn encode(self, args: &mut Vec<Arg>, texts: &mut Vec<String>) -> String {
        args.extend([
            self.kind.as_str().into(),
            Arg::Number(self.expires_s),
            count(self.operations),
        ]);
        args.extend(self.args);
        texts.extend(self.texts);
        self.name
    }
}

fn count(count: usize) -> Arg {
    Arg::Number(count as i64)
}

impl Arg {
    fn text(&self) -> Option<&str> {
        match self {
            Arg::Text(text) => Some(text),
            Arg::Number(_) => None,
        }
    }

    fn number(&self) -> Option<i64> {
        match self {
            Arg::Text(_) => None,
            Arg::Number(number) => Some(*number),
        }
    }
}

impl From<&'static str> for Arg {
    fn from(text: &'static str) -> Arg {
        Arg::Text(text.into())
    }
}

impl From<i64> for Arg {
    fn from(number: i64) -> Arg {
        Arg::Number(number)
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Arg {
        Arg::Text(text.into())
    }
}

/// How the fields of a hash merge.
#[derive(Debug, Default)]
pub(super) struct Merge {
    adds: Vec<Field>,
    least: Vec<Field>,
    most: Vec<Field>,
}

type Field = (Cow<'static, str>, i64);

impl Merge {
    /// What is zero adds nothing.
    pub(super) fn add<T>(mut self, adds: impl IntoIterator<Item = (T, i64)>) -> Self
    where
        T: Into<Cow<'static, str>>,
    {
        let adds = adds.into_iter().filter(|&(_, value)| value != 0);
        self.adds
            .extend(adds.map(|(field, value)| (field.into(), value)));
        self
    }

    pub(super) fn least(mut self, field: &'static str, value: Option<u64>) -> Self {
        self.least
            .extend(value.map(|value| (field.into(), value as i64)));
        self
    }

    pub(super) fn most(mut self, field: &'static str, value: Option<u64>) -> Self {
        self.most
            .extend(value.map(|value| (field.into(), value as i64)));
        self
    }
}
