//! Planted secrets and their look-alikes, read from the files in `data/`. The secrets are put
//! together here, so that no file holds one.

use std::collections::BTreeSet;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const PLANTED: &str = include_str!("../data/planted_secrets.tsv");
const LOOK_ALIKES: &str = include_str!("../data/look_alikes.txt");

#[derive(Clone, Debug)]
pub struct Planted {
    pub kind: &'static str,
    /// The name it stands alone under; else it stands in a sentence.
    pub key: Option<String>,
    pub text: String,
    /// Whether it stands on lines of its own.
    pub is_lines: bool,
    /// The part that nobody may see again; no other secret has it.
    pub core: String,
}

pub fn planted() -> Vec<Planted> {
    let lines = PLANTED.lines().filter(|line| !line.starts_with('#'));
    let all: Vec<Planted> = (1..)
        .zip(lines)
        .map(|(n, line)| assemble(n, line))
        .collect();
    let cores: BTreeSet<&str> = all.iter().map(|one| one.core.as_str()).collect();
    assert_eq!(cores.len(), all.len(), "every core is another");
    all
}

/// What looks like a secret, or like something else that is taken out, and is none.
pub fn look_alikes() -> Vec<String> {
    LOOK_ALIKES.lines().map(unescaped).collect()
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let (length, char) = match rest.as_bytes().get(at + 1) {
            Some(b'n') => (2, '\n'),
            Some(b't') => (2, '\t'),
            Some(b'\\') => (2, '\\'),
            Some(b'u') => {
                let digits = &rest[at + 2..at + 6];
                let code = u32::from_str_radix(digits, 16).expect("four digits");
                (6, char::from_u32(code).expect("a character"))
            }
            _ => (1, '\\'),
        };
        plain.push(char);
        rest = &rest[at + length..];
    }
    plain + rest
}

/// A planted secret of a line with a kind, a place and a form, and how it is encoded.
pub fn assemble(n: u64, line: &'static str) -> Planted {
    let mut fields = line.split('\t');
    let mut field = || fields.next().expect("three fields");
    let (kind, place, form) = (field(), field(), field());
    let (mut text, mut core) = filled(n, &unescaped(&form.replace('|', "")));
    for encoding in fields.next().into_iter().flat_map(|all| all.split(' ')) {
        text = encoded(&text, encoding);
        // What stands at either end may be of what is around the secret.
        if encoding == "base64" {
            core = text[12..text.len() - 4].to_owned();
        }
    }
    Planted {
        kind,
        key: place.strip_prefix("key ").map(unescaped),
        text,
        is_lines: place == "lines",
        core,
    }
}

impl Planted {
    /// In the middle of another text.
    pub fn said(&self) -> String {
        match self.is_lines {
            true => format!("it said\n{}\nand stopped", self.text),
            false => format!("it said {} and stopped", self.text),
        }
    }
}

/// The form with its braces filled in, and what the first was filled with.
fn filled(n: u64, form: &str) -> (String, String) {
    let mut random = Random(n.wrapping_mul(0xD134_2543_DE82_EF95));
    let (mut text, mut core, mut rest) = (String::new(), None, form);
    while let Some(at) = next_brace(rest) {
        let end = at + rest[at..].find('}').expect("a closing brace");
        let (class, count) = rest[at + 1..end].split_at(1);
        let made = random.text(class, count.parse().expect("a number"));
        text.push_str(&rest[..at]);
        text.push_str(&made);
        core.get_or_insert(made);
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    (text, core.expect("a brace"))
}

fn encoded(text: &str, encoding: &str) -> String {
    let each = |write: fn(&mut String, u8)| {
        let mut all = String::new();
        for char in text.chars() {
            match char.is_ascii_alphanumeric() || !char.is_ascii() {
                true => all.push(char),
                false => write(&mut all, char as u8),
            }
        }
        all
    };
    match encoding {
        "base64" => STANDARD.encode(text),
        "percent" => each(|all, byte| write!(all, "%{byte:02X}").expect("a string")),
        "unicode" => each(|all, byte| write!(all, "\\u{byte:04x}").expect("a string")),
        "entities" => each(|all, byte| match byte {
            b'"' => all.push_str("&quot;"),
            b'<' => all.push_str("&lt;"),
            b'>' => all.push_str("&gt;"),
            b'\'' | b'=' => write!(all, "&#{byte};").expect("a string"),
            b':' => write!(all, "&#x{byte:x};").expect("a string"),
            other => all.push(other as char),
        }),
        "json" => {
            let quoted = serde_json::Value::from(text).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        }
        other => panic!("{other} is no encoding"),
    }
}

/// JSON has braces of its own.
fn next_brace(text: &str) -> Option<usize> {
    let mut braces = text.match_indices('{').map(|(at, _)| at);
    braces.find(|at| is_ours(&text[*at..]))
}

fn is_ours(text: &str) -> bool {
    text.as_bytes()
        .get(1)
        .is_some_and(|class| b"ahUwdb".contains(class))
        && text.as_bytes().get(2).is_some_and(u8::is_ascii_digit)
}

/// Splitmix64: the same secrets in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// What is made of letters has a digit and a capital, as random characters nearly always do.
    fn text(&mut self, class: &str, count: usize) -> String {
        let (alphabet, needs): (&[u8], &[u8]) = match class {
            "h" => (b"0123456789abcdef", b""),
            "U" => (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", b"7"),
            "w" => (b"abcdefghijklmnopqrstuvwxyz", b""),
            "d" => (b"0123456789", b""),
            "b" => (b"ABCDEFGHIJKLMabcdefghijklmnop0123456789+/", b"7Q"),
            _ => (
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                b"7Q",
            ),
        };
        let mut text: Vec<u8> = (0..count)
            .map(|_| alphabet[(self.next() % alphabet.len() as u64) as usize])
            .collect();
        for (n, byte) in needs.iter().enumerate() {
            if let Some(place) = text.get_mut(2 + 2 * n) {
                *place = *byte;
            }
        }
        String::from_utf8(text).expect("ASCII")
    }
}

#[test]
fn there_are_enough_of_either() {
    assert!(planted().len() >= 220 && look_alikes().len() >= 200);
    assert!(planted().iter().all(|one| one.core.len() >= 8));
}
