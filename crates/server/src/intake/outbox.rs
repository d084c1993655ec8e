//! The answers that a client of the socket has still to get. A client that does not read is not
//! waited for, so that this is bounded: of the totals only the last matter, refusals are counted
//! once there are too many.

use std::collections::VecDeque;

use serde_json::json;

use super::answer::{Answer, IngestCounts, MAX_REFUSALS};

#[derive(Default)]
pub struct Outbox {
    totals: IngestCounts,
    totals_due: bool,
    rejections: VecDeque<String>,
    omitted: u64,
    /// The journal cannot be written: what is not in the totals is not in.
    failure: Option<String>,
    /// Bytes on their way, and how many of them are gone.
    buffer: Vec<u8>,
    sent: usize,
}

/// Refusals that are rendered at once.
const RENDERED: usize = 64;

impl Outbox {
    pub fn put(&mut self, answer: Answer) {
        for (line, error) in answer.rejections {
            if self.rejections.len() < MAX_REFUSALS {
                self.rejections
                    .push_back(json!({ "line": line, "error": error }).to_string());
            } else {
                self.omitted += 1;
            }
        }
        self.omitted += answer.refusals_omitted;
        self.totals.add(answer.totals);
        self.totals_due = true;
    }

    pub fn fail(&mut self, reason: String) {
        self.failure = Some(reason);
    }

    pub fn is_empty(&self) -> bool {
        self.sent == self.buffer.len()
            && !self.totals_due
            && self.rejections.is_empty()
            && self.failure.is_none()
    }

    /// What to write next.
    pub fn bytes(&mut self) -> &[u8] {
        if self.sent == self.buffer.len() {
            self.render();
        }
        &self.buffer[self.sent..]
    }

    pub fn consume(&mut self, count: usize) {
        self.sent += count;
    }

    fn render(&mut self) {
        self.buffer.clear();
        self.sent = 0;
        let count = self.rejections.len().min(RENDERED);
        for line in self.rejections.drain(..count) {
            self.buffer.extend_from_slice(line.as_bytes());
            self.buffer.push(b'\n');
        }
        if !self.rejections.is_empty() {
            return;
        }
        if self.omitted > 0 {
            let line = json!({ "refusals_omitted": self.omitted });
            self.buffer
                .extend_from_slice(format!("{line}\n").as_bytes());
            self.omitted = 0;
        }
        if std::mem::take(&mut self.totals_due) {
            let IngestCounts {
                accepted,
                duplicate,
                rejected,
                progress,
            } = self.totals;
            let line = format!(
                "{{\"accepted\":{accepted},\"duplicate\":{duplicate},\
                 \"rejected\":{rejected},\"progress\":{progress}}}\n"
            );
            self.buffer.extend_from_slice(line.as_bytes());
        }
        if let Some(reason) = self.failure.take() {
            let line = json!({ "error": reason });
            self.buffer
                .extend_from_slice(format!("{line}\n").as_bytes());
        }
    }
}

impl IngestCounts {
    fn add(&mut self, other: IngestCounts) {
        self.accepted += other.accepted;
        self.duplicate += other.duplicate;
        self.rejected += other.rejected;
        self.progress += other.progress;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(outbox: &mut Outbox) -> String {
        let mut text = Vec::new();
        while !outbox.is_empty() {
            let bytes = outbox.bytes().to_vec();
            outbox.consume(bytes.len());
            text.extend(bytes);
        }
        String::from_utf8(text).unwrap()
    }

    fn refused(lines: std::ops::Range<u64>) -> Answer {
        let rejected = lines.end - lines.start;
        Answer {
            totals: IngestCounts {
                rejected,
                ..IngestCounts::default()
            },
            rejections: lines.map(|line| (line, "no".to_owned())).collect(),
            refusals_omitted: 0,
        }
    }

    #[test]
    fn totals_run_on_and_only_the_last_are_told() {
        let mut outbox = Outbox::default();
        let totals = IngestCounts {
            accepted: 2,
            duplicate: 1,
            ..IngestCounts::default()
        };
        outbox.put(Answer {
            totals,
            ..Answer::default()
        });
        outbox.put(Answer {
            totals,
            ..Answer::default()
        });
        let expected = "{\"accepted\":4,\"duplicate\":2,\"rejected\":0,\"progress\":0}\n";
        assert_eq!(replies(&mut outbox), expected);
        assert!(outbox.is_empty());
    }

    #[test]
    fn unread_refusals_beyond_a_thousand_are_a_number() {
        let mut outbox = Outbox::default();
        outbox.put(refused(1..901));
        outbox.put(refused(901..1_501));
        let text = replies(&mut outbox);
        assert_eq!(text.matches("\"line\"").count(), 1_000);
        let end = "{\"refusals_omitted\":500}\n\
                   {\"accepted\":0,\"duplicate\":0,\"rejected\":1500,\"progress\":0}\n";
        assert!(text.ends_with(end), "{text}");
    }
}
