//! The path and the query of a request, of text that a user typed.

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
pub fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut whole = path.to_owned();
    let mut joint = '?';
    for (name, value) in parameters {
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
        let query = [("a", Some("1&b")), ("c", None), ("d", Some(""))];
        assert_eq!(with_query("/p", &query), "/p?a=1%26b&d=");
        assert_eq!(with_query("/p", &[("c", None)]), "/p");
    }
}
