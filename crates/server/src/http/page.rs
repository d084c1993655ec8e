//! The page and its files. They are part of the program: nothing has to be installed beside it, and
//! a page always fits its daemon.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, Response};

use super::conditional::File;
use super::error::{HttpError, unknown_route};
use agentpulse_api::params::Param;

pub const PATH: Param = Param::new("path", "A file; slashes belong to it.");
pub const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

struct Asset {
    /// Below `/assets/`.
    path: &'static str,
    media_type: &'static str,
    text: &'static str,
}

macro_rules! asset {
    ($path:literal, $media_type:expr) => {
        Asset {
            path: $path,
            media_type: $media_type,
            text: include_str!(concat!("../../../../web/", $path)),
        }
    };
}

const INDEX: &str = "index.html";

const ASSETS: &[Asset] = &[
    asset!("api.js", SCRIPT),
    asset!("app.js", SCRIPT),
    asset!("chart.js", SCRIPT),
    asset!("dom.js", SCRIPT),
    asset!("format.js", SCRIPT),
    asset!("icon.svg", SVG),
    asset!("index.html", HTML),
    asset!("keys.js", SCRIPT),
    asset!("live.js", SCRIPT),
    asset!("registry/definition.js", SCRIPT),
    asset!("registry/definitions.js", SCRIPT),
    asset!("registry/layout.js", SCRIPT),
    asset!("registry/network.js", SCRIPT),
    asset!("registry/overview.js", SCRIPT),
    asset!("registry/parts.js", SCRIPT),
    asset!("registry/picture.js", SCRIPT),
    asset!("registry/start.js", SCRIPT),
    asset!("registry/style.css", STYLE),
    asset!("registry/versions.js", SCRIPT),
    asset!("reports.js", SCRIPT),
    asset!("sheet.js", SCRIPT),
    asset!("state.js", SCRIPT),
    asset!("style.css", STYLE),
    asset!("theme.js", SCRIPT),
    asset!("vendor/uPlot.LICENSE", TEXT),
    asset!("vendor/uPlot.iife.min.js", SCRIPT),
    asset!("views/agents.js", SCRIPT),
    asset!("views/alerts.js", SCRIPT),
    asset!("views/cards.js", SCRIPT),
    asset!("views/help.js", SCRIPT),
    asset!("views/key.js", SCRIPT),
    asset!("views/later.js", SCRIPT),
    asset!("views/link.js", SCRIPT),
    asset!("views/panel.js", SCRIPT),
    asset!("views/ranges.js", SCRIPT),
    asset!("views/run.js", SCRIPT),
    asset!("views/running.js", SCRIPT),
    asset!("views/runs.js", SCRIPT),
    asset!("views/session.js", SCRIPT),
    asset!("views/sessions.js", SCRIPT),
    asset!("views/theme.js", SCRIPT),
    asset!("views/timeline.js", SCRIPT),
    asset!("views/tools.js", SCRIPT),
    asset!("views/types.js", SCRIPT),
    asset!("views/waterfall.js", SCRIPT),
];

/// An asset as it is sent.
struct Sent {
    path: &'static str,
    file: File,
}

static SENT: LazyLock<Vec<Sent>> = LazyLock::new(|| ASSETS.iter().map(Sent::of).collect());

impl Sent {
    fn of(asset: &Asset) -> Sent {
        let bytes = lean(asset.text).into();
        Sent {
            path: asset.path,
            file: File::new(asset.media_type, bytes),
        }
    }

    fn find(path: &str) -> Option<&'static Sent> {
        SENT.iter().find(|sent| sent.path == path)
    }
}

/// Without indentation, and without lines that only comment. Every line keeps its number, for the
/// messages of a browser.
fn lean(text: &str) -> String {
    let mut lean = String::with_capacity(text.len());
    for line in text.lines().map(str::trim_start) {
        if !line.starts_with("//") {
            lean.push_str(line);
        }
        lean.push('\n');
    }
    lean
}

/// The files, below `/assets/`.
pub fn paths() -> Vec<&'static str> {
    ASSETS.iter().map(|asset| asset.path).collect()
}

/// Each once.
pub fn media_types() -> Vec<&'static str> {
    let all: BTreeSet<&str> = ASSETS.iter().map(|asset| asset.media_type).collect();
    all.into_iter().collect()
}

/// `/`
pub async fn index(request: HeaderMap) -> Result<Response<Body>, HttpError> {
    asset(Path(INDEX.to_owned()), request).await
}

