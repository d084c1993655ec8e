use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use super::command::roots;
use super::line::Importer;
use super::summary::Summary;
use super::walk;
use crate::cli::delivery::Totals;

/// 2026-11-20T18:00:00Z, an hour after the captured runs.
const NOW_MS: i64 = 1_795_197_600_000;
const DAY_MS: i64 = 86_400_000;
/// The transcript of a run that succeeded, and what lies beside it.
const CAPTURED: [&str; 2] = [
    include_str!(
        "../../../tests/data/claude-code/background-agent-2.1.329/subagents/\
         agent-a5c264dd48b8bbe0e.jsonl"
    ),
    include_str!(
        "../../../tests/data/claude-code/background-agent-2.1.329/subagents/\
         agent-a5c264dd48b8bbe0e.meta.json"
    ),
];

struct Home {
    root: TempDir,
}

impl Home {
    fn new() -> Home {
        Home {
            root: tempdir().unwrap(),
        }
    }

    /// A file of `<project>/<session>/subagents`, last changed before `now` by some minutes.
    fn file(&self, place: &str, text: &str, minutes: u64) -> PathBuf {
        let path = self.root.path().join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let changed = Duration::from_millis(NOW_MS as u64) - Duration::from_secs(60 * minutes);
        let file = fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + changed).unwrap();
        path
    }

    fn importer(&self) -> Importer {
        Importer {
            max_bytes: 1 << 20,
            now_ms: NOW_MS,
            oldest_ms: NOW_MS / DAY_MS * DAY_MS - 90 * DAY_MS,
            since_ms: None,
            roots: vec![self.root.path().to_owned()],
        }
    }

    /// The lines that would be sent, by agent, and the summary.
    fn import(&self, importer: &Importer) -> (Vec<Value>, Summary) {
        let mut summary = Summary::default();
        let mut lines: Vec<Value> = walk::transcripts(&[self.root.path().to_owned()])
            .flat_map(|path| {
                let lines = importer.lines(path, &mut summary);
                let lines = lines
                    .lines()
                    .map(|line| serde_json::from_str(line).unwrap());
                lines.collect::<Vec<_>>()
            })
            .collect();
        lines.sort_by_key(|line| line["payload"]["agent_id"].to_string());
        (lines, summary)
    }
}

/// A turn of a prompt and an answer, `ago` days before the end of the day.
fn turn(ago: i64, reason: &str) -> String {
    let line = |kind: &str, second: i64, message: Value| {
        let time_ms = NOW_MS - ago * DAY_MS + second * 1000;
        let time = agentpulse_core::bucket::rfc3339(time_ms);
        json!({"type": kind, "timestamp": time, "message": message}).to_string()
    };
    let prompt = line("user", 0, json!({"content": "do it"}));
    let answer = json!({"id": format!("m{ago}"), "stop_reason": reason, "content": []});
    format!("{prompt}\n{}\n", line("assistant", 1, answer))
}

#[test]
fn a_transcript_becomes_one_line() {
    let home = Home::new();
    let place = "-home-dev-shop/5b31e870/subagents/agent-a5c264dd48b8bbe0e";
    let path = home.file(&format!("{place}.jsonl"), CAPTURED[0], 60);
    home.file(&format!("{place}.meta.json"), CAPTURED[1], 60);
    let (lines, summary) = home.import(&home.importer());
    let id = lines[0]["id"].as_str().unwrap();
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let expect = json!({
        "event": "hook",
        "id": id,
        "source": "claude-code",
        // 2026-11-20T17:01:36.611Z
        "observed_at": 1_795_194_096_611_i64,
        "payload": {
            "hook_event_name": "Imported",
            "session_id": "5b31e870-2f52-42ff-8c7c-c0b7efb69b6b",
            "agent_id": "a5c264dd48b8bbe0e",
            "agent_type": "probe",
            "agent_transcript_path": path,
            "first_turn": 1,
            "turns": [{
                "started_at": 1_795_194_095_819_i64,
                "ended_at": 1_795_194_096_611_i64,
                "outcome": "success",
                "prompt_id": "a6c3ce3b-9bc1-413d-97fe-3352df588ad6",
            }],
        },
    });
    assert_eq!(lines, [expect]);
    assert_eq!(
        (summary.transcripts, summary.sent, summary.turns),
        (1, 1, 1)
    );
    assert_eq!(
        home.import(&home.importer()).0[0]["id"],
        id,
        "the same again"
    );
}

#[test]
fn only_transcripts_are_found() {
    let home = Home::new();
    for place in [
        "notes.txt",
        "p/agent-a1.jsonl",
        "p/s/agent-a1.jsonl",
        "p/s/subagents/agent-a1.meta.json",
        "p/s/subagents/agent-.jsonl",
        "p/s/subagents/other.jsonl",
        "p/s/subagents/1/2/3/4/agent-a1.jsonl",
        "p/s/subagents/workflows/wf_1/journal.jsonl",
    ] {
        home.file(place, &turn(1, "end_turn"), 60);
    }
    let mut expect = vec![
        home.file("p/s.jsonl", "", 60),
        home.file("p/s/subagents/agent-a1.jsonl", "", 60),
        home.file("p/s/subagents/workflows/wf_1/agent-a3.jsonl", "", 60),
        home.file("q/t/subagents/agent-a2.jsonl", "", 60),
    ];
    let found = walk::transcripts(&[home.root.path().to_owned()]).map(Result::unwrap);
    let mut found: Vec<_> = found.collect();
    found.sort();
    expect.sort();
    assert_eq!(found, expect);
}

