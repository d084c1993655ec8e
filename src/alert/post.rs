//! One POST over a connection of its own: alerts are rare. TLS is that of the Redis client, with
//! the certificates that the system trusts.

use std::fmt::Display;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Taken,
    /// Asking again would have the same answer.
    Refused(String),
    /// It may be otherwise in a moment.
    Failed(String),
}

#[derive(Default)]
pub struct Poster {
    /// Made with the first `https` URL.
    tls: OnceLock<TlsConnector>,
}

impl Poster {
    /// Follows no redirect: who is named in the settings is told, and nobody else.
    pub async fn post(&self, url: &Uri, body: Bytes) -> Outcome {
        match self.exchange(url, body).await {
            Ok(status) if status.is_success() => Outcome::Taken,
            Ok(status) => {
                let reason = format!("it answered {status}");
                let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
                match status.is_server_error() || passing.contains(&status) {
                    true => Outcome::Failed(reason),
                    false => Outcome::Refused(reason),
                }
            }
            Err(reason) => Outcome::Failed(reason),
        }
    }

    async fn exchange(&self, url: &Uri, body: Bytes) -> Result<StatusCode, String> {
        let secure = url.scheme_str() == Some("https");
        let host = url.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = TcpStream::connect((host, port)).await.map_err(told)?;
        if !secure {
            return send(stream, url, body).await;
        }
        let name = ServerName::try_from(host.to_owned()).map_err(told)?;
        let stream = self
            .tls()
            .await?
            .connect(name, stream)
            .await
            .map_err(told)?;
        send(stream, url, body).await
    }

    async fn tls(&self) -> Result<TlsConnector, String> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        // Reads some hundred files.
        let tls = spawn_blocking(connector).await.map_err(told)??;
        Ok(self.tls.get_or_init(|| tls).clone())
    }
}

fn connector() -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err("the system has no certificates to trust".to_owned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(told)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn send<S>(stream: S, url: &Uri, body: Bytes) -> Result<StatusCode, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(told)?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let host = url.authority().map_or("", |authority| authority.as_str());
    let request = Request::post(path)
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/json")
        .header(
            USER_AGENT,
            concat!("agentpulse/", env!("CARGO_PKG_VERSION")),
        )
        .header(CONNECTION, "close")
        .body(Full::new(body))
        .map_err(told)?;
    // The connection is driven here and ends with this future, whatever the other side does.
    tokio::pin!(connection);
    let answer = sender.send_request(request);
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer.map(|answer| answer.status()).map_err(told),
        ended = &mut connection => match ended {
            Ok(()) => answer.await.map(|answer| answer.status()).map_err(told),
            Err(error) => Err(told(error)),
        },
    }
}

/// No error of these names the path of the URL, where its secret is.
fn told(error: impl Display) -> String {
    error.to_string()
}
