//! Two tools as one member, `A|B`. A name that holds the separator itself is escaped, so that every
//! pair is read as it was written.

pub(super) fn write(first: &str, second: &str) -> String {
    format!("{}|{}", escaped(first), escaped(second))
}

/// Returns `None` for a text that no pair is written as.
pub(super) fn read(text: &str) -> Option<(String, String)> {
    let mut names = [String::new(), String::new()];
    let mut place = 0;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '|' => place += 1,
            '\\' => names.get_mut(place)?.push(chars.next()?),
            _ => names.get_mut(place)?.push(c),
        }
    }
    let [first, second] = names;
    (place == 1).then_some((first, second))
}

fn escaped(name: &str) -> String {
    name.replace('\\', r"\\").replace('|', r"\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_read_as_it_was_written() {
        assert_eq!(write("Bash", "Read"), "Bash|Read");
        for (first, second) in [("a", "b"), ("a|b", "c"), ("a", "b|c"), (r"a\", r"|\b")] {
            let text = write(first, second);
            assert_eq!(read(&text), Some((first.to_owned(), second.to_owned())));
        }
        for text in ["a", "a|b|c", r"a|b\"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
