//! What a version of the client knows, from `config/client_fields.toml`.

use serde::Deserialize;

use crate::client_version::ClientVersion;
use crate::nearest::nearest;

/// A client of one version: its fields and words, those of later versions left out.
#[derive(Clone, Debug)]
pub struct Client {
    version: ClientVersion,
    rules: Rules,
    fields: Vec<Field>,
    tools: Tools,
    agents: Agents,
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub kind: Kind,
    pub words: Vec<String>,
    /// Of a table: its keys, each with its words. Of hooks: their types, each with the texts that
    /// it needs.
    pub keys: Vec<(String, Vec<String>)>,
    /// Whether an agent of a plugin may have it.
    pub is_for_plugins: bool,
    instead_of: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Name,
    Text,
    Model,
    Tools,
    List,
    Word,
    Effort,
    Count,
    Flag,
    Servers,
    Hooks,
    Table,
    Any,
}

/// From which versions on a rule holds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    name_characters: ClientVersion,
    needs_a_tool: ClientVersion,
    background: ClientVersion,
    nearest_wins: ClientVersion,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tools {
    never: Vec<String>,
    background: Vec<String>,
    others: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Agents {
    built_in: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    compared_with: ClientVersion,
    rules: Rules,
    field: Vec<Row>,
    tools: Tools,
    agents: Agents,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    kind: Kind,
    since: Option<ClientVersion>,
    #[serde(default)]
    words: Vec<Word>,
    #[serde(default)]
    keys: toml::Table,
    #[serde(default = "yes")]
    plugin: bool,
    #[serde(default)]
    instead_of: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Word {
    Always(String),
    Since { word: String, since: ClientVersion },
}

fn yes() -> bool {
    true
}

impl Client {
    /// Reads a table for a version; without one, for that which the table was compared with. The
    /// error says what is wrong with the table.
    pub fn parse(table: &str, version: Option<ClientVersion>) -> Result<Client, String> {
        let file: File = toml::from_str(table).map_err(|error| error.to_string())?;
        let version = version.unwrap_or(file.compared_with);
        let known = |row: &Row| row.since.is_none_or(|since| since <= version);
        let rows = file.field.into_iter().filter(known);
        let fields: Result<Vec<Field>, String> = rows.map(|row| row.at(version)).collect();
        Ok(Client {
            version,
            rules: file.rules,
            fields: fields?,
            tools: file.tools,
            agents: file.agents,
        })
    }

    /// Of the table that is built in.
    pub fn built_in(version: Option<ClientVersion>) -> Client {
        let table = include_str!("../../../config/client_fields.toml");
        Client::parse(table, version).expect("the embedded table is read by the tests of this file")
    }

    /// Whether the client has an agent of this name without a file.
    pub fn has_agent(&self, run_name: &str) -> bool {
        self.agents.built_in.iter().any(|name| name == run_name)
    }

    pub fn version(&self) -> ClientVersion {
        self.version
    }

    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The field that is meant by a key that is none.
    pub fn meant(&self, key: &str) -> Option<&str> {
        let named = |field: &&Field| field.instead_of.iter().any(|word| word == key);
        let instead = self.fields.iter().find(named);
        let names = || self.fields.iter().map(|field| field.name.as_str());
        instead
            .map(|field| field.name.as_str())
            .or_else(|| nearest(key, names()))
    }

    /// Whether names may not begin with `-` and have no `:`.
    pub fn checks_names(&self) -> bool {
        self.version >= self.rules.name_characters
    }

    pub fn refuses_without_tools(&self) -> bool {
        self.version >= self.rules.needs_a_tool
    }

    /// Whether agents run in the background unless they say otherwise.
    pub fn has_background(&self) -> bool {
        self.version >= self.rules.background
    }

    /// Of nested folders, whether the inner one wins over the outer one.
    pub fn nearest_wins(&self) -> bool {
        self.version >= self.rules.nearest_wins
    }

    /// Whether no agent is given this tool.
    pub fn is_never_given(&self, tool: &str) -> bool {
        self.tools.never.iter().any(|name| name == tool)
    }

    pub fn is_of_background(&self, tool: &str) -> bool {
        self.tools.background.iter().any(|name| name == tool)
    }

    pub fn is_tool(&self, tool: &str) -> bool {
        self.all_tools().any(|name| name == tool)
    }

    pub fn meant_tool(&self, tool: &str) -> Option<&str> {
        nearest(tool, self.all_tools())
    }

    fn all_tools(&self) -> impl Iterator<Item = &str> {
        let Tools {
            never,
            background,
            others,
        } = &self.tools;
        [background, others, never]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

impl Row {
    fn at(self, version: ClientVersion) -> Result<Field, String> {
        let words = self.words.into_iter().filter_map(|word| match word {
            Word::Always(word) => Some(word),
            Word::Since { word, since } => (since <= version).then_some(word),
        });
        let words: Vec<String> = words.collect();
        let name = self.name;
        let keys = self.keys.into_iter().map(|(key, words)| {
            let wrong = |error| format!("field {name:?}: key {key:?}: {error}");
            Ok((key.clone(), words.try_into().map_err(wrong)?))
        });
        let keys: Vec<(String, Vec<String>)> = keys.collect::<Result<_, String>>()?;
        let has_words = matches!(self.kind, Kind::Word | Kind::Effort | Kind::Model);
        let has_keys = matches!(self.kind, Kind::Table | Kind::Hooks);
        if has_words == words.is_empty() || has_keys == keys.is_empty() {
            let (of_words, of_keys) = ("word, effort and model", "table and hooks");
            return Err(format!(
                "field {name:?}: words are of the kinds {of_words}, keys of the kinds {of_keys}"
            ));
        }
        Ok(Field {
            kind: self.kind,
            words,
            keys,
            is_for_plugins: self.plugin,
            instead_of: self.instead_of,
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(version: &str) -> Client {
        Client::built_in(Some(version.parse().unwrap()))
    }

    #[test]
    fn a_client_knows_what_its_version_knows() {
        let words = |client: &Client, field: &str| client.field(field).unwrap().words.clone();
        let (old, new) = (client("2.1.168"), client("2.1.333"));
        assert!(words(&new, "permissionMode").contains(&"manual".to_owned()));
        assert!(!words(&old, "permissionMode").contains(&"manual".to_owned()));
        assert!(new.field("experimental").is_some() && old.field("experimental").is_none());
        assert!(client("2.1.248").field("experimental").is_some());
        assert!(client("2.1.218").checks_names() && !client("2.1.217").checks_names());
        assert!(client("2.1.178").nearest_wins() && !client("2.1.177").nearest_wins());
        assert_eq!(Client::built_in(None).version().to_string(), "2.1.333");
    }

    #[test]
    fn the_field_that_is_meant() {
        let client = Client::built_in(None);
        for (key, meant) in [
            ("allowed-tools", Some("tools")),
            ("when_to_use", Some("description")),
            ("max-turns", Some("maxTurns")),
            ("Color", Some("color")),
            ("disallowed-tools", Some("disallowedTools")),
            ("version", None),
            ("tags", None),
        ] {
            assert_eq!(client.meant(key), meant, "{key}");
        }
    }

    #[test]
    fn a_wrong_table_is_refused_with_its_place() {
        let table = include_str!("../../../config/client_fields.toml");
        for (from, to, place) in [
            ("kind = \"count\"", "kind = \"counts\"", "counts"),
            (
                "words = [\"user\", \"project\", \"local\"]",
                "",
                "\"memory\"",
            ),
            ("kind = \"flag\"", "kind = \"table\"", "\"background\""),
            ("\"2.1.200\"", "\"2.1\"", "line"),
            ("\nplugin = false", "\nplugins = false", "plugins"),
        ] {
            let wrong = table.replacen(from, to, 1);
            assert_ne!(wrong, table);
            let error = Client::parse(&wrong, None).unwrap_err();
            assert!(error.contains(place), "{error}");
        }
    }
}
