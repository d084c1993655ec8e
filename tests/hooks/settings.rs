//! `agentpulse hooks` on settings files as people have them, and against a daemon.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Daemon, Setup, eventually, folder, short_program};

/// Hooks of other people on the same events, in a layout that no program writes.
const THEIRS: &str = include_str!("../data/settings-of-others.json");

const EVENTS: [&str; 10] = [
    "SessionStart",
    "SessionEnd",
    "UserPromptSubmit",
    "Stop",
    "SubagentStart",
    "SubagentStop",
    "StopFailure",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
];

/// A person with a home folder.
struct Home {
    folder: TempDir,
}

impl Home {
    fn new() -> Home {
        Home { folder: folder() }
    }

    fn with(text: &str) -> Home {
        let home = Home::new();
        fs::create_dir(home.place(".claude")).expect("a folder");
        fs::write(home.settings(), text).expect("a file");
        home
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self) -> PathBuf {
        self.place(".claude/settings.json")
    }

    fn backup(&self) -> PathBuf {
        self.place(".claude/settings.json.agentpulse-backup")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = short_program();
        command.args(arguments).env("HOME", self.folder.path());
        command.env_remove("XDG_CONFIG_HOME");
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it runs")
    }

    #[track_caller]
    fn succeeds(&self, arguments: &[&str]) -> String {
        let told = self.run(arguments);
        assert!(told.status.success(), "{arguments:?}: {told:?}");
        String::from_utf8(told.stdout).expect("text")
    }

