//! The MCP server, as a client has it: a process with two pipes.
//!
//! | file | what it holds the server to |
//! |---|---|
//! | `protocol` | the messages of the protocol, and what is none |
//! | `read` | every read of the daemon, within the bound of an answer |
//! | `work` | the tools by which agents work |

mod protocol;
mod read;
mod work;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Daemon, folder, program, wait_exit};

const MAX_TEXT_BYTES: usize = 4 << 10;

struct Client {
    child: Child,
    input: Option<ChildStdin>,
    /// Lines of its standard output.
    lines: Receiver<String>,
    /// Answers that came before the one that was waited for.
    early: VecDeque<Value>,
    next_id: u64,
}

impl Client {
    /// In a session of this id.
    fn start(data: &Path, session: Option<&str>) -> Client {
        let mut command = program();
        command.arg("mcp").arg("--data-dir").arg(data);
        command
            .current_dir("/")
            .env_remove("CLAUDE_CODE_SESSION_ID")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(session) = session {
            command.env("CLAUDE_CODE_SESSION_ID", session);
        }
        let mut child = command.spawn().expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines() {
                let _ = sender.send(line.expect("UTF-8"));
            }
        });
        Client {
            input: child.stdin.take(),
            child,
            lines,
            early: VecDeque::new(),
            next_id: 0,
        }
    }

    fn of(daemon: &Daemon) -> Client {
        Client::start(&daemon.data, Some("s-1"))
    }

    fn send(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it is open");
        writeln!(input, "{line}").expect("it reads");
    }

    /// The next message, which is one line of JSON and nothing else.
    fn receive(&mut self) -> Value {
        let line = self.lines.recv_timeout(DEADLINE).expect("a line");
        let message: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        message
    }

    /// Sends a request, and returns its id.
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.next_id += 1;
        let id = json!(self.next_id);
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.send(&request.to_string());
        id
    }

    fn answer(&mut self, id: &Value) -> Value {
        if let Some(place) = self.early.iter().position(|early| early["id"] == *id) {
            return self.early.remove(place).expect("it is there");
        }
        loop {
            let message = self.receive();
            if message["id"] == *id {
                return message;
            }
            self.early.push_back(message);
        }
    }

    #[track_caller]
    fn result(&mut self, method: &str, params: &Value) -> Value {
        let id = self.ask(method, params);
        let mut answer = self.answer(&id);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].take()
    }

    /// The text of a call, and whether it is an error.
    fn call(&mut self, tool: &str, arguments: &Value) -> (String, bool) {
        let params = json!({"name": tool, "arguments": arguments});
        let result = self.result("tools/call", &params);
        said(&result)
    }

    #[track_caller]
    fn says(&mut self, tool: &str, arguments: &Value) -> String {
        let (text, is_error) = self.call(tool, arguments);
        assert!(!is_error, "{tool}: {text}");
        text
    }

    #[track_caller]
    fn refuses(&mut self, tool: &str, arguments: &Value) -> String {
        let (text, is_error) = self.call(tool, arguments);
        assert!(is_error, "{tool}: {text}");
        text
    }

    /// Closes standard input, and returns the exit code and what it logged.
    fn end(mut self) -> (Option<i32>, String) {
        self.input = None;
        let status = wait_exit(&mut self.child);
        let mut log = String::new();
        let errors = self.child.stderr.take();
        let read = errors.expect("piped").read_to_string(&mut log);
        read.expect("UTF-8");
        (status.code(), log)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said(result: &Value) -> (String, bool) {
    let text = result["content"][0]["text"].as_str().expect("a text");
    assert!(text.len() <= MAX_TEXT_BYTES, "{} bytes", text.len());
    let is_error = result["isError"].as_bool().expect("whether it is one");
    (text.to_owned(), is_error)
}

/// What stands between two texts.
#[track_caller]
fn between<'t>(text: &'t str, before: &str, behind: &str) -> &'t str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{text}"));
    let (between, _) = rest.split_once(behind).unwrap_or_else(|| panic!("{text}"));
    between
}

/// A client without a daemon, in a folder that is kept as long.
fn alone() -> (tempfile::TempDir, Client) {
    let folder = folder();
    let client = Client::start(&folder.path().join("d"), None);
    (folder, client)
}
