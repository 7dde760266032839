//! A table for people, as `psql` prints one, or as CSV.

use serde_json::Value;

use crate::{inert, row};

/// Names of columns, and rows of as many cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    columns: Vec<String>,
    /// Columns whose texts are numbers.
    numbers: Vec<bool>,
    rows: Vec<Vec<Cell>>,
}

/// A value as it is printed; numbers stand to the right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    number: bool,
    null: bool,
}

impl Cell {
    /// Of a value of the answer.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self { null: true, ..Self::default() },
            Value::String(text) => Self { text: text.clone(), ..Self::default() },
            Value::Number(number) => Self { text: number.to_string(), number: true, null: false },
            other => Self { text: other.to_string(), ..Self::default() },
        }
    }
}

impl Table {
    /// With these columns.
    pub fn new(columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self { columns, ..Self::default() }
    }

    /// Says which columns hold numbers, where values come as texts.
    pub fn align(&mut self, numbers: impl IntoIterator<Item = bool>) {
        self.numbers = numbers.into_iter().collect();
    }

    /// Adds a row.
    pub fn push<'a>(&mut self, values: impl IntoIterator<Item = &'a Value>) {
        let mut row: Vec<_> = values.into_iter().map(Cell::of).collect();
        row.resize(self.columns.len(), Cell::default());
        for (cell, number) in row.iter_mut().zip(&self.numbers) {
            cell.number |= number;
        }
        self.rows.push(row);
    }

    /// For people: aligned, a line each row, a text of several lines on one.
    pub fn show(&self, out: &mut String) {
        let shown: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(visible).collect()).collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|at| {
                let cells = shown.iter().filter_map(|row| row.get(at)).map(|cell| width(cell));
                cells.chain([width(&self.columns[at])]).max().unwrap_or_default()
            })
            .collect();
        let head: Vec<_> = self
            .columns
            .iter()
            .zip(&widths)
            .map(|(name, width)| pad(name, *width, false))
            .collect();
        out.push_str(&row::dim(head.join("  ").trim_end()));
        out.push('\n');
        for (row, shown) in self.rows.iter().zip(&shown) {
            let cells = row.iter().zip(shown).zip(&widths);
            let cells: Vec<_> =
                cells.map(|((cell, text), width)| pad(text, *width, cell.number)).collect();
            out.push_str(cells.join("  ").trim_end());
            out.push('\n');
        }
    }

    /// RFC 4180, with a header. NULL is an empty field, an empty text is `""`, as in PostgreSQL's COPY.
    pub fn csv(&self, out: &mut String) {
        let names: Vec<_> = self.columns.iter().map(|name| field(name)).collect();
        out.push_str(&names.join(","));
        out.push_str("\r\n");
        for row in &self.rows {
            let fields: Vec<_> = row
                .iter()
                .map(|cell| if cell.null { String::new() } else { field(&cell.text) })
                .collect();
            out.push_str(&fields.join(","));
            out.push_str("\r\n");
        }
    }
}

fn visible(cell: &Cell) -> String {
    let mut text = String::new();
    inert::line(&cell.text, &mut text);
    text
}

/// Characters, which is what most terminals give one place each.
fn width(text: &str) -> usize {
    text.chars().count()
}

fn pad(text: &str, to: usize, right: bool) -> String {
    let space = " ".repeat(to.saturating_sub(width(text)));
    if right { format!("{space}{text}") } else { format!("{text}{space}") }
}

fn field(text: &str) -> String {
    if text.is_empty() || text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["name", "count"]);
        table.push([&json!("a\nb"), &json!(5)]);
        table.push([&Value::Null, &json!(1234)]);
        table.push([&json!(""), &json!("say \"x\", 🐘")]);
        table
    }

    #[test]
    fn numbers_stand_to_the_right_and_a_row_stays_on_its_line() {
        let mut out = String::new();
        table().show(&mut out);
        let out = anstream::adapter::strip_str(&out).to_string();
        assert_eq!(out, "name  count\na\\nb           5\n            1234\n      say \"x\", 🐘\n");
    }

    #[test]
    fn csv_tells_null_from_empty() {
        let mut out = String::new();
        table().csv(&mut out);
        assert_eq!(out, "name,count\r\n\"a\nb\",5\r\n,1234\r\n\"\",\"say \"\"x\"\", 🐘\"\r\n");
    }
}