    /// `hooks status`, with the hook program's places in a daemon's folder.
    fn status(&self, daemon: &Daemon) -> (Option<i32>, Value) {
        let data = daemon.data.to_str().expect("UTF-8");
        let told = self
            .command(&["hooks", "status", "--json", "--data-dir", data])
            .env("AGENTPULSE_SOCKET", daemon.socket())
            .env("AGENTPULSE_SPOOL", daemon.data.join("spool"))
            .output()
            .expect("it runs");
        let found = serde_json::from_slice(&told.stdout);
        let found = found.unwrap_or_else(|error| panic!("{error}: {told:?}"));
        (told.status.code(), found)
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn hook_program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_agentpulse")).with_file_name("agentpulse-hook")
}

#[test]
fn a_dry_run_shows_the_change_and_makes_none() {
    let home = Home::with(THEIRS);
    let shown = home.succeeds(&["hooks", "install", "--dry-run"]);
    assert_eq!(read(&home.settings()), THEIRS);
    let names = fs::read_dir(home.place(".claude")).expect("a folder");
    assert_eq!(names.count(), 1, "no backup, no temporary file");
    // What others have is context in a diff; one of its lines changes only by a comma.
    let starts = |sign: char| shown.lines().filter(move |line| line.starts_with(sign));
    assert!(starts('-').count() < 12, "{shown}");
    let command = format!("{} claude-code", hook_program().display());
    let added = starts('+').filter(|line| line.contains(&command)).count();
    assert_eq!(added, EVENTS.len(), "{shown}");
}

#[test]
fn twice_in_and_once_out_is_the_same_file_to_the_byte() {
    let styles: [fn(&str) -> String; 3] = [
        str::to_owned,
        |text| text.replace('\n', "\r\n"),
        |text| text.trim_end().replace("  ", "\t"),
    ];
    for style in styles {
        let before = style(THEIRS);
        let home = Home::with(&before);
        fs::set_permissions(home.settings(), fs::Permissions::from_mode(0o640)).expect("a mode");
        home.succeeds(&["hooks", "install"]);
        let installed = read(&home.settings());
        assert_eq!(read(&home.backup()), before);

        let parsed: Value = serde_json::from_str(&installed).expect("JSON");
        let mut theirs: Value = serde_json::from_str(&before).expect("JSON");
        let ours = json!({"matcher": "", "hooks": [{"type": "command", "timeout": 5,
            "command": format!("{} claude-code", hook_program().display())}]});
        for event in EVENTS {
            let groups = &mut theirs["hooks"][event];
            if groups.is_null() {
                *groups = json!([]);
            }
            groups.as_array_mut().expect("a list").push(ours.clone());
        }
        assert_eq!(parsed, theirs);

        let inode = fs::metadata(home.settings()).expect("a file").ino();
        let told = home.succeeds(&["hooks", "install"]);
        assert!(told.contains("nothing to change"), "{told}");
        let again = fs::metadata(home.settings()).expect("a file");
        assert_eq!((again.ino(), again.mode() & 0o777), (inode, 0o640));

        home.succeeds(&["hooks", "uninstall"]);
        assert_eq!(read(&home.settings()), before);
        assert_eq!(read(&home.backup()), installed);
        let mode = |path: &Path| fs::metadata(path).expect("a file").mode() & 0o777;
        assert_eq!(
            (mode(&home.settings()), mode(&home.backup())),
            (0o640, 0o640)
        );
    }
}

#[test]
fn an_entry_of_an_older_place_is_replaced() {
    let home = Home::with("{}\n");
    let old = "'/old place/agentpulse-hook' claude-code";
    home.succeeds(&["hooks", "install", "--command", old]);
    assert_eq!(
        read(&home.settings()).matches("/old place/").count(),
        EVENTS.len()
    );
    home.succeeds(&["hooks", "install"]);
    assert!(!read(&home.settings()).contains("/old place/"));
    home.succeeds(&["hooks", "uninstall"]);
    assert_eq!(read(&home.settings()), "{}\n");
}

#[test]
fn a_file_that_was_not_there_is_not_there_again() {
    let home = Home::new();
    home.succeeds(&["hooks", "install", "--project", "--local"]);
    let local = home.place(".claude/settings.local.json");
    assert!(read(&local).ends_with("}\n"));
    assert!(!home.settings().exists());
    let told = home.succeeds(&["hooks", "uninstall", "--project", "--local"]);
    assert!(told.contains("is removed") && !local.exists(), "{told}");
    let told = home.succeeds(&["hooks", "uninstall"]);
    assert!(told.contains("nothing to change"), "{told}");
}

#[test]
fn a_linked_file_is_changed_where_it_lies() {
    let home = Home::new();
    fs::create_dir(home.place(".claude")).expect("a folder");
    fs::create_dir(home.place("dotfiles")).expect("a folder");
    fs::write(home.place("dotfiles/claude.json"), THEIRS).expect("a file");
    symlink("../dotfiles/claude.json", home.settings()).expect("a link");
    home.succeeds(&["hooks", "install"]);
    assert!(home.settings().is_symlink() && home.backup().is_file());
    assert!(read(&home.place("dotfiles/claude.json")).contains("agentpulse-hook"));
    home.succeeds(&["hooks", "uninstall"]);
    assert_eq!(read(&home.place("dotfiles/claude.json")), THEIRS);
    assert!(home.settings().is_symlink());
}

#[test]
fn unusable_settings_are_refused_in_one_line_and_left_alone() {
    let long = format!("\"{}\"", "x".repeat(4 << 20));
    for (text, reason) in [
        ("", "line 1 column 1: the file ends, expected a value"),
        (
            "{\n  /* mine\n}",
            "line 2 column 3: unterminated comment block",
        ),
        (
            "{\"a\": 1,}",
            "line 1 column 8: trailing commas are not allowed",
        ),
        ("[]", "line 1 column 1: settings must be an object"),
        (
            "{\"hooks\": 1}",
            "line 1 column 11: hooks must be an object",
        ),
        (
            "{\"hooks\": {\"PreToolUse\": {}}}",
            "hooks.PreToolUse must be an array",
        ),
        (
            "{\"hooks\": {}, \"hooks\": {}}",
            "line 1 column 15: the key \"hooks\" is there twice",
        ),
        (&long, "is longer than 4 MiB"),
    ] {
        let home = Home::with(text);
        for command in ["install", "uninstall"] {
            let told = home.run(&["hooks", command]);
            let error = String::from_utf8_lossy(&told.stderr);
            assert_eq!(told.status.code(), Some(65), "{error}");
            assert!(
                error.contains(reason) && error.lines().count() == 1,
                "{error}"
            );
            assert!(told.stdout.is_empty());
        }
        assert_eq!(read(&home.settings()), text);
        assert!(!home.backup().exists());
    }
    let told = Home::new().run(&["hooks", "install", "--command", "my-hook"]);
    assert_eq!(told.status.code(), Some(1));
}

#[test]
fn comments_and_a_byte_order_mark_stay_and_comments_are_warned_of() {
    let before = "\u{feff}{\r\n\t// mine\r\n\t\"model\": \"x\" /* y */\r\n}\r\n";
    let home = Home::with(before);
    let told = home.run(&["hooks", "install"]);
    assert!(told.status.success());
    let error = String::from_utf8_lossy(&told.stderr);
    assert!(error.contains("has comments"), "{error}");
    let after = read(&home.settings());
    assert!(after.starts_with("\u{feff}{\r\n\t// mine\r\n\t\"model\": \"x\",\r\n\t\"hooks\""));
    home.succeeds(&["hooks", "uninstall"]);
    assert_eq!(read(&home.settings()), before);
}

#[test]
fn hooks_that_are_switched_off_are_warned_of() {
    let home = Home::with("{\"disableAllHooks\": true}");
    let told = home.run(&["hooks", "install"]);
    assert!(told.status.success());
    let error = String::from_utf8_lossy(&told.stderr);
    assert!(error.contains("disableAllHooks"), "{error}");
}

#[test]
fn status_sends_a_test_event_through_the_whole_chain() {
    let home = Home::with(THEIRS);
    let mut daemon = Setup::new().start();
    let (code, found) = home.status(&daemon);
    assert_eq!(
        (code, &found["healthy"]),
        (Some(1), &json!(false)),
        "{found}"
    );
    assert_eq!(found["files"][0]["events"][0]["state"], "missing");
    assert_eq!(found["test"], Value::Null);

    home.succeeds(&["hooks", "install"]);
    // A busy machine may take the hook program longer than it waits.
    let found = eventually("an acknowledged event", || match home.status(&daemon) {
        (Some(0), found) => Ok(found),
        (code, found) => Err(format!("{code:?}: {found}")),
    });
    assert_eq!(found["test"]["outcome"], "acknowledged", "{found}");
    assert!(
        found["test"]["round_trip_ms"]
            .as_f64()
            .is_some_and(|ms| ms > 0.0)
    );
    assert_eq!(
        found["hook"]["path"],
        hook_program().to_str().expect("UTF-8")
    );
    assert_eq!(found["daemon"]["reachable"], true);
    let states = found["files"][0]["events"].as_array().expect("a list");
    assert!(states.len() == EVENTS.len() && states.iter().all(|one| one["state"] == "installed"));
    let current = daemon
        .read("/api/agents/metrics/current")
        .expect("a picture");
    let counts = (&current["active_agents"], &current["executions_today"]);
    assert_eq!(counts, (&json!(0), &json!(0)), "it changes no number");

    daemon.kill9();
    let (code, found) = home.status(&daemon);
    assert_eq!(code, Some(1));
    assert_eq!(found["daemon"]["reachable"], false);
    assert_eq!(found["test"]["outcome"], "spooled", "{found}");
    let before = found["test"]["spooled_before"].as_u64().expect("a number");
    assert_eq!(found["spool"]["waiting_lines"], before + 1);
    daemon.restart();
    let waiting = || fs::read_dir(daemon.data.join("spool")).map(Iterator::count);
    assert_eq!(waiting().expect("the spool"), 0);
}
