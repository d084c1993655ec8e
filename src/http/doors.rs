//! Who may come in. A page from elsewhere that a browser has open must not read what runs here,
//! nor send events: neither by a name that it points at us (its Host betrays it) nor as what it
//! is (its Origin does).

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::Router;
use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST,
    HeaderMap, HeaderValue, ORIGIN, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Method, Request, Response, StatusCode, Version};
use axum::response::IntoResponse;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::error::HttpError;

/// Which hosts and origins are let in besides loopback.
#[derive(Clone, Debug, Default)]
pub struct Doors {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Doors {
    /// `hosts` without a port; `origins` with scheme, host and port as a browser sends them.
    pub fn new(hosts: &[String], origins: &[String]) -> Doors {
        let lower = |text: &String| text.trim_end_matches('/').to_ascii_lowercase();
        Doors {
            hosts: hosts.iter().map(lower).collect(),
            origins: origins.iter().map(lower).collect(),
        }
    }

    /// # Errors
    /// 421 for a host that is not ours, 403 for an origin that may not come in, 400 where the host
    /// cannot be told.
    pub fn check<B>(&self, request: &Request<B>) -> Result<(), HttpError> {
        for host in hosts(request)? {
            if !self.is_own_host(host) {
                return Err(HttpError::new(
                    StatusCode::MISDIRECTED_REQUEST,
                    "unknown_host",
                    "the daemon is not configured for this host",
                ));
            }
        }
        for origin in request.headers().get_all(ORIGIN) {
            if !origin
                .to_str()
                .is_ok_and(|origin| self.is_own_origin(origin))
            {
                return Err(HttpError::new(
                    StatusCode::FORBIDDEN,
                    "forbidden_origin",
                    "pages of this origin may not come in",
                ));
            }
        }
        Ok(())
    }

    fn is_own_host(&self, host: &str) -> bool {
        let Some(name) = without_port(host) else {
            return false;
        };
        is_loopback(name) || self.hosts.iter().any(|own| name.eq_ignore_ascii_case(own))
    }

    fn is_own_origin(&self, origin: &str) -> bool {
        let host = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        host.and_then(without_port).is_some_and(is_loopback)
            || self
                .origins
                .iter()
                .any(|own| origin.eq_ignore_ascii_case(own))
    }
}

/// The host by each header, and the one in the request's line, which a proxy may write.
fn hosts<B>(request: &Request<B>) -> Result<impl Iterator<Item = &str>, HttpError> {
    let mut headers = request.headers().get_all(HOST).iter();
    let host = match headers.next().map(HeaderValue::to_str) {
        Some(Ok(host)) => Some(host),
        None if request.version() == Version::HTTP_10 => None,
        _ => return Err(bad_host()),
    };
    if headers.next().is_some() {
        return Err(bad_host());
    }
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    Ok(host.into_iter().chain(authority))
}

fn bad_host() -> HttpError {
    HttpError::new(
        StatusCode::BAD_REQUEST,
        "invalid_host",
        "a request must name its host, once",
    )
}

/// Nothing for what is no host and port.
fn without_port(host: &str) -> Option<&str> {
    let end = match host.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => host.find(':').unwrap_or(host.len()),
    };
    let (name, port) = host.split_at(end);
    let is_port = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    is_port.then_some(name)
}

fn is_loopback(name: &str) -> bool {
    if let Some(address) = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
    {
        return address
            .parse::<Ipv6Addr>()
            .is_ok_and(|address| address.is_loopback());
    }
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Answers a request that comes over TCP: through the doors, or not at all.
pub async fn guarded<B>(
    doors: &Doors,
    routes: &TowerToHyperService<Router>,
    request: Request<B>,
) -> Response<Body>
where
    B: hyper::body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut response = match doors.check(&request) {
        Err(refusal) => refusal.into_response(),
        Ok(()) => {
            let origin = request.headers().get(ORIGIN).cloned();
            let mut response = if is_preflight(&request) {
                StatusCode::NO_CONTENT.into_response()
            } else {
                let Ok(response) = routes.call(request).await;
                response
            };
            if let Some(origin) = origin {
                admit(response.headers_mut(), origin);
            }
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.append(VARY, HeaderValue::from_static("origin"));
    response
}

fn is_preflight<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Lets a page of that origin read the response.
fn admit(headers: &mut HeaderMap, origin: HeaderValue) {
    let text = HeaderValue::from_static;
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        text("GET, HEAD, POST, OPTIONS"),
    );
    let may_send = text("authorization, content-type, if-none-match");
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, may_send);
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        text("etag, x-agentpulse-source"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, text("600"));
}

