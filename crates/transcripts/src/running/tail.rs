//! One transcript that is read as it grows, by the rules of the reading at the end.

use std::io;
use std::path::Path;

use super::stopped::StoppedByUser;
use crate::files::Files;
use crate::lines::{Lines, MAX_LINE_BYTES};
use crate::open::{Opened, Unreadable, unreadable};
use crate::seen::{Seen, TAIL_BYTES};
use crate::turn_before::ReadBefore;
use agentpulse_core::event::SeenEnd;
use agentpulse_core::execution::TokenUsage;
use agentpulse_core::price::Prices;
use agentpulse_core::turns::prompt_of;
use agentpulse_pipeline::writer::RunningLines;
use agentpulse_sources::claude_code::transcript::{Beginning, PromptSlice, Slice, Span, TurnLines};

/// Bytes of one step: more than the longest line that counts.
pub(super) const MAX_READ_BYTES: u64 = MAX_LINE_BYTES as u64 + (1 << 20);
pub(super) struct TranscriptTail {
    /// Of the execution whose lines these are.
    pub edition: u64,
    /// Where the turn before it ended; 0 is to be found out.
    from: u64,
    span: Span,
    /// Of a turn of the main thread.
    prompt_id: Option<String>,
    stage: Stage,
    /// Behind the last line that was taken.
    offset: u64,
    /// Up to where it was read, whether or not a line ends there.
    read_to: u64,
    /// What follows is the rest of a line that is longer than any that counts.
    in_long_line: bool,
    seen: Option<Seen>,
    stopped: StoppedByUser,
    news: Option<Option<TokenUsage>>,
}

enum Stage {
    /// The prompt's first line, of a turn of the main thread.
    Prompted,
    /// For the first line of the turn.
    Seeking(Beginning),
    Counting(Box<TurnLines>),
}

/// How far one step came.
enum Step {
    /// There was nothing to read.
    Still,
    Part,
    End,
}

/// What one look brought.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Poll {
    pub bytes: u64,
    /// Its user interrupted it.
    pub interrupted: Option<SeenEnd>,
    /// Something new: what was spent so far, which may be not to be known.
    pub news: Option<Option<TokenUsage>>,
}

impl TranscriptTail {
    pub fn new(lines: &RunningLines, edition: u64, before: ReadBefore) -> TranscriptTail {
        let from = before.offset;
        let span = Span {
            read_until_ms: before.until_ms,
            started_ms: lines.started_ms,
            ended_ms: None,
            is_closed: false,
        };
        let prompt_id = prompt_of(&lines.id).map(str::to_owned);
        TranscriptTail {
            edition,
            from,
            span,
            stage: Stage::first(from, span, prompt_id.as_deref()),
            prompt_id,
            offset: from,
            read_to: from,
            in_long_line: false,
            seen: None,
            stopped: StoppedByUser::default(),
            news: None,
        }
    }

