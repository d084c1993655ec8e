//! What runs, a row each.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::Paint;
use super::put::{put, put_right};
use crate::cli::text::{dollars, duration, or_dash, short};
use crate::cli::top::order::Row;
use crate::cli::top::state::State;

const GAP: u16 = 2;
/// A mark and a blank.
const MARK_WIDTH: u16 = 2;
const INDENT: &str = "  ";
/// Beyond this a name leaves its room to the task.
const AGENT_WIDTH: u16 = 36;
/// Less of a task says nothing.
const MIN_TASK_WIDTH: u16 = 16;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Type,
    Elapsed,
    Tool,
    Progress,
    Tokens,
    Cost,
}

struct Column {
    kind: Kind,
    head: &'static str,
    width: u16,
    /// A narrower terminal has no room for it.
    from_width: u16,
}

/// Beside the agent, which takes what is left.
const COLUMNS: [Column; 6] = [
    column(Kind::Type, "TYPE", 14, 74),
    column(Kind::Elapsed, "ELAPSED", 7, 24),
    column(Kind::Tool, "TOOL", 14, 42),
    column(Kind::Progress, "DONE", 4, 50),
    column(Kind::Tokens, "TOKENS", 6, 60),
    column(Kind::Cost, "COST", 7, 90),
];

const fn column(kind: Kind, head: &'static str, width: u16, from_width: u16) -> Column {
    Column {
        kind,
        head,
        width,
        from_width,
    }
}

impl Kind {
    fn is_figure(self) -> bool {
        !matches!(self, Kind::Type | Kind::Tool)
    }

    fn text(self, row: &Row, now_ms: i64) -> String {
        let running = row.running;
        match self {
            Kind::Type => running.agent_type.clone(),
            Kind::Elapsed => duration(running.elapsed_ms(now_ms) / 1_000 * 1_000),
            Kind::Tool => or_dash(running.tool.clone()),
            Kind::Progress => or_dash(running.progress.map(whole_percent)),
            Kind::Tokens => or_dash(running.tokens.map(short)),
            Kind::Cost => or_dash(running.cost.map(dollars)),
        }
    }
}

pub fn whole_percent(part: f64) -> String {
    format!("{:.0}%", (part * 100.0).clamp(0.0, 100.0))
}

/// Where each column stands in a line.
struct Places {
    agent: Rect,
    columns: Vec<(&'static Column, Rect)>,
    task: Option<Rect>,
}

impl Places {
    fn of(area: Rect) -> Places {
        let shown = || {
            let columns = COLUMNS.iter();
            columns.filter(|column| column.from_width <= area.width)
        };
        let taken: u16 = shown().map(|column| GAP + column.width).sum();
        let room = area.width.saturating_sub(MARK_WIDTH + taken);
        let task = room.saturating_sub(AGENT_WIDTH + GAP);
        let task = Some(task).filter(|&task| task >= MIN_TASK_WIDTH);
        let at = |x: u16, width: u16| Rect {
            x: area.x + x.min(area.width),
            width: width.min(area.width.saturating_sub(x)),
            ..area
        };
        let agent = at(MARK_WIDTH, if task.is_some() { AGENT_WIDTH } else { room });
        let mut x = MARK_WIDTH + agent.width;
        let columns = shown().map(|column| {
            let place = at(x + GAP, column.width);
            x += GAP + column.width;
            (column, place)
        });
        Places {
            agent,
            columns: columns.collect(),
            task: task.map(|task| at(area.width - task, task)),
        }
    }
}

fn on_line(line: Rect, place: Rect) -> Rect {
    Rect {
        y: line.y,
        height: 1,
        ..place
    }
}

/// The page that the selected row is on.
pub fn draw(state: &State, now_ms: i64, paint: Paint, area: Rect, buffer: &mut Buffer) {
    let places = Places::of(area);
    let mut lines = area.rows();
    let Some(line) = lines.next() else {
        return;
    };
    heads(&places, paint, line, buffer);
    let rows = state.rows();
    if rows.is_empty() {
        let nothing = match (&state.snapshot, state.filter.as_str()) {
            (None, _) => String::new(),
            (Some(_), "") => "  nothing runs".to_owned(),
            (Some(_), filter) => format!("  nothing that runs contains {filter}"),
        };
        if let Some(line) = lines.next() {
            put(buffer, line, &nothing, paint.plain());
        }
        return;
    }
    let page = usize::from(area.height - 1).max(1);
    let first = state.selected() / page * page;
    for (line, (at, row)) in lines.zip(rows.iter().enumerate().skip(first)) {
        draw_row(&places, row, now_ms, paint, line, buffer);
        if at == state.selected() {
            buffer.set_style(line, paint.selected());
        }
    }
}

fn heads(places: &Places, paint: Paint, line: Rect, buffer: &mut Buffer) {
    put(
        buffer,
        on_line(line, places.agent),
        "AGENT",
        paint.heading(),
    );
    for (column, place) in &places.columns {
        let place = on_line(line, *place);
        match column.kind.is_figure() {
            true => put_right(buffer, place, column.head, paint.heading()),
            false => put(buffer, place, column.head, paint.heading()),
        }
    }
    if let Some(task) = places.task {
        put(buffer, on_line(line, task), "TASK", paint.heading());
    }
}

fn draw_row(
    places: &Places,
    row: &Row,
    now_ms: i64,
    paint: Paint,
    line: Rect,
    buffer: &mut Buffer,
) {
    let is_near = row.running.is_near_deadline(now_ms);
    let style = if is_near {
        paint.warning()
    } else {
        paint.plain()
    };
    if is_near {
        put(buffer, line, "!", style);
    }
    let name = format!("{}{}", INDENT.repeat(row.depth), row.running.name);
    put(buffer, on_line(line, places.agent), &name, style);
    for (column, place) in &places.columns {
        let (place, text) = (on_line(line, *place), column.kind.text(row, now_ms));
        match column.kind.is_figure() {
            true => put_right(buffer, place, &text, style),
            false => put(buffer, place, &text, style),
        }
    }
    if let (Some(place), Some(task)) = (places.task, &row.running.task) {
        put(buffer, on_line(line, place), task, paint.plain());
    }
}
