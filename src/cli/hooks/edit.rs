//! Puts our hooks into settings and takes them out again, as cuts and insertions of text. Pure.
//!
//! What is put in stands right behind what was there, and what is taken out begins there: the two
//! are each other's inverse whatever the white space is.

use std::ops::Range;

use super::document::{Document, EVENTS, handlers, items, member, members};
use super::layout::{self, Layout, Piece};
use super::scan::{Member, Value, Wrong, is_blank};

/// A span and what takes its place.
type Edit = (Range<usize>, String);

/// Settings with our hooks on every event that we use; those that are there with another command
/// get this one. Without a text the settings are only ours.
///
/// # Errors
/// What [`Document::parse`] refuses.
pub fn install(text: Option<&str>, command: &str) -> Result<String, Wrong> {
    let Some(text) = text else {
        return Ok(layout::new_file(command));
    };
    let document = Document::parse(text)?;
    let mut edits = Vec::new();
    match document.hooks()? {
        None => {
            let layout = Layout::of_neighbours(text, &document.root, &document.root.children());
            let hooks = vec![("hooks", layout::hooks(command))];
            edits.push(insert_members(&document.root, &layout, &hooks));
        }
        Some(hooks) => {
            let mut missing = Vec::new();
            for name in EVENTS {
                match document.event(name)? {
                    None => missing.push((name, layout::event_of(command))),
                    Some(event) => install_in(&document, event, command, &mut edits)?,
                }
            }
            if !missing.is_empty() {
                let layout = layout_in(&document, hooks).members;
                edits.push(insert_members(&hooks.value, &layout, &missing));
            }
        }
    }
    Ok(applied(text, edits))
}

/// Settings without any hook of ours; none when nothing else was in them, as in a file that
/// [`install`] has made.
///
/// # Errors
/// What [`Document::parse`] refuses.
pub fn uninstall(text: &str) -> Result<Option<String>, Wrong> {
    let document = Document::parse(text)?;
    let Some(hooks) = document.hooks()? else {
        return Ok(Some(text.to_owned()));
    };
    let mut edits = Vec::new();
    let mut gone = Vec::new();
    for event in members(&hooks.value) {
        let ours = document.ours(event)?;
        let places: Vec<_> = ours.iter().map(|ours| ours.place).collect();
        gone.push(cut_event(text, event, &places, &mut edits)?);
    }
    if cut(text, &hooks.value, &gone, &mut edits) {
        let is_hooks = |member: &Range<usize>| member.start == hooks.key_span.start;
        let gone: Vec<bool> = document.root.children().iter().map(is_hooks).collect();
        if cut(text, &document.root, &gone, &mut edits) {
            return Ok(None);
        }
    }
    Ok(Some(applied(text, edits)))
}

/// One handler of ours stays, the first. A second would tell every event twice.
fn install_in(
    document: &Document,
    event: &Member,
    command: &str,
    edits: &mut Vec<Edit>,
) -> Result<(), Wrong> {
    let ours = document.ours(event)?;
    let Some(first) = ours.first() else {
        let groups = event.value.children();
        let layout = layout_in(document, event).items;
        let insertion = insert(&event.value, &layout, &groups, |to| {
            layout.write(&layout::group(command), to);
        });
        edits.push(insertion);
        return Ok(());
    };
    if first.command != command {
        edits.push((first.command_value.span(), layout::quoted(command)));
    }
    let surplus: Vec<_> = ours[1..].iter().map(|ours| ours.place).collect();
    cut_event(document.text, event, &surplus, edits)?;
    Ok(())
}

/// Takes handlers out; a group goes with its last. True when the event is to go as a whole.
fn cut_event(
    text: &str,
    event: &Member,
    places: &[(usize, usize)],
    edits: &mut Vec<Edit>,
) -> Result<bool, Wrong> {
    let mut gone_groups = Vec::new();
    let mut places = places.iter().peekable();
    for (index, group) in items(&event.value).iter().enumerate() {
        let mut gone = vec![false; handlers(group)?.len()];
        while let Some((_, handler)) = places.next_if(|(group, _)| *group == index) {
            gone[*handler] = true;
        }
        let is_emptied = !gone.is_empty() && gone.iter().all(|&gone| gone);
        if !is_emptied
            && gone.contains(&true)
            && let Some(hooks) = member(group, "hooks")?
        {
            cut(text, &hooks.value, &gone, edits);
        }
        gone_groups.push(is_emptied);
    }
    Ok(cut(text, &event.value, &gone_groups, edits))
}

/// Takes children out of a container, each run of them with what joined it to its neighbour. True
/// when that is all that there was and the container is of our making, so that it has to go
/// itself; then nothing is taken out here.
fn cut(text: &str, container: &Value, gone: &[bool], edits: &mut Vec<Edit>) -> bool {
    let children = container.children();
    if !gone.contains(&true) {
        return false;
    }
    if !gone.contains(&false) {
        if is_blank(text.as_bytes()[container.start + 1]) {
            return true;
        }
        let end = children.last().map_or(container.end, |last| last.end);
        edits.push((container.start + 1..end, String::new()));
        return false;
    }
    let mut index = 0;
    while index < children.len() {
        let run = gone[index..].iter().take_while(|&&gone| gone).count();
        if run > 0 {
            let span = match index.checked_sub(1) {
                Some(before) => children[before].end..children[index + run - 1].end,
                None => children[0].start..children[run].start,
            };
            edits.push((span, String::new()));
        }
        index += run + 1;
    }
    false
}

struct Layouts {
    /// Of members of an object.
    members: Layout,
    /// Of items of an array.
    items: Layout,
}

/// How content of a member's value stands. In an empty object the members stand below its key; the
/// one item of an empty array stands behind its bracket, at the depth of its key.
fn layout_in(document: &Document, member: &Member) -> Layouts {
    let (text, root) = (document.text, &document.root);
    let children = member.value.children();
    if children.is_empty() {
        let items = Layout::within(text, root, member.key_span.start);
        return Layouts {
            members: items.deeper(),
            items,
        };
    }
    let beside = Layout::of_neighbours(text, root, &children);
    Layouts {
        members: beside.clone(),
        items: beside,
    }
}

fn insert_members(object: &Value, layout: &Layout, new: &[(&'static str, Piece)]) -> Edit {
    insert(object, layout, &object.children(), |to| {
        for (index, (key, value)) in new.iter().enumerate() {
            if index > 0 {
                to.push(',');
                to.push_str(&layout.separator());
            }
            layout.write_member(key, value, to);
        }
    })
}

/// Right behind the last child, or behind the opening bracket.
fn insert(
    container: &Value,
    layout: &Layout,
    children: &[Range<usize>],
    write: impl FnOnce(&mut String),
) -> Edit {
    let mut inserted = String::new();
    let at = match children.last() {
        Some(last) => {
            inserted.push(',');
            inserted.push_str(&layout.separator());
            last.end
        }
        None => container.start + 1,
    };
    write(&mut inserted);
    (at..at, inserted)
}

fn applied(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(span, _)| span.start);
    let mut edited = String::with_capacity(text.len());
    let mut at = 0;
    for (span, replacement) in edits {
        edited.push_str(&text[at..span.start]);
        edited.push_str(&replacement);
        at = span.end;
    }
    edited.push_str(&text[at..]);
    edited
}
