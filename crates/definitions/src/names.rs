//! Names and ids.

use icu_normalizer::ComposingNormalizerBorrowed;
use sha2::{Digest, Sha256};

/// What is equal for the client when it looks a name up a second time: the normal form, lower case,
/// without white space, dashes and `_`.
pub fn loose(name: &str) -> String {
    let normal = ComposingNormalizerBorrowed::new_nfkc().normalize(name);
    let lower = normal.to_lowercase();
    lower
        .chars()
        .filter(|c| !c.is_whitespace() && !is_dash(*c) && *c != '_')
        .collect()
}

/// Unicode's dash punctuation.
fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{58a}' | '\u{5be}' | '\u{1400}' | '\u{1806}' | '\u{2010}'
            ..='\u{2015}'
                | '\u{2e17}'
                | '\u{2e1a}'
                | '\u{2e3a}'
                | '\u{2e3b}'
                | '\u{2e40}'
                | '\u{2e5d}'
                | '\u{301c}'
                | '\u{3030}'
                | '\u{30a0}'
                | '\u{fe31}'
                | '\u{fe32}'
                | '\u{fe58}'
                | '\u{fe63}'
                | '\u{ff0d}'
                | '\u{10ead}'
    )
}

/// Whether it is of the style that the client documents.
pub fn is_plain(name: &str) -> bool {
    name.bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// What stands before the name of a plugin's agent where it runs: the plugin, and the folders in
/// it.
pub fn prefix<'p>(plugin: &'p str, folders: impl Iterator<Item = &'p str>) -> String {
    let parts = [plugin].into_iter().chain(folders);
    parts.map(|part| format!("{part}:")).collect()
}

/// Stays when the file moves within its root, and not when the name changes.
pub fn agent_id(scope: &str, root: &str, run_name: &str) -> String {
    let mut hash = Sha256::new();
    for part in [scope, root, run_name] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("agent_{}", hex(&hash.finalize()[..8]))
}

/// The version of a file's bytes: the first 128 bits of their SHA-256.
pub fn version(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..16])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_takes_for_one_name_is_one() {
        for name in [
            "code-reviewer",
            "Code Reviewer",
            "CODE_REVIEWER",
            "code—reviewer",
            "ｃode reviewer",
        ] {
            assert_eq!(loose(name), "codereviewer", "{name}");
        }
        assert_ne!(loose("code.reviewer"), "codereviewer");
    }

    #[test]
    fn names_of_plugins_have_the_plugin_and_the_folders() {
        assert_eq!(prefix("p", [].into_iter()), "p:");
        assert_eq!(
            prefix("p", ["review", "deep"].into_iter()),
            "p:review:deep:"
        );
    }

    #[test]
    fn an_id_is_of_scope_root_and_name() {
        let id = agent_id("user", "/r", "a");
        assert_eq!(id.len(), "agent_".len() + 16);
        for other in [
            ("project", "/r", "a"),
            ("user", "/ra", ""),
            ("user", "/r", "b"),
        ] {
            assert_ne!(agent_id(other.0, other.1, other.2), id);
        }
        // The SHA-256 of the empty text.
        assert_eq!(version(b""), "e3b0c44298fc1c149afbf4c8996fb924");
    }
}
