//! Asks the running daemon over its control socket: HTTP/1.1, one request a connection.
//!
//! reqwest speaks over Unix sockets too, but normalizes URLs: of the key or the agent `..` a
//! request would go to another route.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::response::Parts as Head;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use super::block_on;
use super::failure::{Failure, failed};
use agentpulse_config::{Config, Source};
use agentpulse_contract::data_folder::CONTROL_SOCKET;

/// Of what answers from memory or one read.
pub const QUICK: Duration = Duration::from_secs(5);
/// Of a report: a little more than the daemon gives itself.
const REPORT: Duration = Duration::from_secs(12);
/// Of what goes through all executions.
pub const LONG: Duration = Duration::from_secs(600);

/// A list of ten thousand running executions that each say at length what they do; a page of ended
/// ones has 8 MiB at most.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Says which of the two views answered.
const SOURCE: &str = "x-agentpulse-source";

/// Where the daemon of these settings accepts events. The socket and the data folder both name a
/// daemon: the socket counts when it was given, and the folder not more directly. Else the daemon
/// of the folder is asked, as it may have been started with another socket.
pub fn event_socket(config: &Config) -> Result<PathBuf, Failure> {
    let socket = origin(config, "socket.path");
    if socket == Source::Default || (socket as u8) < origin(config, "data.dir") as u8 {
        let status = block_on(Control::of(config).status())?.unwrap_or_default();
        if let Some(socket) = status["socket"].as_str() {
            return Ok(socket.into());
        }
    }
    // A daemon that does not answer may still listen there.
    Ok(config.socket.path.clone())
}

fn origin(config: &Config, key: &str) -> Source {
    let mut settings = config.describe().iter();
    let setting = settings.find(|setting| setting.key == key);
    setting.map_or(Source::Default, |setting| setting.source)
}

pub struct Control {
    data_dir: PathBuf,
    socket: PathBuf,
}

/// An answer that is asked for again and again.
#[derive(Debug, Default)]
pub struct Cached {
    pub value: Value,
    /// The live view did not answer.
    pub from_history: bool,
    tag: Option<HeaderValue>,
}

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("no daemon runs on {}: start one with `agentpulse serve`", .0.display())]
    NotRunning(PathBuf),
    #[error("the daemon on {} did not answer within {} s", .0.display(), .1.as_secs())]
    TooLate(PathBuf, Duration),
    #[error("the daemon on {dir}: {reason}")]
    Broken { dir: String, reason: String },
    /// It answered, and not with success.
    #[error("the daemon answered {0}: {1}")]
    Refused(StatusCode, String),
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Failure {
        failed(error)
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
        }
    }

    pub async fn status(&self) -> Result<Value, AskError> {
        self.ask(Method::GET, "/control/status", QUICK).await
    }

    /// A report, in the time that the daemon gives itself for it.
    pub async fn get(&self, path: &str) -> Result<Value, AskError> {
        self.ask(Method::GET, path, REPORT).await
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
        let (head, body) = self.within(deadline, method, path, None).await?;
        self.json(&head, &body)
    }

    /// Asks for what may have changed since it was asked for.
    ///
    /// # Errors
    /// As [`Control::ask`]; what was kept stays.
    pub async fn ask_again(&self, path: &str, cached: &mut Cached) -> Result<(), AskError> {
        let tag = cached.tag.clone();
        let (head, body) = self.within(QUICK, Method::GET, path, tag).await?;
        if head.status == StatusCode::NOT_MODIFIED {
            cached.from_history = is_from_history(&head.headers);
            return Ok(());
        }
        *cached = Cached {
            value: self.json(&head, &body)?,
            tag: head.headers.get(header::ETAG).cloned(),
            from_history: is_from_history(&head.headers),
        };
        Ok(())
    }

    fn json(&self, head: &Head, body: &[u8]) -> Result<Value, AskError> {
        if !head.status.is_success() {
            return Err(AskError::Refused(head.status, reason(body)));
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(body).map_err(|error| self.broken(error))
    }

    async fn within(
        &self,
        deadline: Duration,
        method: Method,
        path: &str,
        tag: Option<HeaderValue>,
    ) -> Result<(Head, Bytes), AskError> {
        tokio::time::timeout(deadline, self.exchange(method, path, tag))
            .await
            .map_err(|_| AskError::TooLate(self.data_dir.clone(), deadline))?
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        tag: Option<HeaderValue>,
    ) -> Result<(Head, Bytes), AskError> {
        let stream = UnixStream::connect(&self.socket).await;
        let stream = stream.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::ConnectionRefused => AskError::NotRunning(self.data_dir.clone()),
            _ => self.broken(format_args!("{}: {error}", self.socket.display())),
        })?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(error))?;
        // What goes wrong on the connection is what the request then answers.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .body(Empty::<Bytes>::new())
            .map_err(|error| self.broken(error))?;
        if let Some(tag) = tag {
            request.headers_mut().insert(header::IF_NONE_MATCH, tag);
        }
        let answer = sender.send_request(request).await;
        let (head, body) = answer.map_err(|error| self.broken(error))?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| self.broken(error))?;
        Ok((head, body.to_bytes()))
    }

    fn broken(&self, error: impl std::fmt::Display) -> AskError {
        AskError::Broken {
            dir: self.data_dir.display().to_string(),
            reason: error.to_string(),
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
    use crate::cli::block_on;

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
        block_on(Control::in_folder(folder).ask(method, path, QUICK)).unwrap()
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
    fn what_has_not_changed_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::in_folder(folder.path());
        let mut cached = Cached::default();
        let mut ask = |answer| {
            let server = stand_in(folder.path(), answer);
            block_on(control.ask_again("/x", &mut cached))
                .unwrap()
                .unwrap();
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
    /// The folder is given by a flag; the socket by `flags` and `env`.
    fn socket_for(folder: &Path, flags: &[(&str, &str)], env: &[(&str, &str)]) -> PathBuf {
        let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        let mut flags: Vec<_> = flags.iter().map(owned).collect();
        flags.push(("data.dir".into(), folder.to_str().unwrap().into()));
        let config = Config::load(None, env.iter().map(owned), &flags).unwrap();
        event_socket(&config).unwrap()
    }

    #[test]
    fn events_go_to_the_daemon_of_the_folder_unless_a_socket_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let env = [("HOME", "/h"), ("AGENTPULSE_SOCKET", "/env.sock")];
        let at_home = &env[..1];
        let default = folder.path().join("agentpulse.sock");
        assert_eq!(socket_for(folder.path(), &[], at_home), default);
        assert_eq!(socket_for(folder.path(), &[], &env), Path::new("/env.sock"));

        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"socket\":\"/a.sock\"}";
        for env in [at_home, &env] {
            let folder = tempfile::tempdir().unwrap();
            let server = stand_in(folder.path(), answer);
            assert_eq!(socket_for(folder.path(), &[], env), Path::new("/a.sock"));
            assert_eq!(server.join().unwrap(), "GET /control/status HTTP/1.1");
        }
        let flags = [("socket.path", "/flag.sock")];
        let given = socket_for(folder.path(), &flags, &env);
        assert_eq!(given, Path::new("/flag.sock"));
    }
}
