//! Events of the parser as a small tree, within bounds: an alias is what it stands for, and is
//! counted so.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::YamlError;
use super::source::Source;

/// More than a text of 64 KiB holds; what an anchor names and an alias repeats counts again.
const MAX_NODES: usize = 40_000;
/// Of all scalars, those of aliases included.
const MAX_SCALAR_BYTES: usize = 256 * 1024;
const MAX_DEPTH: usize = 64;

#[derive(Clone, Debug)]
pub struct Node {
    /// The byte of the file; the key's, where nothing is written.
    pub at: usize,
    /// Behind it. Of a text in quotes perhaps behind the comment in its line; of a list or a map
    /// without brackets its beginning.
    pub end: usize,
    pub value: Value,
}

/// The same value, wherever it stands.
impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.value == other.value
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// A list or a map that has not ended.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<Node>,
}

struct Builder<'s> {
    source: &'s Source,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
    nodes: usize,
    scalar_bytes: usize,
}

/// The one document, null if there is none.
pub fn parse(source: &Source) -> Result<Node, YamlError> {
    let mut parser = Parser::new_from_str(&source.text);
    let mut builder = Builder {
        source,
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        nodes: 0,
        scalar_bytes: 0,
    };
    let mut documents = 0;
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| builder.scan_error(&error))?;
        let at = source.origin(span.start.index());
        let end = match event {
            // One bracket, whatever follows it; none is where the next thing begins.
            Event::SequenceEnd | Event::MappingEnd if !span.is_empty() => span.start.index() + 1,
            _ => span.end.index(),
        };
        let end = source.origin(end);
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
        }
        if documents > 1 {
            return Err(error(at, "more than one document"));
        }
        builder.take(event, at, end)?;
    }
    let nothing = Node {
        at: source.origin(0),
        end: source.origin(0),
        value: Value::Null,
    };
    Ok(builder.root.unwrap_or(nothing))
}

fn error(at: usize, message: impl Into<String>) -> YamlError {
    let message = message.into();
    YamlError { at, message }
}

impl Builder<'_> {
    fn scan_error(&self, wrong: &ScanError) -> YamlError {
        error(self.source.origin(wrong.marker().index()), wrong.info())
    }

    fn take(&mut self, event: Event<'_>, at: usize, end: usize) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.count(at, 1, text.len())?;
                // Nothing is where the next thing begins: in another line, as a rule.
                let is_written = style != ScalarStyle::Plain || !text.is_empty();
                let key = self.open.last().and_then(|open| open.key.as_ref());
                let place = key.filter(|_| !is_written).map(|key| (key.at, key.end));
                let (at, end) = place.unwrap_or((at, end));
                let value = resolved(&text, style, tag.as_deref());
                self.place(Node { at, end, value }, anchor)?;
            }
            Event::SequenceStart(anchor, _) => self.begin(at, anchor, Value::List(Vec::new()))?,
            Event::MappingStart(anchor, _) => self.begin(at, anchor, Value::Map(Vec::new()))?,
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(mut ended) = self.open.pop() {
                    if end > at {
                        ended.node.end = end;
                    }
                    self.place(ended.node, ended.anchor)?;
                }
            }
            Event::Alias(anchor) => {
                let mut node = self.anchors.get(&anchor).cloned();
                let node = node
                    .take()
                    .ok_or_else(|| error(at, "an alias within its anchor"))?;
                let (nodes, bytes, depth) = size(&node);
                self.count(at, nodes, bytes)?;
                self.check_depth(at, depth)?;
                self.place(Node { at, end, ..node }, 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, at: usize, anchor: usize, value: Value) -> Result<(), YamlError> {
        self.count(at, 1, 0)?;
        self.check_depth(at, 1)?;
        self.open.push(Open {
            node: Node { at, end: at, value },
            anchor,
            key: None,
        });
        Ok(())
    }

    fn check_depth(&self, at: usize, more: usize) -> Result<(), YamlError> {
        if self.open.len() + more > MAX_DEPTH {
            return Err(error(at, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(())
    }

    fn count(&mut self, at: usize, nodes: usize, bytes: usize) -> Result<(), YamlError> {
        self.nodes += nodes;
        self.scalar_bytes += bytes;
        if self.nodes > MAX_NODES {
            return Err(error(
                at,
                format!("more than {MAX_NODES} values, aliases written out"),
            ));
        }
        if self.scalar_bytes > MAX_SCALAR_BYTES {
            let max = MAX_SCALAR_BYTES / 1024;
            return Err(error(
                at,
                format!("more than {max} KiB of text, aliases written out"),
            ));
        }
        Ok(())
    }

    /// Puts a value that is complete where it belongs.
    fn place(&mut self, node: Node, anchor: usize) -> Result<(), YamlError> {
        if anchor > 0 {
            let (nodes, bytes, _) = size(&node);
            self.count(node.at, nodes, bytes)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match open.key.take() {
                Some(key) => entries.push((key, node)),
                None => open.key = Some(node),
            },
            _ => {}
        }
        Ok(())
    }
}

/// How many nodes, how many bytes of scalars, and how deep.
fn size(node: &Node) -> (usize, usize, usize) {
    let all = |inner: &mut dyn Iterator<Item = &Node>| {
        let sizes = inner.map(size);
        let sum = sizes.fold((1, 0, 0), |sum, (nodes, bytes, depth): (_, _, usize)| {
            (sum.0 + nodes, sum.1 + bytes, depth.max(sum.2))
        });
        (sum.0, sum.1, sum.2 + 1)
    };
    match &node.value {
        Value::Text(text) => (1, text.len(), 0),
        Value::List(items) => all(&mut items.iter()),
        Value::Map(entries) => all(&mut entries.iter().flat_map(|(key, value)| [key, value])),
        _ => (1, 0, 0),
    }
}

/// By the core schema of YAML 1.2, where `no` and a date are text.
fn resolved(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if style != ScalarStyle::Plain || is_text {
        return Value::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let is_numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    if !is_numeric {
        return Value::Text(text.to_owned());
    }
    let digits = |prefix, radix| {
        let digits = text.strip_prefix(prefix)?;
        i64::from_str_radix(digits, radix).ok()
    };
    let integer = text.parse().ok();
    let integer = integer
        .or_else(|| digits("0x", 16))
        .or_else(|| digits("0o", 8));
    match (integer, text.parse()) {
        (Some(integer), _) => Value::Integer(integer),
        (None, Ok(float)) if text.ends_with(|c: char| c.is_ascii_digit() || c == '.') => {
            Value::Float(float)
        }
        _ => Value::Text(text.to_owned()),
    }
}
