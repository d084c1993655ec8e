//! A file as the client reads it: a definition, documentation, or something that it skips.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::body::{self, Body};
use crate::client::Client;
use crate::definition::{Config, Definition};
use crate::extra::{MAX_VALUE_CHARS, clean, json};
use crate::file_name::{FileName, named};
use crate::finding::{Code, Finding, MAX_FINDINGS, quoted};
use crate::frontmatter::{BYTE_ORDER_MARK, Frontmatter};
use crate::meaning::{Meaning, Meanings, meaning};
use crate::place::Place;
use crate::yaml::{self, Node, Value};
use crate::{granted, names};

/// The client reads no larger one.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;
/// The client has no such bound.
pub const MAX_FRONTMATTER_BYTES: usize = 64 * 1024;
const MAX_DESCRIPTION_CHARS: usize = 16 * 1024;
/// Of fields that the client does not know.
const MAX_EXTRA: usize = 32;

const SKIPS: &str = "does not load the file";
const IGNORES: &str = "ignores it";

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Agent(Box<Definition>),
    /// No name, so not an agent.
    Documentation,
    /// The client skips it; its name, where one can be read.
    Broken(Option<String>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    pub outcome: Outcome,
    /// In the order of their places.
    pub findings: Vec<Finding>,
}

impl Reading {
    /// Of a file that was not read, because of `code`.
    pub fn unread(code: Code, message: impl Into<String>) -> Reading {
        Reading {
            outcome: Outcome::Broken(None),
            findings: vec![Finding::new(code, Place::START, message, SKIPS)],
        }
    }
}

/// Reads a file, at most [`MAX_FILE_BYTES`] of it.
pub fn read(bytes: &[u8], file: FileName<'_>, client: &Client) -> Reading {
    if bytes.len() > MAX_FILE_BYTES {
        let message = format!("{} bytes, at most {MAX_FILE_BYTES} are read", bytes.len());
        return Reading::unread(Code::TooLarge, message);
    }
    let (text, bad_byte) = decoded(bytes);
    let text = text.as_ref();
    let mut reader = Reader {
        text: text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text),
        file,
        client,
        findings: Vec::new(),
    };
    if reader.text.len() < text.len() {
        let message = "a byte order mark before the first line";
        reader.add(
            Code::Bom,
            0,
            message,
            "reads it; older versions may take the file for text",
        );
    }
    if let Some(at) = bad_byte {
        let message = "a byte that is not UTF-8";
        reader.add(Code::NotUtf8, at, message, "reads U+FFFD in its place");
    }
    let outcome = reader.outcome();
    let mut findings = reader.findings;
    findings.sort_by_key(|finding| (finding.place, finding.code));
    findings.truncate(MAX_FINDINGS);
    Reading { outcome, findings }
}

/// The prompt of a definition: what follows its frontmatter. None where there is none.
pub fn prompt(bytes: &[u8]) -> Option<String> {
    let (text, _) = decoded(bytes);
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    let found = Frontmatter::find(text)?;
    Some(text[found.body_start..].to_owned())
}

/// What is not UTF-8 replaced, and where the first such byte is in a text without its mark.
fn decoded(bytes: &[u8]) -> (Cow<'_, str>, Option<usize>) {
    let text = String::from_utf8_lossy(bytes);
    let bad = std::str::from_utf8(bytes).err();
    let mark = if bytes.starts_with(b"\xef\xbb\xbf") {
        BYTE_ORDER_MARK.len_utf8()
    } else {
        0
    };
    (
        text,
        bad.map(|error| error.valid_up_to().saturating_sub(mark)),
    )
}

struct Reader<'r> {
    /// Without a byte order mark.
    text: &'r str,
    file: FileName<'r>,
    client: &'r Client,
    findings: Vec<Finding>,
}

/// The last entry of a key, as the client takes it.
struct Entry<'n> {
    key_at: usize,
    node: &'n Node,
}

type Entries<'n> = BTreeMap<&'n str, Entry<'n>>;

