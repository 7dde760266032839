//! Packs consecutive records of one stream into a forward chunk.

use std::ops::ControlFlow;

use trunkline_forward::msgpack::{
    write_array, write_bin, write_int, write_map, write_str, write_uint,
};
use trunkline_forward::{Compression, Compressor, Error, EventTime, PackedForward};

use crate::{Column, Kind, LogRecord, Rejected, Sink, Source, StreamId, Table, Timestamp, header};

/// Key of a record's position in Trunkline's own forward chunks.
pub(crate) const KEY_POSITION: u8 = b'@';
/// Key of the table, absent for records of PostgreSQL servers.
pub(crate) const KEY_TABLE: u8 = b'#';
/// Key of what there is beyond the columns, as JSON.
pub(crate) const KEY_EXTRA: u8 = b'+';
/// Key of the word that stood for the severity, where it isn't known.
pub(crate) const KEY_SEVERITY_AS_WRITTEN: u8 = b'w';
/// Keys of bytes that are no record: the bytes, and why.
pub(crate) const KEY_RAW: u8 = b'r';
/// See [`KEY_RAW`].
pub(crate) const KEY_REASON: u8 = b'!';
/// Key of the number of a record's source, where it isn't its chunk's; see [`ChunkBuilder::set_source`].
pub(crate) const KEY_SOURCE: u8 = b'$';

/// When a chunk is full.
#[derive(Debug, Clone, Copy)]
pub struct ChunkLimits {
    /// Bytes of entries before compression; the record that passes it is the chunk's last.
    pub bytes: usize,
    /// The zstd level that entries are compressed with. On logs −1 costs an eighth less CPU than 1 and leaves a tenth more bytes.
    pub level: i32,
    /// How many of a rejected record's bytes are kept.
    pub max_raw: usize,
}

impl Default for ChunkLimits {
    fn default() -> Self {
        Self { bytes: 1 << 20, level: -1, max_raw: 64 << 10 }
    }
}

/// Collects the entries of one chunk after the other. As a [`Sink`] it breaks when the chunk is full.
#[derive(Debug)]
pub struct ChunkBuilder {
    limits: ChunkLimits,
    compressor: Compressor,
    entries: Vec<u8>,
    from: u64,
    records: u32,
    rejected: u32,
    last_log_time: Option<i64>,
    source: Option<u32>,
}

/// A chunk that takes no more records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedChunk {
    /// Position of the first record.
    pub from: u64,
    /// Position behind the last one.
    pub to: u64,
    /// Records in it.
    pub records: u32,
    /// Rejected records in it.
    pub rejected: u32,
    /// The packed entries, compressed with zstd.
    pub entries: Vec<u8>,
}

impl ChunkBuilder {
    /// A builder whose first chunk begins at position 0.
    pub fn new(limits: ChunkLimits) -> Self {
        Self {
            limits,
            compressor: Compressor::new(limits.level),
            entries: Vec::new(),
            from: 0,
            records: 0,
            rejected: 0,
            last_log_time: None,
            source: None,
        }
    }

    /// Starts an empty chunk at this position.
    pub fn begin(&mut self, from: u64) {
        self.entries.clear();
        (self.from, self.records, self.rejected) = (from, 0, 0);
    }

