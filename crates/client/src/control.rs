//! Questions to the daemon of a data folder.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::response::Parts as Head;
use hyper::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::AskError;
use crate::exchange::{ExchangeError, exchange};
use crate::path::{self, Pair};
use agentpulse_api::endpoint::Endpoint;
use agentpulse_config::Config;
use agentpulse_contract::data_folder::CONTROL_SOCKET;

/// Of what answers from memory or one read.
pub const QUICK: Duration = Duration::from_secs(5);
/// Of a report: a little more than the daemon gives itself.
const REPORT: Duration = Duration::from_secs(12);
/// Of what goes through all executions.
pub const LONG: Duration = Duration::from_secs(600);

const TOOL_USE: &str = "tool-use-id";
/// Says which of the two views answered.
const SOURCE: &str = "x-agentpulse-source";

#[derive(Clone)]
pub struct Control {
    data_dir: PathBuf,
    socket: PathBuf,
    /// Sent with each request.
    headers: HeaderMap,
}

/// The answer of an endpoint, to be printed as it came or read as what it is.
pub struct Answer<E> {
    pub json: Value,
    endpoint: PhantomData<E>,
}

/// An answer that is asked for again and again.
#[derive(Debug, Default)]
pub struct Cached<T> {
    pub value: T,
    /// The live view did not answer.
    pub from_history: bool,
    tag: Option<HeaderValue>,
}

impl<E: Endpoint> Answer<E> {
    /// # Errors
    /// The daemon is of another version, and answers in another form.
    pub fn read(self) -> Result<E::Answer, serde_json::Error> {
        serde_json::from_value(self.json)
    }
}

impl Control {
    pub fn of(config: &Config) -> Control {
        Control::in_folder(&config.data.dir)
    }

    pub fn in_folder(data_dir: &Path) -> Control {
        Control {
            data_dir: data_dir.to_owned(),
            socket: data_dir.join(CONTROL_SOCKET),
            headers: HeaderMap::new(),
        }
    }

    /// Whose requests belong to a tool call, as the hooks of a client name it; no header can hold
    /// some ids, which are those of no client.
    #[must_use]
    pub fn in_call(&self, use_id: Option<&str>) -> Control {
        let mut control = self.clone();
        if let Some(Ok(use_id)) = use_id.map(HeaderValue::from_str) {
            control.headers.insert(TOOL_USE, use_id);
        }
        control
    }

    pub async fn status(&self) -> Result<Value, AskError> {
        self.ask(Method::GET, "/control/status", QUICK).await
    }

    /// A report, in the time that the daemon gives itself for it. `item` is what the path names.
    ///
    /// # Errors
    /// As [`Control::ask`].
    pub async fn report<E: Endpoint>(
        &self,
        item: Option<&str>,
        query: &[Pair],
    ) -> Result<Answer<E>, AskError> {
        let path = path::of::<E>(item, query);
        Ok(Answer {
            json: self.ask(Method::GET, &path, REPORT).await?,
            endpoint: PhantomData,
        })
    }

    /// Asks once, and takes a JSON answer; an empty one is null.
    ///
    /// # Errors
    /// No daemon, an answer that is late, not JSON or no success.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        deadline: Duration,
    ) -> Result<Value, AskError> {
        self.send(method, path, Bytes::new(), deadline).await
    }

    /// Sends JSON, and takes a JSON answer in the time of a report.
    ///
    /// # Errors
    /// As [`Control::ask`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, AskError> {
        let body = Bytes::from(body.to_string());
        self.send(Method::POST, path, body, REPORT).await
    }

    /// The same with a deadline of its own: the daemon may be asked to wait.
    ///
    /// # Errors
    /// As [`Control::ask`].
    pub async fn post_within(
        &self,
        path: &str,
        body: &Value,
        deadline: Duration,
    ) -> Result<Value, AskError> {
        let body = Bytes::from(body.to_string());
        self.send(Method::POST, path, body, deadline).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        deadline: Duration,
    ) -> Result<Value, AskError> {
        let (head, body) = self.within(deadline, method, path, None, body).await?;
        if head.status.is_success() && body.is_empty() {
            return Ok(Value::Null);
        }
        self.read(&head, &body)
    }

    /// Asks an endpoint without parameters for what may have changed since it was asked.
    ///
    /// # Errors
    /// As [`Control::ask`]; what was kept stays.
    pub async fn report_again<E: Endpoint>(
        &self,
        cached: &mut Cached<E::Answer>,
    ) -> Result<(), AskError> {
        self.ask_again(E::PATH, cached).await
    }

    /// Asks for what may have changed since it was asked for.
    ///
    /// # Errors
    /// As [`Control::ask`]; what was kept stays.
    pub async fn ask_again<T: DeserializeOwned>(
        &self,
        path: &str,
        cached: &mut Cached<T>,
    ) -> Result<(), AskError> {
        let tag = cached.tag.clone();
        let (head, body) = self
            .within(QUICK, Method::GET, path, tag, Bytes::new())
            .await?;
        if head.status == StatusCode::NOT_MODIFIED {
            cached.from_history = is_from_history(&head.headers);
            return Ok(());
        }
        *cached = Cached {
            value: self.read(&head, &body)?,
            tag: head.headers.get(header::ETAG).cloned(),
            from_history: is_from_history(&head.headers),
        };
        Ok(())
    }

    fn read<T: DeserializeOwned>(&self, head: &Head, body: &[u8]) -> Result<T, AskError> {
        if !head.status.is_success() {
            return Err(AskError::Refused(head.status, reason(body)));
        }
        serde_json::from_slice(body).map_err(|error| self.broken(error.to_string()))
    }

    async fn within(
        &self,
        deadline: Duration,
        method: Method,
        path: &str,
        tag: Option<HeaderValue>,
        body: Bytes,
    ) -> Result<(Head, Bytes), AskError> {
        let mut headers = self.headers.clone();
        if let Some(tag) = tag {
            headers.insert(header::IF_NONE_MATCH, tag);
        }
        let answer = exchange(&self.socket, method, path, headers, body);
        match tokio::time::timeout(deadline, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(ExchangeError::NotRunning)) => Err(AskError::NotRunning(self.data_dir.clone())),
            Ok(Err(ExchangeError::Broken(reason))) => Err(self.broken(reason)),
            Err(_) => Err(AskError::TooLate(self.data_dir.clone(), deadline)),
        }
    }

    fn broken(&self, reason: String) -> AskError {
        AskError::Broken {
            dir: self.data_dir.display().to_string(),
            reason,
        }
    }
}

