//! One execution in full: a value a line, and as many lines as it needs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::Value;

use super::paint::Paint;
use super::put::put;
use crate::cli::show::known;
use crate::cli::text::{clean, cut, width, wrapped};
use crate::cli::top::state::Detail;

const GAP: usize = 2;
/// A value that would need more is cut: a terminal is no editor.
const MAX_VALUE_LINES: usize = 50;

pub fn draw(detail: &mut Detail, paint: Paint, area: Rect, buffer: &mut Buffer) {
    let mut rows = area.rows();
    if let Some(row) = rows.next() {
        let title = format!("execution {}", clean(&detail.id));
        put(buffer, row, &title, paint.heading());
    }
    let lines = match &detail.answer {
        None => vec!["asking the daemon".to_owned()],
        Some(Err(reason)) => owned(wrapped(reason, usize::from(area.width))),
        Some(Ok(execution)) => lines(execution, usize::from(area.width)),
    };
    let last_page = lines
        .len()
        .saturating_sub(usize::from(area.height.saturating_sub(1)));
    detail.scroll = detail.scroll.min(last_page);
    for (row, line) in rows.zip(&lines[detail.scroll..]) {
        put(buffer, row, line, paint.plain());
    }
}

fn lines(execution: &Value, max_width: usize) -> Vec<String> {
    let rows = known(execution);
    let widest = rows.iter().map(|[name, _]| width(name)).max().unwrap_or(0);
    let names = widest.min(max_width / 2);
    let room = max_width.saturating_sub(names + GAP).max(1);
    let mut lines = Vec::new();
    for [name, value] in &rows {
        let (name, value) = (cut(&clean(name), names), clean(value));
        let blanks = " ".repeat(names - width(&name) + GAP);
        let mut parts = wrapped(&value, room).into_iter();
        lines.push(format!("{name}{blanks}{}", parts.next().unwrap_or("")));
        let more = parts.take(MAX_VALUE_LINES - 1);
        lines.extend(more.map(|part| format!("{}{part}", " ".repeat(names + GAP))));
    }
    lines
}

fn owned(lines: Vec<&str>) -> Vec<String> {
    lines.into_iter().map(str::to_owned).collect()
}
