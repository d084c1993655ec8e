use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::{TempDir, tempdir};

use super::tail::{MAX_READ_BYTES, Poll, TranscriptTail};
use crate::files::Files;
use crate::lines::MAX_LINE_BYTES;
use crate::read::read;
use crate::turn_before::ReadBefore;
use agentpulse_core::execution::{Catalog, Execution, Fact, HookFacts, Origin, Start, TokenUsage};
use agentpulse_core::project::ProjectNames;
use agentpulse_pipeline::writer::{LiveUsage, RunningLines};
use agentpulse_sources::claude_code::transcript::Span;

/// 2026-11-20T17:00:00Z
pub(super) const STARTED_MS: i64 = 1_795_194_000_000;
const MIB: u64 = 1 << 20;

pub(super) fn running(id: &str, path: &Path, started_ms: i64) -> Execution {
    let mut execution = Execution::new(id.to_owned());
    let start = Start {
        agent_name: "a".to_owned(),
        agent_type: None,
        started_ms,
        task_description: None,
        tools_granted: Vec::new(),
        context_size: None,
        origin: Origin::default(),
    };
    execution.merge(Fact::Start(Box::new(start)), &Catalog::default());
    execution.hooked = Some(Box::new(HookFacts {
        transcript: Some(path.display().to_string()),
        ..HookFacts::default()
    }));
    execution
}

fn lines(id: &str, path: &Path) -> RunningLines {
    RunningLines {
        id: id.to_owned(),
        transcript: path.display().to_string(),
        started_ms: Some(STARTED_MS),
    }
}

/// A request of so much input and output, so many seconds after the start.
pub(super) fn answer(id: &str, at_s: i64, input: u64, output: u64) -> String {
    let at = jiff::Timestamp::from_millisecond(STARTED_MS + at_s * 1_000).unwrap();
    format!(
        r#"{{"type":"assistant","timestamp":"{at}","requestId":"r{id}","message":{{"id":"m{id}","model":"opus-5","stop_reason":"tool_use","usage":{{"input_tokens":{input},"output_tokens":{output},"cache_read_input_tokens":1000}}}}}}"#
    )
}

pub(super) fn prompt(at_s: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(STARTED_MS + at_s * 1_000).unwrap();
    format!(r#"{{"type":"user","timestamp":"{at}","message":{{"content":"look"}}}}"#)
}

/// Of requests that read 1,000 tokens each from the cache, at 5, 25 and 0.50 dollars a million.
fn spent(requests: u64, input: u64, output: u64) -> Option<Option<TokenUsage>> {
    let millionths = input * 5_000_000 + output * 25_000_000 + requests * 1_000 * 500_000;
    Some(Some(TokenUsage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: requests * 1_000,
        cache_write_tokens: 0,
        total_tokens: input + output,
        cost_micros: Some(((millionths + 500_000) / 1_000_000) as i64),
    }))
}

/// A transcript below its root, and the meter that reads it.
struct Place {
    folder: TempDir,
    path: PathBuf,
    tail: TranscriptTail,
}

impl Place {
    fn new(from: u64) -> Place {
        let folder = tempdir().unwrap();
        fs::create_dir(folder.path().join("projects")).unwrap();
        let path = folder.path().join("projects/agent-a.jsonl");
        let tail = TranscriptTail::new(
            &lines("a", &path),
            0,
            ReadBefore {
                offset: from,
                until_ms: None,
            },
        );
        Place { folder, path, tail }
    }

