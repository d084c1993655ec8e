//! The credentials of a request. A key never stands in a URL: URLs are written to logs.

use axum::http::Request;
use axum::http::header::{
    AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL,
};

use super::stream::paths::{OF_DASHBOARD, OF_REGISTRY, OF_REGISTRY_ALSO, OWN};
use super::stream::upgrade;

pub const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The subprotocol that is spoken. A browser that offers any must be answered with one of them,
/// and the one that carries the key must not be repeated.
pub const PROTOCOL: &str = "agentpulse";
const KEY_PROTOCOL: &str = "agentpulse.key.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    Key(&'a str),
    Ticket(&'a str),
}

/// The first of: a bearer token, `X-API-Key`, and for a WebSocket, where a browser can set no
/// header, a subprotocol or a ticket.
pub fn credential<B>(request: &Request<B>) -> Option<Credential<'_>> {
    let headers = request.headers();
    let bearer = headers.get(AUTHORIZATION).and_then(bearer);
    let by_header = bearer.or_else(|| headers.get(API_KEY)?.to_str().ok());
    if let Some(key) = by_header {
        return Some(Credential::Key(key.trim()));
    }
    if !is_websocket(request) {
        return None;
    }
    let key = protocols(headers).find_map(|protocol| protocol.strip_prefix(KEY_PROTOCOL));
    key.map(Credential::Key).or_else(|| {
        let pairs = request.uri().query()?.split('&');
        let ticket = pairs.filter_map(|pair| pair.strip_prefix("ticket=")).next();
        ticket.map(Credential::Ticket)
    })
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let lists = values.filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim)
}

/// Other routes ignore these headers, and would accept a ticket that stands in some log.
fn is_websocket<B>(request: &Request<B>) -> bool {
    let has_one = matches!(
        request.uri().path(),
        OWN | OF_DASHBOARD | OF_REGISTRY | OF_REGISTRY_ALSO
    );
    has_one && upgrade::is_asked_for(request.method(), request.headers())
}

/// Whether the client can be answered with [`PROTOCOL`].
pub fn offers_protocol(headers: &HeaderMap) -> bool {
    protocols(headers).any(|protocol| protocol == PROTOCOL)
}

/// The handlers have no use for keys, and cannot leak what they never see.
pub fn remove_credentials<B>(request: &mut Request<B>) {
    let headers = request.headers_mut();
    headers.remove(AUTHORIZATION);
    headers.remove(API_KEY);
    if protocols(headers).any(|protocol| protocol.starts_with(KEY_PROTOCOL)) {
        let rest: Vec<&str> = protocols(headers)
            .filter(|protocol| !protocol.starts_with(KEY_PROTOCOL))
            .collect();
        let rest = HeaderValue::try_from(rest.join(", ")).ok();
        headers.remove(SEC_WEBSOCKET_PROTOCOL);
        if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;

    const UPGRADE: [(&str, &str); 2] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
    ];

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_key_stands_in_a_header() {
        for (name, value, expect) in [
            (
                "authorization",
                "Bearer ap_1",
                Some(Credential::Key("ap_1")),
            ),
            (
                "authorization",
                "bearer  ap_1",
                Some(Credential::Key("ap_1")),
            ),
            ("x-api-key", "ap_1", Some(Credential::Key("ap_1"))),
            ("authorization", "Basic ap_1", None),
            ("authorization", "ap_1", None),
            ("cookie", "key=ap_1", None),
            ("sec-websocket-protocol", "agentpulse.key.ap_1", None),
        ] {
            let request = request("/x?key=ap_2&api_key=ap_2&ticket=t", &[(name, value)]);
            assert_eq!(credential(&request), expect, "{name}: {value}");
        }
    }

    #[test]
    fn a_websocket_has_a_subprotocol_or_a_ticket() {
        let with = |uri: &str, more: &[(&str, &str)]| request(uri, &[&UPGRADE, more].concat());
        let offer = "agentpulse, agentpulse.key.ap_1";
        let by_protocol = with("/stream?ticket=t", &[("sec-websocket-protocol", offer)]);
        assert_eq!(credential(&by_protocol), Some(Credential::Key("ap_1")));
        let by_ticket = with("/stream?a=b&ticket=t", &[]);
        assert_eq!(credential(&by_ticket), Some(Credential::Ticket("t")));
        assert_eq!(credential(&with("/stream?key=ap_1", &[])), None);
        for path in ["/api/audit", "/api/agents/executions/stream", "/stream/"] {
            for offer in ["agentpulse", offer] {
                let more = [("sec-websocket-protocol", offer)];
                let other = with(&format!("{path}?ticket=t"), &more);
                assert_eq!(credential(&other), None, "{path}");
            }
        }
        let mut post = with("/stream?ticket=t", &[]);
        *post.method_mut() = Method::POST;
        assert_eq!(credential(&post), None);
    }

    #[test]
    fn no_key_goes_further() {
        let mut request = request(
            "/stream",
            &[
                ("authorization", "Bearer ap_1"),
                ("x-api-key", "ap_1"),
                ("sec-websocket-protocol", "agentpulse.key.ap_1, agentpulse"),
                ("sec-websocket-protocol", "agentpulse.key.ap_1"),
            ],
        );
        assert!(offers_protocol(request.headers()));
        remove_credentials(&mut request);
        assert!(!format!("{request:?}").contains("ap_1"));
        assert_eq!(request.headers()[SEC_WEBSOCKET_PROTOCOL], "agentpulse");
        *request.headers_mut() = HeaderMap::new();
        request.headers_mut().insert(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static("agentpulse.key.ap_1"),
        );
        remove_credentials(&mut request);
        assert!(request.headers().is_empty());
    }
}
