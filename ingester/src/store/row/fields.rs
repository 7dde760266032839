//! One row as it is appended: a method for each type of column. Each field is a 32-bit length and the value as its type's `send`
//! function writes it, all big-endian; −1 for a length is NULL.

use serde_json::{Map, Value};
use trunkline_record::{Column, Kind, RecordSlots, Slot, Table, escape, ndjson};

use super::RowError;
use super::columns::{Form, beyond, fields};
use crate::store::json;

pub(super) const NULL: [u8; 4] = [0xff; 4];
/// The OID of type `text`.
const TEXT_OID: u32 = 25;
/// Microseconds from 1970, where Unix begins to count, to 2000, where PostgreSQL does.
const EPOCH: i64 = 946_684_800_000_000;
/// PostgreSQL's timestamps are from this value, 4714-11-24 BC, …
const MIN_TIMESTAMP: i64 = -211_813_488_000_000_000;
/// … to below this one, 294277-01-01.
const END_TIMESTAMP: i64 = 9_223_371_331_200_000_000;

/// A row of the record in `slots`.
pub(super) struct Fields<'r, 'a> {
    slots: &'r RecordSlots<'a>,
    out: &'r mut Vec<u8>,
    escaped: [Column; Column::COUNT],
    escapes: usize,
}

impl<'r, 'a> Fields<'r, 'a> {
    pub(super) fn new(slots: &'r RecordSlots<'a>, out: &'r mut Vec<u8>) -> Self {
        Self { slots, out, escaped: [Column::LogTime; Column::COUNT], escapes: 0 }
    }

    /// What a row begins with: how many fields it has.
    #[inline]
    pub(super) fn count(&mut self, form: Form) {
        self.out.extend_from_slice(&fields(self.slots.table(), form).to_be_bytes());
    }

    /// Says so of the row that begins there, now that it is known better.
    #[inline]
    pub(super) fn recount(&mut self, start: usize, form: Form) {
        let count = fields(self.slots.table(), form).to_be_bytes();
        self.out[start..start + count.len()].copy_from_slice(&count);
    }

    /// Fields that are in their final form.
    #[inline]
    pub(super) fn encoded(&mut self, fields: &[u8]) {
        self.out.extend_from_slice(fields);
    }

    /// Bytes of the row, and of those before it.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// What was appended since there were `from` bytes; `None` where a field of the row is escaped, which isn't said there.
    pub(super) fn written(&self, from: usize) -> Option<&[u8]> {
        self.out.get(from..).filter(|_| self.escapes == 0)
    }

    /// A column of whatever type.
    #[inline]
    pub(super) fn field(&mut self, column: Column) -> Result<(), RowError> {
        match column.kind() {
            Kind::Text => self.text(column),
            Kind::Int4 => self.int4(column)?,
            Kind::Int8 => self.int8(column),
            Kind::Time => self.time(column)?,
            Kind::Severity => self.severity(column)?,
        }
        Ok(())
    }

    #[inline]
    pub(super) fn text(&mut self, column: Column) {
        match self.slots.get(column) {
            Slot::Text(value) if is_plain(value) => text(value, self.out),
            Slot::Text(value) => self.escape(column, value),
            _ => self.out.extend_from_slice(&NULL),
        }
    }

    /// Text that has bytes beyond ASCII, or a NUL.
    #[cold]
    fn escape(&mut self, column: Column, value: &[u8]) {
        if !escape::needs(value) {
            return text(value, self.out);
        }
        let at = self.out.len();
        self.out.extend_from_slice(&NULL);
        escape::escape_into(value, self.out);
        let len = self.out.len() - at - 4;
        self.out[at..at + 4].copy_from_slice(&length(len));
        self.mark_escaped(column);
    }

    #[inline]
    pub(super) fn int4(&mut self, column: Column) -> Result<(), RowError> {
        let Slot::Int(value) = self.slots.get(column) else {
            self.out.extend_from_slice(&NULL);
            return Ok(());
        };
        let value =
            i32::try_from(value).map_err(|_| RowError { column, what: "is out of range" })?;
        let mut field = [0; 8];
        field[..4].copy_from_slice(&4_u32.to_be_bytes());
        field[4..].copy_from_slice(&value.to_be_bytes());
        self.out.extend_from_slice(&field);
        Ok(())
    }

    #[inline]
    pub(super) fn int8(&mut self, column: Column) {
        match self.slots.get(column) {
            Slot::Int(value) => int8(value, self.out),
            _ => self.out.extend_from_slice(&NULL),
        }
    }

    #[inline]
    pub(super) fn time(&mut self, column: Column) -> Result<(), RowError> {
        match self.slots.get(column) {
            Slot::Time(unix) => {
                let value = unix
                    .checked_sub(EPOCH)
                    .filter(|value| (MIN_TIMESTAMP..END_TIMESTAMP).contains(value))
                    .ok_or(RowError { column, what: "is out of range" })?;
                int8(value, self.out);
            }
            _ if column == Column::LogTime => return Err(RowError { column, what: "is missing" }),
            _ => self.out.extend_from_slice(&NULL),
        }
        Ok(())
    }

