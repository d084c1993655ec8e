//! Listeners and connections: how many, for how long, and how they end.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::control::User;
use super::seat::{Received, Seat};
use super::state::HttpState;
use super::write_timeout::WriteTimeout;
use super::{control, router};
use crate::intake::socket::is_own;
use agentpulse_pipeline::address::Network;
use agentpulse_pipeline::connection_slots::{ConnectionHolder, Places, Reserve};
use agentpulse_pipeline::counters::Counters;

/// From the first wait for a request to the end of its headers; a connection may also idle that
/// long. A dashboard that polls more rarely connects again.
const HEADERS_WITHIN: Duration = Duration::from_secs(60);
/// The headers of one request; what a browser sends for localhost can be large, for the cookies
/// of all its ports.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// An answer that its client does not read for so long is dropped with its connection.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// How long requests may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(5);
/// The pause after a failed accept, for example without free file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The limits of one listener.
#[derive(Clone)]
struct Limits {
    places: Arc<Places>,
    headers_within: Duration,
    read_within: Duration,
}

impl Limits {
    fn of(state: &HttpState) -> Limits {
        let max = state.max_connections;
        let counters = state.intake.counters.clone();
        let reserve = Reserve::for_keys_and_probes(max);
        let evicted = move || counters.http_connections_evicted.add(1);
        Limits {
            places: Places::new(max, reserve, evicted),
            headers_within: HEADERS_WITHIN,
            read_within: READ_WITHIN,
        }
    }
}

/// Serves clients behind the security layer, until `shutdown` and then until each open request is
/// answered.
pub async fn serve_tcp(
    listener: TcpListener,
    state: Arc<HttpState>,
    shutdown: impl Future<Output = ()>,
) {
    let routes = TowerToHyperService::new(router(state.clone()));
    let limits = Limits::of(&state);
    let answer = move |peer: IpAddr, request: Received| {
        let (routes, state) = (routes.clone(), state.clone());
        let security = state.security.borrow().clone();
        async move { security.answer(&routes, peer, request).await }
    };
    serve(listener, limits, answer, shutdown).await;
}

/// Serves the daemon's own user. No browser reaches a Unix socket, so there is no origin policy:
/// the socket's mode and the peer's user decide.
pub async fn serve_control(
    listener: UnixListener,
    state: Arc<HttpState>,
    shutdown: impl Future<Output = ()>,
) {
    let routes = TowerToHyperService::new(control::router(state.clone()));
    let limits = Limits::of(&state);
    let listener = OwnUsers {
        listener,
        counters: state.intake.counters.clone(),
    };
    let answer = move |user: User, request: Received| {
        let (routes, state) = (routes.clone(), state.clone());
        async move { control::answer(&state, &routes, user, request).await }
    };
    serve(listener, limits, answer, shutdown).await;
}

trait Accept {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// Who is on the other side.
    type Peer: Copy + Send + Sync + 'static;

    fn holder(peer: Self::Peer) -> ConnectionHolder;

    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Self::Peer)>> + Send;
}

impl Accept for TcpListener {
    type Stream = TcpStream;
    type Peer = IpAddr;

    fn holder(peer: IpAddr) -> ConnectionHolder {
        ConnectionHolder::Network(Network::of(peer))
    }

    async fn accept(&self) -> io::Result<(TcpStream, IpAddr)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // Answers are written whole; waiting for more would only delay them.
        stream.set_nodelay(true)?;
        Ok((stream, peer.ip()))
    }
}

/// Rejects other users, whatever the modes of the files are.
struct OwnUsers {
    listener: UnixListener,
    counters: Arc<Counters>,
}

impl Accept for OwnUsers {
    type Stream = UnixStream;
    type Peer = User;

    fn holder(peer: User) -> ConnectionHolder {
        peer.holder()
    }

    async fn accept(&self) -> io::Result<(UnixStream, User)> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            if is_own(&stream) {
                let peer = stream.peer_cred()?;
                let (uid, pid) = (peer.uid(), peer.pid());
                return Ok((stream, User { uid, pid }));
            }
            self.counters.socket_peers_refused.add(1);
        }
    }
}

/// With all places busy a new connection waits, and those behind it in the listener's own queue.
async fn serve<L, A, F>(listener: L, limits: Limits, answer: A, shutdown: impl Future<Output = ()>)
where
    L: Accept,
    A: Fn(L::Peer, Received) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let mut shutdown = pin!(shutdown);
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = async {
            let (stream, peer) = listener.accept().await?;
            let place = limits.places.enter(L::holder(peer)).await;
            Ok::<_, io::Error>((stream, peer, place))
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, peer, place)) => {
                let answer = answer.clone();
                let answer = move |request| answer(peer, request);
                let seat = Seat::new(place);
                let connection = connection(stream, seat, limits.clone(), answer, stopped.clone());
                connections.spawn(connection);
            }
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                // There may be no free file descriptor; an idle connection holds one.
                limits.places.evict_idle();
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop((listener, stop));
    let all_gone = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN, all_gone).await.is_err() {
        warn!("connections that did not end are closed");
    }
}

