//! What arrives: one JSON object is one event. Everything that comes from outside is bounded and
//! redacted here, once; behind this module every value is a good one.

mod clean;
mod fields;
mod time;

use jiff::tz::TimeZone;
use xxhash_rust::xxh3::xxh3_64;

pub use self::clean::{CUT_MARK, clean_name, clean_text, cut};
pub(super) use self::fields::Fields;
pub use self::fields::REDACTED_PATH;
pub use self::time::{SECONDS_BELOW, TIME_RANGE_MS};
use serde_json::value::RawValue;

use super::bucket::Day;
use super::error::Rejection;
use super::execution::{Fact, Reading, Start, Stop};
use super::json::{Object, nesting, reason, scalar};
use super::sketch::MAX_DURATION_MS;
use super::source;
use super::turns::{HookEvent, Launch};

/// Ids and names, in bytes: beyond this they are texts.
pub const MAX_NAME_BYTES: usize = 256;
/// Lists and the fields of an object.
pub const MAX_ITEMS: usize = 256;
/// Free text is cut here, in bytes.
pub const MAX_TEXT_BYTES: usize = 4096;
/// Tokens of each kind and calls of each tool of one execution, 10^12. Where legal parts come to
/// more, they are cut to it.
pub const MAX_COUNT: u64 = 1_000_000_000_000;
/// Dollars of one execution.
pub const MAX_COST: f64 = 1e6;
/// The same, in millionths of a dollar.
pub const MAX_COST_MICROS: i64 = 1_000_000_000_000;
pub const MAX_NESTING: usize = 32;
/// A clock may be this far ahead of ours before its time is replaced by ours.
pub const MAX_AHEAD_MS: i64 = 5 * 60_000;

/// What the moment of receipt decides.
#[derive(Clone, Debug)]
pub struct Clock {
    pub now_ms: i64,
    /// How long an id is remembered; what ended before that is refused.
    pub keep_ms: i64,
    /// Of times without an offset.
    pub zone: TimeZone,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Fact {
        id: String,
        fact: Fact,
    },
    Progress(Progress),
    /// What a hook said; the writer knows of which execution.
    Hook(Box<HookEvent>),
    /// What the transcript of an execution says.
    Read(Box<Read>),
    /// Understood, and without meaning for any number.
    Ignored,
}

/// A heartbeat. It is not durable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    pub id: String,
    pub progress: Option<f64>,
    pub current_tool: Option<String>,
    /// A tool call that began or ended, where the source tells.
    pub tool_call: Option<ToolCall>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    pub use_id: Option<String>,
    pub is_open: bool,
}

/// What came of reading the transcript of an execution, and the file beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    pub id: String,
    pub reading: Reading,
    pub launch: Launch,
}

impl Clock {
    /// The first day that is still remembered.
    pub fn oldest_day(&self) -> Day {
        Day::of(self.now_ms - self.keep_ms)
    }

    /// Whether a time is further ahead than clocks differ.
    pub fn is_ahead(&self, time_ms: i64) -> bool {
        time_ms > self.now_ms + MAX_AHEAD_MS
    }
}

/// Decodes one line.
pub fn decode(line: &[u8], clock: &Clock) -> Result<Event, Rejection> {
    let text = std::str::from_utf8(line).map_err(|_| Rejection::new("not UTF-8"))?;
    let object = Object::parse(text).map_err(|error| match error.is_data() {
        true => Rejection::new(reason(&error)),
        false => {
            let (column, reason) = (error.column(), reason(&error));
            Rejection::new(format!("not JSON at column {column}: {reason}"))
        }
    })?;
    match object {
        Some(object) => decode_object(object, clock),
        None => Err(Rejection::new("an event must be a JSON object")),
    }
}

/// Decodes an event whose fields are known.
pub fn decode_object(object: Object, clock: &Clock) -> Result<Event, Rejection> {
    // The event itself is one level. A field that nobody reads counts as well.
    let is_deep = |(_, value): (&str, &RawValue)| nesting(value.get()) >= MAX_NESTING;
    if object.iter().any(is_deep) {
        return Err(Rejection::new(format!("nesting must be 0..={MAX_NESTING}")));
    }
    let kind = object.string("event");
    let fields = |event| Fields {
        event,
        object,
        clock,
    };
    match kind.as_deref() {
        Some("start") => start(&fields("start")),
        Some("progress") => progress(&fields("progress")),
        Some("stop") => stop(&fields("stop")),
        Some("hook") => hook(&fields("hook")),
        _ => Err(Rejection::new(
            "event must be one of start, progress, stop, hook",
        )),
    }
}

