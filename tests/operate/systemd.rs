//! The units of systemd: what they say is what the daemon does, and systemd understands them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::{Signal, kill_process};

use crate::harness::{DEADLINE, Setup, eventually, folder, short_program};

const SYSTEM: &str = "agentpulse.service";
const USER: &str = "user/agentpulse.service";
/// Since then `systemd-analyze security` reads a file.
const OFFLINE_SINCE: u32 = 250;
/// In tenths: what `systemd-analyze security` may count for the unit of a whole machine.
const MAX_EXPOSURE: u32 = 15;
/// For this long another program may hold a database without harm.
const TOLERATED_S: u64 = 30;
/// Intake, the views and the private server, each by its deadline, when the daemon ends.
const DRAINS_S: u64 = 10 + 15 + 10;

fn unit(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd");
    fs::read_to_string(path.join(name)).expect(name)
}

/// The settings of a unit by their names, each as often as it stands there.
fn settings(unit: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let lines = unit.lines().filter(|line| !line.starts_with(['#', '[']));
    for (name, value) in lines.filter_map(|line| line.split_once('=')) {
        found.entry(name).or_default().push(value);
    }
    found
}

fn seconds(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).expect("a unit"));
    let number: u64 = number.parse().expect("a number");
    match unit {
        "s" => number,
        "min" => number * 60,
        _ => panic!("{text}"),
    }
}

