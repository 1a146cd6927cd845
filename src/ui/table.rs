//! Columns that line up.

use std::collections::BTreeSet;

use super::style::{Style, Text};
use crate::base::text::{ellipsis, neutralise};

/// Rows of cells; each cell is one line of text, one column per character.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<Vec<Text>>,
    right: BTreeSet<usize>,
}

impl Table {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// A table whose column `at` (from 0) lines up on the right, as numbers should.
    #[must_use]
    pub fn right(mut self, at: usize) -> Self {
        self.right.insert(at);
        self
    }

    /// Adds a row.
    pub fn row<T: Into<Text>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(|cell| one_line(&cell.into())).collect());
    }

    /// The lines, two spaces between columns; with a `width` over 0, what follows in the last column is cut to it.
    pub fn render(&self, width: usize) -> Text {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> =
            (0..columns).map(|at| self.rows.iter().filter_map(|row| row.get(at)).map(Text::width).max().unwrap_or(0)).collect();
        let mut out = Text::new();
        for row in &self.rows {
            let mut column = 0;
            // Nothing is written behind a row's last word.
            let filled = row.iter().rposition(|cell| cell.width() > 0).map_or(0, |at| at + 1);
            for (at, cell) in row[..filled].iter().enumerate() {
                let last = at + 1 == filled;
                let gap = widths[at] - cell.width();
                let (before, after) = if self.right.contains(&at) { (gap, 0) } else { (0, gap) };
                out.push(Style::Plain, " ".repeat(before));
                out.append(if last && width > 0 { cut(cell, width.saturating_sub(column + before).max(1)) } else { cell.clone() });
                if !last {
                    out.push(Style::Plain, " ".repeat(after + 2));
                }
                column += widths[at] + 2;
            }
            out.push(Style::Plain, "\n");
        }
        out
    }
}

/// A cell without line ends and control characters, whose escapes would change its width later.
fn one_line(cell: &Text) -> Text {
    let mut out = Text::new();
    for (style, text) in cell.spans() {
        out.push(style, neutralise(&text.replace(['\n', '\t'], " ")));
    }
    out
}

/// A cell in at most `columns` characters, the last one `…` when something was cut.
fn cut(cell: &Text, columns: usize) -> Text {
    if cell.width() <= columns {
        return cell.clone();
    }
    let mut out = Text::new();
    let mut left = columns;
    for (style, text) in cell.spans() {
        let own = text.chars().count();
        if own >= left {
            // One more character than fits, so that the mark appears even when this span alone would just fit.
            out.push(style, ellipsis(&format!("{text} "), left));
            break;
        }
        out.push(style, text);
        left -= own;
    }
    out
}
