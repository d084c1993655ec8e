//! The server: lines from standard input, calls that run side by side, lines to standard output.

use std::collections::HashMap;
use std::io::{self, BufReader, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::caller::Caller;
use super::lines::{self, Line};
use super::protocol::{Asked, Request};
use super::rpc::{self, Error, INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, Message, Params};
use super::said::Said;
use super::tools::{self, Tool};
use crate::cli::text::clean;

/// More than the body that the daemon takes.
const MAX_LINE_BYTES: usize = 2 << 20;
/// Lines that wait to be answered.
const MAX_LINES: usize = 4;
/// Calls that are not answered yet.
const MAX_CALLS: usize = 16;
/// After standard input has ended, for the answers to the calls of a script.
const GRACE: Duration = Duration::from_secs(2);

pub struct Server {
    caller: Caller,
    tools: Vec<Tool>,
    /// As they are listed.
    listed: Value,
    calls: JoinSet<Value>,
    /// By task, the id of the request.
    open: HashMap<Id, (Value, AbortHandle)>,
}

/// Nobody reads what is written.
struct Gone;

impl Server {
    pub fn new(caller: Caller) -> Server {
        let tools = tools::all();
        let listed = tools.iter().map(Tool::listed).collect();
        Server {
            caller,
            tools,
            listed,
            calls: JoinSet::new(),
            open: HashMap::new(),
        }
    }

    /// Until standard input ends, or nobody reads standard output.
    pub async fn run(mut self) {
        let (sender, mut received) = mpsc::channel(MAX_LINES);
        // It ends with the process: a read of standard input cannot be interrupted.
        thread::spawn(move || read_lines(&sender));
        // The one error is that the client has gone.
        let _ = self.serve(&mut received).await;
    }

    async fn serve(&mut self, received: &mut Receiver<Line>) -> Result<(), Gone> {
        loop {
            tokio::select! {
                line = received.recv() => match line {
                    Some(line) => self.take(line)?,
                    None => break,
                },
                Some(ended) = self.calls.join_next_with_id() => self.answer(ended)?,
            }
        }
        let end = Instant::now() + GRACE;
        while let Ok(Some(ended)) = timeout_at(end, self.calls.join_next_with_id()).await {
            self.answer(ended)?;
        }
        Ok(())
    }

    fn take(&mut self, line: Line) -> Result<(), Gone> {
        let refuse = |id: &Value, error: Error| {
            log(&format!("refused: {}", error.message));
            write(&rpc::answer(id, Err(error)))
        };
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong => {
                let message = format!("a line has at most {MAX_LINE_BYTES} bytes");
                return refuse(&Value::Null, Error::new(INVALID_REQUEST, message));
            }
        };
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        match rpc::parse(&line) {
            Ok(Message::Request { id, method, params }) => match self.ask(&id, &method, params) {
                Ok(None) => Ok(()),
                Ok(Some(result)) => write(&rpc::answer(&id, Ok(result))),
                Err(error) => refuse(&id, error),
            },
            Ok(Message::Notification { method, params }) => {
                if method == "notifications/cancelled" {
                    self.cancel(&params);
                }
                Ok(())
            }
            Ok(Message::Answer) => Ok(()),
            Err((id, error)) => refuse(&id, error),
        }
    }

    /// Returns None if the answer comes later.
    fn ask(&mut self, id: &Value, method: &str, params: Params) -> Result<Option<Value>, Error> {
        if self.open.values().any(|(open, _)| open == id) {
            let message = format!("id: {id} is that of a call which is not answered yet");
            return Err(Error::new(INVALID_REQUEST, message));
        }
        let Request {
            asked,
            is_stateless,
        } = Request::read(method, params, &self.listed)?;
        let call = match asked {
            Asked::Known(result) => return Ok(Some(Request::result(is_stateless, result))),
            Asked::Call(call) => call,
        };
        let Some(tool) = self.tools.iter().find(|known| known.name == call.tool) else {
            let message = format!("name: there is no tool {}", call.tool);
            return Err(Error::new(INVALID_PARAMS, message));
        };
        if self.open.len() >= MAX_CALLS {
            let said = Said::error(format!("{MAX_CALLS} calls run: wait until one has ended"));
            return Ok(Some(Request::result(is_stateless, said.into_result())));
        }
        let caller = Arc::new(self.caller.in_call(call.use_id));
        let said = tool.call(caller, call.arguments);
        let call = async move { Request::result(is_stateless, said.await.into_result()) };
        let call = self.calls.spawn(call);
        self.open.insert(call.id(), (id.clone(), call));
        Ok(None)
    }

    /// A call that was cancelled is never answered.
    fn cancel(&mut self, params: &Params) {
        let Some(id) = params.get("requestId") else {
            return;
        };
        self.open.retain(|_, (open, call)| {
            let is_it = open == id;
            if is_it {
                call.abort();
            }
            !is_it
        });
    }

    fn answer(&mut self, ended: Result<(Id, Value), JoinError>) -> Result<(), Gone> {
        let (task, outcome) = match ended {
            Ok((task, result)) => (task, Ok(result)),
            Err(error) => {
                let failed = Error::new(INTERNAL_ERROR, "the call was interrupted");
                (error.id(), Err(failed))
            }
        };
        match self.open.remove(&task) {
            Some((id, _)) => write(&rpc::answer(&id, outcome)),
            None => Ok(()),
        }
    }
}

fn read_lines(sender: &Sender<Line>) {
    let mut input = BufReader::new(io::stdin().lock());
    loop {
        match lines::next(&mut input, MAX_LINE_BYTES) {
            Ok(Some(line)) => {
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => return log(&format!("standard input: {error}")),
        }
    }
}

/// Standard output has messages and nothing else.
fn write(message: &Value) -> Result<(), Gone> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{message}").and_then(|()| out.flush());
    written.map_err(|_| Gone)
}

fn log(line: &str) {
    // Without standard error there is no place to report it.
    let _ = writeln!(io::stderr(), "agentpulse mcp: {}", clean(line));
}
