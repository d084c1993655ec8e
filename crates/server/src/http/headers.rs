//! The security headers of every answer.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Scripts and styles come from our own files and stand in no page; nothing is fetched from
/// elsewhere. Other answers have the same policy, and lose nothing by it.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// Pages on this machine may read, so they may show the page in a frame as well. (A policy cannot
/// name an IPv6 address.)
const LOOPBACK: [&str; 4] = [
    "http://localhost:*",
    "https://localhost:*",
    "http://127.0.0.1:*",
    "https://127.0.0.1:*",
];

/// The headers of every answer over TCP.
pub struct Policy {
    content: HeaderValue,
}

impl Policy {
    /// `frame_ancestors` are origins whose pages may show ours in a frame, besides loopback.
    pub fn new(frame_ancestors: &[String]) -> Policy {
        let mut content = CONTENT_POLICY.to_owned();
        let named = frame_ancestors.iter().map(String::as_str);
        for origin in LOOPBACK.into_iter().chain(named) {
            content.push(' ');
            content.push_str(origin);
        }
        let closed = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        Policy {
            content: HeaderValue::try_from(content).unwrap_or(closed),
        }
    }

    pub fn apply(&self, headers: &mut HeaderMap) {
        let text = HeaderValue::from_static;
        headers.insert(X_CONTENT_TYPE_OPTIONS, text("nosniff"));
        headers.insert(REFERRER_POLICY, text("no-referrer"));
        headers.insert(RESOURCE_POLICY, text("same-origin"));
        headers.insert(CONTENT_SECURITY_POLICY, self.content.clone());
        // Reads and files set their own caching.
        headers.entry(CACHE_CONTROL).or_insert(text("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_who_may_frame_and_allows_nothing_inline() {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        Policy::new(&["https://dash.example".to_owned()]).apply(&mut headers);
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        let (rest, ancestors) = policy.split_once("frame-ancestors ").unwrap();
        assert_eq!(
            ancestors,
            "'self' http://localhost:* https://localhost:* http://127.0.0.1:* \
             https://127.0.0.1:* https://dash.example"
        );
        assert!(!rest.contains("unsafe") && !rest.contains('*') && !rest.contains("http"));
        assert_eq!(headers[CACHE_CONTROL], "max-age=60");
    }
}
