//! A document of many events, read part by part: what is held of it are its bytes and one part.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::Deserializer;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::decoded::{Decoded, MAX_SUBMISSION, decode_line};
use super::delivery::Delivery;
use agentpulse_pipeline::writer::Unavailable;
use agentpulse_sources::Clock;
use agentpulse_sources::json::{Object, reason};

/// A part ends with the event that goes beyond so many bytes.
const PART_BYTES: usize = 256 << 10;
/// Lines of a part, also of those that are refused: these do not go to the writer, and to hand a
/// part to another thread costs more than to refuse some hundred lines.
const PART_LINES: usize = 4_096;
/// What is smaller costs about as much as handing it to another thread.
const SMALL_BYTES: usize = 16 << 10;
/// Parts that are decoded at once beside the threads that answer everybody.
static PLACES: Semaphore = Semaphore::const_new(4);

/// Does work on so many bytes where it holds nobody up.
pub async fn run_blocking<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unavailable> {
    if bytes <= SMALL_BYTES {
        return Ok(work());
    }
    let stopped = |error: &dyn std::error::Error| Unavailable(error.to_string());
    let place = PLACES.acquire().await.map_err(|error| stopped(&error))?;
    let work = spawn_blocking(move || {
        let done = work();
        drop(place);
        done
    });
    work.await.map_err(|error| stopped(&error))
}

/// The object that a body is.
///
/// # Errors
/// Where it is none, and nothing of what is there.
pub fn object(body: &[u8]) -> Result<Object<'_>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "not JSON: not UTF-8".to_owned())?;
    match Object::parse(text) {
        Ok(Some(object)) => Ok(object),
        Ok(None) => Err("not a JSON object".to_owned()),
        Err(error) if error.is_data() => Err(reason(&error)),
        Err(error) => Err(not_json(&error)),
    }
}

fn not_json(error: &serde_json::Error) -> String {
    format!("not JSON: {error}")
}

pub struct Document {
    bytes: Bytes,
    delivery: Delivery,
    is_array: bool,
    /// What is read, in bytes and in lines or items.
    at: usize,
    number: u64,
}

impl Document {
    pub fn of_lines(bytes: Bytes, delivery: Delivery) -> Document {
        Document {
            bytes,
            delivery,
            is_array: false,
            at: 0,
            number: 0,
        }
    }

    /// An event is an object: what begins with a bracket is an array of them.
    ///
    /// # Errors
    /// An array is no JSON.
    pub fn of(bytes: Bytes, delivery: Delivery) -> Result<Document, String> {
        let begin = bytes.iter().position(|byte| !byte.is_ascii_whitespace());
        let bracket = begin.filter(|&at| bytes[at] == b'[');
        let mut document = Document::of_lines(bytes, delivery);
        if let Some(bracket) = bracket {
            let checked = serde_json::from_slice::<IgnoredAny>(&document.bytes);
            checked.map_err(|error| not_json(&error))?;
            document.is_array = true;
            document.at = bracket + 1;
        }
        Ok(document)
    }

    /// Decodes the next part. An empty one is the end.
    pub async fn part(mut self, clock: Arc<Clock>) -> Result<(Decoded, Document), Unavailable> {
        run_blocking(self.bytes.len(), move || (self.decode(&clock), self)).await
    }

    fn decode(&mut self, clock: &Clock) -> Decoded {
        let mut decoded = Decoded::default();
        let end = self.at + PART_BYTES;
        while decoded.events() < MAX_SUBMISSION && decoded.len() < PART_LINES && self.at < end {
            let place = match self.is_array {
                true => self.item(),
                false => self.line(),
            };
            let Some(place) = place else { break };
            let bytes = &self.bytes[place];
            decoded.push(
                self.number,
                decode_line(bytes, clock, self.delivery.key(self.number)),
            );
        }
        decoded
    }

