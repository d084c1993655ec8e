//! Finds the members of a JSON object that may be megabytes long, or torn, or no JSON at all.
//!
//! A parser would build all of it, or reject all of it for its last byte. This scans one level,
//! skips the values by their brackets and quotes, and leaves the reading of the few values that are
//! kept to [`crate::value`]. It works on bytes: an invalid character, in the middle of a tool's
//! output, hides nothing of what comes after it.

/// A payload has about twenty members; one made of nothing but members is not a payload.
const MEMBERS_MAX: usize = 1024;

pub struct Object<'a> {
    members: Vec<Member<'a>>,
    /// Whether the text is one object from end to end, every value of it whole.
    pub whole: bool,
}

/// One member as written: escapes of the key are not resolved, since no key that is kept has any.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    key: &'a [u8],
    pub value: &'a [u8],
    /// Whether the value ends where it ends because it is complete, not because the text is.
    pub whole: bool,
}

impl<'a> Object<'a> {
    /// The last member of this name, as a parser would have it.
    pub fn member(&self, key: &str) -> Option<Member<'a>> {
        self.members
            .iter()
            .rev()
            .find(|member| member.key == key.as_bytes())
            .copied()
    }
}

/// Reads the members of the object at the start of `text`, as far as it goes.
pub fn object(text: &[u8]) -> Object<'_> {
    let mut members = Vec::new();
    let whole = collect(text, &mut members).is_some();
    Object { members, whole }
}

/// The items of a whole list, as written; None for anything else, and for more than `max`.
pub fn items(text: &[u8], max: usize) -> Option<Vec<&[u8]>> {
    let mut items = Vec::new();
    let mut rest = after(text.trim_ascii_start(), b'[')?;
    if after(rest, b']').is_some() {
        return Some(items);
    }
    while items.len() < max {
        let (item, after_item) = rest.split_at(value_end(rest)?);
        items.push(item);
        let after_item = after_item.trim_ascii_start();
        match after(after_item, b']') {
            Some(_) => return Some(items),
            None => rest = after(after_item, b',')?,
        }
    }
    None
}

/// None when the text stops being an object before its end.
fn collect<'a>(text: &'a [u8], members: &mut Vec<Member<'a>>) -> Option<()> {
    let mut rest = after(text.trim_ascii_start(), b'{')?;
    if let Some(end) = after(rest, b'}') {
        return end.is_empty().then_some(());
    }
    while members.len() < MEMBERS_MAX {
        let (key, after_key) = rest.split_at(string_end(rest)?);
        let value_at = after(after_key.trim_ascii_start(), b':')?;
        let end = value_end(value_at);
        let (value, after_value) = value_at.split_at(end.unwrap_or(value_at.len()));
        members.push(Member {
            key: &key[1..key.len() - 1],
            value,
            whole: end.is_some(),
        });
        end?;
        let after_value = after_value.trim_ascii_start();
        match after(after_value, b'}') {
            Some(end) => return end.is_empty().then_some(()),
            None => rest = after(after_value, b',')?,
        }
    }
    None
}

/// What follows `mark`, and the white space behind it, where `text` begins with it.
fn after(text: &[u8], mark: u8) -> Option<&[u8]> {
    match text.split_first() {
        Some((&first, rest)) if first == mark => Some(rest.trim_ascii_start()),
        _ => None,
    }
}

/// Where the value at the start of `text` ends; None when the text ends first.
fn value_end(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'"' => string_end(text),
        b'{' | b'[' => nested_end(text),
        _ => text
            .iter()
            .position(|byte| b",}] \t\n\r".contains(byte))
            .filter(|&end| end > 0),
    }
}

/// Where the object or array at the start of `text` ends, by its depth alone.
fn nested_end(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => {
                at += string_end(&text[at..])?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Where the string at the start of `text` ends, its closing quote included.
///
/// Byte by byte: looking for the next quote or escape by the block is quicker for plain text, and
/// several times slower for source code, which has one of them every few words.
fn string_end(text: &[u8]) -> Option<usize> {
    if text.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> &str {
        str::from_utf8(bytes).unwrap()
    }

    fn check(input: &str, whole: bool, expect: &[(&str, &str, bool)]) {
        let object = object(input.as_bytes());
        let found: Vec<_> = object
            .members
            .iter()
            .map(|member| (text(member.key), text(member.value), member.whole))
            .collect();
        assert_eq!(found, expect, "{input}");
        assert_eq!(object.whole, whole, "{input}");
    }

    #[test]
    fn whole_objects() {
        check("{}", true, &[]);
        check(" { } \n", true, &[]);
        check(
            r#"{"a": "x", "b":12 ,"c":true}"#,
            true,
            &[
                ("a", r#""x""#, true),
                ("b", "12", true),
                ("c", "true", true),
            ],
        );
        check(
            r#"{"a":{"b":"}","c":[1,{"d":2}]},"e":null}"#,
            true,
            &[
                ("a", r#"{"b":"}","c":[1,{"d":2}]}"#, true),
                ("e", "null", true),
            ],
        );
    }

    #[test]
    fn quotes_inside_of_strings_end_nothing() {
        check(
            r#"{"a":"say \"b\":\"no\"","c":"end\\"}"#,
            true,
            &[
                ("a", r#""say \"b\":\"no\"""#, true),
                ("c", r#""end\\""#, true),
            ],
        );
    }

    #[test]
    fn torn_objects_give_what_came_before_the_tear() {
        check(r#"{"a":"x","b"#, false, &[("a", r#""x""#, true)]);
        check(
            r#"{"a":"x","b":"#,
            false,
            &[("a", r#""x""#, true), ("b", "", false)],
        );
        check(r#"{"a":"x"#, false, &[("a", r#""x"#, false)]);
        check(r#"{"a":12"#, false, &[("a", "12", false)]);
        check(r#"{"a":{"b":"c"}"#, false, &[("a", r#"{"b":"c"}"#, true)]);
        check(
            r#"{"a":{"b":"c","d":"#,
            false,
            &[("a", r#"{"b":"c","d":"#, false)],
        );
        check(r#"{"a":"x\"#, false, &[("a", r#""x\"#, false)]);
    }

    #[test]
    fn a_payload_that_is_no_object_is_not_whole() {
        check("", false, &[]);
        check("not json", false, &[]);
        check("[1,2]", false, &[]);
        check(r#""text""#, false, &[]);
        check(r#"{"a":1} more"#, false, &[("a", "1", true)]);
        check(r#"{"a":1,}"#, false, &[("a", "1", true)]);
        check(r#"{"a":,"b":1}"#, false, &[("a", r#","b":1}"#, false)]);
        check("{} {}", false, &[]);
    }

    #[test]
    fn the_last_of_two_members_of_one_name_counts() {
        assert_eq!(
            object(br#"{"a":1,"a":2}"#)
                .member("a")
                .map(|member| member.value),
            Some(b"2".as_slice())
        );
    }

    #[test]
    fn members_are_bounded() {
        let input = format!("{{{}}}", vec![r#""a":1"#; MEMBERS_MAX + 1].join(","));
        let object = object(input.as_bytes());
        assert_eq!(object.members.len(), MEMBERS_MAX);
        assert!(!object.whole);
    }

    #[test]
    fn a_member_is_found_behind_what_is_no_text() {
        let object = object(b"{\"a\":\"\xff\xc3\",\"b\":1}");
        assert!(object.whole);
        assert_eq!(
            object.member("b").map(|member| member.value),
            Some(b"1".as_slice())
        );
    }
}
