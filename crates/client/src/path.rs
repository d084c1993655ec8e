//! The path and the query of a request, of text that a user typed.

use agentpulse_api::endpoint::{self, Endpoint};

/// A parameter and its value, if it has one.
pub type Pair = (&'static str, Option<String>);

/// Of an endpoint. `item` is what its path names, and is not encoded yet.
pub fn of<E: Endpoint>(item: Option<&str>, query: &[Pair]) -> String {
    let takes = |(name, _): &Pair| endpoint::takes::<E>(name);
    debug_assert!(query.iter().all(takes), "{query:?}");
    let path = endpoint::path::<E>(item.map(encoded).as_deref());
    with_query(&path, query)
}

/// Everything that could mean something else in a URL is escaped.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// With those parameters that have a value.
pub fn with_query(path: &str, query: &[Pair]) -> String {
    let mut whole = path.to_owned();
    let mut joint = '?';
    for (name, value) in query {
        if let Some(value) = value {
            whole.push_str(&format!("{joint}{name}={}", encoded(value)));
            joint = '&';
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(encoded("a-b_c.d~1"), "a-b_c.d~1");
        assert_eq!(encoded("a/b?c=d&e é"), "a%2Fb%3Fc%3Dd%26e%20%C3%A9");
        let some = |text: &str| Some(text.to_owned());
        let query = [("a", some("1&b")), ("c", None), ("d", some(""))];
        assert_eq!(with_query("/p", &query), "/p?a=1%26b&d=");
        assert_eq!(with_query("/p", &[("c", None)]), "/p");
    }
}