    /// Whether nothing is in the chunk.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the chunk has reached its size.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.limits.bytes
    }

    /// Records in the chunk.
    pub fn records(&self) -> u32 {
        self.records
    }

    /// Rejected records in the chunk.
    pub fn rejected_records(&self) -> u32 {
        self.rejected
    }

    /// When the last record was written, in microseconds since 1970.
    pub fn last_log_time(&self) -> Option<i64> {
        self.last_log_time
    }

    /// Says by a number of the caller's whose the following records are, of this chunk and later ones, or, with `None`, that they are the
    /// chunk's own. Such chunks don't travel: they are how the ingester holds what another sender sent, and beside it what the numbers mean.
    pub fn set_source(&mut self, source: Option<u32>) {
        self.source = source;
    }

    /// Bytes of entries in the chunk.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Puts in bytes that are no record, and why.
    pub fn reject(&mut self, position: u64, raw: &[u8], reason: &str) {
        let out = &mut self.entries;
        let kept = raw.len().min(self.limits.max_raw);
        write_array(out, 2);
        EventTime::default().write(out);
        write_map(out, 3 + u32::from(self.source.is_some()));
        write_key(out, KEY_POSITION);
        write_uint(out, position);
        if let Some(source) = self.source {
            write_key(out, KEY_SOURCE);
            write_uint(out, source.into());
        }
        write_key(out, KEY_RAW);
        write_bin(out, &raw[..kept]);
        write_key(out, KEY_REASON);
        if kept < raw.len() {
            let reason = format!("{reason}; the first {kept} of {} bytes are kept", raw.len());
            write_str(out, reason.as_bytes());
        } else {
            write_str(out, reason.as_bytes());
        }
        self.rejected += 1;
    }

    /// Closes the chunk at `to` and starts an empty one there.
    ///
    /// # Errors
    /// When zstd can't compress, which only a lack of memory makes it say.
    pub fn finish(&mut self, to: u64) -> Result<SealedChunk, Error> {
        let mut compressed = Vec::new();
        self.compressor.compress(&self.entries, &mut compressed)?;
        compressed.shrink_to_fit();
        let (from, records, rejected) = (self.from, self.records, self.rejected);
        self.begin(to);
        Ok(SealedChunk { from, to, records, rejected, entries: compressed })
    }

    fn flow(&self) -> ControlFlow<()> {
        if self.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Sink for ChunkBuilder {
    #[inline]
    fn record(&mut self, position: u64, _len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        write_entry(&mut self.entries, position, self.source, record);
        self.records += 1;
        self.last_log_time = Some(record.log_time.unix_micros);
        self.flow()
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        self.reject(rejected.position, rejected.raw, &rejected.reason.to_string());
        self.flow()
    }
}

#[inline]
fn write_key(out: &mut Vec<u8>, key: u8) {
    out.extend_from_slice(&[0xa1, key]);
}

/// Appends a key and its text; the head of a short one together with the key.
#[inline]
fn write_text(out: &mut Vec<u8>, key: u8, text: &[u8]) {
    match u8::try_from(text.len()) {
        Ok(len @ 0..=31) => out.extend_from_slice(&[0xa1, key, 0xa0 | len]),
        Ok(len) => out.extend_from_slice(&[0xa1, key, 0xd9, len]),
        Err(_) => {
            write_key(out, key);
            return write_str(out, text);
        }
    }
    out.extend_from_slice(text);
}

/// Appends the entry of a record: its time, and a map of what it has.
#[inline]
fn write_entry(out: &mut Vec<u8>, position: u64, source: Option<u32>, record: &LogRecord<'_>) {
    write_array(out, 2);
    write_time(out, record.log_time);
    // The map's head is written last, when the number of its pairs is known. It takes three bytes.
    let head = out.len();
    out.extend_from_slice(&[0xde, 0, 0]);
    let mut pairs: u16 = 1;
    write_key(out, KEY_POSITION);
    write_uint(out, position);
    if let Some(source) = source {
        write_key(out, KEY_SOURCE);
        write_uint(out, source.into());
        pairs += 1;
    }
    if record.table != Table::Postgres {
        write_key(out, KEY_TABLE);
        write_str(out, record.table.name().as_bytes());
        pairs += 1;
    }
    if let Some(severity) = record.error_severity {
        write_key(out, Column::ErrorSeverity.key());
        write_str(out, severity.as_str().as_bytes());
        pairs += 1;
    }
    let mut int = |out: &mut Vec<u8>, column: Column, value: Option<i64>| {
        if let Some(value) = value {
            write_key(out, column.key());
            write_int(out, value);
            pairs += 1;
        }
    };
    int(out, Column::ProcessId, record.process_id.map(i64::from));
    int(out, Column::SessionLineNum, record.session_line_num);
    int(out, Column::TransactionId, record.transaction_id);
    int(out, Column::InternalQueryPos, record.internal_query_pos.map(i64::from));
    int(out, Column::QueryPos, record.query_pos.map(i64::from));
    int(out, Column::LeaderPid, record.leader_pid.map(i64::from));
    int(out, Column::QueryId, record.query_id);
    if let Some(time) = record.session_start_time {
        write_key(out, Column::SessionStartTime.key());
        write_time(out, time);
        pairs += 1;
    }
    if let Some(word) = record.severity_as_written {
        write_key(out, KEY_SEVERITY_AS_WRITTEN);
        write_str(out, word);
        pairs += 1;
    }
    if let Some(extra) = record.extra {
        write_key(out, KEY_EXTRA);
        write_str(out, extra);
        pairs += 1;
    }
    for (column, text) in Column::ALL.iter().zip(&record.texts) {
        if let Some(text) = text {
            write_text(out, column.key(), text);
            pairs += 1;
        }
    }
    if let Some(count) = out.get_mut(head + 1..head + 3) {
        count.copy_from_slice(&pairs.to_be_bytes());
    }
}

#[inline]
fn write_time(out: &mut Vec<u8>, time: Timestamp) {
    // The parsers refuse what EventTime can't carry.
    EventTime::from_unix_micros(time.unix_micros).unwrap_or_default().write(out);
}

/// The id under which a chunk is acknowledged.
pub fn chunk_id(stream: &StreamId, from: u64, to: u64) -> String {
    format!("{stream}:{from}-{to}")
}

/// Appends the message that carries `chunk`, with what its sender knows of acks at this moment; see [`crate::ChunkHeader::acked`].
pub fn message(
    tag: &str,
    stream: &StreamId,
    source: &Source,
    path: &str,
    acked: Option<u64>,
    chunk: &SealedChunk,
    out: &mut Vec<u8>,
) {
    let mut own = Vec::with_capacity(256);
    header::write(&mut own, stream, (chunk.from, chunk.to, acked), source, path);
    PackedForward {
        tag,
        entries: &chunk.entries,
        compression: Compression::Zstd,
        size: u64::from(chunk.records) + u64::from(chunk.rejected),
        chunk: &chunk_id(stream, chunk.from, chunk.to),
        own: Some((header::OPTION, &own)),
    }
    .write(out);
}

// A text column's place is its only place: the loop over texts relies on it.
const _: () = assert!(matches!(Column::Message.kind(), Kind::Text));
