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
    /// A retry would get the same answer.
    Refused(String),
    /// A retry may succeed.
    Failed(String),
}

#[derive(Default)]
pub struct HttpClient {
    /// Built with the first `https` URL.
    tls: OnceLock<TlsConnector>,
}

impl HttpClient {
    /// Follows no redirect: alerts go to the host in the settings and nowhere else.
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
        let stream = TcpStream::connect((host, port)).await.map_err(describe)?;
        if !secure {
            return send(stream, url, body).await;
        }
        let name = ServerName::try_from(host.to_owned()).map_err(describe)?;
        let stream = self
            .tls()
            .await?
            .connect(name, stream)
            .await
            .map_err(describe)?;
        send(stream, url, body).await
    }

    async fn tls(&self) -> Result<TlsConnector, String> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        // Reads some hundred files.
        let tls = spawn_blocking(connector).await.map_err(describe)??;
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
    trusting(roots)
}

fn trusting(roots: RootCertStore) -> Result<TlsConnector, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(describe)?
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
        .map_err(describe)?;
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
        .map_err(describe)?;
    // The connection is driven here and ends with this future, whatever the other side does.
    tokio::pin!(connection);
    let answer = sender.send_request(request);
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer.map(|answer| answer.status()).map_err(describe),
        ended = &mut connection => match ended {
            Ok(()) => answer.await.map(|answer| answer.status()).map_err(describe),
            Err(error) => Err(describe(error)),
        },
    }
}

/// None of these errors contains the path of the URL, which may hold a secret.
fn describe(error: impl Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

    use super::*;

    const AUTHORITY: &[u8] = include_bytes!("../../tests/data/tls/ca.pem");
    const CERTIFICATE: &[u8] = include_bytes!("../../tests/data/tls/localhost.pem");
    const KEY: &[u8] = include_bytes!("../../tests/data/tls/localhost.key");

    /// Answers one request and tells what it was, as far as its TLS came about.
    async fn server(tls: Option<TlsAcceptor>, answer: &'static str) -> (SocketAddr, Served) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            match tls {
                Some(tls) => serve(tls.accept(stream).await.ok()?, answer).await,
                None => serve(stream, answer).await,
            }
        });
        (address, served)
    }

    type Served = JoinHandle<Option<String>>;

    async fn serve<S>(mut stream: S, answer: &str) -> Option<String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut received = Vec::new();
        while !received.ends_with(b"{}") {
            let mut part = [0; 1_024];
            let count = stream
                .read(&mut part)
                .await
                .ok()
                .filter(|&count| count > 0)?;
            received.extend_from_slice(&part[..count]);
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(received).ok()
    }

    fn acceptor() -> TlsAcceptor {
        let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    fn url(scheme: &str, host: &str, address: SocketAddr, path: &str) -> Uri {
        let port = address.port();
        format!("{scheme}://{host}:{port}{path}").parse().unwrap()
    }

    const DONE: &str = "HTTP/1.1 204 No Content\r\n\r\n";

    #[tokio::test]
    async fn a_post_over_tls_to_who_is_trusted() {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(AUTHORITY).unwrap();
        roots.add(authority).unwrap();
        let client = HttpClient::default();
        assert!(client.tls.set(trusting(roots).unwrap()).is_ok());
        let (address, served) = server(Some(acceptor()), DONE).await;
        let url = url("https", "localhost", address, "/a?b=c");
        assert_eq!(client.post(&url, "{}".into()).await, Outcome::Taken);
        let received = served.await.unwrap().unwrap();
        assert!(
            received.starts_with("POST /a?b=c HTTP/1.1\r\n"),
            "{received}"
        );
        let host = format!("host: localhost:{}\r\n", address.port());
        assert!(received.contains(&host), "{received}");
        assert!(
            received.contains("content-type: application/json\r\n"),
            "{received}"
        );
    }

    #[tokio::test]
    async fn who_is_not_trusted_or_has_another_name_is_told_nothing() {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(AUTHORITY).unwrap();
        let strangers = trusting(roots.clone()).unwrap();
        roots.add(authority).unwrap();
        let ours = trusting(roots).unwrap();
        for (tls, host) in [(strangers, "localhost"), (ours, "127.0.0.1")] {
            let client = HttpClient::default();
            assert!(client.tls.set(tls).is_ok());
            let (address, served) = server(Some(acceptor()), DONE).await;
            let outcome = client
                .post(&url("https", host, address, "/s3cret"), "{}".into())
                .await;
            let Outcome::Failed(reason) = outcome else {
                panic!("{outcome:?}");
            };
            assert!(
                reason.contains("certificate") && !reason.contains("s3cret"),
                "{reason}"
            );
            assert_eq!(served.await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn what_may_pass_is_asked_again_and_what_is_wrong_is_not() {
        let outcome = async |answer| {
            let (address, served) = server(None, answer).await;
            let url = url("http", "127.0.0.1", address, "");
            let outcome = HttpClient::default().post(&url, "{}".into()).await;
            let received = served.await.unwrap().unwrap();
            assert!(received.starts_with("POST / HTTP/1.1\r\n"), "{received}");
            outcome
        };
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        assert_eq!(outcome(answer).await, Outcome::Taken);
        let refused = outcome("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(
            refused,
            Outcome::Refused("it answered 404 Not Found".to_owned())
        );
        let moved = "HTTP/1.1 302 Found\r\nlocation: http://x/\r\ncontent-length: 0\r\n\r\n";
        assert!(matches!(outcome(moved).await, Outcome::Refused(_)));
        let busy = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
        assert!(matches!(outcome(busy).await, Outcome::Failed(_)));
        assert!(matches!(outcome("what?\r\n\r\n").await, Outcome::Failed(_)));
        assert!(matches!(outcome("").await, Outcome::Failed(_)));
    }
}
