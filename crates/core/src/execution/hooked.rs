//! What an execution has only when hooks reported it: where its lines are, and what they said.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fact::{Origin, Start, TokenUsage};
use super::hook_facts::{HookOwned, Reading, TurnFacts};
use super::state::{Catalog, Execution};
use crate::kind::Kind;
use crate::price::Tokens;
use crate::usage::Usage;

/// The one source of the versions that did not keep `HookFacts::own`.
const OLD_SOURCE: &str = "claude-code";

impl Execution {
    /// Takes in what hooks now say of this turn. A start or stop that came by itself, and not from
    /// hooks, stays.
    pub fn apply_turn(&mut self, reported: TurnFacts, catalog: &Catalog) {
        let mut own = self.own();
        let lines_of = |start: &Option<Arc<Start>>| start.as_ref().map(|start| start.started_ms);
        let before = lines_of(&self.start);
        let of_start = reported.start.as_ref().map(|start| &start.origin);
        let of_stop = reported.stop.as_ref().map(|stop| &stop.origin);
        let origin = of_start.or(of_stop).cloned();
        if own.start || self.start.is_none() {
            own.start = reported.start.is_some();
            self.start = reported.start.map(Arc::new);
        }
        if own.stop || self.stop.is_none() {
            own.stop = reported.stop.is_some();
            own.closed = reported.is_closed;
            self.stop = reported.stop.map(Arc::new);
        }
        if self.stop.is_some() {
            self.timed_out_ms = None;
        }
        let is_another = before != lines_of(&self.start);
        let is_running = self.is_running();
        let hooked = self.hooked.get_or_insert_default();
        let is_elsewhere = hooked.transcript.is_some() && hooked.transcript != reported.transcript
            || hooked.later_transcripts != reported.later_transcripts;
        if is_another || is_elsewhere {
            // What was read belongs to a turn that now has another number, or to no turn.
            hooked.usage = None;
            hooked.read_for_ms = None;
            hooked.read_from = None;
            hooked.unreadable = None;
        }
        hooked.own = Some(own);
        hooked.origin = origin.filter(|_| own == HookOwned::default()).map(Box::new);
        hooked.kind = Some(reported.kind).filter(|&kind| kind != Kind::default());
        hooked.is_discovered = reported.is_discovered;
        hooked.transcript = reported.transcript;
        hooked.later_transcripts = reported.later_transcripts;
        hooked.later_sessions = reported.later_sessions;
        hooked.tool_calls = if is_running {
            BTreeMap::new()
        } else {
            reported.tool_calls
        };
        hooked.tool_errors = if is_running { 0 } else { reported.tool_errors };
        hooked.task_description = reported.task_description;
        hooked.depth = reported.depth;
        self.resolve(catalog);
    }

    /// What hooks reported of it belongs to another turn. What came by itself stays.
    pub fn detach_turn(&mut self, catalog: &Catalog) {
        let own = self.own();
        self.hooked = None;
        self.start.take_if(|_| own.start);
        self.stop.take_if(|_| own.stop);
        if self.start.is_none() && self.stop.is_none() {
            *self = Execution::new(std::mem::take(&mut self.id));
        } else {
            self.resolve(catalog);
        }
    }

    /// Whether hooks reported no more than that it was ended from outside.
    pub fn is_closed(&self) -> bool {
        self.hooked.is_some() && self.own().closed
    }

    /// A stop came by itself.
    pub(super) fn stopped_by_itself(&mut self) {
        if let Some(own) = self.hooked.as_mut().and_then(|hooked| hooked.own.as_mut()) {
            own.stop = false;
            own.closed = false;
        }
    }

    fn own(&self) -> HookOwned {
        match &self.hooked {
            Some(hooked) => hooked.own.unwrap_or_else(|| self.owned_by_shape()),
            None => HookOwned::default(),
        }
    }

    /// What hooks report has nothing in it but name, time, status and where it belongs. An event
    /// that looks the same loses nothing but itself when it is taken for theirs.
    fn owned_by_shape(&self) -> HookOwned {
        let is_theirs =
            |origin: &Origin| origin.host.is_none() && origin.source.as_deref() == Some(OLD_SOURCE);
        let (start, stop) = (self.start.as_deref(), self.stop.as_deref());
        HookOwned {
            start: start.is_some_and(|start| is_theirs(&start.origin) && start.is_bare()),
            stop: stop.is_some_and(|stop| is_theirs(&stop.origin) && stop.is_bare()),
            closed: false,
        }
    }

    /// Whether the transcript was read for the end that the execution still has.
    pub fn accepts_reading(&self, reading: &Reading) -> bool {
        let ended_ms = self.outcome().map(|outcome| outcome.ended_ms);
        self.is_unread() && ended_ms == Some(reading.ended_ms)
    }

    pub fn read(&mut self, reading: Reading, catalog: &Catalog) {
        let Some(hooked) = &mut self.hooked else {
            return;
        };
        hooked.read_for_ms = Some(reading.ended_ms);
        hooked.read_from = Some(reading.from);
        match reading.usage {
            Ok(usage) => {
                hooked.usage = Some(usage);
                hooked.unreadable = None;
            }
            Err(reason) => hooked.unreadable = Some(reason),
        }
        self.resolve(catalog);
    }