impl Reader<'_> {
    fn add(&mut self, code: Code, at: usize, message: impl Into<String>, client: &'static str) {
        self.findings.push(Finding::new(
            code,
            Place::of(self.text, at),
            message,
            client,
        ));
    }

    fn add_of(
        &mut self,
        field: &str,
        code: Code,
        at: usize,
        message: impl Into<String>,
        client: &'static str,
    ) {
        // Beyond what is shown a place costs a walk over the text for nothing.
        if self.findings.len() <= 4 * MAX_FINDINGS {
            let finding = Finding::new(code, Place::of(self.text, at), message, client);
            self.findings.push(finding.of_field(field));
        }
    }

    fn outcome(&mut self) -> Outcome {
        let Some(found) = Frontmatter::find(self.text) else {
            if Frontmatter::is_open(self.text) {
                self.add(
                    Code::Yaml,
                    0,
                    "the frontmatter has no \"---\" at its end",
                    SKIPS,
                );
                return self.nameless(Outcome::Broken(None), 0);
            }
            return self.documentation("there is no frontmatter", 0);
        };
        let (start, size) = (found.yaml.start, found.yaml.len());
        if size > MAX_FRONTMATTER_BYTES {
            let message = format!(
                "a frontmatter of {size} bytes, at most {MAX_FRONTMATTER_BYTES} are checked"
            );
            self.add(Code::TooLarge, 0, message, "may load it; it is not checked");
            return Outcome::Broken(None);
        }
        if found.is_cut {
            let message = "\"---\" within a line ends the frontmatter";
            self.add(
                Code::DashesInside,
                found.yaml.end,
                message,
                "reads what follows as the prompt",
            );
        }
        let parsed = match yaml::parse(self.text, found.yaml) {
            Ok(parsed) => parsed,
            Err(wrong) => {
                self.add(Code::Yaml, wrong.at, wrong.message, self.when_no_yaml());
                return self.nameless(Outcome::Broken(None), found.body_start);
            }
        };
        if let Some(wrong) = parsed.lenient {
            let message = format!("no YAML as it is written: {}", wrong.message);
            let client =
                "quotes plain values and reads it; not every version, not with every line break";
            self.add(Code::YamlLenient, wrong.at, message, client);
        }
        match &parsed.root.value {
            Value::Map(entries) => self.agent(entries, start, found.body_start),
            _ => self.documentation("the frontmatter has no fields", start),
        }
    }

    fn when_no_yaml(&self) -> &'static str {
        match self.file.is_of_plugin() {
            true => "loads it without its fields, under the name of the file",
            false => SKIPS,
        }
    }

    fn documentation(&mut self, message: &str, at: usize) -> Outcome {
        if !self.file.is_of_plugin() {
            let message = format!("{message}: no agent, but documentation");
            self.add(Code::Documentation, at, message, SKIPS);
        }
        self.nameless(Outcome::Documentation, 0)
    }

    /// A plugin's file is an agent whatever it says.
    fn nameless(&mut self, otherwise: Outcome, body_start: usize) -> Outcome {
        if !self.file.is_of_plugin() {
            return otherwise;
        }
        let body = Body::of(&self.text[body_start..]);
        Outcome::Agent(Box::new(Definition {
            name: named(self.file.stem),
            run_name: self.file.run_name(self.file.stem),
            name_place: Place::START,
            description: String::new(),
            description_tokens: 0,
            config: Config::default(),
            body,
        }))
    }

    fn agent(&mut self, all: &[(Node, Node)], start: usize, body_start: usize) -> Outcome {
        let entries = self.entries(all);
        let Some(name) = self.name(&entries) else {
            let is_named = entries.contains_key("name");
            return match is_named {
                true => Outcome::Broken(None),
                false => self.documentation("the frontmatter has no name", start),
            };
        };
        let written = entries.get("name");
        let name_place = written.map_or(Place::START, |name| Place::of(self.text, name.node.at));
        let name_at = written.map_or(start, |name| name.key_at);
        let description = self.description(&entries, name_at);
        let (meanings, extra) = self.meanings(&entries);
        granted::check(
            &meanings,
            self.client,
            |field, code, at, message, client| {
                let at = at.or_else(|| entries.get(field).map(|entry| entry.node.at));
                self.add_of(field, code, at.unwrap_or(start), message, client);
            },
        );
        let is_broken = |finding: &Finding| {
            matches!(
                finding.code,
                Code::NoDescription | Code::BadName | Code::BadHooks
            )
        };
        let (run_name, name) = (self.file.run_name(&name), named(&name));
        if self.findings.iter().any(is_broken) {
            return Outcome::Broken(Some(name));
        }
        Outcome::Agent(Box::new(Definition {
            name,
            run_name,
            name_place,
            description_tokens: body::tokens(&description),
            description: clean(&description, MAX_DESCRIPTION_CHARS),
            config: Config::of(meanings, extra),
            body: Body::of(&self.text[body_start..]),
        }))
    }

    fn entries<'n>(&mut self, all: &'n [(Node, Node)]) -> Entries<'n> {
        let mut entries = Entries::new();
        for (key, node) in all {
            let Value::Text(name) = &key.value else {
                self.add(
                    Code::UnknownField,
                    key.at,
                    "a key that is not text",
                    IGNORES,
                );
                continue;
            };
            let key_at = key.at;
            if entries.insert(name, Entry { key_at, node }).is_some() {
                let message = format!("{} is there twice", quoted(name));
                self.add_of(
                    name,
                    Code::DuplicateKey,
                    key_at,
                    message,
                    "takes the last one",
                );
            }
        }
        entries
    }

    /// None if it has none, or one that the client does not take.
    fn name(&mut self, entries: &Entries<'_>) -> Option<String> {
        let Some(Entry { node, .. }) = entries.get("name") else {
            return self.file.is_of_plugin().then(|| self.file.stem.to_owned());
        };
        let wrong = match &node.value {
            Value::Text(name) if name.is_empty() => "name is empty",
            Value::Text(name) if self.client.checks_names() && name.starts_with('-') => {
                "a name may not begin with \"-\""
            }
            Value::Text(name) if self.client.checks_names() && name.contains(':') => {
                "a name may not have \":\", which stands between a plugin and its agent"
            }
            Value::Text(name) => {
                self.check_style(name, node.at);
                return Some(name.clone());
            }
            Value::Null => "name is empty",
            _ => "name is not text; quotes make it text",
        };
        self.add_of("name", Code::BadName, node.at, wrong, SKIPS);
        None
    }

    fn check_style(&mut self, name: &str, at: usize) {
        if !names::is_plain(name) {
            let message = "a name is usually of a-z, 0-9 and \"-\"";
            self.add_of("name", Code::NameStyle, at, message, "loads it");
        }
        if name != self.file.stem {
            let message = format!("the file is called {}", quoted(self.file.stem));
            self.add_of("name", Code::FileNameDiffers, at, message, "takes the name");
        }
    }

    fn description(&mut self, entries: &Entries<'_>, name_at: usize) -> String {
        let entry = entries.get("description");
        let (at, wrong) = match entry.map(|entry| (entry.node.at, &entry.node.value)) {
            Some((_, Value::Text(text))) if !text.is_empty() => return text.clone(),
            Some((at, Value::Text(_) | Value::Null)) => (at, "description is empty"),
            Some((at, _)) => (at, "description is not text; quotes make it text"),
            None => (name_at, "there is no description"),
        };
        let (code, client) = match self.file.is_of_plugin() {
            true => (
                Code::Placeholder,
                "puts the name of the plugin in its place",
            ),
            false => (Code::NoDescription, SKIPS),
        };
        self.add_of("description", code, at, wrong, client);
        String::new()
    }

    /// Of all fields but the name and the description, and what the client does not know.
    fn meanings(&mut self, entries: &Entries<'_>) -> (Meanings, BTreeMap<String, Json>) {
        let (mut meanings, mut extra) = (Meanings::new(), BTreeMap::new());
        for (&key, Entry { key_at, node }) in entries {
            if ["name", "description"].contains(&key) {
                continue;
            }
            let Some(field) = self.client.field(key) else {
                self.unknown(key, *key_at);
                if extra.len() < MAX_EXTRA {
                    extra.insert(clean(key, MAX_VALUE_CHARS), json(key, &node.value));
                }
                continue;
            };
            if self.file.is_of_plugin() && !field.is_for_plugins {
                let message = format!("{key} has no effect in an agent of a plugin");
                self.add_of(key, Code::PluginIgnores, *key_at, message, IGNORES);
                continue;
            }
            let (meant, wrong) = meaning(field, node, self.text);
            for one in wrong {
                self.add_of(key, one.code, one.at, one.message, one.client);
            }
            meanings.extend(meant.map(|meant: Meaning| (key.to_owned(), meant)));
        }
        (meanings, extra)
    }

    fn unknown(&mut self, key: &str, at: usize) {
        let meant = self.client.meant(key);
        let meant = meant
            .map(|field| format!("; {field} is meant?"))
            .unwrap_or_default();
        let message = format!("{} is no field{meant}", quoted(key));
        self.add_of(key, Code::UnknownField, at, message, IGNORES);
    }
}