    fn write(&self, text: &str) {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).open(&self.path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn files(&self) -> Files {
        Files {
            catalog: Arc::default(),
            roots: vec![self.folder.path().join("projects")],
            max_bytes: 64 * MIB,
            indexes: Arc::default(),
            project_names: ProjectNames::Name,
            home: None,
        }
    }

    fn poll(&mut self) -> Poll {
        let files = self.files();
        self.tail.poll(&self.path, &files, 0)
    }

    fn news(&mut self) -> Option<Option<TokenUsage>> {
        self.poll().news
    }
}

#[test]
fn appended_lines_are_read_once_and_added() {
    let mut place = Place::new(0);
    assert_eq!(place.news(), Some(None), "there is no file yet");
    assert_eq!(place.news(), None);
    place.write(&format!("{}\n", prompt(0)));
    assert_eq!(place.news(), spent(0, 0, 0));
    // One message on two lines, the first of them written before the message was complete.
    place.write(&format!("{}\n", answer("1", 1, 100, 1)));
    assert_eq!(place.news(), spent(1, 100, 1));
    let last = format!("{}\n", answer("1", 2, 100, 20));
    place.write(&last);
    let poll = place.poll();
    assert_eq!(poll.news, spent(1, 100, 20));
    assert_eq!(poll.bytes, last.len() as u64, "no more than what is new");
    assert_eq!(place.poll(), Poll::default());
    // Nothing that counts.
    place.write(&format!("{{}}\n\n{}\n", prompt(3)));
    assert_eq!(place.news(), None);
    place.write(&format!(
        "{}\n{}\n",
        answer("2", 4, 7, 3),
        answer("3", 5, 1, 1)
    ));
    assert_eq!(place.news(), spent(3, 108, 24));
}

#[test]
fn a_torn_line_counts_when_it_is_whole() {
    let mut place = Place::new(0);
    let line = answer("2", 2, 5, 5);
    let (half, rest) = line.split_at(60);
    place.write(&format!("{}\n{half}", answer("1", 1, 1, 1)));
    assert_eq!(place.news(), spent(1, 1, 1));
    assert_eq!(place.news(), None);
    place.write(rest);
    assert_eq!(place.news(), spent(2, 6, 6), "its newline may be missing");
    place.write(&format!("\n{}\n", answer("3", 3, 1, 0)));
    assert_eq!(place.news(), spent(3, 7, 6));
}

#[test]
fn a_file_that_is_another_is_read_anew() {
    let mut place = Place::new(0);
    let other = |n: u64| format!("{}\n", answer("other", 1, n, 0));
    place.write(&format!(
        "{}\n{}\n",
        answer("1", 1, 10, 0),
        answer("2", 1, 10, 0)
    ));
    assert_eq!(place.news(), spent(2, 20, 0));
    fs::write(&place.path, other(1)).unwrap();
    assert_eq!(place.news(), spent(1, 1, 0), "it is shorter than it was");
    fs::write(&place.path, format!("{}{}", other(2), answer("3", 1, 1, 0))).unwrap();
    assert_eq!(place.news(), spent(2, 3, 0), "it is longer, and not grown");
    let beside = place.path.with_extension("new");
    fs::write(&beside, other(4)).unwrap();
    fs::rename(&beside, &place.path).unwrap();
    assert_eq!(place.news(), spent(1, 4, 0));
    fs::remove_file(&place.path).unwrap();
    assert_eq!(place.news(), Some(None));
    place.write(&other(5));
    assert_eq!(place.news(), spent(1, 5, 0));
}

#[test]
fn a_turn_begins_where_the_one_before_it_ends() {
    let first = format!("{}\n{}\n", prompt(-60), answer("1", -50, 100, 100));
    let mut place = Place::new(first.len() as u64);
    place.write(&first);
    assert_eq!(place.news(), spent(0, 0, 0));
    place.write(&format!("{}\n{}\n", prompt(0), answer("2", 1, 3, 4)));
    assert_eq!(place.news(), spent(1, 3, 4));
    fs::write(&place.path, "").unwrap();
    assert_eq!(place.news(), Some(None), "it ends before the turn begins");
}

#[test]
fn lines_before_the_turn_are_not_counted() {
    let mut place = Place::new(0);
    place.write(&format!(
        "{}\n{}\n",
        prompt(-60),
        answer("1", -50, 100, 100)
    ));
    assert_eq!(place.news(), Some(None), "nothing of this turn is there");
    let half = prompt(0);
    place.write(&half[..40]);
    assert_eq!(place.news(), None);
    place.write(&format!("{}\n", &half[40..]));
    assert_eq!(place.news(), spent(0, 0, 0));
    place.write(&format!("{}\n", answer("2", 1, 3, 4)));
    assert_eq!(place.news(), spent(1, 3, 4));
}

#[test]
fn an_interrupt_is_said_until_it_is_taken() {
    let place = Place::new(0);
    let line = |kind: &str, at: &str, more: &str| {
        format!(
            r#"{{"type":"{kind}","promptId":"p","timestamp":"2026-11-20T17:00:0{at}Z"{more},"message":{{"content":"x"}}}}"#
        )
    };
    place.write(&format!("{}\n", line("user", "1", "")));
    let mut tail = TranscriptTail::new(&lines("main-p", &place.path), 0, ReadBefore::default());
    let files = place.files();
    assert_eq!(tail.poll(&place.path, &files, MIB).interrupted, None);
    let interrupt = line("user", "4", r#","interruptedMessageId":"m""#);
    place.write(&format!("{interrupt}\n"));
    for _ in 0..2 {
        let ended = tail.poll(&place.path, &files, MIB).interrupted.unwrap();
        assert_eq!(ended.at_ms, STARTED_MS + 4_000);
        assert_eq!(ended.failure.as_deref(), Some("interrupted"));
    }
    // The model goes on after all.
    place.write(&format!("{}\n", line("assistant", "5", "")));
    assert_eq!(tail.poll(&place.path, &files, MIB).interrupted, None);
}

#[test]
fn a_file_that_may_not_be_read_is_not_read() {
    let mut place = Place::new(0);
    let outside = place.folder.path().join("secret.jsonl");
    fs::write(&outside, format!("{}\n", answer("1", 1, 10, 0))).unwrap();
    place.write(&format!("{}\n", answer("1", 1, 10, 0)));
    assert_eq!(place.news(), spent(1, 10, 0));
    fs::remove_file(&place.path).unwrap();
    symlink(&outside, &place.path).unwrap();
    assert_eq!(place.news(), Some(None));
    fs::remove_file(&place.path).unwrap();
    mknodat(CWD, &place.path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    assert_eq!(place.poll(), Poll::default(), "at once, and still unknown");
    let files = Files {
        max_bytes: 10,
        ..place.files()
    };
    fs::remove_file(&place.path).unwrap();
    place.write(&format!("{}\n", answer("1", 1, 10, 0)));
    assert_eq!(place.tail.poll(&place.path, &files, 0), Poll::default());
    assert_eq!(place.news(), spent(1, 10, 0));
}

#[test]
fn a_look_has_an_end_and_a_line_too_long_is_passed_over() {
    let mut place = Place::new(0);
    let filler = format!(
        "{{\"type\":\"user\",\"text\":\"{}\"}}\n",
        "x".repeat(1 << 20)
    );
    place.write(&format!("{}\n", answer("1", 1, 1, 0)));
    for _ in 0..12 {
        place.write(&filler);
    }
    place.write(&format!("{}\n", answer("2", 1, 1, 0)));
    let first = place.poll();
    assert_eq!(first.news, None, "a part is no sum");
    assert!(first.bytes <= 2 * MAX_READ_BYTES);
    assert_eq!(place.news(), spent(2, 2, 0));
    let mut again = TranscriptTail::new(&lines("a", &place.path), 0, ReadBefore::default());
    let whole = again.poll(&place.path, &place.files(), 16 * MIB);
    assert_eq!(whole.news, spent(2, 2, 0), "in more steps");
    for _ in 0..3 {
        place.write(&"x".repeat(MAX_LINE_BYTES));
    }
    let mut news = None;
    for poll in 0..8 {
        if poll == 4 {
            place.write(&format!("\n{}\n", answer("3", 1, 5, 0)));
        }
        news = place.news().or(news);
    }
    assert_eq!(news, spent(3, 7, 0));
}

/// Cut into any pieces, each sum is what the reading at the end says of as much.
#[test]
fn it_says_what_the_reading_at_the_end_would() {
    let mut text = format!("{}\n{}\n", prompt(-60), answer("old", -50, 9, 9));
    text += &format!("{}\n", prompt(0));
    for n in 0..40_u64 {
        let id = (n / 2).to_string();
        text += &format!("{}\n", answer(&id, n as i64, n * 17 % 23, n * 29 % 31));
        text += ["", "\n", "{\"torn\n", "[]\n"][n as usize % 4];
    }
    let mut place = Place::new(0);
    let span = Span {
        read_until_ms: None,
        started_ms: Some(STARTED_MS),
        ..Span::default()
    };
    let begun = text.match_indices('\n').nth(2).unwrap().0 + 1;
    let (mut at, mut step, mut last) = (0, 1, None);
    while at < text.len() {
        let next = (at + step).min(text.len());
        place.write(&text[at..next]);
        (at, step) = (next, step * 7 % 211 + 1);
        last = place.news().unwrap_or(last);
        if at >= begun {
            let whole = read(&place.files(), &place.path, &[], 0, span).unwrap();
            assert_eq!(last, Some(TokenUsage::from(&whole.usage)), "{at} bytes");
        }
    }
    assert_eq!(last.unwrap().cache_read_tokens, 20_000);
}

#[test]
fn running_agents_are_read_in_turn() {
    let live_usage = LiveUsage::default();
    let path = Path::new("/p/agent.jsonl");
    let follow = |id: &str| live_usage.follow(&running(id, path, STARTED_MS));
    let ids = |after: &str, max| -> Vec<String> {
        let due = live_usage.next(after, max).into_iter();
        due.map(|due| due.lines.id.clone()).collect()
    };
    assert!(ids("", 9).is_empty());
    ["b", "c", "a"].into_iter().for_each(follow);
    assert_eq!(ids("", 2), ["a", "b"]);
    assert_eq!(ids("b", 2), ["c", "a"]);
    assert_eq!(ids("b", 9), ["c", "a", "b"]);
    // It ended.
    let mut ended = running("b", path, STARTED_MS);
    let end = Fact::TimedOut { ended_ms: 1 };
    ended.merge(end, &Catalog::default());
    live_usage.follow(&ended);
    assert_eq!(ids("", 9), ["a", "c"]);
}

#[test]
fn lines_that_are_of_another_turn_now_are_read_anew() {
    let live_usage = LiveUsage::default();
    let path = Path::new("/p/agent.jsonl");
    let follow = |execution| live_usage.follow(&execution);
    let edition = |id: &str| {
        let due = live_usage.next("", 9).into_iter();
        due.filter(|due| due.lines.id == id)
            .map(|due| due.edition)
            .next()
    };
    follow(running("a#3", path, STARTED_MS));
    let first = edition("a#3");
    assert!(first.is_some());
    follow(running("a#3", path, STARTED_MS));
    assert_eq!(edition("a#3"), first);
    // The turn before it is read: it may end elsewhere than was thought.
    let mut before = running("a#2", path, STARTED_MS);
    before.merge(Fact::TimedOut { ended_ms: 1 }, &Catalog::default());
    before.hooked.as_mut().unwrap().usage = Some(Box::default());
    follow(before);
    let second = edition("a#3");
    assert!(second > first);
    follow(running("a#3", path, STARTED_MS + 1));
    assert!(edition("a#3") > second);
    // It timed out and has a heartbeat again: nothing is gone on with.
    let third = edition("a#3");
    let mut hung = running("a#3", path, STARTED_MS + 1);
    hung.merge(Fact::TimedOut { ended_ms: 1 }, &Catalog::default());
    follow(hung);
    follow(running("a#3", path, STARTED_MS + 1));
    assert!(edition("a#3") > third);
}
