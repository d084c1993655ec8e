//! The configuration of the private server: the file, and the settings that a server must have.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A path between the double quotes of a configuration. Every byte comes through, also one that is
/// not UTF-8; braces in it are not taken for those of the template.
pub fn quoted(path: &Path) -> String {
    let mut quoted = String::new();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b'{' | b'}' => _ = write!(quoted, "\\x{byte:02x}"),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => _ = write!(quoted, "\\x{byte:02x}"),
        }
    }
    quoted
}

/// A setting with the value that it must have.
pub type Setting<'a> = (&'static str, &'a OsStr);

/// The answer of CONFIG GET, name by name; None as long as it is incomplete.
pub fn settings(reply: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let (count, mut rest) = number(reply.strip_prefix(b"*")?)?;
    let mut texts = Vec::new();
    for _ in 0..count {
        let (length, text) = number(rest.strip_prefix(b"$")?)?;
        let (text, behind) = text.split_at_checked(length)?;
        rest = behind.strip_prefix(b"\r\n")?;
        texts.push(text);
    }
    let pairs = texts.chunks_exact(2);
    Some(pairs.map(|pair| (pair[0], pair[1])).collect())
}

/// A number, and what follows its line.
fn number(reply: &[u8]) -> Option<(usize, &[u8])> {
    let end = reply.windows(2).position(|two| two == b"\r\n")?;
    let number = str::from_utf8(&reply[..end]).ok()?.parse().ok()?;
    Some((number, &reply[end + 2..]))
}

/// The first setting that differs on the server, in words. A server that was built without TLS has
/// no `tls-port`.
pub fn difference(wanted: &[Setting], found: &[(&[u8], &[u8])]) -> Option<String> {
    wanted.iter().find_map(|(name, wanted)| {
        let value = found.iter().find(|(found, _)| *found == name.as_bytes());
        match value {
            Some((_, value)) if *value == wanted.as_bytes() => None,
            Some((_, value)) => {
                let value = String::from_utf8_lossy(value);
                Some(format!("{name} is {value:?}, not {wanted:?}"))
            }
            None if *name == "tls-port" => None,
            None => Some(format!("it does not report its {name}")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_path_is_quoted() {
        for (path, expect) in [
            (b"/a b/[1]*?".as_slice(), "/a b/[1]*?"),
            (b"/\"q\"\\", r#"/\"q\"\\"#),
            (b"/{dir}\n\xff", r"/\x7bdir\x7d\x0a\xff"),
        ] {
            assert_eq!(quoted(Path::new(OsStr::from_bytes(path))), expect);
        }
    }

    #[test]
    fn settings_are_read_when_they_are_whole_and_compared() {
        let reply = b"*4\r\n$4\r\nport\r\n$4\r\n6379\r\n$3\r\ndir\r\n$4\r\na\r\nb\r\n";
        for end in 0..reply.len() {
            assert_eq!(settings(&reply[..end]), None, "{end}");
        }
        let found = settings(reply).unwrap();
        let want = |name, value: &'static str| [(name, OsStr::new(value))];
        assert_eq!(difference(&want("dir", "a\r\nb"), &found), None);
        assert_eq!(difference(&want("tls-port", "0"), &found), None);
        assert_eq!(
            difference(&want("port", "0"), &found).unwrap(),
            "port is \"6379\", not \"0\""
        );
        assert!(difference(&want("maxmemory", "1"), &found).is_some());
    }
}
