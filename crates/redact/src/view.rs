//! What a reader makes of a text: without signs that nobody sees, and with what was escaped for a
//! page, an address or a string in a string as it was before. Secrets are looked for in the view,
//! and marked in the text.

use super::mark::Secret;

/// A string in a string in a string in an address.
const MAX_LEVELS: usize = 4;
/// Colours and titles for a terminal are shorter.
const MAX_SEQUENCE_BYTES: usize = 64;
/// The longest of `&#x0000022;`.
const MAX_ENTITY_BYTES: usize = 12;

/// The bytes that a reader has, each with where in the text it stands.
pub(super) struct View {
    pub(super) text: Vec<u8>,
    places: Vec<(u32, u32)>,
}

/// What some bytes of a text stand for.
enum Unit {
    Hidden,
    Byte(u8),
    Char(char),
}

/// The views of a text, from what is nearest to it; none where it says what it is.
pub(super) fn views(text: &str) -> Vec<View> {
    let mut views: Vec<View> = Vec::new();
    // Beyond this no place fits; no text that comes in is nearly as long.
    if u32::try_from(text.len()).is_err() {
        return views;
    }
    while views.len() < MAX_LEVELS {
        let next = match views.last() {
            None => View::of(text.as_bytes(), |start, end| (start as u32, end as u32)),
            Some(last) => View::of(&last.text, |start, end| {
                (last.places[start].0, last.places[end - 1].1)
            }),
        };
        let Some(next) = next else { break };
        views.push(next);
    }
    views
}

impl View {
    /// `None` where every byte stands for itself.
    fn of(text: &[u8], place: impl Fn(usize, usize) -> (u32, u32)) -> Option<Self> {
        let mut may_be = (0..text.len()).filter(|at| OTHERS[usize::from(text[*at])]);
        let first = may_be.find(|at| unit_at(text, *at).is_some())?;
        let mut view = Self {
            text: Vec::with_capacity(text.len()),
            places: Vec::with_capacity(text.len()),
        };
        let mut at = 0;
        while at < text.len() {
            let may_be = at >= first && OTHERS[usize::from(text[at])];
            let unit = if may_be { unit_at(text, at) } else { None };
            let Some((length, unit)) = unit else {
                view.push(&text[at..=at], place(at, at + 1));
                at += 1;
                continue;
            };
            let place = place(at, at + length);
            match unit {
                Unit::Hidden => {}
                Unit::Byte(byte) => view.push(&[byte], place),
                Unit::Char(char) => view.push(char.encode_utf8(&mut [0; 4]).as_bytes(), place),
            }
            at += length;
        }
        Some(view)
    }

    fn push(&mut self, bytes: &[u8], place: (u32, u32)) {
        self.text.extend_from_slice(bytes);
        self.places.extend(bytes.iter().map(|_| place));
    }

    /// Where in the text a secret of the view lies, in whole characters.
    pub(super) fn in_text(&self, secret: &Secret, text: &str) -> Secret {
        let mut start = self.places[secret.start].0 as usize;
        let mut end = self.places[secret.end - 1].1 as usize;
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        Secret {
            start,
            end,
            kind: secret.kind,
        }
    }
}

static OTHERS: [bool; 256] = {
    let mut others = [false; 256];
    let mut byte = 0;
    while byte < others.len() {
        others[byte] = may_stand_for_other(byte as u8);
        byte += 1;
    }
    others
};

/// Whether a byte is the first of what a view may show as another.
pub(super) const fn may_stand_for_other(byte: u8) -> bool {
    matches!(
        byte,
        b'\\' | b'%' | b'&' | 0xc2 | 0xcd | 0xd8 | 0xe1 | 0xe2 | 0xe3 | 0xef
    ) || is_control(byte)
}