    /// Blank lines are skipped, but counted.
    fn line(&mut self) -> Option<Range<usize>> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            let length = rest.iter().position(|&byte| byte == b'\n');
            let length = length.unwrap_or(rest.len());
            let place = self.at..self.at + length;
            self.at = place.end + 1;
            self.number += 1;
            if !rest[..length].trim_ascii().is_empty() {
                return Some(place);
            }
        }
    }

    /// The whole is known to be JSON, so that commas stand where they should.
    fn item(&mut self) -> Option<Range<usize>> {
        let rest = self.bytes.get(self.at..)?;
        let is_between = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',';
        let begin = self.at + rest.iter().position(|byte| !is_between(byte))?;
        if self.bytes[begin] == b']' {
            return None;
        }
        let item = Deserializer::from_slice(&self.bytes[begin..]);
        let mut item = item.into_iter::<IgnoredAny>();
        let end = match item.next() {
            Some(Ok(_)) => begin + item.byte_offset(),
            // Refused with what follows, rather than passed over.
            _ => self.bytes.len(),
        };
        self.at = end;
        self.number += 1;
        Some(begin..end)
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::intake::Deliveries;

    /// Numbers of the events by part; `None` after a number stands for a refusal's reason.
    fn parts(text: &str) -> Vec<Vec<(u64, Option<String>)>> {
        let clock = Clock {
            now_ms: 1_795_200_000_000,
            keep_ms: 8 * 86_400_000,
            zone: TimeZone::UTC,
        };
        let mut document =
            Document::of(Bytes::copy_from_slice(text.as_bytes()), delivery()).unwrap();
        let mut parts = Vec::new();
        loop {
            let decoded = document.decode(&clock);
            if decoded.len() == 0 {
                return parts;
            }
            let answered = decoded.lines.into_iter();
            parts.push(
                answered
                    .map(|(n, rejection)| (n, rejection.map(|why| why.0)))
                    .collect(),
            );
        }
    }

    const SIGN: &str = r#"{"event":"progress","agent_id":"x,]"}"#;

    fn delivery() -> Delivery {
        Deliveries::new(7).begin()
    }

    fn refused(reason: &str) -> Option<String> {
        Some(reason.to_owned())
    }

    #[test]
    fn lines_keep_their_numbers() {
        for end in ["", "\n", "\n \n"] {
            let text = format!("\n{SIGN}\r\n  \nx\n{SIGN}{end}");
            let not_json = refused("not JSON at column 1: expected value");
            assert_eq!(parts(&text), [[(2, None), (4, not_json), (5, None)]]);
        }
        assert_eq!(parts(""), [[]; 0]);
    }

    #[test]
    fn items_of_an_array_are_judged_alone() {
        let no_object = || refused("an event must be a JSON object");
        let text = format!(" \n[{SIGN}, 7,\"]\",[1,[]],1e999 ,{SIGN}\n,null]\n");
        let all = parts(&text);
        assert_eq!(all.len(), 1);
        let answered = |n: usize| all[0][n].clone();
        assert_eq!(answered(0), (1, None));
        for (n, number) in [(1, 2), (2, 3), (3, 4), (6, 7)] {
            assert_eq!(answered(n), (number, no_object()));
        }
        let (number, reason) = answered(4);
        assert!(number == 5 && reason.unwrap().contains("out of range"));
        assert_eq!(answered(5), (6, None));
        for none in ["[]", " [ ] "] {
            assert_eq!(parts(none), [[]; 0]);
        }
    }

    #[test]
    fn a_broken_array_is_rejected_whole() {
        for text in ["[{}", "[{}]x", "[{},]", "[", "[{}{}]"] {
            let refused = Document::of(text.into(), delivery()).err();
            assert!(refused.unwrap().starts_with("not JSON: "), "{text}");
        }
    }

    #[tokio::test]
    async fn large_documents_are_decoded_on_another_thread() {
        let here = std::thread::current().id();
        let thread_of = async |bytes| {
            run_blocking(bytes, || std::thread::current().id())
                .await
                .unwrap()
        };
        assert_eq!(thread_of(SMALL_BYTES).await, here);
        assert_ne!(thread_of(SMALL_BYTES + 1).await, here);
    }

    #[test]
    fn a_part_has_its_bounds() {
        let many = vec![SIGN; MAX_SUBMISSION + 1];
        let large = format!(
            r#"{{"event":"progress","agent_id":"{}"}}"#,
            "x".repeat(200 << 10)
        );
        let large = vec![large; 3];
        for (begin, between, end) in [("", "\n", ""), ("[", ",", "]")] {
            let counts = |items: String| -> Vec<usize> {
                let parts = parts(&format!("{begin}{items}{end}"));
                parts.iter().map(Vec::len).collect()
            };
            assert_eq!(counts(many.join(between)), [MAX_SUBMISSION, 1]);
            assert_eq!(counts(large.join(between)), [2, 1]);
            let refused = vec!["{}"; PART_LINES + 7];
            assert_eq!(counts(refused.join(between)), [PART_LINES, 7]);
        }
    }

    #[test]
    fn the_error_does_not_repeat_a_line_that_is_no_object() {
        for text in ["\"secret\"", "[\"secret\"]", "{\"secret\":", "secret"] {
            let error = object(text.as_bytes()).unwrap_err();
            assert!(
                error.starts_with("not ") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
