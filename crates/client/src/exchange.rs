//! One request and its answer: HTTP/1.1 over a Unix socket, one request a connection.
//!
//! reqwest speaks over Unix sockets too, but normalizes URLs: of the key or the agent `..` a
//! request would go to another route.

use std::io;
use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{self, HeaderMap};
use hyper::http::response::Parts as Head;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

/// A list of ten thousand running executions that each say at length what they do; a page of ended
/// ones has 8 MiB at most.
const MAX_ANSWER_BYTES: usize = 64 << 20;

#[derive(Debug)]
pub enum ExchangeError {
    /// Nobody listens.
    NotRunning,
    /// The reason.
    Broken(String),
}

pub async fn exchange(
    socket: &Path,
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(Head, Bytes), ExchangeError> {
    let stream = UnixStream::connect(socket).await;
    let stream = stream.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::ConnectionRefused => ExchangeError::NotRunning,
        _ => broken(format_args!("{}: {error}", socket.display())),
    })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // What goes wrong on the connection is what the request then answers.
    tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost")
        .body(Full::new(body))
        .map_err(broken)?;
    request.headers_mut().extend(headers);
    let answer = sender.send_request(request).await;
    let (head, body) = answer.map_err(broken)?.into_parts();
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
    Ok((head, body.map_err(broken)?.to_bytes()))
}

fn broken(error: impl std::fmt::Display) -> ExchangeError {
    ExchangeError::Broken(error.to_string())
}
