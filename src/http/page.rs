//! The page and its files. They stand in the program: nothing has to be installed beside it, and
//! a page always fits the daemon that it asks.

use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, REFERRER_POLICY,
};
use axum::http::{Response, StatusCode};
use xxhash_rust::xxh3::xxh3_64;

use super::conditional::Tag;
use super::error::{HttpError, unknown_route};

/// Scripts and styles come from our own files and stand in no page; nothing is fetched from
/// elsewhere. Pages on this machine may show ours in a frame, as they may read what it reads.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'self' http://localhost:* https://localhost:* http://127.0.0.1:* \
     https://127.0.0.1:*";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

struct Asset {
    /// Below `/assets/`.
    path: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! asset {
    ($path:literal, $media_type:expr) => {
        Asset {
            path: $path,
            media_type: $media_type,
            bytes: include_bytes!(concat!("../../web/", $path)),
        }
    };
}

const INDEX: Asset = asset!("index.html", HTML);

const ASSETS: &[Asset] = &[
    asset!("api.js", SCRIPT),
    asset!("app.js", SCRIPT),
    asset!("chart.js", SCRIPT),
    asset!("dom.js", SCRIPT),
    asset!("format.js", SCRIPT),
    asset!("icon.svg", PICTURE),
    asset!("keys.js", SCRIPT),
    asset!("live.js", SCRIPT),
    asset!("reports.js", SCRIPT),
    asset!("state.js", SCRIPT),
    asset!("style.css", STYLE),
    asset!("theme.js", SCRIPT),
    asset!("vendor/uPlot.LICENSE", TEXT),
    asset!("vendor/uPlot.iife.min.js", SCRIPT),
    asset!("vendor/uPlot.min.css", STYLE),
    asset!("views/agents.js", SCRIPT),
    asset!("views/alerts.js", SCRIPT),
    asset!("views/cards.js", SCRIPT),
    asset!("views/help.js", SCRIPT),
    asset!("views/key.js", SCRIPT),
    asset!("views/link.js", SCRIPT),
    asset!("views/panel.js", SCRIPT),
    asset!("views/ranges.js", SCRIPT),
    asset!("views/run.js", SCRIPT),
    asset!("views/running.js", SCRIPT),
    asset!("views/runs.js", SCRIPT),
    asset!("views/theme.js", SCRIPT),
    asset!("views/timeline.js", SCRIPT),
    asset!("views/tools.js", SCRIPT),
    asset!("views/types.js", SCRIPT),
];

/// `/`
pub async fn index(request: HeaderMap) -> Response<Body> {
    respond(&INDEX, &request)
}

/// `/assets/{path}`
pub async fn asset(
    Path(path): Path<String>,
    request: HeaderMap,
) -> Result<Response<Body>, HttpError> {
    match ASSETS.iter().find(|asset| asset.path == path) {
        Some(asset) => Ok(respond(asset, &request)),
        None => Err(unknown_route().await),
    }
}

/// Not compressed: on loopback that would cost more than it saves.
fn respond(asset: &Asset, request: &HeaderMap) -> Response<Body> {
    let tag = Tag::of(xxh3_64(asset.bytes));
    let mut response = Response::new(Body::empty());
    if tag.is_in(request) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *response.body_mut() = Body::from(asset.bytes);
        let media_type = HeaderValue::from_static(asset.media_type);
        response.headers_mut().insert(CONTENT_TYPE, media_type);
    }
    let headers = response.headers_mut();
    tag.put_in(headers);
    let policy = HeaderValue::from_static(CONTENT_POLICY);
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::http::header::{ETAG, IF_NONE_MATCH};
    use regex::Regex;

    use super::*;

    /// What a browser loads to show the page.
    const MAX_PAGE_BYTES: usize = 120_000;

    fn text(asset: &Asset) -> &'static str {
        std::str::from_utf8(asset.bytes).unwrap()
    }

    fn find(path: &str) -> &'static Asset {
        let found = ASSETS.iter().find(|asset| asset.path == path);
        found.unwrap_or_else(|| panic!("{path} is not served"))
    }

    fn folder(path: &str) -> Vec<&str> {
        let mut parts: Vec<&str> = path.split('/').collect();
        parts.pop();
        parts
    }

    /// Of `views/run.js` and `../dom.js`: `dom.js`.
    fn resolve(from: &str, import: &str) -> String {
        let mut parts = folder(from);
        for part in import.split('/') {
            match part {
                "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        parts.join("/")
    }

    /// The files that the page names, and those that they import.
    fn loaded() -> BTreeSet<String> {
        let named = Regex::new(r#"(?:href|src)="/assets/([^"]+)""#).unwrap();
        let import = Regex::new(r#"(?m)^(?:import|export) .*?from "(\.[^"]+)";$"#).unwrap();
        let mut waiting: Vec<String> = named
            .captures_iter(text(&INDEX))
            .map(|found| found[1].to_owned())
            .collect();
        let mut loaded = BTreeSet::new();
        while let Some(path) = waiting.pop() {
            let script = text(find(&path));
            if loaded.insert(path.clone()) {
                let imports = import.captures_iter(script);
                waiting.extend(imports.map(|found| resolve(&path, &found[1])));
            }
        }
        loaded
    }

    #[test]
    fn all_that_is_loaded_is_served_and_small() {
        let loaded = loaded();
        let served: BTreeSet<String> = ASSETS.iter().map(|asset| asset.path.to_owned()).collect();
        let idle: Vec<_> = served.difference(&loaded).collect();
        assert_eq!(idle, ["vendor/uPlot.LICENSE"]);
        let bytes: usize = loaded.iter().map(|path| find(path).bytes.len()).sum();
        let bytes = bytes + INDEX.bytes.len();
        assert!(bytes <= MAX_PAGE_BYTES, "{bytes} bytes");
    }

    #[test]
    fn nothing_of_ours_needs_what_the_policy_forbids() {
        let markup = Regex::new(r"(?i)<script>|<style|\sstyle=|\son\w+=|https?://").unwrap();
        assert_eq!(markup.find(text(&INDEX)).map(|found| found.as_str()), None);
        let danger = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function";
        let danger = Regex::new(danger).unwrap();
        for asset in ASSETS {
            let found = danger.find(text(asset)).map(|found| found.as_str());
            assert_eq!(found, None, "{}", asset.path);
        }
    }

    #[tokio::test]
    async fn a_file_is_sent_once() {
        let first = asset(Path("app.js".to_owned()), HeaderMap::new()).await;
        let first = first.unwrap();
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[CONTENT_TYPE], SCRIPT);
        let mut again = HeaderMap::new();
        again.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        let second = asset(Path("app.js".to_owned()), again.clone()).await.unwrap();
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(index(again).await.status(), StatusCode::OK);
        let none = asset(Path("../Cargo.toml".to_owned()), HeaderMap::new()).await;
        assert_eq!(none.unwrap_err().status, StatusCode::NOT_FOUND);
    }
}
