//! Free text on its way in: redacted first, then cut, so that no cut leaves half a secret unseen.

use std::borrow::Cow;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use agentpulse_core::limits::{MAX_NAME_BYTES, MAX_TEXT_BYTES};
use agentpulse_core::text::{begin, cut};
use agentpulse_redact::{
    SecretName, is_stack, redact, redact_name, secret_name, top_frames, top_of_stacks,
    without_homes,
};

/// Instead of a name that, with its hash, would be taken for another secret.
const REDACTED: &str = "[redacted:name]";

/// A name, redacted. Names identify things: two that differ only in what was taken out still
/// differ, by a hash of the whole. The hash has no key: an id must be the same after a restore, and
/// in a spool that another daemon takes. So a reader that can guess a secret can see that the guess
/// is right; of one that nobody guesses it says nothing.
fn redacted(name: String) -> String {
    let secrets = redact_name(&name);
    let clean = without_homes(&secrets);
    if *clean == *name {
        return name;
    }
    // A mark may be longer than what it stands for, and what is shown can be asked for by name.
    let hash = format!("~{:032x}", hash(&name));
    let named = format!("{}{hash}", begin(&clean, MAX_NAME_BYTES - hash.len()));
    let is_clean = *without_homes(&redact_name(&named)) == *named;
    if is_clean {
        return named;
    }
    format!("{REDACTED}{hash}")
}

/// The first 128 bits of the SHA-256: two of 10^9 names are one by a chance of 10^-21. With 32 bits
/// two of 10^5 were, and the second run was taken for a repetition of the first.
fn hash(name: &str) -> u128 {
    let first = Sha256::digest(name).into_iter().take(16);
    first.fold(0, |hash, byte| hash << 8 | u128::from(byte))
}

