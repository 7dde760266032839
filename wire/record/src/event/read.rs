//! From events back to the entries of a forward chunk.

use trunkline_forward::EventTime;
use trunkline_forward::msgpack::{ReadError, Reader, Value};

use super::{
    KEY_EXTRA, KEY_FROM, KEY_HEADER, KEY_NEXT, KEY_POSITION, KEY_RAW, KEY_REASON,
    KEY_SEVERITY_AS_WRITTEN, KEY_TABLE,
};
use crate::timestamp::TimestampReader;
use crate::{
    ChunkBuilder, Column, KeyedReader, KeyedRecord, Kind, LogRecord, LogSettings, LogTimezone,
    Severity, Sink, Table, Timestamp,
};

/// Where a record stands, as its event's metadata says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark<'a> {
    /// The forward chunk's header, to be read by [`crate::ChunkHeader::decode`]: the same bytes for all events of the chunk.
    pub header: &'a [u8],
    /// The record's position in its stream.
    pub position: u64,
    /// From where the event answers for the stream; the record's position or before.
    pub from: u64,
    /// Up to where it does.
    pub next: u64,
    /// Whose record it is.
    pub table: Table,
}

impl<'a> Mark<'a> {
    /// Reads the metadata; `None` when it isn't that of an event of ours, and where the reader stands then means nothing.
    ///
    /// `last` is the header of another event, or empty: one that is the same isn't walked through.
    #[inline]
    pub fn read(reader: &mut Reader<'a>, last: &[u8]) -> Option<Self> {
        let Value::Map(pairs) = reader.read().ok()? else { return None };
        let (mut header, mut table) = (None, Table::Postgres);
        let (mut position, mut from, mut next) = (None, None, None);
        for _ in 0..pairs {
            let key = reader.read().ok()?.bytes()?;
            match key {
                KEY_HEADER => {
                    header = match reader.read_same(last) {
                        Some(same) => Some(same),
                        None => Some(reader.skip().ok()?),
                    }
                }
                KEY_POSITION => position = Some(reader.read().ok()?.unsigned()?),
                KEY_FROM => from = Some(reader.read().ok()?.unsigned()?),
                KEY_NEXT => next = Some(reader.read().ok()?.unsigned()?),
                KEY_TABLE => table = Table::from_name(reader.read().ok()?.bytes()?)?,
                _ => _ = reader.skip().ok()?,
            }
        }
        let (position, next) = (position?, next?);
        let from = from.unwrap_or(position);
        // Positions are stored in a signed column.
        let whole = from <= position && position <= next && i64::try_from(next).is_ok();
        whole.then_some(Self { header: header?, position, from, next, table })
    }
}

/// Reads records of events; holds the memory for it.
#[derive(Debug)]
pub struct EventReader {
    session_start_time: TimestampReader,
    /// For records that something on their way has changed.
    keyed: KeyedReader,
}

/// What an event holds.
#[allow(clippy::large_enum_variant)] // the usual one is the large one, and never leaves the stack
enum Content<'a> {
    Record(LogRecord<'a>),
    Rejected { raw: &'a [u8], reason: &'a [u8] },
}

impl Default for EventReader {
    fn default() -> Self {
        Self {
            session_start_time: TimestampReader::new(LogTimezone::default()),
            keyed: KeyedReader::new(&LogSettings::default()),
        }
    }
}

