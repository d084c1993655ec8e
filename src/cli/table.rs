//! Rows as aligned columns, for a terminal. Cells are text of others: they are cleaned here.

use std::io::{self, IsTerminal};

use ratatui::crossterm::terminal;

use super::text::{clean, cut, width};

/// No column of text is made narrower than this to fit a terminal.
const MIN_TEXT_WIDTH: usize = 8;
const GAP: &str = "  ";

/// One column by its head.
#[derive(Clone, Copy)]
pub enum Column {
    /// Left-aligned; cut when the terminal is narrow.
    Text(&'static str),
    /// Right-aligned, and always whole.
    Figure(&'static str),
}

use Column::{Figure, Text};

impl Column {
    fn head(self) -> &'static str {
        match self {
            Text(head) | Figure(head) => head,
        }
    }
}

/// The columns that standard output has; none where it is no terminal, and lines are whole.
pub fn terminal_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal::size()
        .ok()
        .map(|(columns, _)| usize::from(columns))
        .filter(|&columns| columns > 0)
}

/// The heads, and a line a row. No line ends in blanks.
pub fn table<const N: usize>(
    columns: [Column; N],
    rows: &[[String; N]],
    max_width: Option<usize>,
) -> String {
    let heads = columns.map(|column| column.head().to_owned());
    let rows: Vec<[String; N]> = [heads].iter().chain(rows).map(cleaned).collect();
    let mut widths = widths(&rows);
    if let Some(max_width) = max_width {
        fit(&mut widths, columns, max_width);
    }
    let line = |row: &[String; N]| {
        let mut line = String::new();
        for ((cell, &column_width), column) in row.iter().zip(&widths).zip(columns) {
            let cell = cut(cell, column_width);
            let blanks = " ".repeat(column_width - width(&cell));
            match column {
                Text(_) => line.extend([cell.as_str(), &blanks, GAP]),
                Figure(_) => line.extend([blanks.as_str(), &cell, GAP]),
            }
        }
        let line = line.trim_end();
        let line = max_width.map_or(line.to_owned(), |max_width| cut(line, max_width));
        line + "\n"
    };
    rows.iter().map(line).collect()
}

/// Columns are left-aligned, two blanks apart; no row ends in blanks.
pub fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows.iter().map(cleaned).collect();
    let widths = widths(&rows);
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, column_width) in row.iter().zip(widths) {
            let blanks = " ".repeat(column_width - width(cell));
            line.extend([cell.as_str(), &blanks, GAP]);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn cleaned<const N: usize>(row: &[String; N]) -> [String; N] {
    std::array::from_fn(|column| clean(&row[column]))
}

fn widths<const N: usize>(rows: &[[String; N]]) -> [usize; N] {
    let widest = |column: usize| rows.iter().map(|row| width(&row[column])).max();
    std::array::from_fn(|column| widest(column).unwrap_or(0))
}

/// Takes from the widest text, until the line fits or nothing can be taken.
fn fit<const N: usize>(widths: &mut [usize; N], columns: [Column; N], max_width: usize) {
    let gaps = GAP.len() * N.saturating_sub(1);
    loop {
        let over = (widths.iter().sum::<usize>() + gaps).saturating_sub(max_width);
        let texts = widths.iter_mut().zip(columns);
        let widest = texts
            .filter(|(width, column)| matches!(column, Text(_)) && **width > MIN_TEXT_WIDTH)
            .map(|(width, _)| width)
            .max();
        match widest {
            Some(width) if over > 0 => *width -= 1,
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<const N: usize>(cells: [&str; N]) -> [String; N] {
        cells.map(str::to_owned)
    }

    #[test]
    fn columns_are_aligned_by_letters() {
        let rows = [row(["a", "µs", "x"]), row(["bbb", "1", ""])];
        assert_eq!(aligned(&rows), "a    µs  x\nbbb  1\n");
    }

    #[test]
    fn figures_are_right_aligned_and_wide_letters_count_twice() {
        let rows = [row(["漢字", "7", "x"]), row(["a", "1234", ""])];
        let columns = [Text("agent"), Figure("runs"), Text("model")];
        let expect = "\
agent  runs  model
漢字      7  x
a      1234
";
        assert_eq!(table(columns, &rows, None), expect);
    }

    #[test]
    fn a_narrow_terminal_takes_from_the_widest_text() {
        let rows = [
            row(["abcdefghijklmnop", "123456", "short one"]),
            row(["b", "7", "x"]),
        ];
        let columns = [Text("agent"), Figure("runs"), Text("model")];
        let expect = "\
agent         runs  model
abcdefghi…  123456  short one
b                7  x
";
        assert_eq!(table(columns, &rows, Some(29)), expect);
        // Below what its columns need, a line is cut.
        let expect = "agent       r…\nabcdefg…  123…\nb            …\n";
        assert_eq!(table(columns, &rows, Some(14)), expect);
    }

    #[test]
    fn cells_cannot_speak_to_the_terminal() {
        let rows = [row(["a\u{1b}[2Jb\nc"])];
        assert_eq!(table([Text("x")], &rows, None), "x\na[2Jb c\n");
        assert_eq!(aligned(&rows), "a[2Jb c\n");
    }
}
