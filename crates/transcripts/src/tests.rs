use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::geteuid;
use tempfile::{TempDir, tempdir};

use super::files::Files;
use super::read::read;
use super::*;
use agentpulse_core::project::ProjectNames;
use agentpulse_core::usage::Usage;
use agentpulse_sources::claude_code::Sidecar;
use agentpulse_sources::claude_code::transcript::{Outcome, Span};

const MIB: u64 = 1 << 20;
const FIRST: &str = r#"{"type":"assistant","timestamp":"2026-11-20T17:00:00Z","message":{"id":"m1","model":"opus-5","stop_reason":"end_turn","usage":{"input_tokens":10}}}"#;
const SECOND: &str = r#"{"type":"assistant","timestamp":"2026-11-20T17:00:09Z","message":{"id":"m2","model":"opus-5","stop_reason":"tool_use","usage":{"input_tokens":5}}}"#;

fn usage(
    roots: &[PathBuf],
    path: &Path,
    max_bytes: u64,
    from: u64,
    span: Span,
) -> Result<Usage, Unreadable> {
    let files = Files {
        catalog: Arc::default(),
        roots: roots.to_vec(),
        max_bytes,
        indexes: Arc::default(),
        project_names: ProjectNames::Name,
        home: None,
    };
    read(&files, path, &[], from, span).map(|read| read.usage)
}

/// A folder of transcripts, and something beside it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = tempdir().unwrap();
        fs::create_dir(folder.path().join("projects")).unwrap();
        Place { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn roots(&self) -> Vec<PathBuf> {
        vec![self.path("nowhere"), self.path("projects")]
    }

    fn read(&self, path: &Path) -> Result<Usage, Unreadable> {
        usage(&self.roots(), path, MIB, 0, Span::default())
    }
}

#[test]
fn a_transcript_is_read_from_an_offset() {
    let place = Place::new();
    let path = place.file("projects/p/agent-a.jsonl", &format!("{FIRST}\n{SECOND}\n"));
    let found = place.read(&path).unwrap();
    assert_eq!((found.requests(), found.tokens().input), (2, 15));
    assert_eq!(found.end_offset, fs::metadata(&path).unwrap().len());

    let from = FIRST.len() as u64 + 1;
    let at = |from| usage(&place.roots(), &path, MIB, from, Span::default());
    assert_eq!(at(from).unwrap().tokens().input, 5);
    assert_eq!(at(found.end_offset).unwrap().requests(), 0);
    assert_eq!(at(found.end_offset + 1), Err(Unreadable::Shrunk));

    let turns = turns(&place.roots(), &path, MIB).unwrap();
    assert_eq!(turns.turns.len(), 1);
    assert_eq!(turns.turns[0].outcome, Outcome::Unfinished);
}

#[test]
fn a_file_that_is_not_regular_is_refused_at_once() {
    let place = Place::new();
    let folder = place.path("projects/folder.jsonl");
    fs::create_dir(&folder).unwrap();
    let pipe = place.path("projects/pipe.jsonl");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let socket = place.path("projects/socket.jsonl");
    let _listener = UnixListener::bind(&socket).unwrap();
    for path in [folder, pipe, socket] {
        let refused = place.read(&path).unwrap_err();
        assert_eq!(refused, Unreadable::NotRegular, "{}", path.display());
        assert!(!refused.may_pass());
    }
}

#[test]
fn only_what_lies_below_a_root_is_read() {
    let place = Place::new();
    let outside = place.file("secret.jsonl", FIRST);
    let inside = place.file("projects/p/agent-a.jsonl", FIRST);
    let link = |target: &Path, name: &str| {
        let path = place.path(name);
        symlink(target, &path).unwrap();
        path
    };
    let around = place.path("projects/p/../../secret.jsonl");
    let out = link(&outside, "projects/p/out.jsonl");
    let folder = link(place.folder.path(), "projects/up");
    let relative = Path::new("projects/p/agent-a.jsonl");
    let device = Path::new("/dev/zero");
    for path in [
        &outside,
        &around,
        &out,
        &folder.join("secret.jsonl"),
        relative,
        device,
    ] {
        let refused = place.read(path).unwrap_err();
        assert_eq!(refused, Unreadable::Outside, "{}", path.display());
        assert!(!refused.may_pass());
    }
    let of_windows = Path::new(r"C:\Users\me\.claude\projects\p\s.jsonl");
    assert_eq!(place.read(of_windows), Err(Unreadable::OfWindows));
    // The name of a root is no prefix of a neighbour's.
    let neighbour = place.file("projects-2/a.jsonl", FIRST);
    assert_eq!(place.read(&neighbour), Err(Unreadable::Outside));
    let within = link(&inside, "projects/within.jsonl");
    assert_eq!(place.read(&within).unwrap().requests(), 1);
    // A root may itself be reached by a link.
    let linked = link(&place.path("projects"), "linked");
    let found = usage(&[linked], &inside, MIB, 0, Span::default());
    assert_eq!(found.unwrap().requests(), 1);
}

