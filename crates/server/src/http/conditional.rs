//! Answers that a client already has are not sent again.

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
};
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use agentpulse_reports::{Answer, View};

/// Says which of the two views answered.
pub const SOURCE: HeaderName = HeaderName::from_static("x-agentpulse-source");

const MAX_HEADERS: usize = 16;

/// A digest as a strong entity tag: 16 hexadecimal digits in quotes.
struct Tag([u8; 18]);

impl Tag {
    fn of(digest: u64) -> Tag {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut tag = [b'"'; 18];
        for (i, place) in tag[1..17].iter_mut().enumerate() {
            *place = DIGITS[(digest >> (60 - 4 * i)) as usize & 15];
        }
        Tag(tag)
    }

    /// Whether a client that sent these headers has the answer. Weak tags count as well: only
    /// equal bytes have equal tags.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        headers.get_all(IF_NONE_MATCH).iter().any(|value| {
            value.as_bytes().split(|&byte| byte == b',').any(|tag| {
                let tag = tag.trim_ascii();
                tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == self.0
            })
        })
    }

    /// To be cached by this client only, and revalidated every time.
    fn put_in(&self, headers: &mut HeaderMap) {
        if let Ok(tag) = HeaderValue::from_bytes(&self.0) {
            headers.insert(ETAG, tag);
        }
        let every_time = HeaderValue::from_static("private, no-cache");
        headers.insert(CACHE_CONTROL, every_time);
    }
}

/// A file of the program, which never changes while it runs.
pub struct File {
    media_type: &'static str,
    pub bytes: Bytes,
    tag: Tag,
}

impl File {
    pub fn new(media_type: &'static str, bytes: Bytes) -> File {
        File {
            media_type,
            tag: Tag::of(xxh3_64(&bytes)),
            bytes,
        }
    }

    /// Not compressed: on loopback that would cost more than it saves.
    pub fn respond(&self, request: &HeaderMap) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        if self.tag.is_in(request) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            *response.body_mut() = Body::from(self.bytes.clone());
            let media_type = HeaderValue::from_static(self.media_type);
            response.headers_mut().insert(CONTENT_TYPE, media_type);
        }
        self.tag.put_in(response.headers_mut());
        response
    }
}

/// The answer with its tag, or 304 without a body if the client has it.
pub fn respond(answer: Answer, request: &HeaderMap) -> Response<Body> {
    let tag = Tag::of(answer.digest);
    let mut response = Response::new(Body::empty());
    // Room for these headers and those of the security layer in one allocation.
    *response.headers_mut() = HeaderMap::with_capacity(MAX_HEADERS);
    if tag.is_in(request) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *response.body_mut() = Body::from(answer.body);
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
    }
    let headers = response.headers_mut();
    tag.put_in(headers);
    headers.insert(SOURCE, source(answer.view));
    response
}

fn source(view: View) -> HeaderValue {
    HeaderValue::from_static(view.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        Answer {
            body: "{}".into(),
            digest: 0x0123_4567_89ab_cdef,
            view: View::History,
        }
    }

    fn status(if_none_match: &[&'static str]) -> StatusCode {
        let mut headers = HeaderMap::new();
        for value in if_none_match {
            headers.append(IF_NONE_MATCH, HeaderValue::from_static(value));
        }
        respond(answer(), &headers).status()
    }

    #[test]
    fn an_answer_carries_its_tag_and_its_source() {
        let response = respond(answer(), &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[ETAG], "\"0123456789abcdef\"");
        assert_eq!(response.headers()[SOURCE], "history");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    }

    #[test]
    fn a_client_with_the_current_etag_gets_304() {
        let has = StatusCode::NOT_MODIFIED;
        assert_eq!(status(&["\"0123456789abcdef\""]), has);
        assert_eq!(status(&["W/\"0123456789abcdef\""]), has);
        assert_eq!(status(&["\"1\", \"0123456789abcdef\""]), has);
        assert_eq!(status(&["\"1\"", "\"0123456789abcdef\""]), has);
        assert_eq!(status(&["*"]), has);
        for other in ["\"0123456789abcdee\"", "0123456789abcdef", "", "W/"] {
            assert_eq!(status(&[other]), StatusCode::OK, "{other}");
        }
    }
}
