//! How events come in: decoded and checked here, decided by the writer, answered when they are
//! in the journal.

mod outbox;
pub mod socket;
pub mod spool;

use std::sync::Arc;

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::error::Refusal;
use crate::domain::event::{Clock, Event, decode, decode_value, hook_payload};
use crate::flow::clock::now_ms;
use crate::flow::counters::Counters;
use crate::flow::tuning::Tuned;
pub use crate::flow::writer::Unavailable;
use crate::flow::writer::{Door, Verdict};

/// One line, in bytes.
pub const MAX_LINE_BYTES: usize = 256 << 10;
/// Events that go to the writer together.
pub const MAX_SUBMISSION: usize = 256;
/// Refusals that are told one by one; the rest is a number.
pub const MAX_REFUSALS: usize = 1_000;

/// Every line is in exactly one of the four.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Totals {
    pub accepted: u64,
    pub duplicate: u64,
    pub rejected: u64,
    pub progress: u64,
}

/// What became of a document of events.
#[derive(Debug, Default)]
pub struct Answer {
    pub totals: Totals,
    /// By line, or by place in an array; both count from 1.
    pub refusals: Vec<(u64, String)>,
    pub refusals_omitted: u64,
}

#[derive(Clone)]
pub struct Intake {
    pub door: Door,
    pub counters: Arc<Counters>,
    pub tuned: Tuned,
    pub zone: TimeZone,
}

/// Lines that were decoded together, in their order.
#[derive(Default)]
pub(crate) struct Decoded {
    /// The line of each event, or of the refusal in its place.
    lines: Vec<(u64, Option<Refusal>)>,
    events: Vec<Event>,
}

impl Decoded {
    pub fn push(&mut self, line: u64, event: Result<Event, Refusal>) {
        match event {
            Ok(event) => {
                self.lines.push((line, None));
                self.events.push(event);
            }
            Err(refusal) => self.lines.push((line, Some(refusal))),
        }
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    fn has_hooks(&self) -> bool {
        self.events.iter().any(is_of_hook)
    }

    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Adds what the writer said of the events, and what was refused before it saw them.
    pub fn settle(self, verdicts: Vec<Verdict>, answer: &mut Answer) {
        let mut verdicts = verdicts.into_iter();
        for (line, refusal) in self.lines {
            let refusal = match refusal {
                Some(refusal) => Some(refusal),
                None => answer.totals.count(verdicts.next()),
            };
            if let Some(refusal) = refusal {
                answer.refuse(line, refusal);
            }
        }
    }
}

impl Totals {
    /// Hands a refusal back.
    fn count(&mut self, verdict: Option<Verdict>) -> Option<Refusal> {
        match verdict {
            Some(Verdict::Accepted) => self.accepted += 1,
            Some(Verdict::Duplicate) => self.duplicate += 1,
            Some(Verdict::Progress) => self.progress += 1,
            Some(Verdict::Refused(refusal)) => return Some(refusal),
            None => return Some(Refusal::new("the writer gave no verdict")),
        }
        None
    }
}

impl Answer {
    fn refuse(&mut self, line: u64, refusal: Refusal) {
        self.totals.rejected += 1;
        if self.refusals.len() < MAX_REFUSALS {
            self.refusals.push((line, refusal.0));
        } else {
            self.refusals_omitted += 1;
        }
    }
}

impl Intake {
    pub fn clock(&self) -> Clock {
        Clock {
            now_ms: now_ms(),
            keep_ms: self.tuned.borrow().remember_ms,
            zone: self.zone.clone(),
        }
    }

    /// Takes lines as the socket does; blank ones are skipped, but counted.
    pub async fn lines(&self, body: &[u8]) -> Result<Answer, Unavailable> {
        let clock = self.clock();
        let lines = (1..).zip(body.split(|&byte| byte == b'\n'));
        let events = lines
            .filter(|(_, line)| !line.trim_ascii().is_empty())
            .map(|(number, line)| (number, decode_line(line, &clock)));
        self.take(events).await
    }

    /// Takes the items of an array.
    pub async fn values(&self, values: Vec<Value>) -> Result<Answer, Unavailable> {
        let clock = self.clock();
        let items = (1..).zip(values);
        self.take(items.map(|(number, value)| (number, decode_value(value, &clock))))
            .await
    }

    /// Takes the payload of a hook that came by itself, without a stamp and an id.
    pub async fn hook(
        &self,
        source: &str,
        payload: Map<String, Value>,
    ) -> Result<Answer, Unavailable> {
        let clock = self.clock();
        let line =
            getrandom::u64().map_err(|error| Unavailable(format!("no random numbers: {error}")))?;
        let event = hook_payload(source, payload, line, clock.now_ms, &clock);
        self.take(std::iter::once((1, event))).await
    }

    async fn take(
        &self,
        events: impl Iterator<Item = (u64, Result<Event, Refusal>)>,
    ) -> Result<Answer, Unavailable> {
        let mut answer = Answer::default();
        let mut decoded = Decoded::default();
        for (number, event) in events {
            decoded.push(number, event);
            if decoded.len() == MAX_SUBMISSION {
                self.submit(std::mem::take(&mut decoded), &mut answer)
                    .await?;
            }
        }
        self.submit(decoded, &mut answer).await?;
        Ok(answer)
    }

    async fn submit(&self, mut decoded: Decoded, answer: &mut Answer) -> Result<(), Unavailable> {
        self.note(&decoded);
        let events = decoded.take_events();
        let verdicts = if events.is_empty() {
            Vec::new()
        } else {
            self.door.submit(events).await?
        };
        decoded.settle(verdicts, answer);
        Ok(())
    }

    /// Counts what is refused here, and notes that hooks were heard. What the writer refuses is
    /// counted there.
    pub(crate) fn note(&self, decoded: &Decoded) {
        let refused = decoded
            .lines
            .iter()
            .filter(|(_, refusal)| refusal.is_some())
            .count();
        self.counters.events_rejected.add(refused as u64);
        if decoded.has_hooks() {
            self.counters.last.hook.set(now_ms());
        }
    }
}

/// Only hooks tell what has no meaning here.
fn is_of_hook(event: &Event) -> bool {
    matches!(event, Event::Hook(_) | Event::Ignored)
}

pub(crate) fn decode_line(line: &[u8], clock: &Clock) -> Result<Event, Refusal> {
    if line.len() > MAX_LINE_BYTES {
        return Err(too_long());
    }
    decode(line, clock)
}

pub(crate) fn too_long() -> Refusal {
    Refusal::new(format!("a line must be 0..={MAX_LINE_BYTES} bytes"))
}