/// `stopped` ends when the daemon stops: the request that is being answered is the last one then.
async fn connection<S, A, F>(
    stream: S,
    seat: Seat,
    limits: Limits,
    answer: A,
    mut stopped: watch::Receiver<()>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Received) -> F,
    F: Future<Output = Response<Body>>,
{
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(seat.clone());
        let response = answer(request.map(|body| seat.sending(body)));
        let seat = seat.clone();
        async move { Ok::<_, Infallible>(response.await.map(|body| seat.answering(body))) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers_within)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(
            TokioIo::new(WriteTimeout::new(stream, limits.read_within, seat.clone())),
            service,
        )
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = seat.lost() => {
            debug!("a connection was closed to make room for another");
            Ok(())
        }
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    seat.leave();
    if let Err(error) = ended {
        debug!(%error, "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::{Notify, oneshot};

    use super::*;

    const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

    async fn ok(_: IpAddr, _: Received) -> Response<Body> {
        Response::new(Body::from("ok"))
    }

    fn places(connections: usize) -> Limits {
        Limits {
            places: Places::new(connections, Reserve::default(), || ()),
            headers_within: HEADERS_WITHIN,
            read_within: READ_WITHIN,
        }
    }

    /// Starts a server; returns its address and what stops it.
    async fn start<A, F>(
        limits: Limits,
        answer: A,
    ) -> (
        std::net::SocketAddr,
        oneshot::Sender<()>,
        tokio::task::JoinHandle<()>,
    )
    where
        A: Fn(IpAddr, Received) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move { stopped.await.unwrap() };
        let server = tokio::spawn(serve(listener, limits, answer, shutdown));
        (address, stop, server)
    }

    /// Reads until the end of one answer whose body is `ok`.
    async fn read_ok(stream: &mut TcpStream) -> String {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nok") {
            assert_ne!(
                stream.read_buf(&mut answer).await.unwrap(),
                0,
                "the connection ended"
            );
        }
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn a_connection_carries_one_request_after_the_other() {
        let (address, _stop, _server) = start(places(1), ok).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        for _ in 0..2 {
            stream.write_all(ASK).await.unwrap();
            assert!(
                read_ok(&mut stream)
                    .await
                    .starts_with("HTTP/1.1 200 OK\r\n")
            );
        }
    }

    #[tokio::test]
    async fn a_connection_without_a_slot_waits_until_one_is_free() {
        let (address, _stop, _server) = start(places(1), ok).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(ASK).await.unwrap();
        read_ok(&mut first).await;
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(ASK).await.unwrap();
        drop(first);
        read_ok(&mut second).await;
    }

    #[tokio::test]
    async fn half_a_head_is_given_up_and_its_place_with_it() {
        let limits = Limits {
            headers_within: Duration::from_millis(20),
            ..places(1)
        };
        let (address, _stop, _server) = start(limits, ok).await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(&ASK[..20]).await.unwrap();
        let mut next = TcpStream::connect(address).await.unwrap();
        next.write_all(ASK).await.unwrap();
        read_ok(&mut next).await;
        let mut received = Vec::new();
        // What it had sent was not read: its end may be a reset.
        if let Err(error) = slow.read_to_end(&mut received).await {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
        }
        assert!(!received.starts_with(b"HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_stop_answers_what_is_asked_and_closes_what_idles() {
        let (asked, open) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (asked_there, open_there) = (asked.clone(), open.clone());
        let answer = move |peer: IpAddr, request: Received| {
            let (asked, open) = (asked_there.clone(), open_there.clone());
            async move {
                if request.uri().path() == "/slow" {
                    asked.notify_one();
                    open.notified().await;
                }
                ok(peer, request).await
            }
        };
        let (address, stop, server) = start(places(2), answer).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(ASK).await.unwrap();
        read_ok(&mut idle).await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        asked.notified().await;
        stop.send(()).unwrap();
        assert_eq!(idle.read_buf(&mut Vec::new()).await.unwrap(), 0);
        assert!(TcpStream::connect(address).await.is_err());
        open.notify_one();
        assert!(read_ok(&mut slow).await.contains("connection: close"));
        server.await.unwrap();
    }
}
