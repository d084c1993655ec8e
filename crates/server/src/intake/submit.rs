//! Takes events from wherever they come to the writer, and waits for their outcome.

use std::sync::Arc;

use bytes::Bytes;
use jiff::tz::TimeZone;

use super::answer::{Answer, IngestCounts, IngestError};
use super::decoded::Decoded;
use super::delivery::{Deliveries, Delivery};
use super::document::{Document, object, run_blocking};
use agentpulse_core::error::Rejection;
use agentpulse_core::event::Event;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::counters::Counters;
use agentpulse_pipeline::settings::SettingsWatch;
use agentpulse_pipeline::writer::{Unavailable, WriterHandle};
use agentpulse_sources::json::Object;
use agentpulse_sources::{Clock, decode_object, hook_payload};

#[derive(Clone)]
pub struct Intake {
    pub writer: WriterHandle,
    pub counters: Arc<Counters>,
    pub settings: SettingsWatch,
    pub zone: TimeZone,
    pub deliveries: Arc<Deliveries>,
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
    pub async fn lines(&self, body: Bytes, delivery: Delivery) -> Result<Answer, Unavailable> {
        let (answer, outcome) = self.take(Document::of_lines(body, delivery)).await;
        outcome.map(|()| answer)
    }

    /// Takes lines, or an array of events.
    pub async fn document(&self, body: Bytes) -> Result<Answer, IngestError> {
        let delivery = self.deliveries.begin();
        let document = run_blocking(body.len(), move || Document::of(body, delivery)).await?;
        let (answer, outcome) = self.take(document.map_err(IngestError::NoJson)?).await;
        match outcome {
            Ok(()) => Ok(answer),
            Err(_) if answer.totals != IngestCounts::default() => {
                Err(IngestError::Rest(answer.totals))
            }
            Err(unavailable) => Err(unavailable.into()),
        }
    }

    /// Takes one event; answers with its id as it is stored.
    pub async fn object(&self, object: Object<'_>) -> Result<(String, Answer), Unavailable> {
        let key = self.deliveries.begin().key(1);
        let event = decode_object(object, &self.clock(), key);
        let id = match &event {
            Ok(Event::Fact { id, .. }) => id.clone(),
            _ => String::new(),
        };
        Ok((id, self.one(event).await?))
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

    /// Counts what is refused here, and notes that hooks were received. What the writer refuses is
    /// counted there.
    pub fn note(&self, decoded: &Decoded) {
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
