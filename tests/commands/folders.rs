//! A command that is given a wrong folder says so, and leaves the folder as it is.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::harness::{Daemon, Setup, folder, program, short_program};

/// What stands in for the path of a good backup.
const BACKUP: &str = "{backup}";
/// Another user than the one who runs the tests as root.
const ANOTHER: u32 = 65_534;

/// How a command goes at a place where nothing is, and at one that is not to be touched.
struct Case {
    line: &'static str,
    /// None where the command makes a new folder.
    missing: Option<i32>,
    wrong: i32,
}

const fn case(line: &'static str, missing: Option<i32>, wrong: i32) -> Case {
    Case {
        line,
        missing,
        wrong,
    }
}

/// Every subcommand but those that know no folder (`bench`, `completions`, `man`, `help`).
const CASES: [Case; 30] = [
    case("serve --http 127.0.0.1:0", None, 73),
    case("key create one", None, 73),
    case("restore {backup}", None, 73),
    case("restore --force {backup}", None, 73),
    case("restore /none/none.tar", Some(73), 73),
    case("rebuild", Some(1), 73),
    case("rebuild --force", Some(1), 73),
    case("key revoke one", Some(1), 73),
    case("key list", Some(1), 1),
    case("audit", Some(1), 1),
    case("backup", Some(1), 1),
    case("export --format csv", Some(1), 1),
    case("export --format jsonl --output {backup}", Some(1), 1),
    case("status", Some(1), 1),
    case("top --once", Some(1), 1),
    case("agents", Some(1), 1),
    case("show x", Some(1), 1),
    case("executions", Some(1), 1),
    case("tools", Some(1), 1),
    case("costs", Some(1), 1),
    case("prices check", Some(1), 1),
    case("reload", Some(1), 1),
    case("prune", Some(1), 1),
    case("doctor", Some(1), 1),
    case("demo", Some(1), 1),
    case("emit /dev/null", Some(1), 1),
    case("hooks status", Some(1), 1),
    case("prices show", Some(0), 0),
    case("config show", Some(0), 0),
    case("config check", Some(0), 0),
];

/// Every file below with its mode and its bytes; a folder and a link have none.
fn picture(of: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut seen = BTreeMap::new();
    let mut left = vec![of.to_owned()];
    while let Some(path) = left.pop() {
        let data = fs::symlink_metadata(&path).expect("it is there");
        let bytes = match data.is_file() {
            true => fs::read(&path).expect("a file"),
            false => Vec::new(),
        };
        if data.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder");
            left.extend(entries.map(|entry| entry.expect("an entry").path()));
        }
        seen.insert(path, (data.mode(), bytes));
    }
    seen
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("our own");
}

fn made(path: PathBuf, mode: u32, file: Option<&str>) -> PathBuf {
    fs::create_dir(&path).expect("a folder");
    if let Some(name) = file {
        fs::write(path.join(name), "somebody's").expect("a file");
    }
    set_mode(&path, mode);
    path
}

/// A backup, and the folder that it was made of, on which no daemon runs any more.
fn backed_up() -> (Daemon, PathBuf) {
    let mut daemon = Setup::new().start();
    let key = daemon.command(&["key", "create", "one"]);
    assert!(key.status.success(), "{key:?}");
    let file = daemon.folder.path().join("b.tar");
    let made = daemon.command(&["backup", file.to_str().expect("UTF-8")]);
    assert!(made.status.success(), "{made:?}");
    assert_eq!(daemon.sigterm().code(), Some(0));
    (daemon, file)
}

fn run(mut command: Command, case: &Case, backup: &Path, data: &Path, home: &Path) -> Output {
    let backup = backup.to_str().expect("UTF-8");
    command.args(case.line.split(' ').map(|word| match word {
        BACKUP => backup,
        word => word,
    }));
    command.arg("--data-dir").arg(data).env("HOME", home);
    command.stdin(Stdio::null()).output().expect("it ends")
}