/// How many bytes at `at` stand for something else, and for what.
fn unit_at(text: &[u8], at: usize) -> Option<(usize, Unit)> {
    let rest = &text[at..];
    match rest[0] {
        b'\\' => escaped(rest),
        b'%' => Some((3, Unit::Byte(hex(rest.get(1..3)?)? as u8))),
        b'&' => entity(rest),
        0x1b => Some((sequence(rest), Unit::Hidden)),
        byte if is_control(byte) => Some((1, Unit::Hidden)),
        0xc2.. => of_char(rest),
        _ => None,
    }
}

/// Controls that move no cursor and end no line.
const fn is_control(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r') || byte == 0x7f
}

/// The length of a sequence for a terminal.
fn sequence(rest: &[u8]) -> usize {
    let window = &rest[..rest.len().min(MAX_SEQUENCE_BYTES)];
    let is_end: fn(&u8) -> bool = match window.get(1) {
        Some(b'[') => |byte| matches!(byte, b'@'..=b'~'),
        Some(b']') => |byte| matches!(byte, 0x07 | b'\\'),
        Some(0x20..=0x7e) => return 2,
        _ => return 1,
    };
    let end = window.iter().skip(2).position(is_end);
    end.map_or(2, |end| end + 3)
}

/// As strings of JSON, of C and of shells write what they cannot hold.
fn escaped(rest: &[u8]) -> Option<(usize, Unit)> {
    let byte = |byte| Some((2, Unit::Byte(byte)));
    let next = *rest.get(1)?;
    match next {
        b'n' => byte(b'\n'),
        b'r' => byte(b'\r'),
        b't' => byte(b'\t'),
        b'e' => byte(0x1b),
        b'"' | b'\'' | b'/' | b'\\' | b'`' => byte(next),
        b'0' if rest[2..].starts_with(b"33") => Some((4, Unit::Byte(0x1b))),
        b'x' => Some((4, Unit::Byte(hex(rest.get(2..4)?)? as u8))),
        b'u' if rest.get(2) == Some(&b'{') => {
            let window = &rest[..rest.len().min(MAX_ENTITY_BYTES)];
            let end = window.iter().position(|byte| *byte == b'}')?;
            Some((end + 1, Unit::Char(char::from_u32(hex(&rest[3..end])?)?)))
        }
        b'u' => Some((6, Unit::Char(char::from_u32(hex(rest.get(2..6)?)?)?))),
        _ => None,
    }
}

fn entity(rest: &[u8]) -> Option<(usize, Unit)> {
    let window = &rest[..rest.len().min(MAX_ENTITY_BYTES)];
    let end = window.iter().position(|byte| *byte == b';')?;
    let char = match &rest[1..end] {
        b"quot" => '"',
        b"apos" => '\'',
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"nbsp" => ' ',
        b"equals" => '=',
        b"colon" => ':',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(hex(digits)?)?,
        [b'#', digits @ ..] => {
            let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
            char::from_u32(number)?
        }
        _ => return None,
    };
    Some((end + 1, Unit::Char(char)))
}

/// Blanks that are no space, letters of full width, and what has no width at all.
fn of_char(rest: &[u8]) -> Option<(usize, Unit)> {
    let window = &rest[..rest.len().min(4)];
    let length = match window[0] {
        0xc2..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    let char = std::str::from_utf8(window.get(..length)?)
        .ok()?
        .chars()
        .next()?;
    let unit = match char {
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' => Unit::Hidden,
        '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' => Unit::Hidden,
        '\u{fe00}'..='\u{fe0f}' => Unit::Hidden,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            Unit::Byte(b' ')
        }
        '\u{ff01}'..='\u{ff5e}' => Unit::Byte((char as u32 - 0xff01) as u8 + b'!'),
        '\u{2018}' | '\u{2019}' => Unit::Byte(b'\''),
        '\u{201c}' | '\u{201d}' => Unit::Byte(b'"'),
        _ => return None,
    };
    Some((length, unit))
}

fn hex(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok())?
}