fn is_from_history(headers: &HeaderMap) -> bool {
    headers.get(SOURCE).is_some_and(|view| view == "history")
}

/// The message of `{"error":{"code":…,"message":…}}`, else the beginning of what came.
fn reason(body: &[u8]) -> String {
    const SHOWN_CHARS: usize = 200;
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    match value["error"]["message"].as_str() {
        Some(message) => message.to_owned(),
        None => String::from_utf8_lossy(body)
            .chars()
            .take(SHOWN_CHARS)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(future)
    }

    /// Serves one connection with fixed bytes and answers the first line of the request.
    fn stand_in(folder: &Path, answer: &'static str) -> std::thread::JoinHandle<String> {
        let listener = UnixListener::bind(folder.join(CONTROL_SOCKET)).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            while !lines.next().unwrap().unwrap().is_empty() {}
            stream.write_all(answer.as_bytes()).unwrap();
            first
        })
    }

    fn ask(folder: &Path, method: Method, path: &str) -> Result<Value, AskError> {
        block_on(Control::in_folder(folder).ask(method, path, QUICK))
    }

    #[test]
    fn an_answer_is_its_json() {
        let folder = tempfile::tempdir().unwrap();
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n{\"redis\":{\"pid\":7}}";
        let server = stand_in(folder.path(), answer);
        let status = ask(folder.path(), Method::GET, "/control/status").unwrap();
        assert_eq!(status["redis"]["pid"], 7);
        assert_eq!(server.join().unwrap(), "GET /control/status HTTP/1.1");
    }

    #[test]
    fn an_unchanged_answer_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::in_folder(folder.path());
        let mut cached = Cached::<Value>::default();
        let mut ask = |answer| {
            let server = stand_in(folder.path(), answer);
            block_on(control.ask_again("/x", &mut cached)).unwrap();
            server.join().unwrap();
            std::fs::remove_file(folder.path().join(CONTROL_SOCKET)).unwrap();
            (cached.value.clone(), cached.from_history)
        };
        let first = "HTTP/1.1 200 OK\r\netag: \"1\"\r\nx-agentpulse-source: live\r\n\
                     content-length: 1\r\n\r\n7";
        assert_eq!(ask(first), (7.into(), false));
        let same = "HTTP/1.1 304 Not Modified\r\nx-agentpulse-source: history\r\n\r\n";
        assert_eq!(ask(same), (7.into(), true));
        assert_eq!(cached.tag.unwrap(), "\"1\"");
    }

    #[test]
    fn an_empty_answer_is_null() {
        let folder = tempfile::tempdir().unwrap();
        let server = stand_in(folder.path(), "HTTP/1.1 204 No Content\r\n\r\n");
        let flushed = ask(folder.path(), Method::POST, "/control/flush").unwrap();
        assert_eq!(flushed, Value::Null);
        assert_eq!(server.join().unwrap(), "POST /control/flush HTTP/1.1");
    }

    #[test]
    fn a_refusal_carries_the_daemons_reason() {
        let folder = tempfile::tempdir().unwrap();
        let answer = "HTTP/1.1 409 Conflict\r\ncontent-length: 40\r\n\r\n\
                      {\"error\":{\"code\":\"busy\",\"message\":\"no\"}}\n";
        let server = stand_in(folder.path(), answer);
        let error = ask(folder.path(), Method::POST, "/control/rebuild").unwrap_err();
        assert_eq!(error.to_string(), "the daemon answered 409 Conflict: no");
        server.join().unwrap();
    }

    #[test]
    fn without_a_daemon_one_line_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = ask(folder.path(), Method::GET, "/control/status").unwrap_err();
        let expect = format!(
            "no daemon runs on {}: start one with `agentpulse serve`",
            folder.path().display()
        );
        assert_eq!(error.to_string(), expect);
        // A socket that a killed daemon left behind.
        drop(UnixListener::bind(folder.path().join(CONTROL_SOCKET)).unwrap());
        let error = ask(folder.path(), Method::GET, "/control/status").unwrap_err();
        assert_eq!(error.to_string(), expect);
    }
}
