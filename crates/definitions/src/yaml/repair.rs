//! What the client makes of a frontmatter that is no YAML.

use super::source::Source;

const MEANINGFUL: [char; 13] = [
    '{', '}', '[', ']', '*', '&', '#', '!', '|', '>', '%', '@', '`',
];

type Line = [(char, usize)];

/// A tab is two spaces.
pub fn without_tabs(written: &Source) -> Source {
    let mut source = Source::empty();
    for (c, origin) in written.chars() {
        match c {
            '\t' => "  ".chars().for_each(|space| source.push(space, origin)),
            _ => source.push(c, origin),
        }
    }
    source.end(written.end_origin());
    source
}

/// A plain value that stands on one line with its key is quoted, if it has a character with a
/// meaning in YAML.
pub fn quoted(written: &Source) -> Source {
    let chars: Vec<(char, usize)> = written.chars().collect();
    let mut source = Source::empty();
    for line in chars.split_inclusive(|(c, _)| *c == '\n') {
        match value_start(line) {
            Some(start) => push_quoted(line, start, &mut source),
            None => push_all(line, &mut source),
        }
    }
    source.end(written.end_origin());
    source
}

fn push_all(chars: &Line, to: &mut Source) {
    for &(c, origin) in chars {
        to.push(c, origin);
    }
}

fn push_quoted(line: &Line, start: usize, to: &mut Source) {
    let end = end(line);
    push_all(&line[..start], to);
    to.push('"', line[start].1);
    for &(c, origin) in &line[start..end] {
        if matches!(c, '"' | '\\') {
            to.push('\\', origin);
        }
        to.push(c, origin);
    }
    to.push('"', line[end - 1].1);
    push_all(&line[end..], to);
}

/// Without its line break.
fn end(line: &Line) -> usize {
    let is_break = |(c, _): &(char, usize)| matches!(c, '\r' | '\n');
    line.iter()
        .rposition(|one| !is_break(one))
        .map_or(0, |last| last + 1)
}

/// Where the value begins that is to be quoted.
fn value_start(line: &Line) -> Option<usize> {
    let line = &line[..end(line)];
    let is_of_key = |(c, _): &(char, usize)| c.is_ascii_alphabetic() || matches!(c, '-' | '_');
    let key = line.iter().take_while(|one| is_of_key(one)).count();
    let after = line[key..].iter().map(|(c, _)| *c);
    let mut after = after.enumerate();
    let has_colon = key > 0 && after.next()?.1 == ':';
    let start = key + after.find(|(_, c)| !c.is_whitespace())?.0;
    // The white space behind the colon.
    if !has_colon || start == key + 1 {
        return None;
    }
    let value: String = line[start..].iter().map(|(c, _)| *c).collect();
    let is_within = |quote| value.starts_with(quote) && value.ends_with(quote);
    let is_meaningful = value.contains(MEANINGFUL) || value.contains(": ");
    (is_meaningful && !is_within('"') && !is_within('\'')).then_some(start)
}
