//! The YAML of a frontmatter, read as the client reads it, with the place of everything.

mod flow;
mod repair;
mod source;
mod tree;

use std::ops::Range;

pub use self::flow::flow;
pub use self::tree::{Node, Value};

use self::source::Source;

/// What is wrong, and at which byte of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    pub at: usize,
    pub message: String,
}

#[derive(Debug)]
pub struct Parsed {
    pub root: Node,
    /// Why it is no YAML as it is written, if the client reads it all the same.
    pub lenient: Option<YamlError>,
}

/// What stands in a range of the text. What is no YAML is read once more, as the client does: with
/// spaces for its tabs, and its values quoted.
///
/// # Errors
/// It is no YAML even so: what is wrong with what is written.
pub fn parse(text: &str, range: Range<usize>) -> Result<Parsed, YamlError> {
    let written = Source::written(text, range);
    let wrong = match tree::parse(&written) {
        Ok(root) => {
            return Ok(Parsed {
                root,
                lenient: None,
            });
        }
        Err(wrong) => wrong,
    };
    let spaced = repair::without_tabs(&written);
    let quoted = repair::quoted(&spaced);
    match tree::parse(&quoted) {
        Ok(root) => Ok(Parsed {
            root,
            // Every version reads tabs.
            lenient: (quoted.text != spaced.text).then_some(wrong),
        }),
        Err(_) => Err(wrong),
    }
}
