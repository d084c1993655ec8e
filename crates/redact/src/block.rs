//! Values that do not stand behind the sign: in the lines below it, in a list, or beside a name in
//! a pair, as in `name: DB_PASSWORD` and `value: …`.

use super::bytes::{ends_with_word, has_word, is_base64, is_blank, run, starts_word, walked};
use super::kind::Kind;
use super::mark::{MARK, Secret};
use super::opening::value_start;
use super::value::{
    bare_end, is_mixed, is_quote, is_secret_bare, is_secret_placed, is_secret_quoted,
};

/// Longer than a key of 4096 bits; lines beyond it are of another text.
const MAX_BLOCK_BYTES: usize = 4096;
const MAX_LIST_BYTES: usize = 1024;
/// Between the name and the value of a pair.
const MAX_PAIR_BYTES: usize = 160;
/// From `kind: Secret` to its data.
const MAX_MANIFEST_BYTES: usize = 512;

/// A line below another, in bytes of the text.
struct Line {
    start: usize,
    end: usize,
    indent: usize,
}

/// The value of a name that has none on its own line, which ends at `at`: a block of YAML, the
/// items of a list, or the one word of the next line.
pub(super) fn below(text: &[u8], name: &[u8], at: usize, kind: Kind) -> Option<Secret> {
    let marker = run(text, at, |byte| {
        matches!(byte, b'|' | b'>' | b'+' | b'-') || byte.is_ascii_digit()
    });
    let is_block = marker > 0 && matches!(text[at], b'|' | b'>');
    let end = at + if is_block { marker } else { 0 };
    let end = end + run(text, end, |byte| is_blank(byte) || byte == b'\r');
    if text.get(end) != Some(&b'\n') {
        return None;
    }
    let indent = indent_of(name)?;
    let lines = lines_below(text, end + 1, indent);
    let (first, last) = (lines.first()?, lines.last()?);
    let secret = Secret {
        start: first.start,
        end: last.end,
        kind: kind.text(),
    };
    let values = || lines.iter().map(|line| &text[line.start..line.end]);
    if text[first.start..].starts_with(MARK.as_bytes()) {
        return None;
    }
    if is_block {
        let bytes: usize = values().map(<[u8]>::len).sum();
        return (bytes >= 4 && first.indent > indent).then_some(secret);
    }
    let is_item =
        |line: &&Line| line.indent == first.indent && text[line.start..].starts_with(b"- ");
    let items = lines.iter().take_while(is_item).count();
    if items > 0 {
        let end = lines[items - 1].end;
        let items = || {
            values()
                .take(items)
                .map(|line| unquoted(line.get(2..).unwrap_or_default().trim_ascii()))
        };
        let is_list = items().all(is_word) && items().any(|item| is_opaque(item, kind));
        let start = first.start + 2;
        let is_marked = text[start..].starts_with(MARK.as_bytes());
        return (is_list && !is_marked).then_some(Secret {
            start,
            end,
            ..secret
        });
    }
    let value = unquoted(&text[first.start..first.end]);
    let is_alone = lines.len() == 1 && is_word(value) && value.last() != Some(&b':');
    let is_deeper = first.indent > indent;
    let is_secret = is_opaque(value, kind)
        || is_deeper && kind == Kind::Password && is_secret_placed(value, kind);
    (is_alone && is_secret).then_some(secret)
}

/// The blanks at the start of the line that ends with this name.
fn indent_of(name: &[u8]) -> Option<usize> {
    let from = name.len().saturating_sub(MAX_LIST_BYTES);
    let line = name[from..].rsplit(|byte| *byte == b'\n').next()?;
    Some(run(line, 0, is_blank))
}

/// The lines from `at` on that are deeper than a name, or its list; where the first is neither, it
/// alone.
fn lines_below(text: &[u8], at: usize, indent: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let window = &text[..text.len().min(at + MAX_BLOCK_BYTES)];
    let mut at = at;
    while at < window.len() {
        let length = run(window, at, |byte| byte != b'\n');
        let blanks = run(&window[..at + length], at, is_blank);
        let line = Line {
            start: at + blanks,
            end: at + window[at..at + length].trim_ascii_end().len().max(blanks),
            indent: blanks,
        };
        at += length + 1;
        if line.start == line.end {
            continue;
        }
        let is_item = line.indent == indent && text[line.start..].starts_with(b"- ");
        let is_below = line.indent > indent || is_item;
        if !is_below && !lines.is_empty() {
            break;
        }
        lines.push(line);
        if !is_below {
            break;
        }
    }
    lines
}

