//! The hot path: a record's slots into one row of PostgreSQL's binary COPY format (manual, COPY, "Binary Format").
//!
//! Nothing is allocated for a record: slots are slices of the forward chunk, what is the same for all records of a forward
//! chunk is encoded once, and the row is appended to a buffer that is reused. Each field is a 32-bit length and the value as
//! its type's `send` function writes it, all big-endian; −1 for a length is NULL.

use trunkline_record::{ChunkHeader, Column, RecordSlots, Slot, escape};

/// What COPY is asked for; [`RowEncoder::encode`] writes the fields in this order.
pub(super) const COPY: &str = "\
COPY log.postgres (log_time, namespace, cluster, pod, container, node, role, \
user_name, database_name, process_id, connection_from, session_id, session_line_num, command_tag, session_start_time, \
virtual_transaction_id, transaction_id, error_severity, sql_state_code, message, detail, hint, internal_query, \
internal_query_pos, context, query, query_pos, location, application_name, backend_type, leader_pid, query_id, \
stream, position, escaped, extra) FROM STDIN (FORMAT binary)";

/// Fields of a row.
const FIELDS: u16 = 36;
/// What a COPY begins with: signature, flags, length of the header's extension.
pub(super) const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What a COPY ends with.
pub(super) const COPY_TRAILER: &[u8] = &[0xff, 0xff];

const NULL: [u8; 4] = [0xff; 4];
/// The OID of type `text`.
const TEXT_OID: u32 = 25;
/// Microseconds from 1970, where Unix begins to count, to 2000, where PostgreSQL does.
const EPOCH: i64 = 946_684_800_000_000;
/// PostgreSQL's timestamps are from this value, 4714-11-24 BC, …
const MIN_TIMESTAMP: i64 = -211_813_488_000_000_000;
/// … to below this one, 294277-01-01.
const END_TIMESTAMP: i64 = 9_223_371_331_200_000_000;

/// A value that its column can't hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} {what}", .column.name())]
pub(super) struct RowError {
    column: Column,
    what: &'static str,
}

/// Encodes the records of one forward chunk.
#[derive(Debug)]
pub(super) struct RowEncoder {
    source: Vec<u8>,
    stream: [u8; 20],
}

impl RowEncoder {
    /// With what all records of the forward chunk have in common.
    pub(super) fn new(header: &ChunkHeader) -> Self {
        let mut source = Vec::with_capacity(128);
        for (_, value) in header.source.fields() {
            match value {
                Some(value) => text(value.as_bytes(), &mut source),
                None => source.extend_from_slice(&NULL),
            }
        }
        let mut stream = [0; 20];
        stream[..4].copy_from_slice(&16_u32.to_be_bytes());
        stream[4..].copy_from_slice(&header.stream.0);
        Self { source, stream }
    }

    /// Appends one row, or leaves `out` as it was.
    pub(super) fn encode(
        &self,
        slots: &RecordSlots<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        let start = out.len();
        self.append(slots, out).inspect_err(|_| out.truncate(start))
    }

    fn append(&self, slots: &RecordSlots<'_>, out: &mut Vec<u8>) -> Result<(), RowError> {
        let mut row = Row { slots, out, escaped: [Column::LogTime; Column::COUNT], escapes: 0 };
        row.out.extend_from_slice(&FIELDS.to_be_bytes());
        row.time(Column::LogTime)?;
        row.out.extend_from_slice(&self.source);
        row.text(Column::UserName);
        row.text(Column::DatabaseName);
        row.int4(Column::ProcessId)?;
        row.text(Column::ConnectionFrom);
        row.text(Column::SessionId);
        row.int8(Column::SessionLineNum);
        row.text(Column::CommandTag);
        row.time(Column::SessionStartTime)?;
        row.text(Column::VirtualTransactionId);
        row.int8(Column::TransactionId);
        row.severity()?;
        row.text(Column::SqlStateCode);
        row.text(Column::Message);
        row.text(Column::Detail);
        row.text(Column::Hint);
        row.text(Column::InternalQuery);
        row.int4(Column::InternalQueryPos)?;
        row.text(Column::Context);
        row.text(Column::Query);
        row.int4(Column::QueryPos)?;
        row.text(Column::Location);
        row.text(Column::ApplicationName);
        row.text(Column::BackendType);
        row.int4(Column::LeaderPid)?;
        row.int8(Column::QueryId);
        row.out.extend_from_slice(&self.stream);
        // A position is checked against its forward chunk's, which fit a signed number.
        int8(slots.position().cast_signed(), row.out);
        row.escaped();
        row.extra();
        Ok(())
    }
}

struct Row<'r, 'a> {
    slots: &'r RecordSlots<'a>,
    out: &'r mut Vec<u8>,
    escaped: [Column; Column::COUNT],
    escapes: usize,
}

impl Row<'_, '_> {
    #[inline]
    fn text(&mut self, column: Column) {
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
        self.escaped[self.escapes] = column;
        self.escapes += 1;
    }

    #[inline]
    fn int4(&mut self, column: Column) -> Result<(), RowError> {
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
    fn int8(&mut self, column: Column) {
        match self.slots.get(column) {
            Slot::Int(value) => int8(value, self.out),
            _ => self.out.extend_from_slice(&NULL),
        }
    }

    #[inline]
    fn time(&mut self, column: Column) -> Result<(), RowError> {
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

    #[inline]
    fn severity(&mut self) -> Result<(), RowError> {
        let column = Column::ErrorSeverity;
        let Slot::Severity(severity) = self.slots.get(column) else {
            return Err(RowError { column, what: "is missing" });
        };
        // An enum's binary form is its label.
        text(severity.as_str().as_bytes(), self.out);
        Ok(())
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

    /// What there is beyond the columns, as `jsonb`: the format's version and JSON.
    #[inline]
    fn extra(&mut self) {
        match self.slots.severity_as_written() {
            None => self.out.extend_from_slice(&NULL),
            Some(word) => self.severity_as_written(word),
        }
    }

    #[cold]
    fn severity_as_written(&mut self, word: &[u8]) {
        let extra = serde_json::json!({ Column::ErrorSeverity.name(): escape::to_text(word) });
        let json = extra.to_string();
        self.out.extend_from_slice(&length(1 + json.len()));
        self.out.push(1);
        self.out.extend_from_slice(json.as_bytes());
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
fn text(bytes: &[u8], out: &mut Vec<u8>) {
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
