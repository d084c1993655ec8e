//! How events come in: decoded and checked here, decided by the writer, answered when they are
//! in the journal.

mod document;
mod lines;
mod outbox;
pub mod socket;
pub mod spool;

use std::sync::Arc;

use bytes::Bytes;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

pub use self::document::object;
use self::document::{Document, run_blocking};
use agentpulse_core::error::Rejection;
use agentpulse_core::event::Event;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::counters::Counters;
use agentpulse_pipeline::settings::SettingsWatch;
pub use agentpulse_pipeline::writer::Unavailable;
use agentpulse_pipeline::writer::{IngestOutcome, WriterHandle};
use agentpulse_sources::json::Object;
use agentpulse_sources::{Clock, decode, decode_object, hook_payload};

/// One line, in bytes.
pub const MAX_LINE_BYTES: usize = 256 << 10;
/// Events that go to the writer together.
pub const MAX_SUBMISSION: usize = 256;
/// Refusals that are told one by one; the rest is a number.
pub const MAX_REFUSALS: usize = 1_000;

/// Every line is in exactly one of the four.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Totals")]
pub struct IngestCounts {
    pub accepted: u64,
    pub duplicate: u64,
    pub rejected: u64,
    pub progress: u64,
}

/// What became of a document of events.
#[derive(Debug, Default)]
pub struct Answer {
    pub totals: IngestCounts,
    /// By line, or by place in an array; both count from 1.
    pub rejections: Vec<(u64, String)>,
    pub refusals_omitted: u64,
}

/// Why a document was not taken, or not to its end.
#[derive(Debug)]
pub enum IngestError {
    NoJson(String),
    Unavailable(Unavailable),
    /// The totals tell of what was taken before the rest could not be.
    Rest(IngestCounts),
}

impl From<Unavailable> for IngestError {
    fn from(unavailable: Unavailable) -> IngestError {
        IngestError::Unavailable(unavailable)
    }
}

#[derive(Clone)]
pub struct Intake {
    pub writer: WriterHandle,
    pub counters: Arc<Counters>,
    pub settings: SettingsWatch,
    pub zone: TimeZone,
}

/// Lines that were decoded together, in their order.
#[derive(Default)]
pub(crate) struct Decoded {
    /// The line of each event, or of the refusal in its place.
    lines: Vec<(u64, Option<Rejection>)>,
    events: Vec<Event>,
}

impl Decoded {
    pub fn push(&mut self, line: u64, event: Result<Event, Rejection>) {
        match event {
            Ok(event) => {
                self.lines.push((line, None));
                self.events.push(event);
            }
            Err(rejection) => self.lines.push((line, Some(rejection))),
        }
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn events(&self) -> usize {
        self.events.len()
    }

    fn has_hooks(&self) -> bool {
        self.events.iter().any(is_of_hook)
    }

    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Adds what the writer said of the events, and what was refused before it saw them.
    pub fn settle(self, outcomes: Vec<IngestOutcome>, answer: &mut Answer) {
        let mut outcomes = outcomes.into_iter();
        for (line, rejection) in self.lines {
            let rejection = match rejection {
                Some(rejection) => Some(rejection),
                None => answer.totals.count(outcomes.next()),
            };
            if let Some(rejection) = rejection {
                answer.refuse(line, rejection);
            }
        }
    }
}

impl IngestCounts {
    /// Hands a refusal back.
    fn count(&mut self, outcome: Option<IngestOutcome>) -> Option<Rejection> {
        match outcome {
            Some(IngestOutcome::Accepted) => self.accepted += 1,
            Some(IngestOutcome::Duplicate) => self.duplicate += 1,
            Some(IngestOutcome::Progress) => self.progress += 1,
            Some(IngestOutcome::Rejected(rejection)) => return Some(rejection),
            None => return Some(Rejection::new("the writer gave no verdict")),
        }
        None
    }
}

impl Answer {
    fn refuse(&mut self, line: u64, rejection: Rejection) {
        self.totals.rejected += 1;
        if self.rejections.len() < MAX_REFUSALS {
            self.rejections.push((line, rejection.0));
        } else {
            self.refusals_omitted += 1;
        }
    }
}

impl Intake {
    pub fn clock(&self) -> Clock {
        Clock {
            now_ms: now_ms(),
            keep_ms: self.settings.borrow().remember_ms,
            zone: self.zone.clone(),
        }
    }