/// The items of `["…", "…"]`.
pub(super) fn list_at(text: &[u8], bracket: usize, kind: Kind) -> Option<Secret> {
    let start = bracket + 1;
    if text[bracket..].starts_with(MARK.as_bytes()) || text[start..].starts_with(MARK.as_bytes()) {
        return None;
    }
    let window = &text[..text.len().min(start + MAX_LIST_BYTES)];
    let end = start + run(window, start, |byte| !matches!(byte, b']' | b'[' | b'{'));
    if window.get(end) != Some(&b']') {
        return None;
    }
    let mut items = text[start..end].split(|byte| *byte == b',');
    let is_secret = items.any(|item| {
        let item = item.trim_ascii();
        let item = match item {
            [b'\\', inner @ .., b'\\', _] => inner,
            item => item,
        };
        let inner = unquoted(item);
        inner.len() < item.len() && is_opaque(inner, kind)
    });
    is_secret.then_some(Secret {
        start,
        end,
        kind: kind.text(),
    })
}

/// The value of a pair whose name was given before: `{"name": "API_KEY", "value": "…"}`, in YAML
/// and in XML as well.
pub(super) fn paired_at(text: &[u8], name: &[u8], sign: usize) -> Option<Secret> {
    if !ends_with_word(name, "value") {
        return None;
    }
    let from = name.len().saturating_sub(MAX_PAIR_BYTES);
    let before = &name[from..name.len() - "value".len()];
    let before = &before[before
        .iter()
        .rposition(|byte| *byte == b'}')
        .map_or(0, |at| at + 1)..];
    let is_label = |at: &usize| {
        let is_word = starts_word(before, *at) && (*at == 0 || !b"_-.".contains(&before[*at - 1]));
        is_word && (has_word(before, *at, "name") || has_word(before, *at, "key"))
    };
    let label = (0..before.len()).rev().filter(is_label).find(|at| {
        let end = at + run(before, *at, |byte| byte.is_ascii_alphabetic());
        matches!(
            before.get(end),
            Some(b'"' | b'\'' | b':' | b'=' | b'\\' | b' ')
        )
    })?;
    let end = label + run(before, label, |byte| byte.is_ascii_alphabetic());
    let of_name = end
        + run(before, end, |byte| {
            is_blank(byte) || is_quote(byte) || matches!(byte, b':' | b'=' | b'\\')
        });
    let named = run(before, of_name, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
    });
    let kind = Kind::of(&before[of_name..of_name + named])?;
    let rest = &before[of_name + named..];
    let is_pair = run(rest, 0, |byte| {
        byte.is_ascii_whitespace() || is_quote(byte) || matches!(byte, b',' | b'\\' | b'-')
    }) == rest.len();
    let opening = value_start(text, sign)?;
    let end = opening
        .quoted_end(text)
        .unwrap_or_else(|| bare_end(text, opening.at));
    let value = &text[opening.at..end];
    (is_pair && is_secret_placed(value, kind)).then_some(Secret {
        start: opening.at,
        end,
        kind: kind.text(),
    })
}

/// The default of a variable of Terraform: `variable "db_password" { default = "…" }`.
pub(super) fn defaulted_at(text: &[u8], name: &[u8], sign: usize) -> Option<Secret> {
    if !ends_with_word(name, "default") {
        return None;
    }
    let label = b"variable \"";
    let before = &name[name.len().saturating_sub(MAX_PAIR_BYTES)..];
    walked(before.len());
    let at = before
        .windows(label.len())
        .rposition(|bytes| bytes == label)?;
    let of_name = &before[at + label.len()..];
    let named = &of_name[..run(of_name, 0, |byte| !is_quote(byte))];
    let opening = value_start(text, sign)?;
    let end = opening.quoted_end(text)?;
    let kind = Kind::of_numbered(named)?;
    is_secret_quoted(&text[opening.at..end], kind).then_some(Secret {
        start: opening.at,
        end,
        kind: kind.text(),
    })
}

/// What stands under `data` in a manifest of Kubernetes with `kind: Secret`.
pub(super) fn manifest_at(text: &[u8], name: &[u8], sign: usize) -> Option<Secret> {
    let is_data = ends_with_word(name, "data") || ends_with_word(name, "stringData");
    if !is_data || text.get(sign + 1) != Some(&b'\n') {
        return None;
    }
    let from = name.len().saturating_sub(MAX_MANIFEST_BYTES);
    let kind = b"kind: Secret";
    let is_secret = name[from..].windows(kind.len()).any(|bytes| bytes == kind);
    let indent = indent_of(name)?;
    let lines = lines_below(text, sign + 2, indent);
    let (first, last) = (lines.first()?, lines.last()?);
    let is_marked = text[first.start..].starts_with(MARK.as_bytes());
    (is_secret && first.indent > indent && !is_marked).then_some(Secret {
        start: first.start,
        end: last.end,
        kind: "secret",
    })
}

fn is_opaque(value: &[u8], kind: Kind) -> bool {
    let is_whole = value.iter().all(|byte| is_base64(*byte)) && is_mixed(value);
    is_secret_bare(value, kind, false) || is_whole && is_secret_quoted(value, kind)
}

/// One word, whatever it is of: no map and no sentence.
fn is_word(value: &[u8]) -> bool {
    !value.is_empty() && !value.iter().any(|byte| is_blank(*byte))
}

fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [first, inner @ .., last] if first == last && is_quote(*first) => inner,
        value => value,
    }
}
