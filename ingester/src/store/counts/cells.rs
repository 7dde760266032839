//! Counts of a transaction, one for each minute, source, severity and value of a column.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use trunkline_record::{Column, Table, escape};

/// Different values of a column that are told apart in one transaction.
const VALUES: usize = 1_000;
/// Counts after which a transaction is left uncounted.
pub(super) const CELLS: usize = 50_000;
/// Stands for the severity of a record that has none.
pub(super) const NO_SEVERITY: u8 = u8::MAX;

/// What rows have in common whichever column is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Head {
    pub table: Table,
    pub severity: u8,
    pub source: u32,
    /// Since 1970.
    pub minute: i64,
}

/// A value of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Value {
    Null,
    /// By its number among the column's values.
    Text(u32),
    /// One of those that aren't told apart.
    Rest,
}

/// What is counted: rows by a column's value, or all rows.
pub(super) type Counted = Option<(Column, Value)>;

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Cells {
    pub(super) rows: HashMap<(Head, Counted), u64>,
    /// Rows that aren't counted by anything but table, source and day since 1970.
    pub(super) uncounted: BTreeMap<(u8, u32, i64), u64>,
    values: HashMap<Column, Values>,
    is_too_much: bool,
}

#[derive(Debug, Default)]
struct Values {
    numbers: HashMap<Box<[u8]>, u32>,
    texts: Vec<String>,
}

impl Cells {
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.uncounted.clear();
        for values in self.values.values_mut() {
            values.numbers.clear();
            values.texts.clear();
        }
        self.is_too_much = false;
    }

    /// The number of a value, while there are not too many.
    pub(super) fn value(&mut self, column: Column, value: &[u8]) -> Value {
        let values = self.values.entry(column).or_default();
        if let Some(number) = values.numbers.get(value) {
            return Value::Text(*number);
        }
        if values.texts.len() >= VALUES {
            return Value::Rest;
        }
        // There are few of them.
        let number = u32::try_from(values.texts.len()).unwrap_or(u32::MAX);
        values.numbers.insert(value.into(), number);
        // As the row has it.
        values.texts.push(escape::to_text(value).into_owned());
        Value::Text(number)
    }

    pub(super) fn text(&self, column: Column, number: u32) -> Option<&str> {
        Some(self.values.get(&column)?.texts.get(usize::try_from(number).ok()?)?)
    }

    pub(super) fn add(&mut self, head: Head, counted: Counted, rows: u64) {
        if self.is_too_much {
            if counted.is_none() {
                self.leave_uncounted(head, rows);
            }
            return;
        }
        *self.rows.entry((head, counted)).or_default() += rows;
        if self.rows.len() > CELLS {
            self.is_too_much = true;
            for ((head, counted), rows) in std::mem::take(&mut self.rows) {
                if counted.is_none() {
                    self.leave_uncounted(head, rows);
                }
            }
        }
    }

    pub(super) fn leave_uncounted(&mut self, head: Head, rows: u64) {
        let key = (head.table as u8, head.source, head.minute.div_euclid(24 * 60));
        *self.uncounted.entry(key).or_default() += rows;
    }
}

impl Head {
    const LEN: usize = 1 + 1 + 4 + 8;

    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut bytes = [0; Self::LEN];
        bytes[0] = self.table as u8;
        bytes[1] = self.severity;
        bytes[2..6].copy_from_slice(&self.source.to_ne_bytes());
        bytes[6..].copy_from_slice(&self.minute.to_ne_bytes());
        out.extend_from_slice(&bytes);
    }

    /// What [`write`](Self::write) wrote, and what stands behind it.
    pub(super) fn read(bytes: &[u8]) -> (Self, &[u8]) {
        let (head, rest) = bytes.split_at(Self::LEN);
        let (mut source, mut minute) = ([0; 4], [0; 8]);
        source.copy_from_slice(&head[2..6]);
        minute.copy_from_slice(&head[6..]);
        let head = Self {
            table: Table::ALL[usize::from(head[0])],
            severity: head[1],
            source: u32::from_ne_bytes(source),
            minute: i64::from_ne_bytes(minute),
        };
        (head, rest)
    }
}
