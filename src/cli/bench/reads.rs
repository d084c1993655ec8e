//! How quick a read is, against the quickest that the same HTTP library could be: a bare axum
//! server that answers every request with the same bytes.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get as on_get;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::machine::cpu_us;
use super::result::{Row, percentile_ms, row};
use super::subject::Subject;
use crate::cli::failure::{Failure, failed, io_failed};

const CONNECTIONS: usize = 32;
/// The daemon and the bare server by turns: on a shared machine one round of each says little.
const ROUNDS: usize = 4;
const ROUND_LASTS: Duration = Duration::from_secs(1);
/// Between two requests of the one client that reads beside another load.
const PAUSE: Duration = Duration::from_millis(10);
const PATH: &str = "/api/agents/metrics/current";

pub type Error = Box<dyn std::error::Error + Send + Sync>;
type Sender = SendRequest<Empty<Bytes>>;

/// How the requests of some rounds were answered.
#[derive(Default)]
struct Seen {
    waits: Vec<Duration>,
    took: Duration,
    /// Of the server's processor, in µs.
    cpu_us: Option<u64>,
}

pub fn measure(subject: &Subject) -> Result<Vec<Row>, Failure> {
    let address = subject.http()?;
    let broken = |error: Error| failed(format_args!("{PATH}: {error}"));
    // One thread, as the client of every measurement.
    let client = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let client = client.map_err(|error| io_failed("no event loop", &error))?;
    let body = client.block_on(fetch(address)).map_err(broken)?;
    let (bare_address, bare) = bare_server(body).map_err(|error| io_failed("bare", &error))?;
    let (mut ours, mut theirs) = (Seen::default(), Seen::default());
    for _ in 0..ROUNDS {
        let cpu_before = cpu_us(subject.pid());
        client.block_on(drive(address, &mut ours)).map_err(broken)?;
        let cpu = cpu_us(subject.pid()).zip(cpu_before);
        ours.cpu_us = cpu.map(|(after, before)| after - before + ours.cpu_us.unwrap_or(0));
        client
            .block_on(drive(bare_address, &mut theirs))
            .map_err(broken)?;
    }
    bare.shutdown_background();
    let cpu = ours.cpu_us.map(|us| us as f64 / ours.waits.len() as f64);
    let (our_p99, their_p99) = (ours.p99_ms(), theirs.p99_ms());
    let part = "metrics/current";
    Ok(vec![
        row(part, "32 connections", ours.a_second(), "requests/s"),
        row(part, "32 connections, p99", our_p99, "ms"),
        row(part, "CPU of the daemon", cpu, "µs/request"),
        row(
            part,
            "a bare axum server, same bytes",
            theirs.a_second(),
            "requests/s",
        ),
        row(part, "a bare axum server, p99", their_p99, "ms"),
        row(
            part,
            "against the bare server",
            ours.a_second() / theirs.a_second(),
            "×",
        )
        .at_least(0.85),
        row(
            part,
            "p99 against the bare server",
            our_p99 / their_p99,
            "×",
        )
        .at_most(1.5),
    ])
}

impl Seen {
    fn a_second(&self) -> f64 {
        self.waits.len() as f64 / self.took.as_secs_f64()
    }

    fn p99_ms(&mut self) -> f64 {
        self.waits.sort_unstable();
        percentile_ms(&self.waits, 0.99)
    }
}

/// The 99th percentile, in ms, of one client that asks again and again while something lasts.
pub fn p99_while(address: SocketAddr, lasts: impl Fn() -> bool) -> Result<f64, Failure> {
    let client = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let client = client.map_err(|error| io_failed("no event loop", &error))?;
    let ask = async {
        let mut sender = open(address).await?;
        let mut samples = Vec::new();
        while lasts() {
            let asked = Instant::now();
            get(&mut sender, address).await?;
            samples.push(asked.elapsed());
            tokio::time::sleep(PAUSE).await;
        }
        samples.sort_unstable();
        Ok(percentile_ms(&samples, 0.99))
    };
    let broken = |error: Error| failed(format_args!("{PATH}: {error}"));
    client.block_on(ask).map_err(broken)
}

/// A server as small as it can be, with as many threads as the daemon has.
fn bare_server(body: Bytes) -> io::Result<(SocketAddr, Runtime)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let answer = || std::future::ready(body);
    let router = Router::new().route(PATH, on_get(answer));
    runtime.spawn(axum::serve(listener, router).into_future());
    Ok((address, runtime))
}

/// Every connection asks again as soon as it is answered.
async fn drive(address: SocketAddr, seen: &mut Seen) -> Result<(), Error> {
    let mut senders = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        senders.push(open(address).await?);
    }
    let begun = Instant::now();
    let tasks: Vec<_> = senders
        .into_iter()
        .map(|mut sender| {
            tokio::spawn(async move {
                let mut waits = Vec::new();
                while begun.elapsed() < ROUND_LASTS {
                    let asked = Instant::now();
                    get(&mut sender, address).await?;
                    waits.push(asked.elapsed());
                }
                Ok::<_, Error>(waits)
            })
        })
        .collect();
    for task in tasks {
        seen.waits.extend(task.await??);
    }
    seen.took += begun.elapsed();
    Ok(())
}

/// A connection that asks one thing after the other.
pub struct Client {
    runtime: Runtime,
    sender: Sender,
    address: SocketAddr,
}

impl Client {
    pub fn open(address: SocketAddr) -> Result<Client, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let sender = runtime.block_on(open(address))?;
        Ok(Client {
            runtime,
            sender,
            address,
        })
    }

    pub fn get(&mut self, path: &str) -> Result<(StatusCode, Bytes), Error> {
        let asked = ask(&mut self.sender, self.address, path);
        self.runtime.block_on(asked)
    }
}

async fn fetch(address: SocketAddr) -> Result<Bytes, Error> {
    get(&mut open(address).await?, address).await
}

async fn open(address: SocketAddr) -> Result<Sender, Error> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // What goes wrong on the connection is what a request then answers.
    tokio::spawn(connection);
    Ok(sender)
}

async fn get(sender: &mut Sender, address: SocketAddr) -> Result<Bytes, Error> {
    let (status, body) = ask(sender, address, PATH).await?;
    match status.is_success() {
        true => Ok(body),
        false => Err(status.to_string().into()),
    }
}

async fn ask(
    sender: &mut Sender,
    address: SocketAddr,
    path: &str,
) -> Result<(StatusCode, Bytes), Error> {
    let request = Request::get(path)
        .header(header::HOST, address.to_string())
        .body(Empty::new())?;
    sender.ready().await?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    Ok((status, answer.into_body().collect().await?.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bare_server_answers_with_the_bytes() {
        let (address, runtime) = bare_server(Bytes::from_static(b"{}")).unwrap();
        assert_eq!(runtime.block_on(fetch(address)).unwrap(), "{}");
        runtime.shutdown_background();
    }
}
