//! Adds our hooks to settings and removes them again, as cuts and insertions of text. Pure.
//!
//! What is put in stands right behind what was there, and what is taken out begins there: the two
//! are each other's inverse whatever the white space is. Comments stay, but for those within an
//! entry of ours.

use std::ops::Range;

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged;

use super::document::{Document, EVENTS, handlers, member};
use super::json::{Wrong, children, is_blank, items, members, span};
use super::layout::{self, Layout, Piece};

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
            let layout = Layout::of_neighbours(text, &document.root, &children(&document.root));
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
        gone.push(cut_event(&document, event, &places, &mut edits)?);
    }
    if cut(&document, &hooks.value, &gone, &mut edits) {
        let is_hooks = |member: &ObjectProp| member.start() == hooks.start();
        let gone: Vec<bool> = members(&document.root).iter().map(is_hooks).collect();
        if cut(&document, &document.root, &gone, &mut edits) {
            return Ok(None);
        }
    }
    Ok(Some(applied(text, edits)))
}

/// One handler of ours stays, the first. A second would report every event twice.
fn install_in(
    document: &Document,
    event: &ObjectProp,
    command: &str,
    edits: &mut Vec<Edit>,
) -> Result<(), Wrong> {
    let ours = document.ours(event)?;
    let Some(first) = ours.first() else {
        let groups = children(&event.value);
        let layout = layout_in(document, event).items;
        let insertion = insert(&event.value, &layout, &groups, |to| {
            layout.write(&layout::group(command), to);
        });
        edits.push(insertion);
        return Ok(());
    };
    if first.command != command {
        edits.push((span(first.command_value), layout::quoted(command)));
    }
    let surplus: Vec<_> = ours[1..].iter().map(|ours| ours.place).collect();
    cut_event(document, event, &surplus, edits)?;
    Ok(())
}

/// Takes handlers out; a group goes with its last. True when the event is to go as a whole.
fn cut_event(
    document: &Document,
    event: &ObjectProp,
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
            cut(document, &hooks.value, &gone, edits);
        }
        gone_groups.push(is_emptied);
    }
    Ok(cut(document, &event.value, &gone_groups, edits))
}

/// Takes children out of a container, each run of them with what joined it to its neighbour. True
/// when that is all that there was and the container is of our making, so that it has to go
/// itself; then nothing is taken out here.
fn cut(document: &Document, container: &Value, gone: &[bool], edits: &mut Vec<Edit>) -> bool {
    let children = children(container);
    if !gone.contains(&true) {
        return false;
    }
    if !gone.contains(&false) {
        let start = container.start() + 1;
        let is_ours = document.text[start..].starts_with(is_blank);
        if is_ours && !document.has_comments_beside(&children, &document.whole(container)) {
            return true;
        }
        let end = children.last().map_or(start, |last| last.end);
        cut_run(document, &children, start..end, edits);
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
            cut_run(document, &children[index..index + run], span, edits);
        }
        index += run + 1;
    }
    false
}

/// Cuts a span of children and what joins them, all at once. Where comments stand beside the
/// children, these and the commas go, and nothing else: a line may end only where it ended.
fn cut_run(
    document: &Document,
    children: &[Range<usize>],
    span: Range<usize>,
    edits: &mut Vec<Edit>,
) {
    if !document.has_comments_beside(children, &span) {
        edits.push((span, String::new()));
        return;
    }
    let beside = |at: &usize| {
        let mut others = children.iter().chain(&document.comments);
        !others.any(|other| other.contains(at))
    };
    let commas = document.text[span.clone()].match_indices(',');
    let commas = commas.map(|(at, _)| span.start + at).filter(beside);
    let cuts = children.iter().cloned().chain(commas.map(|at| at..at + 1));
    edits.extend(cuts.map(|cut| (cut, String::new())));
}

struct Layouts {
    /// Of members of an object.
    members: Layout,
    /// Of items of an array.
    items: Layout,
}

/// How content of a member's value stands. In an empty object the members stand below its key; the
/// one item of an empty array stands behind its bracket, at the depth of its key.
fn layout_in(document: &Document, member: &ObjectProp) -> Layouts {
    let (text, root) = (document.text, &document.root);
    let children = children(&member.value);
    if children.is_empty() {
        let items = Layout::within(text, root, member.start());
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
    insert(object, layout, &children(object), |to| {
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
        None => container.start() + 1,
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