fn start(fields: &Fields) -> Result<Event, Rejection> {
    let id = fields.required_name("agent_id")?;
    let agent_name = fields.required_name("agent_name")?;
    let now_ms = fields.clock.now_ms;
    let started_ms = fields.time("start_time")?.unwrap_or(now_ms);
    let started_ms = fields.remembered("start_time", started_ms)?;
    let start = Start {
        agent_name,
        agent_type: fields.name("agent_type")?,
        started_ms,
        task_description: fields.text("task_description")?,
        tools_granted: fields.names("tools_granted")?,
        context_size: fields.count("context_size")?,
        origin: fields.origin()?,
    };
    Ok(Event::Fact {
        id,
        fact: Fact::Start(Box::new(start)),
    })
}

fn progress(fields: &Fields) -> Result<Event, Rejection> {
    let id = fields.required_name("agent_id")?;
    let progress = match fields.object.get("progress") {
        None => None,
        Some(value) => match scalar(value).and_then(|share| share.as_f64()) {
            // A zero has no sign in an answer.
            Some(share) if (0.0..=1.0).contains(&share) => Some(share.abs()),
            _ => return Err(fields.refuse("progress must be 0..=1")),
        },
    };
    fields.time("timestamp")?;
    let current_tool = fields.name("current_tool")?;
    Ok(Event::Progress(Progress {
        id,
        progress,
        current_tool,
        tool_call: None,
    }))
}

fn stop(fields: &Fields) -> Result<Event, Rejection> {
    let id = fields.required_name("agent_id")?;
    let now_ms = fields.clock.now_ms;
    let ended_ms = fields.time("execution_end")?.unwrap_or(now_ms);
    let ended_ms = fields.remembered("execution_end", ended_ms)?;
    let started_ms = fields.time("execution_start")?;
    let stop = Stop {
        agent_name: fields.name("agent_name")?,
        agent_type: fields.name("agent_type")?,
        started_ms: started_ms.map(|time_ms| fields.not_ahead(time_ms)),
        ended_ms,
        duration_ms: fields.number("duration_ms", MAX_DURATION_MS)?,
        status: fields.status()?,
        error_details: fields.details("error_details")?,
        tools_used: fields.names("tools_used")?,
        tool_calls: fields.calls("tool_calls")?,
        token_usage: fields.token_usage()?,
        performance_metrics: fields.details("performance_metrics")?,
        task_metadata: fields.details("task_metadata")?,
        output_metrics: fields.details("output_metrics")?,
        origin: fields.origin()?,
    };
    Ok(Event::Fact {
        id,
        fact: Fact::Stop(Box::new(stop)),
    })
}

fn hook(fields: &Fields) -> Result<Event, Rejection> {
    let id = fields.required_name("id")?;
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(fields.refuse("id must be 32 hexadecimal digits"));
    }
    let source = fields.required_name("source")?;
    let Some(observed_ms) = fields.time("observed_at")? else {
        return Err(fields.refuse("observed_at is required"));
    };
    let observed_ms = fields.remembered("observed_at", observed_ms)?;
    let payload = fields.object.get("payload").map(Object::of);
    let payload = match payload.transpose() {
        Ok(payload) => payload.flatten(),
        Err(error) => return Err(fields.refuse(format_args!("payload: {}", reason(&error)))),
    };
    let Some(payload) = payload else {
        return Err(fields.refuse("payload must be an object"));
    };
    let line = xxh3_64(id.to_ascii_lowercase().as_bytes());
    hook_payload(&source, payload, line, observed_ms, fields.clock)
}

/// Translates a payload that a hook of `source` was given; `line` stands for the line that brought
/// it, also when that comes again.
pub fn hook_payload(
    source: &str,
    payload: Object,
    line: u64,
    observed_ms: i64,
    clock: &Clock,
) -> Result<Event, Rejection> {
    let fields = Fields {
        event: "hook",
        object: payload,
        clock,
    };
    source::translate(source, &fields, line, observed_ms)
}
