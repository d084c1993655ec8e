//! Rows as aligned columns, for a terminal.

/// Columns are left-aligned, two blanks apart; no row ends in blanks.
pub fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_letters() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let rows = [row(["a", "µs", "x"]), row(["bbb", "1", ""])];
        assert_eq!(aligned(&rows), "a    µs  x\nbbb  1\n");
    }
}