    /// Its transcript has to be read once more for the end that it has.
    pub fn reread(&mut self) {
        if let Some(hooked) = &mut self.hooked {
            hooked.read_for_ms = None;
        }
    }

    /// The file that holds its lines.
    pub fn transcript(&self) -> Option<&str> {
        self.hooked.as_ref()?.transcript.as_deref()
    }

    /// Those that hold its later lines, where it went on in other sessions.
    pub fn later_transcripts(&self) -> &[String] {
        let hooked = self.hooked.as_ref();
        hooked.map_or(&[], |hooked| &hooked.later_transcripts)
    }

    /// Sessions into which it went on.
    pub fn later_sessions(&self) -> &[String] {
        let hooked = self.hooked.as_ref();
        hooked.map_or(&[], |hooked| &hooked.later_sessions)
    }

    /// Whether it ran in a session, at any time.
    pub fn is_of_session(&self, session_id: &str) -> bool {
        let mut later = self.later_sessions().iter();
        self.origin(|origin| &origin.session_id) == Some(session_id)
            || later.any(|later| later == session_id)
    }

    /// No hook reported it: only its transcript shows it.
    pub fn is_discovered(&self) -> bool {
        self.hooked
            .as_ref()
            .is_some_and(|hooked| hooked.is_discovered)
    }

    pub fn kind(&self) -> Kind {
        let hooked = self.hooked.as_ref();
        hooked.and_then(|hooked| hooked.kind).unwrap_or_default()
    }

    /// The offset in the file, in bytes, from which it was read; nothing before.
    pub fn read_from(&self) -> Option<u64> {
        self.hooked.as_ref()?.read_from
    }

    /// Why its transcript could not be read.
    pub fn unreadable(&self) -> Option<&str> {
        self.hooked.as_ref()?.unreadable.as_deref()
    }

    /// Whether its transcript has still to be read for the end that it now has.
    pub fn is_unread(&self) -> bool {
        let (Some(hooked), Some(outcome)) = (&self.hooked, self.outcome()) else {
            return false;
        };
        hooked.transcript.is_some() && hooked.read_for_ms != Some(outcome.ended_ms)
    }

    pub fn usage(&self) -> Option<&Usage> {
        self.hooked.as_ref()?.usage.as_deref()
    }

    /// The usage by which tokens and cost are counted: where the transcript has no request of the
    /// turn, what the stop itself says of them stands.
    pub(super) fn counted_usage(&self) -> Option<&Usage> {
        let of_stop = self.stop.as_ref().and_then(|stop| stop.token_usage);
        let is_spent = |usage: &&Usage| TokenUsage::from(*usage).is_spent();
        self.usage()
            .filter(|usage| of_stop.is_none() || is_spent(usage))
    }

    /// Calls by tool: of the transcript, else as the stop counted them, else as hooks reported. A
    /// transcript without any takes nothing from what the stop counted.
    pub fn tool_calls(&self) -> &BTreeMap<String, u64> {
        const NONE: &BTreeMap<String, u64> = &BTreeMap::new();
        let of_usage = self.usage().map(|usage| &usage.tool_calls);
        let of_stop = self.stop.as_ref().map(|stop| &stop.tool_calls);
        let of_hooks = self.hooked.as_ref().map(|hooked| &hooked.tool_calls);
        let some = |calls: &&BTreeMap<String, u64>| !calls.is_empty();
        of_usage
            .filter(some)
            .or(of_stop.filter(some))
            .or(of_usage)
            .or(of_hooks)
            .unwrap_or(NONE)
    }

    /// Calls that failed. Returns `None` if no hook reported the execution.
    pub fn tool_errors(&self) -> Option<u64> {
        let hooked = self.hooked.as_ref()?;
        let of_usage = hooked.usage.as_ref().map(|usage| usage.tool_errors);
        Some(of_usage.unwrap_or(hooked.tool_errors))
    }

    pub fn task_description(&self) -> Option<&str> {
        let of_start = self.start.as_ref();
        of_start
            .and_then(|start| start.task_description.as_deref())
            .or_else(|| self.hooked.as_ref()?.task_description.as_deref())
    }

    /// How many launches below the main thread.
    pub fn depth(&self) -> Option<u64> {
        self.hooked.as_ref()?.depth
    }
}

/// Each sum at the most that a run counts for.
impl From<&Usage> for TokenUsage {
    fn from(usage: &Usage) -> TokenUsage {
        TokenUsage::of_models(usage).capped()
    }
}

impl TokenUsage {
    /// The sums over all models, each of which is within the limit of a run.
    pub(super) fn of_models(usage: &Usage) -> TokenUsage {
        let Tokens {
            input,
            output,
            cache_read,
            cache_write_5m,
            cache_write_1h,
        } = usage.tokens();
        TokenUsage {
            input_tokens: input,
            output_tokens: output,
            cache_read_tokens: cache_read,
            cache_write_tokens: cache_write_5m.saturating_add(cache_write_1h),
            total_tokens: input.saturating_add(output),
            cost_micros: usage.cost_micros,
        }
    }
}
