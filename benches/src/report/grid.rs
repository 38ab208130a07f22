//! A table with a row for each work and a column for each contender.

use std::fmt::Write;

/// What stands where there is no figure, for a reason that is told.
pub(crate) const NONE: &str = "–";

/// Cells by row and column; not every contender can do every work.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    /// What stands above the rows' names.
    corner: &'static str,
    columns: Vec<String>,
    rows: Vec<(String, Vec<Option<String>>)>,
}

impl Grid {
    /// A table without rows.
    pub(crate) fn new(corner: &'static str) -> Self {
        Self { corner, ..Self::default() }
    }

    /// Fills a cell, whose row and column come into being with their first one.
    pub(crate) fn set(&mut self, row: &str, column: &str, text: String) {
        let column_at = self.columns.iter().position(|name| name == column).unwrap_or_else(|| {
            self.columns.push(column.to_owned());
            self.columns.len() - 1
        });
        let row_at = self.rows.iter().position(|(name, _)| name == row).unwrap_or_else(|| {
            self.rows.push((row.to_owned(), Vec::new()));
            self.rows.len() - 1
        });
        let cells = &mut self.rows[row_at].1;
        if cells.len() <= column_at {
            cells.resize(column_at + 1, None);
        }
        cells[column_at] = Some(text);
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("| {} |", self.corner);
        for column in &self.columns {
            let _ = write!(text, " {column} |");
        }
        text.push_str("\n|---|");
        text.push_str(&"---:|".repeat(self.columns.len()));
        for (row, cells) in &self.rows {
            let _ = write!(text, "\n| {row} |");
            for index in 0..self.columns.len() {
                let cell = cells.get(index).and_then(Option::as_deref);
                let _ = write!(text, " {} |", cell.unwrap_or_default());
            }
        }
        text.push('\n');
        text
    }
}

/// A number as people read it: three digits that count, and commas.
pub(crate) fn readable(value: f64) -> String {
    if value.abs() < 9.95 {
        return format!("{value:.1}");
    }
    grouped(&format!("{value:.0}"))
}

/// Digits with commas.
pub(crate) fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_come_with_their_cells() {
        let mut grid = Grid::new("work");
        grid.set("decode", "a", "1".to_owned());
        grid.set("encode", "b", "2".to_owned());
        grid.set("encode", "a", "3".to_owned());
        assert_eq!(
            grid.markdown(),
            "| work | a | b |\n|---|---:|---:|\n| decode | 1 |  |\n| encode | 3 | 2 |\n"
        );
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 9.94, 9.96, 123.4, 1234.0, 1_234_567.0].map(readable);
        assert_eq!(shown, ["0.0", "9.9", "10", "123", "1,234", "1,234,567"]);
    }
}
