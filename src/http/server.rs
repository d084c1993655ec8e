//! Listeners and connections: how many, for how long, and how they end.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::doors::guarded;
use super::{HttpState, control, router};

/// From the first wait for a request to the end of its headers; so long a connection may also
/// idle. A dashboard that polls more rarely connects again.
const HEADERS_WITHIN: Duration = Duration::from_secs(60);
/// The headers of one request; what a browser sends for localhost can be large, for the cookies
/// of all its ports.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// After the daemon was told to stop, requests may take so long to be answered.
const DRAIN: Duration = Duration::from_secs(5);
/// After an accept that failed, for want of file descriptors say.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves readers and hooks through the doors, until `shutdown` and then until each open request
/// is answered.
pub async fn serve_tcp(
    listener: TcpListener,
    state: Arc<HttpState>,
    shutdown: impl Future<Output = ()>,
) {
    let routes = TowerToHyperService::new(router(state.clone()));
    let places = state.max_connections;
    let answer = move |request: Request<Incoming>| {
        let (routes, state) = (routes.clone(), state.clone());
        async move { guarded(&state.doors, &routes, request).await }
    };
    serve(listener, places, answer, shutdown).await;
}

/// Serves the daemon's own user. No browser reaches a Unix socket, so there are no doors: the
/// socket's mode is the door.
pub async fn serve_control(
    listener: UnixListener,
    state: Arc<HttpState>,
    shutdown: impl Future<Output = ()>,
) {
    let routes = TowerToHyperService::new(control::router(state.clone()));
    let answer = move |request: Request<Incoming>| {
        let response = routes.call(request);
        async move {
            let Ok(response) = response.await;
            response
        }
    };
    serve(listener, state.max_connections, answer, shutdown).await;
}

trait Accept {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = TcpListener::accept(self).await?;
        // Answers are written whole; waiting for more would only delay them.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        Ok(UnixListener::accept(self).await?.0)
    }
}

/// Who comes when all places are taken waits in the listener's own queue.
async fn serve<L, A, F>(
    listener: L,
    max_connections: usize,
    answer: A,
    shutdown: impl Future<Output = ()>,
) where
    L: Accept,
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let mut shutdown = pin!(shutdown);
    let places = Arc::new(Semaphore::new(max_connections));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, stream) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut shutdown => break,
        };
        match stream {
            Ok(stream) => {
                let connection = connection(stream, answer.clone(), stopped.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
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
async fn connection<S, A, F>(stream: S, answer: A, mut stopped: watch::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Body>>,
{
    let service = service_fn(|request| {
        let response = answer(request);
        async move { Ok::<_, Infallible>(response.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection broke");
    }
}
