//! A text on a line of cells.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::cli::text::{cut, width};

/// On the first line of `area`, as much of it as has room.
pub(super) fn put(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    if area.height > 0 {
        let room = usize::from(area.width);
        buffer.set_stringn(area.x, area.y, cut(text, room), room, style);
    }
}

pub(super) fn put_right(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    let text = cut(text, usize::from(area.width));
    let left = area.width.saturating_sub(width(&text) as u16);
    let area = Rect {
        x: area.x + left,
        width: area.width - left,
        ..area
    };
    put(buffer, area, &text, style);
}
