//! The hot path: a record's slots into one row of PostgreSQL's binary COPY format (manual, COPY, "Binary Format").
//!
//! Nothing is allocated for a record: slots are slices of the forward chunk, what is the same for all records of a forward
//! chunk is encoded once, and the row is appended to a buffer that is reused.

mod columns;
mod fields;

use trunkline_record::{Column, RecordSlots, Source, Table};

use columns::columns;
pub(super) use columns::copy_statement;
use fields::Fields;

use crate::chunk::Chunk;

/// What a COPY begins with: signature, flags, length of the header's extension.
pub(super) const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What a COPY ends with.
pub(super) const COPY_TRAILER: &[u8] = &[0xff, 0xff];

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
    /// Of records that have another source than the forward chunk, by its number.
    sources: Vec<Vec<u8>>,
    stream: [u8; 20],
}

impl RowEncoder {
    /// With what all records of the forward chunk have in common.
    pub(super) fn new(chunk: &Chunk) -> Self {
        let sources = chunk.foreign.iter().flat_map(|foreign| &foreign.sources);
        let mut stream = [0; 20];
        stream[..4].copy_from_slice(&16_u32.to_be_bytes());
        stream[4..].copy_from_slice(&chunk.header.stream.0);
        Self {
            source: encoded(&chunk.header.source),
            sources: sources.map(encoded).collect(),
            stream,
        }
    }

    fn source(&self, number: Option<u64>) -> &[u8] {
        let of_record = number.and_then(|at| self.sources.get(usize::try_from(at).ok()?));
        of_record.unwrap_or(&self.source)
    }

    /// Appends one row, as [`copy_statement`] of the record's table asks for it, or leaves `out` as it was.
    pub(super) fn encode(
        &self,
        slots: &RecordSlots<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        let start = out.len();
        self.append(slots, out).inspect_err(|_| out.truncate(start))
    }

    fn append(&self, slots: &RecordSlots<'_>, out: &mut Vec<u8>) -> Result<(), RowError> {
        let mut row = Fields::new(slots, out);
        row.count();
        row.time(Column::LogTime)?;
        row.encoded(self.source(slots.source()));
        match slots.table() {
            Table::Postgres => postgres(&mut row)?,
            table => {
                for column in columns(table) {
                    row.field(*column)?;
                }
            }
        }
        row.encoded(&self.stream);
        row.position();
        row.escaped_and_extra();
        Ok(())
    }
}

fn encoded(source: &Source) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    for (_, value) in source.fields() {
        match value {
            Some(value) => fields::text(value.as_bytes(), &mut out),
            None => out.extend_from_slice(&fields::NULL),
        }
    }
    out
}

/// The columns of `log.postgres`, which nearly all rows are of: each by its type's own method.
#[inline]
fn postgres(row: &mut Fields<'_, '_>) -> Result<(), RowError> {
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
    row.severity(Column::ErrorSeverity)?;
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
    Ok(())
}