#[cfg(test)]
mod tests {
    use axum::routing::get;

    use super::*;
    use crate::http::error::{unknown_route, wrong_method};

    fn doors() -> Doors {
        let own = |text: &str| vec![text.to_owned()];
        Doors::new(&own("Pulse.example"), &own("https://dash.example:8443/"))
    }

    async fn ask(request: Request<Body>) -> Response<Body> {
        let router = Router::new()
            .route("/x", get(|| async { "x" }))
            .fallback(unknown_route)
            .method_not_allowed_fallback(wrong_method);
        guarded(&doors(), &TowerToHyperService::new(router), request).await
    }

    fn get_x(headers: &[(&str, &str)]) -> Request<Body> {
        let request = Request::get("/x");
        let add = |request: axum::http::request::Builder, &(name, value): &(&str, &str)| {
            request.header(name, value)
        };
        headers
            .iter()
            .fold(request, add)
            .body(Body::empty())
            .unwrap()
    }

    #[tokio::test]
    async fn only_our_own_hosts_are_answered() {
        for host in [
            "localhost",
            "LOCALHOST:4056",
            "127.0.0.1:4056",
            "127.9.9.9",
            "[::1]:4056",
            "[::1]",
            "pulse.example",
            "pulse.example:443",
        ] {
            let response = ask(get_x(&[("host", host)])).await;
            assert_eq!(response.status(), StatusCode::OK, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example:4056",
            "user@localhost",
            "localhost:4056.evil.example",
            "localhost:x",
            "10.0.0.1",
            "0.0.0.0:4056",
            "[::2]",
            "[::1",
            "[::1]x",
            "",
        ] {
            let response = ask(get_x(&[("host", host)])).await;
            assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST, "{host}");
        }
    }

    #[tokio::test]
    async fn a_request_names_its_host_once() {
        assert_eq!(ask(get_x(&[])).await.status(), StatusCode::BAD_REQUEST);
        let twice = get_x(&[("host", "localhost"), ("host", "localhost")]);
        assert_eq!(ask(twice).await.status(), StatusCode::BAD_REQUEST);
        let mut old = get_x(&[]);
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(ask(old).await.status(), StatusCode::OK);
        let mut absolute = get_x(&[("host", "localhost")]);
        *absolute.uri_mut() = "http://evil.example/x".parse().unwrap();
        assert_eq!(
            ask(absolute).await.status(),
            StatusCode::MISDIRECTED_REQUEST
        );
    }

    #[tokio::test]
    async fn only_pages_from_here_may_come_in() {
        for origin in [
            "http://localhost:5173",
            "https://localhost",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
            "https://dash.example:8443",
        ] {
            let response = ask(get_x(&[("host", "localhost"), ("origin", origin)])).await;
            assert_eq!(response.status(), StatusCode::OK, "{origin}");
            assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
        }
        for origin in [
            "null",
            "",
            "http://evil.example",
            "http://localhost.evil.example",
            "http://localhost:3000.evil.example",
            "https://dash.example",
            "http://dash.example:8443",
            "ftp://localhost",
            "localhost",
        ] {
            let response = ask(get_x(&[("host", "localhost"), ("origin", origin)])).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{origin}");
            assert!(!response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
        }
        let without = ask(get_x(&[("host", "localhost")])).await;
        assert_eq!(without.status(), StatusCode::OK);
        assert!(!without.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
        assert_eq!(without.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }

    #[tokio::test]
    async fn a_preflight_is_answered_before_the_routes() {
        let mut request = get_x(&[
            ("host", "localhost"),
            ("origin", "http://localhost:5173"),
            ("access-control-request-method", "POST"),
        ]);
        *request.method_mut() = Method::OPTIONS;
        let response = ask(request).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let methods = &response.headers()[ACCESS_CONTROL_ALLOW_METHODS];
        assert_eq!(methods, "GET, HEAD, POST, OPTIONS");
    }

    async fn json_of(response: Response<Body>) -> serde_json::Value {
        let body = axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn refusals_are_json() {
        let mut request = get_x(&[("host", "localhost")]);
        *request.method_mut() = Method::DELETE;
        let response = ask(request).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "GET,HEAD");
        assert_eq!(
            json_of(response).await["error"]["code"],
            "method_not_allowed"
        );
        let mut request = get_x(&[("host", "localhost")]);
        *request.uri_mut() = "/y".parse().unwrap();
        let response = ask(request).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(json_of(response).await["error"]["code"], "unknown_route");
        let response = ask(get_x(&[("host", "evil.example")])).await;
        assert_eq!(json_of(response).await["error"]["code"], "unknown_host");
    }
}
