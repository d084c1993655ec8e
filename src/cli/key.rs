//! `agentpulse key`: makes, shows and revokes the keys of the HTTP interface, by the running
//! daemon or without one.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::failure::{Failure, failed};
use super::output::{print, print_json};
use super::runtime::block_on;
use super::table::aligned;
use super::target::Target;
use agentpulse_client::{AskError, Control, QUICK};
use agentpulse_config::{Config, parse_duration};
use agentpulse_pipeline::clock::now_ms;
use agentpulse_server::daemon::{self, Folder};
use agentpulse_store::access::{Error, NewKey, Scopes};

#[derive(Subcommand)]
pub enum KeyCommand {
    /// Create a key and print it once: only its hash is stored
    Create(Create),
    /// List the keys, without their secrets
    List(List),
    /// Revoke a key at once
    Revoke(Revoke),
}

#[derive(Args)]
pub struct Create {
    /// The name of the key: letters, digits, dots, dashes and underscores
    name: String,
    /// Its scopes, separated by commas: read, ingest, admin (the audit trail and both others)
    #[arg(long, value_name = "SCOPES", default_value = "read", value_parser = parse_scopes)]
    scope: Scopes,
    /// When it expires, from now, such as 90d [default: never]
    #[arg(long, value_name = "DURATION", value_parser = parse_expiry)]
    expires: Option<i64>,
}

#[derive(Args)]
pub struct List {
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Revoke {
    /// Its id or its name
    key: String,
}

fn parse_scopes(text: &str) -> Result<Scopes, &'static str> {
    Scopes::parse(text).ok_or("must be a list of read, ingest, admin")
}

/// The moment, as a Unix number in milliseconds.
fn parse_expiry(text: &str) -> Result<i64, &'static str> {
    let after_ms = parse_duration(text).and_then(|after| i64::try_from(after.as_millis()).ok());
    let at_ms = after_ms.and_then(|after_ms| now_ms().checked_add(after_ms));
    at_ms.ok_or("must be a duration such as 90d")
}

impl KeyCommand {
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        match self {
            KeyCommand::Create(create) => create.run(&config),
            KeyCommand::List(list) => list.run(&config),
            KeyCommand::Revoke(revoke) => revoke.run(&config),
        }
    }
}

impl Create {
    fn run(self, config: &Config) -> Result<(), Failure> {
        let mut path = format!(
            "/control/keys?name={}&scopes={}",
            plain(&self.name)?,
            self.scope
        );
        if let Some(expires_ms) = self.expires {
            path += &format!("&expires={expires_ms}");
        }
        let answer = ask(config, Method::POST, &path, || {
            let offline = daemon::access_offline(config, Folder::claim)?;
            let new = NewKey {
                name: self.name,
                scopes: self.scope,
                expires_ms: self.expires,
            };
            let made = offline.access.create(new, offline.actor, now_ms());
            let (text, key) = made.map_err(failed)?;
            let mut answer = json!(key);
            answer["text"] = text.into();
            Ok(json!({ "key": answer }))
        })?;
        let key = &answer["key"];
        print(&format!("{}\n", word(&key["text"])))?;
        let note = format!(
            "This is shown once. Key {} ({}) opens: {}.",
            word(&key["id"]),
            word(&key["name"]),
            word(&key["scopes"])
        );
        // Standard output holds the key alone, for a script; who reads neither misses nothing.
        let _ = writeln!(io::stderr(), "{note}");
        Ok(())
    }
}

impl List {
    fn run(self, config: &Config) -> Result<(), Failure> {
        let answer = ask(config, Method::GET, "/control/keys", || {
            let access = daemon::access_to_read(config)?;
            Ok(json!({"keys": access.list()}))
        })?;
        if self.json {
            return print_json(&answer);
        }
        let columns = ["id", "name", "scopes", "created", "last_used", "expires"];
        let mut rows = vec![columns.map(str::to_owned)];
        for key in answer["keys"].as_array().into_iter().flatten() {
            rows.push(columns.map(|column| word(&key[column]).to_owned()));
        }
        print(&aligned(&rows))
    }
}

impl Revoke {
    fn run(self, config: &Config) -> Result<(), Failure> {
        let path = format!("/control/keys/{}", plain(&self.key)?);
        let answer = ask(config, Method::DELETE, &path, || {
            let offline = daemon::access_offline(config, Folder::claim_existing)?;
            let ended = offline.access.revoke(&self.key, offline.actor, now_ms());
            Ok(json!({ "key": ended.map_err(failed)? }))
        })?;
        let (id, name) = (word(&answer["key"]["id"]), word(&answer["key"]["name"]));
        print(&format!("key {id} ({name}) opens nothing any more\n"))
    }
}

/// By the running daemon, else without one.
fn ask(
    config: &Config,
    method: Method,
    path: &str,
    without: impl FnOnce() -> Result<Value, Failure>,
) -> Result<Value, Failure> {
    match block_on(Control::of(config).ask(method, path, QUICK))? {
        Ok(answer) => Ok(answer),
        Err(AskError::NotRunning(_)) => without(),
        Err(error) => Err(error.into()),
    }
}

/// What may stand in a path as it is; the daemon says the rest.
fn plain(name: &str) -> Result<&str, Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !name.is_empty() && name.bytes().all(plain) {
        Ok(name)
    } else {
        Err(failed(Error::Name))
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}
