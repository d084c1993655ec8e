//! Values that a provider issues without a form of their own, under a name that has the provider's:
//! `DATADOG=…`, `algolia_search: …`.

use super::bytes::{has_digit, has_word, run};
use super::mark::Secret;
use super::opening::value_start;
use super::value::is_words;

const MAX_NAME_BYTES: usize = 48;
const MIN_VALUE_BYTES: usize = 14;
const MAX_VALUE_BYTES: usize = 256;

/// Of whose keys a public set of rules says that they are known by this word alone.
const PROVIDERS: &[&str] = &[
    "adafruit",
    "adobe",
    "airtable",
    "algolia",
    "alibaba",
    "asana",
    "atlassian",
    "artifactory",
    "beamer",
    "bintray",
    "bitbucket",
    "bittrex",
    "cloudflare",
    "codecov",
    "cohere",
    "coinbase",
    "confluence",
    "confluent",
    "contentful",
    "contribsys",
    "datadog",
    "discord",
    "dnkey",
    "droneci",
    "dropbox",
    "etsy",
    "facebook",
    "fastly",
    "finicity",
    "finnhub",
    "flickr",
    "freshbooks",
    "gitter",
    "gocardless",
    "intercom",
    "jfrog",
    "jira",
    "kraken",
    "kucoin",
    "launchdarkly",
    "linear",
    "linked-in",
    "linked_in",
    "linkedin",
    "lob",
    "looker",
    "mailchimp",
    "mailgun",
    "mapbox",
    "mattermost",
    "meraki",
    "message-bird",
    "message_bird",
    "messagebird",
    "netlify",
    "new-relic",
    "new_relic",
    "newrelic",
    "nytimes",
    "okta",
    "plaid",
    "private-ai",
    "private_ai",
    "privateai",
    "rapidapi",
    "sendbird",
    "sentry",
    "sonar",
    "squarespace",
    "sumo",
    "sumologic",
    "telegr",
    "travis",
    "twitch",
    "twitter",
    "typeform",
    "xray",
    "yandex",
    "zendesk",
];
/// Ends of names whose values are not secret, or of another thing.
const OTHERS: &[&str] = &[
    "id", "ids", "sha", "sha1", "sha256", "hash", "md5", "commit", "digest", "checksum", "version",
    "rev", "revision", "ref", "url", "uri", "host", "domain", "path", "file", "image", "tag",
    "build", "release", "name", "region", "zone", "org", "account", "project", "team", "bucket",
    "branch", "trace", "span", "etag", "uuid", "size", "issue", "ticket", "event", "channel",
];

/// Last words of names under which a random value opens something.
const LAST: &[&str] = &["auth", "pat"];

/// The value assigned by the sign at `sign` to a name with that of a provider.
pub(super) fn secret_at(text: &[u8], name: &[u8], sign: usize) -> Option<Secret> {
    // Few names stand before a value of this form, so it is checked first.
    let opening = value_start(text, sign)?;
    let window = &text[..text.len().min(opening.at + MAX_VALUE_BYTES)];
    let end = opening.at + run(window, opening.at, is_of_key);
    let value = &text[opening.at..end];
    let letters = value
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    let is_closed = text.get(end).is_none_or(|byte| {
        byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b';' | b'\\' | b',')
    });
    let is_opaque = value.len() >= MIN_VALUE_BYTES && has_digit(value) && letters > 0 && is_closed;
    if !is_opaque || is_words(value) {
        return None;
    }
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-. ".contains(byte);
    let from = name.len().saturating_sub(MAX_NAME_BYTES);
    let length = name[from..]
        .iter()
        .rev()
        .take_while(|byte| is_of_name(byte))
        .count();
    let name = &name[name.len() - length..];
    let last = name
        .rsplit(|byte| !byte.is_ascii_alphanumeric())
        .next()
        .unwrap_or(name);
    let is_other = |other: &&str| {
        // Also as the end of a name in one word: `discordClientId`.
        let at = last.len().checked_sub(other.len());
        at.is_some_and(|at| has_word(last, at, other) && (at == 0 || last[at].is_ascii_uppercase()))
    };
    let is_providers = PROVIDERS.iter().any(|provider| has_whole(name, provider))
        || LAST
            .iter()
            .any(|word| last.eq_ignore_ascii_case(word.as_bytes()));
    (is_providers && !OTHERS.iter().any(is_other)).then_some(Secret {
        start: opening.at,
        end,
        kind: "api-key",
    })
}

/// Whether a name has this word, and not as a part of another: a glob is of no lob.
fn has_whole(name: &[u8], word: &str) -> bool {
    (0..name.len()).any(|at| {
        let end = at + word.len();
        has_word(name, at, word)
            && (at == 0
                || name[..at].ends_with(b"-D")
                || !name[at - 1].is_ascii_alphabetic()
                || name[at].is_ascii_uppercase())
            && name
                .get(end)
                .is_none_or(|byte| !byte.is_ascii_lowercase() || word == "telegr")
    })
}

fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'-' | b'.' | b'=' | b'+' | b'/' | b':' | b'%')
}
