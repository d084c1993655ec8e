//! The parts of the screen, one below the other; the help and the keys are drawn here.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::Paint;
use super::put::{put, put_right};
use super::{detail, head, list};
use crate::cli::text::width;
use crate::cli::top::state::State;

const HELP: [[&str; 2]; 10] = [
    ["↑ ↓  j k", "one row up or down"],
    ["PgUp PgDn", "ten rows"],
    ["Home End  g G", "the first, the last row"],
    ["Enter", "all that is known of the execution, and back"],
    [
        "/",
        "show only what contains a text; Enter keeps it, Esc leaves it",
    ],
    [
        "s",
        "sort by the next: elapsed, name, type, tool, progress, tokens, deadline",
    ],
    ["r", "reverse the order"],
    [
        "!",
        "marks agents that soon count as hung, without a heartbeat",
    ],
    ["?", "this"],
    ["q  Ctrl-C  Esc", "leave"],
];

/// Draws all of it into `area`, whatever its size. Only the scroll of a detail is changed: its end
/// is known when its lines are.
pub fn draw(state: &mut State, now_ms: i64, colours: bool, area: Rect, buffer: &mut Buffer) {
    let paint = Paint { colours };
    let mut lines = head::lines(state, now_ms, paint, usize::from(area.width));
    // The list needs its half.
    lines.truncate(usize::from(area.height / 2).max(1));
    let rows = area.rows();
    for (row, (text, style)) in rows.zip(&lines) {
        put(buffer, row, text, *style);
    }
    let top = (lines.len() as u16).min(area.height);
    let foot = u16::from(area.height > top);
    let body = Rect {
        y: area.y + top,
        height: area.height - top - foot,
        ..area
    };
    if state.help {
        help(paint, body, buffer);
    } else if let Some(detail) = &mut state.detail {
        detail::draw(detail, paint, body, buffer);
    } else {
        list::draw(state, now_ms, paint, body, buffer);
    }
    if foot > 0 {
        let row = Rect {
            y: area.bottom() - 1,
            height: 1,
            ..area
        };
        keys(state, paint, row, buffer);
    }
}

fn help(paint: Paint, area: Rect, buffer: &mut Buffer) {
    for (row, [key, meaning]) in area.rows().zip(HELP) {
        put(buffer, row, &format!("  {key:14} {meaning}"), paint.plain());
    }
}

fn keys(state: &State, paint: Paint, row: Rect, buffer: &mut Buffer) {
    let order = if state.reversed { "reversed" } else { "" };
    let sort = format!("s sort: {} {order}", state.sort.name());
    let sort = sort.trim_end();
    let left = match (state.typing, state.filter.as_str(), &state.detail) {
        (true, filter, _) => format!("filter: {filter}_"),
        (false, _, Some(_)) => "Esc back  ↑↓ scroll  q quit  ? help".to_owned(),
        (false, "", None) => format!("q quit  Enter details  / filter  {sort}  ? help"),
        (false, filter, None) => format!("filter: {filter}  Esc all  {sort}  ? help"),
    };
    put(buffer, row, &left, paint.faint());
    let count = state.rows().len();
    let place = format!("{}/{count}", state.selected() + 1);
    let room = usize::from(row.width).saturating_sub(width(&left) + 2);
    if state.detail.is_none() && count > 0 && width(&place) <= room {
        put_right(buffer, row, &place, paint.faint());
    }
}
