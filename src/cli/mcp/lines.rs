//! Lines of a stream, none of which is kept beyond its bound.

use std::io::{self, BufRead};

#[derive(Debug, PartialEq)]
pub enum Line {
    Whole(Vec<u8>),
    /// It was skipped.
    TooLong,
}

/// The next line without its end; None at the end of the stream. The last one may lack its end.
///
/// # Errors
/// The stream cannot be read.
pub fn next(from: &mut impl BufRead, max_bytes: usize) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let (mut is_begun, mut is_too_long) = (false, false);
    loop {
        let buffer = match from.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            buffer => buffer?,
        };
        if buffer.is_empty() {
            break;
        }
        is_begun = true;
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        if line.len() + part.len() > max_bytes {
            is_too_long = true;
            line = Vec::new();
        }
        if !is_too_long {
            line.extend_from_slice(part);
        }
        let read = part.len() + usize::from(end.is_some());
        from.consume(read);
        if end.is_some() {
            break;
        }
    }
    Ok(is_begun.then_some(match is_too_long {
        true => Line::TooLong,
        false => Line::Whole(line),
    }))
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_skipped_to_its_end() {
        let text = b"ab\n\nabcdefghij\nabcdef\nx";
        let mut stream = BufReader::with_capacity(3, &text[..]);
        let mut next = || super::next(&mut stream, 6).expect("memory is read");
        let whole = |text: &str| Some(Line::Whole(text.into()));
        assert_eq!(next(), whole("ab"));
        assert_eq!(next(), whole(""));
        assert_eq!(next(), Some(Line::TooLong));
        assert_eq!(next(), whole("abcdef"));
        assert_eq!(next(), whole("x"));
        assert_eq!(next(), None);
    }
}