impl EventReader {
    /// Appends the record of an event of ours to the chunk, from a reader that stands at it. What a filter has added to it goes into
    /// `extra`; what isn't a record any more is rejected, so nothing is left out.
    ///
    /// # Errors
    /// When no whole value is there; nothing is appended then.
    #[inline]
    pub fn append(
        &mut self,
        mark: &Mark<'_>,
        time: EventTime,
        reader: &mut Reader<'_>,
        builder: &mut ChunkBuilder,
    ) -> Result<(), ReadError> {
        let time = Timestamp { unix_micros: time.unix_micros(), digits: 6 };
        let begin = reader.clone();
        match content(reader, mark.table, time, &mut self.session_start_time) {
            // Whether the chunk is full is asked after this.
            Some(Content::Record(record)) => _ = builder.record(mark.position, 0, &record),
            Some(Content::Rejected { raw, reason }) => {
                builder.reject(mark.position, raw, &String::from_utf8_lossy(reason));
            }
            None => {
                *reader = begin;
                self.append_changed(mark, time, reader.skip()?, builder);
            }
        }
        Ok(())
    }

    fn append_changed(
        &mut self,
        mark: &Mark<'_>,
        time: Timestamp,
        record: &[u8],
        builder: &mut ChunkBuilder,
    ) {
        let Ok(keyed) = KeyedRecord::new(record) else {
            return builder.reject(mark.position, record, "not a map of keys and values");
        };
        match self.keyed.read(&keyed, Some(mark.table), time) {
            Ok(record) => {
                let _ = builder.record(mark.position, 0, &record);
            }
            Err(reason) => builder.reject(mark.position, &keyed.to_json(), &reason.to_string()),
        }
    }
}

/// Reads a record as [`super::write_events`] writes it; `None` for anything else.
#[inline]
fn content<'a>(
    reader: &mut Reader<'a>,
    table: Table,
    time: Timestamp,
    session_start_time: &mut TimestampReader,
) -> Option<Content<'a>> {
    let Value::Map(pairs) = reader.read().ok()? else { return None };
    let mut record = LogRecord::new(table, time, None);
    let (mut raw, mut reason) = (None, None);
    // Columns come in their order: each is looked for behind the one before it first.
    let mut next = 0;
    for _ in 0..pairs {
        let key = reader.read().ok()?.bytes()?;
        let value = reader.read().ok()?;
        let found = (next..Column::COUNT).chain(0..next);
        let mut found = found.filter(|at| Column::ALL[*at].name().as_bytes() == key);
        if let Some(at) = found.next() {
            set(&mut record, Column::ALL[at], value, session_start_time)?;
            next = at + 1;
            continue;
        }
        match key {
            KEY_SEVERITY_AS_WRITTEN => record.severity_as_written = Some(value.bytes()?),
            KEY_EXTRA => record.extra = Some(value.bytes()?),
            KEY_RAW => raw = Some(value.bytes()?),
            KEY_REASON => reason = Some(value.bytes()?),
            _ => return None,
        }
    }
    match (raw, reason) {
        (Some(raw), Some(reason)) if pairs == 2 => Some(Content::Rejected { raw, reason }),
        (None, None) if table != Table::Postgres || record.error_severity.is_some() => {
            Some(Content::Record(record))
        }
        _ => None,
    }
}

#[inline]
fn set<'a>(
    record: &mut LogRecord<'a>,
    column: Column,
    value: Value<'a>,
    session_start_time: &mut TimestampReader,
) -> Option<()> {
    let int4 = || i32::try_from(value.integer()?).ok();
    match column {
        _ if column.kind() == Kind::Text => record.set_text(column, Some(value.bytes()?)),
        Column::ErrorSeverity => {
            record.error_severity = Some(Severity::from_bytes(value.bytes()?)?);
        }
        Column::SessionStartTime => {
            record.session_start_time = Some(session_start_time.read(value.bytes()?)?);
        }
        Column::ProcessId => record.process_id = Some(int4()?),
        Column::InternalQueryPos => record.internal_query_pos = Some(int4()?),
        Column::QueryPos => record.query_pos = Some(int4()?),
        Column::LeaderPid => record.leader_pid = Some(int4()?),
        Column::SessionLineNum => record.session_line_num = Some(value.integer()?),
        Column::TransactionId => record.transaction_id = Some(value.integer()?),
        Column::QueryId => record.query_id = Some(value.integer()?),
        _ => return None,
    }
    Some(())
}