#[test]
fn skipped_files_are_counted_with_their_reason() {
    let home = Home::new();
    let folder = "p/s/subagents";
    let file =
        |name: &str, text: &str, minutes| home.file(&format!("{folder}/{name}"), text, minutes);
    // Neither has a sidecar. The first is the client's own.
    file("agent-acompact-0b1c.jsonl", &turn(1, "end_turn"), 60);
    file("agent-ad1.jsonl", &turn(1, "end_turn"), 4);
    file("agent-ad2.jsonl", &turn(1, "tool_use"), 4);
    file("agent-ad3.jsonl", &turn(1, "tool_use"), 6);
    file("agent-ad4.jsonl", "{\"type\":\"summary\"}\n", 60);
    fs::create_dir(home.root.path().join(folder).join("agent-ad5.jsonl")).unwrap();
    let outside = tempdir().unwrap();
    let secret = outside.path().join("secret.jsonl");
    fs::write(&secret, turn(1, "end_turn")).unwrap();
    symlink(
        secret,
        home.root.path().join(folder).join("agent-ad6.jsonl"),
    )
    .unwrap();

    let (lines, summary) = home.import(&home.importer());
    let sent: Vec<_> = lines
        .iter()
        .map(|line| {
            let payload = &line["payload"];
            let outcome = &payload["turns"][0]["outcome"];
            [
                &payload["agent_id"],
                &payload["session_id"],
                &payload["agent_type"],
                outcome,
            ]
            .map(|word| word.as_str().unwrap().to_owned())
        })
        .collect();
    let expect = [
        ["ad1", "s", "unknown", "success"],
        ["ad3", "s", "unknown", "interrupted"],
    ];
    assert_eq!(sent, expect);
    let totals = Totals {
        accepted: 1,
        duplicate: 1,
        ..Totals::default()
    };
    assert_eq!(
        summary.report(&totals),
        "7 transcripts, 2 turns of 2 of them sent: 1 lines accepted, 1 duplicate, 0 refused\n\
         not sent: 1 transcripts, is not a regular file\n\
         not sent: 1 transcripts, lies outside of the folders of transcripts\n\
         not sent: 1 transcripts, still being written\n\
         not sent: 1 transcripts, the client's own, such as a summary\n\
         not sent: 1 transcripts, without a turn\n"
    );
}

#[test]
fn turns_before_the_first_day_are_not_sent() {
    let home = Home::new();
    let all: String = [91, 90, 10, 2].map(|ago| turn(ago, "end_turn")).concat();
    home.file("p/s/subagents/agent-a1.jsonl", &all, 60);
    home.file("p/s/subagents/agent-a2.jsonl", &turn(100, "end_turn"), 60);
    let mut importer = home.importer();
    let (lines, summary) = home.import(&importer);
    assert_eq!(lines[0]["payload"]["first_turn"], 2);
    assert_eq!(lines[0]["payload"]["turns"].as_array().unwrap().len(), 3);
    assert_eq!((lines.len(), summary.sent, summary.turns), (1, 1, 3));
    assert_eq!((summary.turns_too_old, summary.turns_unwanted), (2, 0));

    importer.since_ms = Some(NOW_MS / DAY_MS * DAY_MS - 10 * DAY_MS);
    let (later, summary) = home.import(&importer);
    assert_eq!(later[0]["payload"]["first_turn"], 3);
    assert_ne!(later[0]["id"], lines[0]["id"], "it says less");
    assert_eq!((summary.turns_too_old, summary.turns_unwanted), (2, 1));
    let report = summary.report(&Totals::default());
    assert!(
        report.contains("not sent: 1 turns that ended before --since\n"),
        "{report}"
    );
    let too_old = "not sent: 2 turns that ended longer ago than history.keep\n";
    assert!(report.contains(too_old), "{report}");
}

#[test]
fn many_turns_are_several_lines() {
    let home = Home::new();
    let all: String = (1..=300).rev().map(|ago| turn(ago, "end_turn")).collect();
    home.file("p/s/subagents/agent-a1.jsonl", &all, 60);
    let mut importer = home.importer();
    importer.oldest_ms = 0;
    let (lines, summary) = home.import(&importer);
    let counts: Vec<_> = lines
        .iter()
        .map(|line| {
            let payload = &line["payload"];
            (
                payload["first_turn"].clone(),
                payload["turns"].as_array().unwrap().len(),
            )
        })
        .collect();
    assert_eq!(counts, [(json!(1), 256), (json!(257), 44)]);
    assert_ne!(lines[0]["id"], lines[1]["id"]);
    assert_eq!((summary.sent, summary.turns), (1, 300));
}

#[test]
fn a_root_must_be_there() {
    let folder = tempdir().unwrap();
    let missing = folder.path().join("none");
    let (here, gone) = (vec![folder.path().to_owned()], vec![missing.clone()]);
    let failure = roots(&gone, &here).unwrap_err().to_string();
    assert!(failure.contains(missing.to_str().unwrap()), "{failure}");
    let both = [here.clone(), gone.clone()].concat();
    assert!(roots(&[], &both).is_err());
    assert_eq!(roots(&here, &gone).unwrap(), here);
    assert_eq!(roots(&[], &here).unwrap(), here);
    assert!(roots(&[], &[]).is_err());
}
