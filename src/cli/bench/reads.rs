//! How quick a read is, against the quickest that the same HTTP library could be: a bare server
//! that answers every request with the same bytes.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::machine::cpu_us;
use super::result::{Row, percentile_ms, row};
use super::subject::Subject;
use crate::cli::failure::{Failure, failed, io_failed};

const CONNECTIONS: usize = 32;
const LASTS: Duration = Duration::from_secs(3);
/// Between two requests of the one client that reads beside another load.
const PAUSE: Duration = Duration::from_millis(10);
const PATH: &str = "/api/agents/metrics/current";

type Error = Box<dyn std::error::Error + Send + Sync>;
type Sender = SendRequest<Empty<Bytes>>;

/// What one client saw.
struct Seen {
    requests: f64,
    a_second: f64,
    p99_ms: f64,
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
    let cpu_before = cpu_us(subject.pid());
    let ours = client.block_on(drive(address)).map_err(broken)?;
    let cpu_after = cpu_us(subject.pid());
    let a_request = |(after, before): (u64, u64)| (after - before) as f64 / ours.requests;
    let (bare_address, bare) = bare_server(body).map_err(|error| io_failed("bare", &error))?;
    let theirs = client.block_on(drive(bare_address)).map_err(broken)?;
    bare.shutdown_background();
    let part = "metrics/current";
    Ok(vec![
        row(part, "32 connections", ours.a_second, "requests/s"),
        row(part, "32 connections, p99", ours.p99_ms, "ms"),
        row(
            part,
            "CPU of the daemon",
            cpu_after.zip(cpu_before).map(a_request),
            "µs/request",
        ),
        row(
            part,
            "a bare hyper server, same bytes",
            theirs.a_second,
            "requests/s",
        ),
        row(part, "a bare hyper server, p99", theirs.p99_ms, "ms"),
        row(
            part,
            "against the bare server",
            ours.a_second / theirs.a_second,
            "×",
        ),
    ])
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
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let body = body.clone();
            tokio::spawn(async move {
                let answer = service_fn(|_| {
                    let answer = Response::new(Full::new(body.clone()));
                    std::future::ready(Ok::<_, Infallible>(answer))
                });
                // The client ends it by closing, which is no error of the server's.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    });
    Ok((address, runtime))
}

/// Every connection asks again as soon as it is answered.
async fn drive(address: SocketAddr) -> Result<Seen, Error> {
    let mut senders = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        senders.push(open(address).await?);
    }
    let begun = Instant::now();
    let tasks: Vec<_> = senders
        .into_iter()
        .map(|mut sender| {
            tokio::spawn(async move {
                let mut samples = Vec::new();
                while begun.elapsed() < LASTS {
                    let asked = Instant::now();
                    get(&mut sender, address).await?;
                    samples.push(asked.elapsed());
                }
                Ok::<_, Error>(samples)
            })
        })
        .collect();
    let mut samples = Vec::new();
    for task in tasks {
        samples.extend(task.await??);
    }
    let took = begun.elapsed();
    samples.sort_unstable();
    Ok(Seen {
        requests: samples.len() as f64,
        a_second: samples.len() as f64 / took.as_secs_f64(),
        p99_ms: percentile_ms(&samples, 0.99),
    })
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
    let request = Request::get(PATH)
        .header(header::HOST, address.to_string())
        .body(Empty::new())?;
    sender.ready().await?;
    let answer = sender.send_request(request).await?;
    if !answer.status().is_success() {
        return Err(answer.status().to_string().into());
    }
    Ok(answer.into_body().collect().await?.to_bytes())
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
