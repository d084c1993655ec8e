use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::http::Version;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use axum::routing::{any, get};

use super::*;
use crate::http::error::{unknown_route, wrong_method};
use agentpulse_store::access::{Access, Actor, NewKey, Scopes};

/// A security layer with its file, which is removed with it.
fn security() -> (SecurityLayer, Arc<Access>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let access = Arc::new(Access::open(&folder.path().join("access.db")).unwrap());
    let own = |text: &str| vec![text.to_owned()];
    let security = SecurityLayer {
        origins: OriginPolicy::new(&own("Pulse.example"), &own("https://dash.example:8443/")),
        authorizer: Authorizer::new(access.clone(), Arc::default(), false, 1_000, 100),
        policy: Policy::new(&[]),
    };
    (security, access, folder)
}

async fn ask(request: Request<Body>) -> Response<Body> {
    ask_of(&security().0, request).await
}

async fn ask_of(security: &SecurityLayer, request: Request<Body>) -> Response<Body> {
    let router = Router::new()
        .route("/x", get(|| async { "x" }))
        .route("/health", get(|| async { "up" }))
        .route("/api/agents/events", any(|| async { "taken" }))
        .route("/api/audit", get(|| async { "trail" }))
        .route("/api/tickets", any(|| async { "ticket" }))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method);
    let routes = TowerToHyperService::new(router);
    security
        .answer(&routes, Ipv4Addr::LOCALHOST.into(), request)
        .await
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

fn key(access: &Access, scopes: &str) -> String {
    let new = NewKey {
        name: scopes.replace(',', "-"),
        scopes: Scopes::parse(scopes).unwrap(),
        expires_ms: None,
    };
    let me = Actor::user(0, "command line");
    access.create(new, me, 1).unwrap().0
}

fn request(method: &str, path: &str, key: Option<&str>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    request = request.header("host", "localhost");
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    request.body(Body::empty()).unwrap()
}

/// What a key (or none) gets of each route.
async fn statuses(security: &SecurityLayer, key: Option<&str>) -> [u16; 6] {
    let mut statuses = [0; 6];
    for (status, (method, path)) in statuses.iter_mut().zip([
        ("GET", "/health"),
        ("GET", "/x"),
        ("POST", "/api/agents/events"),
        ("POST", "/api/tickets"),
        ("GET", "/api/audit"),
        ("GET", "/nothing"),
    ]) {
        *status = ask_of(security, request(method, path, key))
            .await
            .status()
            .as_u16();
    }
    statuses
}

#[tokio::test]
async fn the_first_key_closes_the_door_and_each_opens_what_it_may() {
    let (security, access, _folder) = security();
    assert_eq!(
        statuses(&security, None).await,
        [200, 200, 200, 401, 401, 404]
    );
    let [read, ingest, admin, both] =
        ["read", "ingest", "admin", "read,ingest"].map(|scopes| key(&access, scopes));
    assert_eq!(
        statuses(&security, None).await,
        [200, 401, 401, 401, 401, 401]
    );
    assert_eq!(
        statuses(&security, Some("ap_00")).await,
        [200, 401, 401, 401, 401, 401]
    );
    assert_eq!(
        statuses(&security, Some(&read)).await,
        [200, 200, 403, 200, 403, 404]
    );
    assert_eq!(
        statuses(&security, Some(&ingest)).await,
        [200, 403, 200, 200, 403, 403]
    );
    assert_eq!(
        statuses(&security, Some(&both)).await,
        [200, 200, 200, 200, 403, 404]
    );
    assert_eq!(
        statuses(&security, Some(&admin)).await,
        [200, 200, 200, 200, 200, 404]
    );
    access.revoke("read", Actor::user(0, "x"), 2).unwrap();
    assert_eq!(statuses(&security, Some(&read)).await[1], 401);
}

#[tokio::test]
async fn no_key_and_a_wrong_one_are_told_the_same() {
    let (security, access, _folder) = security();
    let read = key(&access, "read");
    let none = ask_of(&security, request("GET", "/x", None)).await;
    let wrong = ask_of(&security, request("GET", "/x", Some("ap_1"))).await;
    assert_eq!(none.headers(), wrong.headers());
    assert_eq!(none.headers()[WWW_AUTHENTICATE], "Bearer");
    let body = json_of(none).await;
    assert_eq!(body["error"]["code"], "unauthorized");
    assert_eq!(body, json_of(wrong).await);
    let denied = ask_of(&security, request("GET", "/api/audit", Some(&read))).await;
    assert_eq!(json_of(denied).await["error"]["code"], "forbidden");
}

#[tokio::test]
async fn a_rate_limited_client_gets_retry_after() {
    let (mut security, access, _folder) = security();
    security.authorizer = Authorizer::new(access.clone(), Arc::default(), false, 1, 2);
    let read = key(&access, "read");
    for key in [None, Some(read.as_str())] {
        let ask = || ask_of(&security, request("GET", "/x", key));
        let first = [ask().await.status(), ask().await.status()];
        let expect = if key.is_some() { 200 } else { 401 };
        assert_eq!(first.map(|status| status.as_u16()), [expect; 2]);
        let refused = ask().await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()[RETRY_AFTER], "1");
        assert_eq!(json_of(refused).await["error"]["code"], "too_many_requests");
        let health = ask_of(&security, request("GET", "/health", key)).await;
        assert_eq!(health.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn requests_that_reach_no_route_are_counted() {
    let preflight = || {
        let mut request = get_x(&[
            ("host", "localhost"),
            ("origin", "http://localhost:5173"),
            ("access-control-request-method", "POST"),
        ]);
        *request.method_mut() = Method::OPTIONS;
        request
    };
    let foreign = || get_x(&[("host", "evil.example")]);
    let own = || request("GET", "/x", None);
    let (mut security, access, _folder) = security();
    security.authorizer = Authorizer::new(access, Arc::default(), false, 1, 2);
    let statuses = async |ask: &dyn Fn() -> Request<Body>| {
        let mut statuses = [0; 3];
        for status in &mut statuses {
            *status = ask_of(&security, ask()).await.status().as_u16();
        }
        statuses
    };
    assert_eq!(statuses(&foreign).await, [421, 421, 429]);
    // Strangers have used up nothing of what others have.
    assert_eq!(statuses(&preflight).await, [204, 204, 429]);
    assert_eq!(statuses(&own).await, [429; 3]);
    let mut health = foreign();
    *health.uri_mut() = "/health".parse().unwrap();
    assert_eq!(ask_of(&security, health).await.status().as_u16(), 421);
}