/// `/assets/{path}`
pub async fn asset(
    Path(path): Path<String>,
    request: HeaderMap,
) -> Result<Response<Body>, HttpError> {
    match Sent::find(&path) {
        Some(sent) => Ok(sent.file.respond(&request)),
        None => Err(unknown_route().await),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
    use regex::Regex;

    use super::*;
    use agentpulse_api::code::Code;

    /// What a browser loads to show the page.
    const MAX_PAGE_BYTES: usize = 140 << 10;
    /// What it loads when the definitions or the network are opened.
    const MAX_LATER_BYTES: usize = 40 << 10;
    const LATER: [&str; 2] = ["registry/start.js", "registry/style.css"];
    const VIEWS: [&str; 2] = ["registry/definitions.js", "registry/network.js"];

    fn text(path: &str) -> &'static str {
        let sent = Sent::find(path).unwrap_or_else(|| panic!("{path} is not served"));
        std::str::from_utf8(&sent.file.bytes).unwrap()
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

    /// The files that the page names.
    fn named() -> Vec<String> {
        let named = Regex::new(r#"(?:href|src)="assets/([^"]+)""#).unwrap();
        let named = named.captures_iter(text(INDEX));
        named.map(|found| found[1].to_owned()).collect()
    }

    /// These, and what they import.
    fn loaded(mut waiting: Vec<String>) -> BTreeSet<String> {
        let import = Regex::new(r#"(?m)^(?:import .*|\}) from "(\.[^"]+)";$"#).unwrap();
        let mut loaded = BTreeSet::new();
        while let Some(path) = waiting.pop() {
            let script = text(&path);
            if loaded.insert(path.clone()) {
                let imports = import.captures_iter(script);
                waiting.extend(imports.map(|found| resolve(&path, &found[1])));
            }
        }
        loaded
    }

    fn bytes<'a>(paths: impl IntoIterator<Item = &'a String>) -> usize {
        paths.into_iter().map(|path| text(path).len()).sum()
    }

    #[test]
    fn all_that_is_loaded_is_served_and_small() {
        let first = loaded(named());
        let later = |views: &[&str]| {
            let later = LATER.iter().chain(views).map(|path| (*path).to_owned());
            loaded(named().into_iter().chain(later).collect())
        };
        let all = later(&VIEWS);
        let served: BTreeSet<String> = ASSETS.iter().map(|asset| asset.path.to_owned()).collect();
        let idle: Vec<_> = served.difference(&all).collect();
        assert_eq!(idle, [INDEX, "vendor/uPlot.LICENSE"]);
        let page = bytes(&first) + text(INDEX).len();
        assert!(page <= MAX_PAGE_BYTES, "{page} bytes");
        for view in VIEWS {
            let later = bytes(later(&[view]).difference(&first));
            assert!(later <= MAX_LATER_BYTES, "{later} bytes for {view}");
        }
    }

    #[test]
    fn what_is_loaded_later_is_not_loaded_first() {
        let first = loaded(named());
        for path in LATER.iter().chain(&VIEWS) {
            assert!(!first.contains(*path), "{path}");
        }
        assert!(text("views/later.js").contains(r#"import("../registry/start.js")"#));
        let start = text("registry/start.js");
        assert!(start.contains(r#""assets/registry/style.css""#));
        for view in ["./definitions.js", "./network.js"] {
            assert!(start.contains(&format!(r#"import("{view}")"#)), "{view}");
        }
    }

    #[test]
    fn every_address_is_relative_to_the_page() {
        let absolute =
            r#"(?:href|src|action)="/|url\(["']?/|["'`(]/(?:api|assets|version|stream)\b"#;
        let absolute = Regex::new(absolute).unwrap();
        for asset in ASSETS {
            let found = absolute.find(asset.text).map(|found| found.as_str());
            assert_eq!(found, None, "{}", asset.path);
        }
    }

    #[test]
    fn nothing_of_ours_needs_what_the_policy_forbids() {
        let markup = Regex::new(r"(?i)<script>|<style|\sstyle=|\son\w+=|https?://").unwrap();
        assert_eq!(markup.find(text(INDEX)).map(|found| found.as_str()), None);
        let danger =
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function";
        let danger = Regex::new(danger).unwrap();
        for asset in ASSETS {
            let found = danger.find(asset.text).map(|found| found.as_str());
            assert_eq!(found, None, "{}", asset.path);
        }
    }

    #[test]
    fn a_line_that_is_made_lean_means_the_same() {
        assert_eq!(
            lean("a {\n  // why\n  b: 1; // x\n\n}"),
            "a {\n\nb: 1; // x\n\n}\n"
        );
        // A text over more than one line would lose its spaces.
        for asset in ASSETS.iter().filter(|asset| asset.media_type == SCRIPT) {
            let whole = |line: &str| line.matches('`').count().is_multiple_of(2);
            assert!(asset.text.lines().all(whole), "{}", asset.path);
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
        let second = asset(Path("app.js".to_owned()), again.clone())
            .await
            .unwrap();
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(index(again).await.unwrap().status(), StatusCode::OK);
        let none = asset(Path("../Cargo.toml".to_owned()), HeaderMap::new()).await;
        assert_eq!(none.unwrap_err().code, Code::UnknownRoute);
    }
}
