//! Reads records out of a forward chunk: each entry's values laid out by column, as slices of the chunk.

mod sessions;

use trunkline_forward::msgpack::{ReadError, Reader, Value};
use trunkline_forward::{EntryReader, Error, EventTime};

use crate::chunk::{
    KEY_EXTRA, KEY_POSITION, KEY_RAW, KEY_REASON, KEY_SESSION, KEY_SESSION_NUMBER,
    KEY_SEVERITY_AS_WRITTEN, KEY_SOURCE, KEY_TABLE,
};
use crate::{Column, Kind, Severity, Table};

use sessions::Sessions;

/// A column's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Slot<'a> {
    /// NULL
    #[default]
    Null,
    /// Bytes as the server wrote them; not necessarily UTF-8.
    Text(&'a [u8]),
    /// A number that fits the column.
    Int(i64),
    /// Microseconds since 1970.
    Time(i64),
    /// A severity.
    Severity(Severity),
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row<'a> {
    /// A record, whose values are in the slots.
    Record,
    /// Bytes that are no record, and why.
    Rejected {
        /// The bytes.
        raw: &'a [u8],
        /// What is wrong with them.
        reason: &'a [u8],
    },
}

/// An entry that no collector of ours writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// It isn't an entry.
    #[error(transparent)]
    Forward(#[from] Error),
    /// A key that isn't known.
    #[error("unknown key {0:?} in a record")]
    Key(String),
    /// A value of the wrong type or out of range.
    #[error("invalid {0} in a record")]
    Value(&'static str),
}

impl From<ReadError> for MapError {
    fn from(error: ReadError) -> Self {
        Self::Forward(error.into())
    }
}

/// One record's values by column; reused from record to record.
#[derive(Debug, Clone)]
pub struct RecordSlots<'a> {
    slots: [Slot<'a>; Column::COUNT],
    /// A bit for each column that this record has; the slots of others still hold an earlier record's.
    present: u32,
    position: u64,
    source: Option<u64>,
    table: Table,
    severity_as_written: Option<&'a [u8]>,
    extra: Option<&'a [u8]>,
    session: Option<u32>,
    sessions: Sessions<'a>,
}

impl Default for RecordSlots<'_> {
    fn default() -> Self {
        Self {
            slots: [Slot::Null; Column::COUNT],
            present: 0,
            position: 0,
            source: None,
            table: Table::Postgres,
            severity_as_written: None,
            extra: None,
            session: None,
            sessions: Sessions::default(),
        }
    }
}

impl<'a> RecordSlots<'a> {
    /// Empty slots.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next entry; `None` behind the last.
    pub fn read(&mut self, entries: &mut EntryReader<'a>) -> Result<Option<Row<'a>>, MapError> {
        let Some(time) = entries.next_head()? else { return Ok(None) };
        let reader = entries.record();
        let pairs = match reader.read_map() {
            Some(pairs) => pairs,
            None => match reader.read()? {
                Value::Map(pairs) => pairs,
                _ => return Err(MapError::Value("map")),
            },
        };
        self.present = 0;
        self.set(Column::LogTime, Slot::Time(time.unix_micros()));
        let mut position = None;
        let (mut raw, mut reason) = (None, None);
        self.source = None;
        (self.table, self.severity_as_written, self.extra) = (Table::Postgres, None, None);
        self.session = None;
        let (mut refers, mut announces) = (None, None);
        for _ in 0..pairs {
            let Some(key) = reader.read_letter() else {
                return Err(MapError::Key(format!("{:?}", reader.read()?)));
            };
            if let Some(column) = Column::from_key(key) {
                self.read_value(column, reader)?;
                continue;
            }
            if key == KEY_POSITION
                && let Some(value) = reader.read_integer()
            {
                position = Some(value).filter(|value| *value >= 0);
                continue;
            }
            if key == KEY_SESSION
                && let Some(number) = reader.read_integer()
            {
                refers = Some(u64::try_from(number).map_err(|_| MapError::Value("session"))?);
                continue;
            }
            let value = reader.read()?;
            match key {
                KEY_POSITION => position = value.integer().filter(|value| *value >= 0),
                KEY_SESSION => refers = Some(value.unsigned().ok_or(MapError::Value("session"))?),
                KEY_SESSION_NUMBER => {
                    announces = Some(value.unsigned().ok_or(MapError::Value("session"))?);
                }
                KEY_SOURCE => {
                    let source = value.unsigned().ok_or(MapError::Value("source"))?;
                    self.source = Some(source);
                }
                KEY_TABLE => {
                    let table = value.bytes().and_then(Table::from_name);
                    self.table = table.ok_or(MapError::Value("table"))?;
                }
                KEY_EXTRA => self.extra = value.bytes(),
                KEY_SEVERITY_AS_WRITTEN => self.severity_as_written = value.bytes(),
                KEY_RAW => raw = value.bytes(),
                KEY_REASON => reason = value.bytes(),
                key => return Err(MapError::Key(char::from(key).to_string())),
            }
        }
        match (refers, announces) {
            (None, None) => {}
            (Some(number), None) => self.refer(number)?,
            (None, Some(number)) => self.announce(number)?,
            (Some(_), Some(_)) => return Err(MapError::Value("session")),
        }
        self.position = position.ok_or(MapError::Value("position"))?.cast_unsigned();
        match (raw, reason) {
            (Some(raw), Some(reason)) => Ok(Some(Row::Rejected { raw, reason })),
            _ if self.table == Table::Postgres && !self.has(Column::ErrorSeverity) => {
                Err(MapError::Value(Column::ErrorSeverity.name()))
            }
            _ => Ok(Some(Row::Record)),
        }
    }

    /// Where the record stands in its stream.
    #[inline]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The number of its source, where it isn't its chunk's; see [`crate::ChunkBuilder::set_source`].
    #[inline]
    pub fn source(&self) -> Option<u64> {
        self.source
    }

    /// Whose record it is.
    #[inline]
    pub fn table(&self) -> Table {
        self.table
    }

    /// What there is beyond the columns, a JSON object; see [`crate::ndjson::extra`].
    #[inline]
    pub fn extra(&self) -> Option<&'a [u8]> {
        self.extra
    }