    /// Takes lines as the socket does; blank ones are skipped, but counted.
    pub async fn lines(&self, body: Bytes) -> Result<Answer, Unavailable> {
        let (answer, outcome) = self.take(Document::of_lines(body)).await;
        outcome.map(|()| answer)
    }

    /// Takes lines, or an array of events.
    pub async fn document(&self, body: Bytes) -> Result<Answer, IngestError> {
        let document = run_blocking(body.len(), move || Document::of(body)).await?;
        let (answer, outcome) = self.take(document.map_err(IngestError::NoJson)?).await;
        match outcome {
            Ok(()) => Ok(answer),
            Err(_) if answer.totals != IngestCounts::default() => {
                Err(IngestError::Rest(answer.totals))
            }
            Err(unavailable) => Err(unavailable.into()),
        }
    }

    /// Takes one event.
    pub async fn object(&self, object: Object<'_>) -> Result<Answer, Unavailable> {
        self.one(decode_object(object, &self.clock())).await
    }

    /// Takes the payload of a hook that came by itself, without a stamp and an id.
    pub async fn hook(&self, source: String, body: Bytes) -> Result<Answer, IngestError> {
        let clock = self.clock();
        let line =
            getrandom::u64().map_err(|error| Unavailable(format!("no random numbers: {error}")))?;
        let event = run_blocking(body.len(), move || {
            let payload = object(&body)?;
            Ok(hook_payload(&source, payload, line, clock.now_ms, &clock))
        });
        let event = event.await?.map_err(IngestError::NoJson)?;
        Ok(self.one(event).await?)
    }

    async fn one(&self, event: Result<Event, Rejection>) -> Result<Answer, Unavailable> {
        let (mut answer, mut decoded) = (Answer::default(), Decoded::default());
        decoded.push(1, event);
        self.submit(decoded, &mut answer).await?;
        Ok(answer)
    }

    /// Answers what was taken, also where the rest could not be.
    async fn take(&self, mut document: Document) -> (Answer, Result<(), Unavailable>) {
        let clock = Arc::new(self.clock());
        let mut answer = Answer::default();
        loop {
            let (decoded, rest) = match document.part(clock.clone()).await {
                Ok(part) => part,
                Err(unavailable) => return (answer, Err(unavailable)),
            };
            if decoded.len() == 0 {
                return (answer, Ok(()));
            }
            if let Err(unavailable) = self.submit(decoded, &mut answer).await {
                return (answer, Err(unavailable));
            }
            document = rest;
        }
    }

    async fn submit(&self, mut decoded: Decoded, answer: &mut Answer) -> Result<(), Unavailable> {
        self.note(&decoded);
        let events = decoded.take_events();
        let outcomes = if events.is_empty() {
            Vec::new()
        } else {
            self.writer.submit(events).await?
        };
        decoded.settle(outcomes, answer);
        Ok(())
    }

    /// Counts what is refused here, and notes that hooks were heard. What the writer refuses is
    /// counted there.
    pub(crate) fn note(&self, decoded: &Decoded) {
        let refused = decoded
            .lines
            .iter()
            .filter(|(_, rejection)| rejection.is_some())
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

pub(crate) fn decode_line(line: &[u8], clock: &Clock) -> Result<Event, Rejection> {
    if line.len() > MAX_LINE_BYTES {
        return Err(too_long());
    }
    decode(line, clock)
}

pub(crate) fn too_long() -> Rejection {
    Rejection::new(format!("an event must be 0..={MAX_LINE_BYTES} bytes"))
}
