//! A folder with a socket and a spool for one test, and the ways to run the program in it.

use std::ffi::c_int;
use std::fs;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_agentpulse-hook");

/// Bounds a hang of the program; what it takes in earnest is not asserted here.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a pipe holds on Linux.
const PIPE_BYTES: usize = 64 * 1024;

/// A folder of its own for one test, removed at the end.
pub struct Place {
    pub folder: PathBuf,
}

impl Place {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("agentpulse-hook-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self { folder }
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("sock")
    }

    pub fn spool(&self) -> PathBuf {
        self.folder.join("data").join("spool")
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .arg("claude-code")
            .env_clear()
            .env("AGENTPULSE_SOCKET", self.socket())
            .env("AGENTPULSE_SPOOL", self.spool());
        command
    }

    pub fn run(&self, payload: &[u8]) {
        run(self.command(), payload);
    }

    /// The lines in the spool by their file names, in order; no temporary file may be left.
    pub fn spooled(&self) -> Vec<(String, Value)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.spool()).into_iter().flatten() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if name != "refused" {
                found.push((name, parse(&fs::read_to_string(entry.path()).unwrap())));
            }
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    }

    pub fn only_spooled(&self) -> Value {
        let mut lines = self.spooled();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let (name, line) = lines.remove(0);
        let bytes = fs::metadata(self.spool().join(&name)).unwrap().len();
        let micros = (line["observed_at"].as_f64().unwrap() * 1e6).round() as u64;
        assert_eq!(
            name,
            format!("{micros:020}-{}-{bytes}.json", line["id"].as_str().unwrap())
        );
        line
    }

    pub fn refused(&self) -> u64 {
        fs::metadata(self.spool().join("refused")).map_or(0, |metadata| metadata.len())
    }

    /// Takes one line and gives `answer`; the thread ends when the hook has closed.
    pub fn daemon(&self, answer: &'static str) -> JoinHandle<Value> {
        let listener = UnixListener::bind(self.socket()).unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            if !answer.is_empty() {
                reader.read_line(&mut String::new()).unwrap();
            }
            parse(&line)
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A line ends with its line feed, and has no other.
pub fn parse(line: &str) -> Value {
    assert_eq!(line.find('\n'), Some(line.len() - 1), "{line}");
    serde_json::from_str(line).unwrap()
}

/// As much of the payload as a pipe holds is in it before the program starts, so that it makes no
/// difference how late this process gets to write. The rest goes into the pipe's other end.
pub fn filled_pipe(payload: &[u8]) -> (PipeReader, PipeWriter, &[u8]) {
    let (reader, mut writer) = pipe().unwrap();
    let (head, rest) = payload.split_at(payload.len().min(PIPE_BYTES));
    writer.write_all(head).unwrap();
    (reader, writer, rest)
}

/// Starts the program; `stdin` is closed here, so that a program that ends early ends its writers.
pub fn start(mut command: Command, stdin: PipeReader) -> Child {
    command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

pub fn run(command: Command, payload: &[u8]) {
    let (reader, writer, rest) = filled_pipe(payload);
    let writer = (!rest.is_empty()).then_some(writer);
    let child = start(command, reader);
    if let Some(mut writer) = writer {
        // The program may end before it has read all: that is no error of the client's.
        let _ = writer.write_all(rest);
    }
    assert_silent(child.wait_with_output().unwrap());
}

pub fn assert_silent(output: Output) {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        (output.stdout.len(), output.stderr.len()),
        (0, 0),
        "{output:?}"
    );
}

pub fn await_end(child: &mut Child) {
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the hook program hangs");
        }
        thread::yield_now();
    }
}

/// Leaves the listener's queue room for one connection.
#[allow(unsafe_code, reason = "std listens with a queue of its own length")]
pub fn shorten_queue(listener: &UnixListener) {
    unsafe extern "C" {
        fn listen(fd: c_int, backlog: c_int) -> c_int;
    }
    // SAFETY: the descriptor is open for as long as `listener` is borrowed.
    assert_eq!(unsafe { listen(listener.as_raw_fd(), 0) }, 0);
}
