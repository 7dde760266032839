//! The hot path: a record's slots into one row of PostgreSQL's binary COPY format (manual, COPY, "Binary Format").
//!
//! Nothing is allocated for a record: slots are slices of the forward chunk, what is the same for all records of a forward
//! chunk, or of a session in it, is encoded once, and the row is appended to a buffer that is reused.

mod columns;
mod fields;

use trunkline_record::{ChunkHeader, Column, RecordSlots, Source, StreamId, Table};

pub(super) use columns::{Form, copy_statement};
use columns::{OF_EVENT, RARE, columns};
use fields::{Fields, NULL};

use crate::chunk::Foreign;

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

/// Sessions of a forward chunk whose fields are kept. With more, some are encoded for each record.
const SESSIONS: usize = 256;
/// Bytes of a session's fields that are kept; longer ones are encoded for each record.
const LONGEST: usize = 1 << 10;

/// Encodes the records of one forward chunk.
#[derive(Debug)]
pub(super) struct RowEncoder {
    /// The source and the stream.
    source: Vec<u8>,
    /// Of records that have another source than the forward chunk, by its number.
    sources: Vec<Vec<u8>>,
    /// By [`RecordSlots::session`]; empty before the first.
    sessions: Vec<Session>,
}

/// Fields of [`Column::OF_SESSION`].
#[derive(Debug, Clone, Default)]
struct Session {
    number: u32,
    fields: Vec<u8>,
}

impl RowEncoder {
    /// With what all records of the forward chunk have in common.
    pub(super) fn new(header: &ChunkHeader, foreign: Option<&Foreign>) -> Self {
        let encoded = |source| encoded(source, header.stream);
        let sources = foreign.into_iter().flat_map(|foreign| &foreign.sources);
        Self {
            source: encoded(&header.source),
            sources: sources.map(encoded).collect(),
            sessions: Vec::new(),
        }
    }

    fn source(&self, number: Option<u64>) -> &[u8] {
        let of_record = number.and_then(|at| self.sources.get(usize::try_from(at).ok()?));
        of_record.unwrap_or(&self.source)
    }

    /// Appends one row, as [`copy_statement`] of the record's table and the answered form asks for it, or leaves `out` as it was. The form
    /// is full where that is `asked`, or where the short one can't hold the record.
    pub(super) fn encode(
        &mut self,
        slots: &RecordSlots<'_>,
        asked: Form,
        out: &mut Vec<u8>,
    ) -> Result<Form, RowError> {
        let start = out.len();
        self.append(slots, asked, out).inspect_err(|_| out.truncate(start))
    }

    fn append(
        &mut self,
        slots: &RecordSlots<'_>,
        asked: Form,
        out: &mut Vec<u8>,
    ) -> Result<Form, RowError> {
        let start = out.len();
        let mut row = Fields::new(slots, out);
        row.count(asked);
        row.time(Column::LogTime)?;
        row.encoded(self.source(slots.source()));
        let (usual, rare) = columns(slots.table());
        let has_rare = match slots.table() {
            Table::Postgres => {
                self.session(slots.session(), &mut row)?;
                of_event(&mut row)?;
                slots.has_any(&RARE)
            }
            _ => {
                for column in usual {
                    row.field(*column)?;
                }
                false
            }
        };
        row.position();
        if asked == Form::Short {
            if !has_rare && row.has_neither_escaped_nor_extra() {
                return Ok(Form::Short);
            }
            row.recount(start, Form::Full);
        }
        if has_rare {
            for column in rare {
                row.field(*column)?;
            }
        } else {
            row.encoded(&[NULL; RARE.len()].as_flattened()[..rare.len() * NULL.len()]);
        }
        row.escaped_and_extra();
        Ok(Form::Full)
    }

    /// What the record's session shares, encoded for the first of its records.
    #[inline]
    fn session(&mut self, number: Option<u32>, row: &mut Fields<'_, '_>) -> Result<(), RowError> {
        let place = number.map_or(0, |number| number as usize % SESSIONS);
        match self.sessions.get(place) {
            Some(known) if Some(known.number) == number => {
                row.encoded(&known.fields);
                Ok(())
            }
            _ => self.new_session(number, place, row),
        }
    }

    #[cold]
    fn new_session(
        &mut self,
        number: Option<u32>,
        place: usize,
        row: &mut Fields<'_, '_>,
    ) -> Result<(), RowError> {
        let from = row.len();
        for column in Column::OF_SESSION {
            row.field(column)?;
        }
        let fields = row.written(from);
        if let Some(number) = number
            && let Some(fields) = fields.filter(|fields| fields.len() <= LONGEST)
        {
            self.sessions.resize(SESSIONS, Session::default());
            let session = &mut self.sessions[place];
            session.number = number;
            session.fields.clear();
            session.fields.extend_from_slice(fields);
        }
        Ok(())
    }
}

fn encoded(source: &Source, stream: StreamId) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    for (_, value) in source.fields() {
        match value {
            Some(value) => fields::text(value.as_bytes(), &mut out),
            None => out.extend_from_slice(&NULL),
        }
    }
    fields::text(&stream.0, &mut out);
    out
}

/// [`OF_EVENT`], each by its type's own method.
#[inline]
fn of_event(row: &mut Fields<'_, '_>) -> Result<(), RowError> {
    let [line, query, virtual_id, transaction, severity, state, tag, message, detail] = OF_EVENT;
    row.int8(line);
    row.int8(query);
    row.text(virtual_id);
    row.int8(transaction);
    row.severity(severity)?;
    row.text(state);
    row.text(tag);
    row.text(message);
    row.text(detail);
    Ok(())
}

#[cfg(test)]
mod tests;