    /// A number, from 1, that two records of one chunk have in common only if they agree in all of [`Column::OF_SESSION`]; `None` where that isn't known.
    #[inline]
    pub fn session(&self) -> Option<u32> {
        self.session
    }

    /// The word that stood for the severity, where the SQLSTATE had to decide what it means.
    #[inline]
    pub fn severity_as_written(&self) -> Option<&'a [u8]> {
        self.severity_as_written
    }

    /// When the record was written, in microseconds since 1970.
    pub fn log_time(&self) -> i64 {
        match self.get(Column::LogTime) {
            Slot::Time(micros) => micros,
            _ => 0,
        }
    }

    /// Whether the record has any of these, or says that it is NULL.
    #[inline]
    pub fn has_any(&self, columns: &[Column]) -> bool {
        columns.iter().any(|column| self.has(*column))
    }

    /// The value in this column.
    #[inline]
    pub fn get(&self, column: Column) -> Slot<'a> {
        if self.has(column) { self.slots[column as usize] } else { Slot::Null }
    }

    /// Reads a column's value.
    #[inline]
    fn read_value(&mut self, column: Column, reader: &mut Reader<'a>) -> Result<(), MapError> {
        // Each is put into its slot where it is read: what is chosen among first goes through memory once more.
        match column.kind() {
            Kind::Text if let Some(text) = reader.read_text() => {
                self.set(column, Slot::Text(text));
                return Ok(());
            }
            Kind::Int8 if let Some(value) = reader.read_integer() => {
                self.set(column, Slot::Int(value));
                return Ok(());
            }
            Kind::Severity if let Some(word) = reader.read_text() => {
                let severity = Severity::from_bytes(word);
                self.set(column, Slot::Severity(severity.ok_or(MapError::Value(column.name()))?));
                return Ok(());
            }
            Kind::Time if let Some(payload) = reader.read_ext8() => {
                self.set(column, Slot::Time(EventTime::from_payload(payload).unix_micros()));
                return Ok(());
            }
            _ => {}
        }
        let value = slot(column, reader.read()?);
        self.set(column, value.ok_or(MapError::Value(column.name()))?);
        Ok(())
    }

    #[inline]
    fn has(&self, column: Column) -> bool {
        self.present >> column as u32 & 1 != 0
    }

    #[inline]
    fn set(&mut self, column: Column, slot: Slot<'a>) {
        self.slots[column as usize] = slot;
        self.present |= 1 << column as u32;
    }
}

#[inline]
fn slot(column: Column, value: Value<'_>) -> Option<Slot<'_>> {
    Some(match (column.kind(), value) {
        (_, Value::Nil) if column != Column::ErrorSeverity => Slot::Null,
        (Kind::Text, Value::Str(text) | Value::Bin(text)) => Slot::Text(text),
        (Kind::Int8, value) => Slot::Int(value.integer()?),
        (Kind::Int4, value) => {
            Slot::Int(value.integer().filter(|value| i32::try_from(*value).is_ok())?)
        }
        (Kind::Time, value) => Slot::Time(EventTime::from_value(value)?.unix_micros()),
        (Kind::Severity, Value::Str(word)) => Slot::Severity(Severity::from_bytes(word)?),
        _ => return None,
    })
}