    /// Only a server's record always has one.
    #[inline]
    pub(super) fn severity(&mut self, column: Column) -> Result<(), RowError> {
        match self.slots.get(column) {
            // An enum's binary form is its label.
            Slot::Severity(severity) => text(severity.as_str().as_bytes(), self.out),
            _ if self.slots.table() == Table::Postgres => {
                return Err(RowError { column, what: "is missing" });
            }
            _ => self.out.extend_from_slice(&NULL),
        }
        Ok(())
    }

    #[inline]
    pub(super) fn position(&mut self) {
        // A position is checked against its forward chunk's, which fit a signed number.
        int8(self.slots.position().cast_signed(), self.out);
    }

    /// Whether the last two fields of what was written are NULL.
    #[inline]
    pub(super) fn has_neither_escaped_nor_extra(&self) -> bool {
        self.escapes == 0 && !self.has_extra()
    }

    #[inline]
    fn has_extra(&self) -> bool {
        let slots = self.slots;
        let has_beyond = || beyond(slots.table()).any(|column| slots.get(column) != Slot::Null);
        slots.extra().is_some() || slots.severity_as_written().is_some() || has_beyond()
    }

    /// The last two fields: which columns are escaped, and what there is beyond the columns.
    #[inline]
    pub(super) fn escaped_and_extra(&mut self) {
        if self.has_extra() {
            return self.escaped_and_some_extra();
        }
        self.escaped();
        self.out.extend_from_slice(&NULL);
    }

    /// The names of the escaped columns, as `text[]`: dimensions, whether there are NULLs, element type, size and lower bound
    /// of the dimension, elements.
    #[inline]
    fn escaped(&mut self) {
        let columns = &self.escaped[..self.escapes];
        if columns.is_empty() {
            return self.out.extend_from_slice(&NULL);
        }
        let names = columns.iter().map(|column| 4 + column.name().len()).sum::<usize>();
        self.out.extend_from_slice(&length(20 + names));
        for word in [1, 0, TEXT_OID] {
            self.out.extend_from_slice(&word.to_be_bytes());
        }
        self.out.extend_from_slice(&length(columns.len()));
        self.out.extend_from_slice(&1_u32.to_be_bytes());
        for column in columns {
            text(column.name().as_bytes(), self.out);
        }
    }

    /// With what there is, as `jsonb`: the format's version and JSON. A column that the table hasn't is kept there by its name.
    #[cold]
    fn escaped_and_some_extra(&mut self) {
        let slots = self.slots;
        let mut extra = match ndjson::extra(slots.extra(), slots.severity_as_written()) {
            Some(Value::Object(extra)) => extra,
            _ => Map::new(),
        };
        for column in beyond(slots.table()) {
            let slot = slots.get(column);
            if json::is_escaped(slot) {
                self.mark_escaped(column);
            }
            if let Some(value) = json::value(slot) {
                extra.insert(column.name().to_owned(), value);
            }
        }
        self.escaped();
        if extra.is_empty() {
            return self.out.extend_from_slice(&NULL);
        }
        let extra = Value::Object(extra).to_string();
        self.out.extend_from_slice(&length(1 + extra.len()));
        self.out.push(1);
        self.out.extend_from_slice(extra.as_bytes());
    }

    fn mark_escaped(&mut self, column: Column) {
        self.escaped[self.escapes] = column;
        self.escapes += 1;
    }
}

/// Whether this is ASCII without NUL, so that there is nothing to look for.
///
/// Eight bytes at a time, the last eight overlapping those before: most texts are shorter than what a compiler would make vectors
/// of.
#[inline]
fn is_plain(bytes: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // A byte beyond ASCII has its high bit set; a NUL gets it by the subtraction, and only beside a NUL can another byte get it.
    let suspect = |word: u64| word | word.wrapping_sub(ONES);
    let Some(last) = bytes.last_chunk::<8>() else {
        return bytes.iter().all(|byte| byte.wrapping_sub(1) < 0x7f);
    };
    let mut seen = suspect(u64::from_le_bytes(*last));
    let (words, _) = bytes.as_chunks::<8>();
    for word in words {
        seen |= suspect(u64::from_le_bytes(*word));
    }
    seen & HIGH == 0
}

#[inline]
pub(super) fn text(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&length(bytes.len()));
    out.extend_from_slice(bytes);
}

#[inline]
fn int8(value: i64, out: &mut Vec<u8>) {
    let mut field = [0; 12];
    field[..4].copy_from_slice(&8_u32.to_be_bytes());
    field[4..].copy_from_slice(&value.to_be_bytes());
    out.extend_from_slice(&field);
}

#[inline]
fn length(len: usize) -> [u8; 4] {
    // Forward chunks, and so their fields, are limited to 1 GiB, and an escape makes four bytes of one at most.
    #[allow(clippy::cast_possible_truncation)]
    (len as u32).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plain_is_ascii_without_nul(bytes in prop::collection::vec(prop_oneof![1..=127_u8, any::<u8>()], 0..80)) {
            prop_assert_eq!(is_plain(&bytes), bytes.iter().all(|byte| (1..128).contains(byte)));
        }

        #[test]
        fn one_bad_byte_is_found_anywhere(len in 1..80_usize, at: prop::sample::Index, bad in prop_oneof![Just(0), 128..=255_u8]) {
            let mut bytes = vec![b'x'; len];
            bytes[at.index(len)] = bad;
            prop_assert!(!is_plain(&bytes));
        }
    }
}