/// Redacts an id or a name; none where it is a text, which no cut makes a name.
pub fn clean_name(name: String) -> Option<String> {
    let is_name = (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
    is_name.then(|| redacted(name))
}

/// Redacts a text, and cuts it to [`MAX_TEXT_BYTES`].
pub fn clean_text(text: String) -> String {
    cut(cleaned(text), MAX_TEXT_BYTES)
}

pub fn clean_object(object: Map<String, Value>) -> Map<String, Value> {
    Cleaner::EVENTS.fields(object, None)
}

/// Only takes out what is secret: what is handed on is to be whole.
pub fn redact_json(value: Value) -> Value {
    Cleaner::HANDED_ON.value(value, None)
}

/// Walks through a value.
struct Cleaner {
    text: fn(String) -> String,
    /// Of stacks the first frames are kept alone.
    cuts_stacks: bool,
}

impl Cleaner {
    const EVENTS: Cleaner = Cleaner {
        text: clean_text,
        cuts_stacks: true,
    };
    const HANDED_ON: Cleaner = Cleaner {
        text: redact_text,
        cuts_stacks: false,
    };

    /// What stands in `under` a name of secrets is secret all the way down.
    fn fields(&self, object: Map<String, Value>, under: Option<SecretName>) -> Map<String, Value> {
        let named = named(&object);
        object
            .into_iter()
            .map(|(key, value)| {
                let value = match self.cuts_stacks && is_stack(&key) {
                    true => top_frames(value),
                    false => value,
                };
                let secret = under.or_else(|| secret_name(&key));
                let secret = secret.or(named.filter(|_| key.eq_ignore_ascii_case("value")));
                ((self.text)(key), self.value(value, secret))
            })
            .collect()
    }

    fn value(&self, value: Value, under: Option<SecretName>) -> Value {
        match value {
            Value::String(text) => Value::String(match under {
                None => (self.text)(text),
                Some(secret) => (self.text)(secret.redact(&text).into_owned()),
            }),
            Value::Number(number) => match under.and_then(SecretName::redact_number) {
                None => Value::Number(number),
                Some(mark) => Value::String(mark),
            },
            Value::Array(items) => {
                let mut flag = None;
                let items = items.into_iter().map(|item| {
                    let is_flag = item.as_str().is_some_and(|item| item.starts_with('-'));
                    let secret = under.or(flag.take().filter(|_| !is_flag));
                    flag = flagged(&item);
                    match item {
                        Value::Array(pair) if pair.len() == 2 => self.pair(pair, secret),
                        item => self.value(item, secret),
                    }
                });
                Value::Array(items.collect())
            }
            Value::Object(object) => Value::Object(self.fields(object, under)),
            plain => plain,
        }
    }

    /// A list of pairs is an object of another form, as headers are often given:
    /// `[["x-api-key", "…"]]`.
    fn pair(&self, pair: Vec<Value>, under: Option<SecretName>) -> Value {
        let secret = under.or_else(|| pair[0].as_str().and_then(secret_name));
        let of_each = [under, secret];
        let pair = pair.into_iter().zip(of_each);
        Value::Array(pair.map(|(item, under)| self.value(item, under)).collect())
    }
}

/// What the value of a pair is called, as in `{"name": "DB_PASSWORD", "value": "…"}`.
fn named(object: &Map<String, Value>) -> Option<SecretName> {
    let name = |field: &str| object.get(field).and_then(Value::as_str);
    ["name", "key", "Name", "Key"]
        .into_iter()
        .find_map(|field| secret_name(name(field)?))
}

/// What the argument behind a flag is: `["--password", "…"]`.
fn flagged(argument: &Value) -> Option<SecretName> {
    secret_name(argument.as_str()?.strip_prefix("--")?)
}

/// Takes out what is secret, and nothing else.
pub fn redact_text(text: String) -> String {
    owned(text, redact)
}

fn cleaned(text: String) -> String {
    let secrets = owned(text, redact);
    let homes = owned(secrets, without_homes);
    owned(homes, top_of_stacks)
}

fn owned(text: String, clean: fn(&str) -> Cow<str>) -> String {
    match clean(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(clean) => clean,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;

    use super::*;

    fn clean(value: Value) -> Value {
        Cleaner::EVENTS.value(value, None)
    }

    #[test]
    fn what_stands_under_a_name_of_secrets_is_secret_all_the_way_down() {
        let given = json!({"cookies": [{"name": "sid", "value": "abc"}], "password": 123456,
            "auth": {"token": "opensesame", "kind": "x"}, "input_tokens": 7, "token": 7});
        let wanted = json!({
            "cookies": [{"name": "[redacted:cookie]", "value": "[redacted:cookie]"}],
            "password": "[redacted:password]",
            "auth": {"token": "[redacted:token]", "kind": "x"},
            "input_tokens": 7, "token": 7});
        assert_eq!(clean(given), wanted);
        assert_eq!(clean(wanted.clone()), wanted);
    }

    #[test]
    fn what_stands_beside_a_name_of_secrets_in_a_list_of_pairs_is_secret() {
        let given = json!({"headers": [["X-Api-Key", "opensesame"], ["accept", "text/html"]],
            "fields": ["password", "username"], "api_keys": ["opensesame"], "tokens": ["a", 7],
            "rows": [["password", ["open", {"x": "sesame"}]], ["a", "b", "password"]]});
        let wanted = json!({
            "headers": [["X-Api-Key", "[redacted:api-key]"], ["accept", "text/html"]],
            "fields": ["password", "username"], "api_keys": ["[redacted:api-key]"],
            "tokens": ["a", 7], "rows": [["password", ["[redacted:password]",
                {"x": "[redacted:password]"}]], ["a", "b", "password"]]});
        assert_eq!(clean(given), wanted);
        assert_eq!(clean(wanted.clone()), wanted);
    }

    #[test]
    fn values_after_a_secret_name_or_flag_are_redacted() {
        let given = json!({"env": [{"name": "DB_PASSWORD", "value": "open"},
                {"name": "token_count", "value": "1500"}],
            "argv": ["tool", "--password", "open", "--verbose", "open"],
            "pass\u{200b}word": "open"});
        let wanted = json!({"env": [{"name": "DB_PASSWORD", "value": "[redacted:password]"},
                {"name": "token_count", "value": "1500"}],
            "argv": ["tool", "--password", "[redacted:password]", "--verbose", "open"],
            "pass\u{200b}word": "[redacted:password]"});
        assert_eq!(clean(given), wanted);
        assert_eq!(clean(wanted.clone()), wanted);
    }

    #[test]
    fn the_agent_of_a_plugin_keeps_its_name() {
        for name in [
            "design-token:auditor-v2",
            "api-key:rotation-planner2",
            "password:rotator3",
            "mcp__vault__read_token",
        ] {
            assert_eq!(redacted(name.to_owned()), name);
        }
        for name in ["password=hunter2hunter2", "token:a8f3c19e77d24b06"] {
            let clean = redacted(name.to_owned());
            assert!(
                clean.contains("[redacted:") && clean.contains('~'),
                "{clean}"
            );
        }
    }

    #[test]
    fn names_that_differ_in_a_secret_still_differ() {
        let [a, b] = ["alice@corp.example", "bobby@corp.example"].map(|name| redacted(name.into()));
        assert!(a.starts_with("[redacted:email]~") && b.starts_with("[redacted:email]~"));
        assert_ne!(a, b);
        assert_eq!(redacted(a.clone()), a);
    }

    #[test]
    fn ids_whose_hashes_began_alike_stay_two() {
        let ids = ["job-65791@ci.example.com", "job-158852@ci.example.com"];
        let [a, b] = ids.map(|id| redacted(id.into()));
        assert_ne!(a, b);
        assert_eq!(a.len(), "[redacted:email]~".len() + 32, "{a}");
    }

    #[test]
    fn a_million_addresses_have_a_million_hashes() {
        let mut state = 7_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state >> 24
        };
        let hashes: HashSet<u128> = (0..1_000_000)
            .map(|n| hash(&format!("job-{n}-{:x}@ci.example.com", random())))
            .collect();
        assert_eq!(hashes.len(), 1_000_000);
    }

    #[test]
    fn a_redacted_name_is_a_name_and_stays_as_it_is() {
        let addresses = "a@b.co ".repeat(36);
        for name in [
            addresses.as_str(),
            "a@b.co password=abc",
            "a@b.co abc1Q",
            "a@b.co x/home/bo",
            "é@b.co Ω@b.co /home/al",
        ] {
            let once = redacted(name.to_owned());
            assert!(once.len() <= MAX_NAME_BYTES && once != name, "{once}");
            assert_eq!(redacted(once.clone()), once);
        }
    }

    #[test]
    fn homes_and_the_depth_of_stacks_are_taken_out() {
        let frames: Vec<String> = (0..30)
            .map(|n| format!("    at f{n} (/home/al/x.js:{n})"))
            .collect();
        let given = json!({"message": format!("no\n{}", frames.join("\n")), "stack": frames});
        let cleaned = clean(given).to_string();
        assert!(cleaned.contains("at f9 (~/x.js:9)"), "{cleaned}");
        assert!(
            !cleaned.contains("f10") && !cleaned.contains("al/"),
            "{cleaned}"
        );
    }
}
