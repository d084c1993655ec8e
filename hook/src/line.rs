//! The line that goes to the socket or, letter for letter, to the spool.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::input::Input;
use crate::project;
use crate::writer::ObjectWriter;

pub struct Line {
    /// 128 random bits, as 32 hexadecimal digits: by it the daemon knows a line it has seen.
    pub id: String,
    /// Since 1970, UTC.
    pub observed_at_micros: u64,
    /// The JSON with its line feed.
    pub text: String,
}

impl Line {
    /// `cut` marks a line whose payload was not seen in full, or was no JSON object. `source` is a
    /// word without anything that JSON would escape.
    pub fn new(source: &str, observed_at: SystemTime, input: &Input) -> Self {
        let id = format!("{:032x}", random_bits());
        let since_1970 = observed_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let observed_at_micros = u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX);
        let projection = project::project(&input.bytes);

        let mut fields = ObjectWriter::default();
        fields.value("event", r#""hook""#);
        fields.value("id", &format!("\"{id}\""));
        fields.value("source", &format!("\"{source}\""));
        // Microseconds are what a float of this century holds exactly.
        let (seconds, micros) = (since_1970.as_secs(), since_1970.subsec_micros());
        fields.value("observed_at", &format!("{seconds}.{micros:06}"));
        if !(input.ended && projection.whole) {
            fields.value("cut", "true");
        }
        fields.value("payload", &projection.payload);
        Self {
            id,
            observed_at_micros,
            text: fields.finish() + "\n",
        }
    }
}

/// Two hashes under a fresh key of 128 random bits, which the standard library has from the
/// system: a generator of their own would be more code, and `/dev/urandom` is missing in some
/// sandboxes.
fn random_bits() -> u128 {
    let key = RandomState::new();
    u128::from(key.hash_one(0)) << 64 | u128::from(key.hash_one(1))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;

    fn line(bytes: &[u8], ended: bool) -> Value {
        let observed_at = UNIX_EPOCH + Duration::from_nanos(1_795_194_095_520_415_999);
        let input = Input {
            bytes: bytes.to_vec(),
            ended,
        };
        let line = Line::new("claude-code", observed_at, &input);
        assert_eq!(line.observed_at_micros, 1_795_194_095_520_415);
        let json = line.text.strip_suffix('\n').unwrap();
        assert!(
            json.contains(r#""observed_at":1795194095.520415,"#),
            "{json}"
        );
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_whole_payload_is_not_marked() {
        let line = line(br#"{"session_id":"s"}"#, true);
        assert_eq!(line["event"], "hook");
        assert_eq!(line["source"], "claude-code");
        assert_eq!(line["payload"]["session_id"], "s");
        assert_eq!(line.get("cut"), None);
    }

    #[test]
    fn a_cut_payload_is_marked() {
        assert_eq!(line(br#"{"session_id":"s","#, true)["cut"], true);
        assert_eq!(line(br#"{"session_id":"s"}"#, false)["cut"], true);
        assert_eq!(line(b"", true)["cut"], true);
    }

    #[test]
    fn ids_are_32_digits_and_differ() {
        let (one, other) = (line(b"{}", true), line(b"{}", true));
        let id = one["id"].as_str().unwrap();
        assert_eq!(id.len(), 32);
        assert!(
            id.bytes()
                .all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
        );
        assert_ne!(one["id"], other["id"]);
    }
}