#[test]
fn a_missing_transcript_is_tried_again() {
    let place = Place::new();
    let loose = place.path("projects/loose.jsonl");
    symlink(place.path("projects/nothing"), &loose).unwrap();
    let below_a_file = place.file("projects/file", "").join("agent-a.jsonl");
    for path in [place.path("projects/none.jsonl"), loose, below_a_file] {
        let refused = place.read(&path).unwrap_err();
        assert_eq!(refused, Unreadable::Missing);
        assert!(refused.may_pass());
    }
}

#[test]
fn a_file_of_another_user_is_refused() {
    let (root, path) = if geteuid().is_root() {
        let place = Place::new();
        let path = place.file("projects/agent-a.jsonl", FIRST);
        chown(&path, Some(1), None).unwrap();
        (place.folder, path)
    } else {
        (tempdir().unwrap(), PathBuf::from("/etc/passwd"))
    };
    let roots = [root.path().to_owned(), PathBuf::from("/etc")];
    let found = usage(&roots, &path, MIB, 0, Span::default());
    assert_eq!(found, Err(Unreadable::Foreign));
}

#[test]
fn a_file_that_is_too_large_is_refused_by_its_size() {
    let place = Place::new();
    let path = place.path("projects/agent-a.jsonl");
    // Sparse: it takes no room.
    let bytes = 500 * MIB;
    File::create(&path).unwrap().set_len(bytes).unwrap();
    let max = bytes - 1;
    let found = usage(&place.roots(), &path, max, 0, Span::default());
    assert_eq!(found, Err(Unreadable::TooLarge { bytes, max }));
    assert!(!found.unwrap_err().may_pass());
}

#[test]
fn lines_appended_during_a_read_are_left_for_later() {
    let place = Place::new();
    let half = SECOND.split_at(50);
    let path = place.file("projects/agent-a.jsonl", &format!("{FIRST}\n{}", half.0));
    let opened = open::open(&place.roots(), &path, MIB).unwrap();
    let mut more = OpenOptions::new().append(true).open(&path).unwrap();
    writeln!(more, "{}", half.1).unwrap();

    let mut lines = lines::Lines::new(opened, 0).unwrap();
    let first = lines.next().unwrap().unwrap();
    assert_eq!((first.bytes.len(), first.is_ended), (FIRST.len() + 1, true));
    let torn = lines.next().unwrap().unwrap();
    assert_eq!((torn.bytes, torn.is_ended), (half.0.as_bytes(), false));
    assert!(lines.next().unwrap().is_none());

    let found = place.read(&path).unwrap();
    assert_eq!(found.requests(), 2);
}

#[test]
fn a_line_without_bounds_is_not_held() {
    let place = Place::new();
    let long = "x".repeat(lines::MAX_LINE_BYTES + 1);
    let path = place.file("projects/a.jsonl", &format!("{long}\n{FIRST}\n{long}"));
    let opened = open::open(&place.roots(), &path, 64 * MIB).unwrap();
    let mut lines = lines::Lines::new(opened, 0).unwrap();
    let mut seen = Vec::new();
    while let Some(line) = lines.next().unwrap() {
        seen.push((line.bytes.len(), line.end, line.is_ended));
    }
    let (long, first) = (long.len() as u64, FIRST.len() as u64);
    let expect = [
        (0, long + 1, true),
        (FIRST.len() + 1, long + first + 2, true),
        (0, 2 * long + first + 2, false),
    ];
    assert_eq!(seen, expect);
    let found = usage(&place.roots(), &path, 64 * MIB, 0, Span::default()).unwrap();
    assert_eq!((found.requests(), found.end_offset), (1, long + first + 2));
}

#[test]
fn the_sidecar_says_what_the_agent_is() {
    let place = Place::new();
    let beside = |text: &str| {
        place.file("projects/agent-a.meta.json", text);
        let transcript = place.path("projects/agent-a.jsonl");
        sidecar(&place.roots(), &transcript, MAX_SIDECAR_BYTES)
    };
    let captured = include_str!(
        "../../../tests/data/claude-code/background-agent-2.1.329/subagents/\
         agent-a5c264dd48b8bbe0e.meta.json"
    );
    let expect = Sidecar {
        agent_type: Some("probe".to_owned()),
        description: Some("b1".to_owned()),
        model: Some("claude-haiku-5-5".to_owned()),
        spawn_depth: Some(1),
        parent_agent_id: None,
        tool_use_id: Some("toolu_01ab195a00277445b2b86d6e".to_owned()),
        ..Sidecar::default()
    };
    assert_eq!(beside(captured), Some(expect));
    assert_eq!(beside("{"), None);
    assert_eq!(beside(&format!("{{}}{}", " ".repeat(64 << 10))), None);
    let odd = r#"{"agentType":7,"description":"password=hunter2hunter2","spawnDepth":-1,
                  "parentAgentId":"a2","model":null,"toolUseId":""}"#;
    let expect = Sidecar {
        description: Some("password=[redacted:password]".to_owned()),
        parent_agent_id: Some("a2".to_owned()),
        ..Sidecar::default()
    };
    assert_eq!(beside(odd), Some(expect));
    fs::remove_file(place.path("projects/agent-a.meta.json")).unwrap();
    symlink("/etc/hostname", place.path("projects/agent-a.meta.json")).unwrap();
    let transcript = place.path("projects/agent-a.jsonl");
    assert_eq!(
        sidecar(&place.roots(), &transcript, MAX_SIDECAR_BYTES),
        None
    );
}