/// The path is named, as it was given; what only prints the settings has nothing to say.
#[track_caller]
fn says(output: &Output, case: &Case, code: i32, data: &Path) {
    let told = [&output.stdout[..], &output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    let line = case.line;
    assert_eq!(output.status.code(), Some(code), "{line}: {told}");
    let named = data.to_str().expect("UTF-8");
    let is_of_the_file = line.contains("/none/none.tar") || line.contains("hooks");
    if code != 0 && !is_of_the_file {
        assert!(told.contains(named), "{line} does not name {named}: {told}");
    }
}

#[test]
fn a_wrong_folder_is_refused_and_left_as_it_is() {
    let (_daemon, backup) = backed_up();
    let own = folder();
    let at = |name: &str| own.path().join(name);
    fs::write(at("file"), "somebody's").expect("a file");
    made(at("open"), 0o1777, Some("a file"));
    made(at("open and empty"), 0o777, None);
    made(at("of a group"), 0o2775, None);
    made(at("foreign"), 0o755, Some("notes.txt"));
    // As one that was locked and left by a version that did not look.
    made(at("taken"), 0o755, Some("notes.txt"));
    fs::write(at("taken").join("lock"), "").expect("a file");
    symlink(at("foreign"), at("link")).expect("a link");
    symlink(at("gone"), at("dangling")).expect("a link");
    let wrong = [
        "file",
        "open",
        "open and empty",
        "of a group",
        "foreign",
        "taken",
        "link",
        "dangling",
        "file/d",
    ];
    let home = made(at("home"), 0o700, None);
    let before = (picture(own.path()), picture(&backup));
    for case in &CASES {
        for name in wrong {
            let told = run(short_program(), case, &backup, &at(name), &home);
            says(&told, case, case.wrong, &at(name));
            let after = (picture(own.path()), picture(&backup));
            assert!(after == before, "{} has changed {name}", case.line);
        }
        if let Some(code) = case.missing {
            for name in ["missing", "foreign/typo", "missing/too"] {
                let told = run(short_program(), case, &backup, &at(name), &home);
                says(&told, case, code, &at(name));
                assert!(picture(own.path()) == before.0, "{}: {name}", case.line);
            }
        }
    }
}

/// Nothing is made in the folder of a daemon, and its mode is taken from others only by what works
/// on it.
#[test]
fn commands_that_only_read_leave_the_folder_unchanged() {
    let (daemon, backup) = backed_up();
    let home = folder();
    set_mode(&daemon.data, 0o755);
    let before = picture(&daemon.data);
    assert!(!before.contains_key(&daemon.data.join("access.db-wal")));
    for line in [
        "key list",
        "audit",
        "export --format csv",
        "doctor",
        "status",
    ] {
        let case = case(line, None, 0);
        let told = run(short_program(), &case, &backup, &daemon.data, home.path());
        let is_read = !["doctor", "status"].contains(&line);
        assert_eq!(told.status.success(), is_read, "{line}: {told:?}");
        assert!(picture(&daemon.data) == before, "{line} has changed it");
    }
    let revoked = daemon.command(&["key", "revoke", "one"]);
    assert!(revoked.status.success(), "{revoked:?}");
    let mode = fs::metadata(&daemon.data).expect("a folder").mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_folder_that_cannot_be_written_is_read_and_no_more() {
    let own = folder();
    set_mode(own.path(), 0o755);
    let another = || {
        let mut command = Command::new("setpriv");
        let uid = format!("--reuid={ANOTHER}");
        command.args([&uid, "--clear-groups"]).arg("timeout");
        command.arg("60").arg(program().get_program());
        command
    };
    let works = another().arg("--version").output();
    if !works.is_ok_and(|told| told.status.success()) {
        eprintln!("SKIPPED: no other user can be had here (root and setpriv are needed)");
        return;
    }
    let (daemon, backup) = backed_up();
    set_mode(&backup, 0o644);
    set_mode(daemon.folder.path(), 0o755);
    let data = made(own.path().join("d"), 0o700, None);
    chown(&data, Some(ANOTHER), None).expect("root");
    set_mode(&data, 0o500);
    let before = picture(own.path());
    for case in CASES.iter().filter(|case| case.missing.is_none()) {
        let told = run(another(), case, &backup, &data, own.path());
        says(&told, case, 73, &data);
        assert!(picture(own.path()) == before, "{}", case.line);
    }
    for path in picture(&daemon.data).keys() {
        chown(path, Some(ANOTHER), None).expect("root");
    }
    set_mode(&daemon.data, 0o500);
    let before = picture(&daemon.data);
    for line in ["key list", "audit", "export --format csv"] {
        let case = case(line, None, 0);
        let told = run(another(), &case, &backup, &daemon.data, own.path());
        says(&told, &case, 0, &daemon.data);
        assert!(picture(&daemon.data) == before, "{line} has changed it");
    }
}

/// A folder that a person has made is taken as it is, and is the daemon's own once it has a
/// journal.
#[test]
fn an_empty_folder_is_taken() {
    let own = folder();
    let data = made(own.path().join("d"), 0o755, None);
    let key = |name| {
        let mut command = short_program();
        command.args(["key", "create", name]).arg("--data-dir");
        command.arg(&data).output().expect("it ends").status.code()
    };
    assert_eq!(key("one"), Some(0));
    let mode = || fs::metadata(&data).expect("a folder").mode() & 0o777;
    assert_eq!(mode(), 0o755, "it may be meant for others");
    assert_eq!(key("two"), Some(0));
    assert_eq!(mode(), 0o700, "it has keys in it");
}

/// All data folders of a user may have one path for the socket, as in `$XDG_RUNTIME_DIR`.
#[test]
fn a_command_on_one_folder_leaves_the_socket_of_a_daemon_on_another() {
    let (mut daemon, backup) = backed_up();
    daemon.restart();
    let socket = daemon.socket();
    let other = daemon.folder.path().join("other");
    for line in ["restore {backup}", "backup", "rebuild", "key create two"] {
        let mut command = short_program();
        command.env("AGENTPULSE_SOCKET", &socket);
        let case = case(line, None, 0);
        let output = run(command, &case, &backup, &other, daemon.folder.path());
        says(&output, &case, 0, &other);
        let line = json!({"event": "stop", "agent_id": line, "agent_name": "zorp"});
        assert_eq!(daemon.accept(&[line]).len(), 1);
    }
    let second = Setup::new().socket(&socket).run_to_exit(&other);
    assert_eq!(second.code, Some(75), "{}", second.log);
    // What another daemon has bound meanwhile is not the first one's to remove.
    fs::remove_file(&socket).expect("our own");
    let _bound = UnixListener::bind(&socket).expect("a socket");
    assert_eq!(daemon.sigterm().code(), Some(0));
    assert!(socket.exists());
}
