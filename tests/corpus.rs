//! Planted secrets and their look-alikes, read from the files in `data/`. The secrets are put
//! together here, so that no file holds one.

use std::collections::BTreeSet;

const PLANTED: &str = include_str!("data/planted_secrets.tsv");
const LOOK_ALIKES: &str = include_str!("data/look_alikes.txt");

#[derive(Clone, Debug)]
pub struct Planted {
    pub kind: &'static str,
    /// The name it stands alone under; else it stands in a sentence.
    pub key: Option<&'static str>,
    pub text: String,
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
    text.replace("\\n", "\n").replace("\\\\", "\\")
}

fn assemble(n: u64, line: &'static str) -> Planted {
    let mut fields = line.split('\t');
    let mut field = || fields.next().expect("three fields");
    let (kind, place, form) = (field(), field(), field());
    let form = unescaped(&form.replace('|', ""));
    let mut random = Random(n.wrapping_mul(0xD134_2543_DE82_EF95));
    let (mut text, mut core, mut rest) = (String::new(), None, form.as_str());
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
    Planted {
        kind,
        key: place.strip_prefix("key "),
        text,
        core: core.expect("a brace"),
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
            text[2 + 2 * n] = *byte;
        }
        String::from_utf8(text).expect("ASCII")
    }
}

#[test]
fn there_are_enough_of_either() {
    assert!(planted().len() >= 80 && look_alikes().len() >= 80);
    assert!(planted().iter().all(|one| one.core.len() >= 8));
}
