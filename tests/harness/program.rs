//! The program as a command, and waiting for its end.

use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::Instant;

use super::time::{DEADLINE, PAUSE};

/// The program, with nothing of our own environment that it would take for a setting.
pub fn program() -> Command {
    cleaned(Command::new(env!("CARGO_BIN_EXE_agentpulse")))
}

/// The program as a command that ends by itself, and is ended after a while if it does not.
pub fn short_program() -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=1", "60", env!("CARGO_BIN_EXE_agentpulse")]);
    cleaned(command)
}

fn cleaned(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy();
        if shown.starts_with("AGENTPULSE_") || shown.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("XDG_STATE_HOME");
    command
}

/// The library of faketime, where it is installed.
pub fn faketime() -> Option<&'static str> {
    /// Where distributions put it.
    const PLACES: [&str; 4] = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/faketime/libfaketime.so.1",
        "/usr/lib64/faketime/libfaketime.so.1",
    ];
    PLACES.into_iter().find(|path| Path::new(path).exists())
}

pub fn wait_exit(child: &mut Child) -> ExitStatus {
    let asked = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("our own child") {
            return status;
        }
        if asked.elapsed() > DEADLINE {
            let _ = child.kill();
            panic!("the daemon did not end");
        }
        thread::park_timeout(PAUSE);
    }
}