fn text(output: &Output) -> String {
    let all = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// Whether the program would understand these words.
fn is_understood(words: &[&str]) -> Result<(), String> {
    let output = short_program().args(words).arg("--help").output();
    let output = output.expect("the program starts");
    match output.status.success() {
        true => Ok(()),
        false => Err(text(&output)),
    }
}

#[test]
fn the_commands_of_the_units_are_ones_that_the_program_knows() {
    for name in [SYSTEM, USER] {
        let unit = unit(name);
        let settings = settings(&unit);
        for setting in ["ExecStart", "ExecReload"] {
            let [line] = settings[setting].as_slice() else {
                panic!("{name}: one {setting}");
            };
            let mut words = line.split_whitespace();
            let program = words.next().expect("a program");
            assert!(program.ends_with("/agentpulse"), "{name}: {program}");
            let words: Vec<&str> = words.collect();
            let verb = if setting == "ExecStart" {
                "serve"
            } else {
                "reload"
            };
            assert_eq!(words[0], verb, "{name}");
            is_understood(&words).unwrap_or_else(|told| panic!("{name}: {line}: {told}"));
        }
    }
    assert!(is_understood(&["serve", "--no-such-flag", "x"]).is_err());
}

#[test]
fn the_units_fit_how_the_daemon_behaves() {
    for name in [SYSTEM, USER] {
        let unit = unit(name);
        let settings = settings(&unit);
        let one = |setting: &str| match settings.get(setting).map(Vec::as_slice) {
            Some([value]) => *value,
            other => panic!("{name}: {setting} is {other:?}"),
        };
        // The daemon itself notifies; a message of its child would not be accepted.
        assert!(["notify", "notify-reload"].contains(&one("Type")), "{name}");
        assert_eq!(one("NotifyAccess"), "main", "{name}");
        // It is silent once a part stands still for half of the time.
        assert!(seconds(one("WatchdogSec")) / 2 >= TOLERATED_S, "{name}");
        assert!(seconds(one("TimeoutStopSec")) > DRAINS_S, "{name}");
        assert_eq!(one("KillMode"), "mixed", "{name}");
        assert_eq!(one("Restart"), "on-failure", "{name}");
        assert_eq!(one("RestartPreventExitStatus"), "65 73 78", "{name}");
    }
}

#[test]
fn the_users_unit_asks_for_nothing_that_only_the_system_can_give() {
    let unit = unit(USER);
    for name in settings(&unit).keys() {
        let of_system = ["Protect", "Private", "IPAddress", "Device", "Capabilit"];
        let of_system = of_system.iter().any(|begin| name.starts_with(begin));
        let others = ["User", "Group", "ProcSubset", "KeyringMode", "RemoveIPC"];
        let others = others.contains(name) || *name == "RestrictNamespaces";
        assert!(!of_system && !others, "{name}");
    }
}

/// What the daemon reports to a service manager.
pub struct Manager {
    socket: UnixDatagram,
    pub path: PathBuf,
    told: Vec<String>,
}

impl Manager {
    pub fn at(path: PathBuf) -> Manager {
        let socket = UnixDatagram::bind(&path).expect("a socket");
        let wait = Duration::from_millis(20);
        socket.set_read_timeout(Some(wait)).expect("a socket");
        let told = Vec::new();
        Manager { socket, path, told }
    }

    /// Waits for a word, and answers its whole datagram; what came before it is forgotten.
    pub fn hears(&mut self, word: &str) -> String {
        eventually(word, || {
            let mut buffer = [0; 4_096];
            while let Ok(len) = self.socket.recv(&mut buffer) {
                self.told
                    .push(String::from_utf8_lossy(&buffer[..len]).into_owned());
            }
            let found = self
                .told
                .iter()
                .position(|told| told.lines().any(|line| line == word));
            let found = found.ok_or_else(|| format!("{:?}", self.told))?;
            Ok(self.told.drain(..=found).next_back().expect("it was found"))
        })
    }
}

#[test]
fn the_daemon_tells_the_manager_what_the_units_wait_for() {
    let folder = folder();
    let mut manager = Manager::at(folder.path().join("notify"));
    let unit = unit(SYSTEM);
    let every_s = seconds(settings(&unit)["WatchdogSec"][0]);
    // The first beat comes at once, later ones four times in that period.
    assert!(every_s / 4 < DEADLINE.as_secs());
    let mut daemon = Setup::new()
        .environment("NOTIFY_SOCKET", &manager.path.display().to_string())
        .environment("WATCHDOG_USEC", &(every_s * 1_000_000).to_string())
        .start();
    manager.hears("READY=1");
    manager.hears("WATCHDOG=1");
    kill_process(daemon.pid(), Signal::HUP).expect("it runs");
    let told = manager.hears("RELOADING=1");
    assert!(told.contains("\nMONOTONIC_USEC="), "{told}");
    manager.hears("READY=1");
    assert!(daemon.sigterm().success());
    manager.hears("STOPPING=1");
}

/// Returns `None` if there is none that can: that is printed, past the capture of the test's own
/// output.
fn analyze(folder: &Path, arguments: &[&str]) -> Option<Output> {
    let told = Command::new("systemd-analyze").arg("--version").output();
    let version = told.ok().and_then(|told| {
        let told = text(&told);
        told.split_whitespace().nth(1)?.parse::<u32>().ok()
    });
    if version < Some(OFFLINE_SINCE) {
        let what = arguments.join(" ");
        let reason = format!("SKIPPED: systemd-analyze {what}: none from {OFFLINE_SINCE} on");
        writeln!(std::io::stderr(), "{reason}").expect("somebody listens");
        return None;
    }
    let mut command = Command::new("systemd-analyze");
    command.args(arguments).env("XDG_RUNTIME_DIR", folder);
    Some(command.output().expect("it starts"))
}

/// The unit with a program that is there: one of a fresh checkout is not installed.
fn copied(name: &str, folder: &Path) -> String {
    let program = env!("CARGO_BIN_EXE_agentpulse");
    let lines = unit(name);
    let lines = lines
        .lines()
        .map(|line| match line.split_once("/agentpulse ") {
            Some((before, after)) if line.starts_with("Exec") => {
                let (setting, _) = before.split_once('=').expect("a setting");
                format!("{setting}={program} {after}\n")
            }
            _ => format!("{line}\n"),
        });
    let path = folder.join("agentpulse.service");
    fs::write(&path, lines.collect::<String>()).expect("a copy");
    path.display().to_string()
}

#[test]
fn systemd_understands_the_units_and_finds_little_to_attack() {
    let folder = folder();
    let threshold = format!("--threshold={MAX_EXPOSURE}");
    let checks: [(&str, &[&str]); 3] = [
        (SYSTEM, &["verify"]),
        (USER, &["--user", "verify"]),
        (SYSTEM, &["security", "--offline=true", &threshold]),
    ];
    for (name, arguments) in checks {
        let path = copied(name, folder.path());
        let arguments = [arguments, &[path.as_str()]].concat();
        let Some(output) = analyze(folder.path(), &arguments) else {
            continue;
        };
        let told = text(&output);
        assert!(output.status.success(), "{arguments:?}: {told}");
        // A setting that is not understood is reported, and is no failure.
        let warns = told
            .lines()
            .any(|line| line.contains("agentpulse.service:"));
        assert!(!warns || arguments.contains(&"security"), "{told}");
    }
}