    /// How much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        let slice = match &self.stage {
            Stage::Prompted | Stage::Seeking(_) => 0,
            Stage::Counting(lines) => lines.bytes(),
        };
        size_of::<TranscriptTail>() + TAIL_BYTES as usize + slice
    }

    /// Reads on, step by step until there are so many bytes. Blocks.
    pub fn poll(&mut self, path: &Path, files: &Files, max_bytes: u64) -> Poll {
        let mut bytes = 0;
        let spent = loop {
            match self.step(path, files, &mut bytes) {
                Ok(Step::End) => break self.spent(&files.catalog.prices),
                Ok(Step::Part) if bytes < max_bytes => {}
                // What is still to be read makes no sum, and what may pass no new one.
                Ok(_) | Err(Unreadable::Failed(_)) => {
                    let interrupted = self.interrupted();
                    return Poll {
                        bytes,
                        interrupted: interrupted.or_else(|| self.stopped_by_user(path, files)),
                        news: None,
                    };
                }
                Err(_) => {
                    self.restart();
                    break None;
                }
            }
        };
        let is_news = self.news != Some(spent);
        self.news = Some(spent);
        Poll {
            bytes,
            interrupted: self.interrupted(),
            news: is_news.then_some(spent),
        }
    }

    /// Said on every look, until the execution no longer runs: one time it may not be taken.
    fn interrupted(&self) -> Option<SeenEnd> {
        match &self.stage {
            Stage::Counting(lines) => lines.interrupted(),
            Stage::Prompted | Stage::Seeking(_) => None,
        }
    }

    fn stopped_by_user(&mut self, path: &Path, files: &Files) -> Option<SeenEnd> {
        let is_agent = self.prompt_id.is_none();
        let started_ms = self.span.started_ms;
        is_agent.then(|| self.stopped.end(path, files, started_ms))?
    }

    fn step(&mut self, path: &Path, files: &Files, bytes: &mut u64) -> Result<Step, Unreadable> {
        let opened = files.open(path)?;
        if !self.knows(&opened).map_err(unreadable)? {
            self.restart();
        }
        if let (Stage::Prompted, Some(prompt_id)) = (&self.stage, &self.prompt_id) {
            let from = files.indexes.prompts.offset(path, &opened, prompt_id);
            let from = from.map_err(unreadable)?;
            (self.offset, self.read_to) = (from, from);
            let lines = TurnLines::Main(PromptSlice::new(from, prompt_id));
            self.stage = Stage::Counting(Box::new(lines));
        }
        if opened.len < self.from {
            return Err(Unreadable::Shrunk);
        }
        if self.seen.is_some() && self.read_to == opened.len {
            return Ok(Step::Still);
        }
        let is_seeking = matches!(self.stage, Stage::Seeking(_));
        *bytes += self.read_lines(&opened)?;
        if is_seeking && matches!(self.stage, Stage::Counting(_)) {
            *bytes += self.read_lines(&opened)?;
        }
        self.seen = Some(Seen::new(&opened, self.offset).map_err(unreadable)?);
        Ok(match self.read_to == opened.len {
            true => Step::End,
            false => Step::Part,
        })
    }

    /// Takes as many lines as one step may.
    fn read_lines(&mut self, opened: &Opened) -> Result<u64, Unreadable> {
        let from = self.offset;
        let end = opened.len.min(from + MAX_READ_BYTES);
        self.read_to = end;
        let part = Opened {
            file: opened.file.try_clone().map_err(unreadable)?,
            len: end,
        };
        let mut lines = Lines::new(part, from).map_err(unreadable)?;
        while let Some(line) = lines.next().map_err(unreadable)? {
            if self.in_long_line {
                self.in_long_line = !line.is_ended;
                self.offset = line.end;
                continue;
            }
            match &mut self.stage {
                Stage::Prompted => {}
                Stage::Seeking(_) if !line.is_ended => {}
                Stage::Seeking(beginning) => {
                    if beginning.line(line.bytes, self.offset).is_break() {
                        self.offset = beginning.finish();
                        let lines = TurnLines::Agent(Slice::new(self.offset, self.span));
                        self.stage = Stage::Counting(Box::new(lines));
                        return Ok(line.end - from);
                    }
                    self.offset = line.end;
                }
                Stage::Counting(lines) => {
                    let turn = lines.line(line.bytes, line.end, line.is_ended);
                    self.offset = self.offset.max(lines.end_offset());
                    // Without a stop the turn is all that comes, but for a main thread's, which
                    // ends before the next prompt.
                    if turn.is_break() && self.prompt_id.is_some() {
                        self.read_to = opened.len;
                        return Ok(line.end - from);
                    }
                }
            }
        }
        if self.offset == from && end - from == MAX_READ_BYTES {
            self.in_long_line = true;
            self.offset = end;
        }
        Ok(end - from)
    }

    /// Returns `None` if it is not known yet which lines are of this turn.
    fn spent(&self, prices: &Prices) -> Option<TokenUsage> {
        match &self.stage {
            Stage::Prompted | Stage::Seeking(_) => None,
            Stage::Counting(lines) => Some(TokenUsage::from(&lines.usage(prices))),
        }
    }

    /// Whether a file is the one that was read, or grown from it.
    fn knows(&self, opened: &Opened) -> io::Result<bool> {
        self.seen
            .as_ref()
            .map_or(Ok(true), |seen| seen.is_in(opened))
    }

    fn restart(&mut self) {
        self.stage = Stage::first(self.from, self.span, self.prompt_id.as_deref());
        self.offset = self.from;
        self.read_to = self.from;
        self.in_long_line = false;
        self.seen = None;
    }
}

impl Stage {
    fn first(from: u64, span: Span, prompt_id: Option<&str>) -> Stage {
        match from {
            _ if prompt_id.is_some() => Stage::Prompted,
            0 => Stage::Seeking(Beginning::new(span)),
            from => Stage::Counting(Box::new(TurnLines::Agent(Slice::new(from, span)))),
        }
    }
}
