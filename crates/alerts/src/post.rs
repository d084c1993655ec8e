//! One POST over a connection of its own: alerts are rare. TLS is that of the Redis client, with
//! the certificates that the system trusts.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{StatusCode, Uri};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tracing::warn;

#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Taken,
    /// A retry would get the same answer.
    Refused(String),
    /// A retry may succeed.
    Failed(String),
}

/// Built with the first request.
#[derive(Default)]
pub struct HttpClient(OnceCell<Client>);

impl HttpClient {
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

    /// The body of the answer is not read, and its connection is closed.
    async fn exchange(&self, url: &Uri, body: Bytes) -> Result<StatusCode, String> {
        let built = || async {
            // Reads some hundred files.
            let built = spawn_blocking(|| trusting(system_roots())?.build().map_err(describe));
            built.await.map_err(|error| error.to_string())?
        };
        let client = self.0.get_or_try_init(built).await?;
        let request = client.post(url.to_string());
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        Ok(request.send().await.map_err(describe)?.status())
    }
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        warn!("the system has no certificates to trust: no webhook of https can be called");
    }
    roots
}

fn trusting(roots: RootCertStore) -> Result<ClientBuilder, String> {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("agentpulse/", env!("CARGO_PKG_VERSION")))
        // Alerts go to the host in the settings and nowhere else.
        .redirect(Policy::none())
        .pool_max_idle_per_host(0);
    Ok(builder)
}

/// The innermost cause, which says the most; without the URL, which may hold a secret.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncRead, AsyncWrite};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

    use super::*;

    const AUTHORITY: &[u8] = include_bytes!("../../../tests/data/tls/ca.pem");
    const CERTIFICATE: &[u8] = include_bytes!("../../../tests/data/tls/localhost.pem");
    const KEY: &[u8] = include_bytes!("../../../tests/data/tls/localhost.key");

    /// Answers one request and returns it, if its TLS handshake succeeded.
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

    /// Whatever proxy the environment names.
    fn client(roots: RootCertStore) -> HttpClient {
        let client = trusting(roots).unwrap().no_proxy().build().unwrap();
        HttpClient(OnceCell::new_with(Some(client)))
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
        let client = client(roots);
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
    async fn an_untrusted_or_misnamed_server_is_sent_nothing() {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(AUTHORITY).unwrap();
        let strangers = client(roots.clone());
        roots.add(authority).unwrap();
        let ours = client(roots);
        for (client, host) in [(strangers, "localhost"), (ours, "127.0.0.1")] {
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
    async fn passing_failures_are_retried_and_lasting_ones_are_not() {
        let outcome = async |answer| {
            let (address, served) = server(None, answer).await;
            let url = url("http", "127.0.0.1", address, "");
            let client = client(RootCertStore::empty());
            let outcome = client.post(&url, "{}".into()).await;
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
