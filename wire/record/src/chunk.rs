//! Packs consecutive records of one stream into a forward chunk.

mod sessions;

use std::ops::ControlFlow;

use bytes::Bytes;
use trunkline_forward::msgpack::{
    write_array, write_bin, write_int, write_map, write_str, write_uint,
};
use trunkline_forward::{Compression, Compressor, Error, EventTime, PackedForward};

use crate::{Column, Kind, LogRecord, Rejected, Sink, Source, StreamId, Table, Timestamp, header};

pub(crate) use sessions::PLACES as MOST_SESSIONS;
use sessions::{Says, Sessions};

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
/// Key of the number under which the chunk's later records refer to what this record says of its session, [`Column::OF_SESSION`]. A number
/// that is given again stands for the newer one.
pub(crate) const KEY_SESSION_NUMBER: u8 = b'&';
/// Key of such a number, in the place of all that.
pub(crate) const KEY_SESSION: u8 = b'=';
/// Key of the number of a record's source, where it isn't its chunk's; see [`ChunkBuilder::set_source`].
pub(crate) const KEY_SOURCE: u8 = b'$';

/// The zstd level that fits logs: −2 costs a fifth less CPU than 1 and leaves a sixth more bytes.
pub const LEVEL: i32 = -2;

/// Room in a new chunk for the record that fills it, which is the last one that fits.
const LAST: usize = 4 << 10;

/// When a chunk is full.
#[derive(Debug, Clone, Copy)]
pub struct ChunkLimits {
    /// Bytes of entries before compression; the record that passes it is the chunk's last.
    pub bytes: usize,
    /// The zstd level that entries are compressed with; `None` leaves them as they are.
    pub level: Option<i32>,
    /// How many of a rejected record's bytes are kept.
    pub max_raw: usize,
}

impl Default for ChunkLimits {
    fn default() -> Self {
        Self { bytes: 1 << 20, level: Some(LEVEL), max_raw: 64 << 10 }
    }
}

/// Collects the entries of one chunk after the other. As a [`Sink`] it breaks when the chunk is full.
#[derive(Debug)]
pub struct ChunkBuilder {
    limits: ChunkLimits,
    compressor: Option<Compressor>,
    entries: Vec<u8>,
    /// Room to compress into. A chunk takes a tenth of what zstd wants to have, so it gets memory of its own size afterwards, and
    /// no pages are asked for and given back for each.
    compressed: Vec<u8>,
    from: u64,
    records: u32,
    rejected: u32,
    last_log_time: Option<i64>,
    source: Option<u32>,
    sessions: Sessions,
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
    /// How the entries are compressed.
    pub compression: Compression,
    /// The packed entries.
    pub entries: Bytes,
}

impl ChunkBuilder {
    /// A builder whose first chunk begins at position 0.
    pub fn new(limits: ChunkLimits) -> Self {
        let mut sessions = Sessions::default();
        sessions.begin();
        Self {
            limits,
            compressor: limits.level.map(Compressor::new),
            entries: Vec::new(),
            compressed: Vec::new(),
            from: 0,
            records: 0,
            rejected: 0,
            last_log_time: None,
            source: None,
            sessions,
        }
    }

    /// Starts an empty chunk at this position.
    pub fn begin(&mut self, from: u64) {
        self.entries.clear();
        self.sessions.begin();
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
        let (compression, entries) = match &mut self.compressor {
            Some(compressor) => {
                self.compressed.clear();
                // After a record that was larger than a chunk.
                self.compressed.shrink_to(self.limits.bytes.saturating_mul(2));
                compressor.compress(&self.entries, &mut self.compressed)?;
                (Compression::Zstd, Bytes::copy_from_slice(&self.compressed))
            }
            None => (Compression::None, self.take_entries()),
        };
        let (from, records, rejected) = (self.from, self.records, self.rejected);
        self.begin(to);
        Ok(SealedChunk { from, to, records, rejected, compression, entries })
    }

    /// The entries as they are, in memory of about their own size: a full chunk takes along what it was written to.
    fn take_entries(&mut self) -> Bytes {
        if !self.is_full() {
            return Bytes::copy_from_slice(&self.entries);
        }
        // As large as what is full.
        let room = Vec::with_capacity(self.limits.bytes + LAST);
        let mut entries = std::mem::replace(&mut self.entries, room);
        // The first one grew, and so does one with a long record.
        if entries.capacity() > entries.len() + LAST {
            entries.shrink_to_fit();
        }
        entries.into()
    }

    fn flow(&self) -> ControlFlow<()> {
        if self.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Sink for ChunkBuilder {
    #[inline]
    fn record(&mut self, position: u64, _len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        write_entry(&mut self.entries, &mut self.sessions, position, self.source, record);
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

/// Texts that are the same in all records of a session.
const OF_SESSION: [Column; 6] = [
    Column::SessionId,
    Column::ConnectionFrom,
    Column::UserName,
    Column::DatabaseName,
    Column::ApplicationName,
    Column::BackendType,
];

/// Texts that say what happened.
const OF_EVENT: [Column; 12] = [
    Column::SqlStateCode,
    Column::CommandTag,
    Column::Message,
    Column::Detail,
    Column::Hint,
    Column::InternalQuery,
    Column::Context,
    Column::Query,
    Column::Location,
    Column::Logger,
    Column::Thread,
    Column::Component,
];

/// Appends the entry of a record: its time, and a map of what it has.
///
/// What differs in every record comes first, then what a session's records share, then what happened: so one match of the compressor
/// covers what two records share of that, where it would need one for each field otherwise.
#[inline]
fn write_entry(
    out: &mut Vec<u8>,
    sessions: &mut Sessions,
    position: u64,
    source: Option<u32>,
    record: &LogRecord<'_>,
) {
    write_array(out, 2);
    write_time(out, record.log_time);
    // The map's head is written last, when the number of its pairs is known. It takes three bytes.
    let head = out.len();
    out.extend_from_slice(&[0xde, 0, 0]);
    write_key(out, KEY_POSITION);
    write_uint(out, position);
    let mut pairs = Pairs { out, count: 1 };
    pairs.int(Column::SessionLineNum, record.session_line_num);
    pairs.int(Column::QueryId, record.query_id);
    pairs.texts(record, &[Column::VirtualTransactionId]);

    match sessions.find(record) {
        Some(says) => pairs.session(&says),
        None => write_session(&mut pairs, sessions, record),
    }

    if let Some(source) = source {
        write_uint(pairs.key(KEY_SOURCE), source.into());
    }
    if record.table != Table::Postgres {
        write_str(pairs.key(KEY_TABLE), record.table.name().as_bytes());
    }
    if let Some(severity) = record.error_severity {
        write_str(pairs.key(Column::ErrorSeverity.key()), severity.as_str().as_bytes());
    }
    pairs.int(Column::InternalQueryPos, record.internal_query_pos.map(i64::from));
    pairs.int(Column::QueryPos, record.query_pos.map(i64::from));
    pairs.int(Column::LeaderPid, record.leader_pid.map(i64::from));
    pairs.int(Column::TransactionId, record.transaction_id);
    pairs.texts(record, &OF_EVENT);
    if let Some(word) = record.severity_as_written {
        write_str(pairs.key(KEY_SEVERITY_AS_WRITTEN), word);
    }
    if let Some(extra) = record.extra {
        write_str(pairs.key(KEY_EXTRA), extra);
    }
    let count = pairs.count.to_be_bytes();
    if let Some(room) = out.get_mut(head + 1..head + 3) {
        room.copy_from_slice(&count);
    }
}

/// Appends what a session's records share, where that isn't known by how it was read.
fn write_session(pairs: &mut Pairs<'_>, sessions: &mut Sessions, record: &LogRecord<'_>) {
    let (from, before) = (pairs.out.len(), pairs.count);
    pairs.int(Column::ProcessId, record.process_id.map(i64::from));
    if let Some(time) = record.session_start_time {
        write_time(pairs.key(Column::SessionStartTime.key()), time);
    }
    pairs.texts(record, &OF_SESSION);
    let run = pairs.out.get(from..).unwrap_or_default();
    if let Some(says) = sessions.written(record, run, pairs.count - before) {
        pairs.out.truncate(from);
        pairs.count = before;
        pairs.session(&says);
    }
}

/// The pairs of a map, and how many there are.
struct Pairs<'o> {
    out: &'o mut Vec<u8>,
    count: u16,
}

impl Pairs<'_> {
    /// Appends a key; its value is to follow.
    #[inline]
    fn key(&mut self, key: u8) -> &mut Vec<u8> {
        self.count += 1;
        write_key(self.out, key);
        self.out
    }

    #[inline]
    fn session(&mut self, says: &Says<'_>) {
        match *says {
            Says::Number(number) => write_uint(self.key(KEY_SESSION), number.into()),
            Says::All(run, pairs, number) => {
                self.out.extend_from_slice(run);
                self.count += pairs;
                write_uint(self.key(KEY_SESSION_NUMBER), number.into());
            }
        }
    }

    #[inline]
    fn int(&mut self, column: Column, value: Option<i64>) {
        if let Some(value) = value {
            write_int(self.key(column.key()), value);
        }
    }

    #[inline]
    fn texts<const N: usize>(&mut self, record: &LogRecord<'_>, columns: &[Column; N]) {
        for column in columns {
            if let Some(text) = record.text(*column) {
                write_text(self.out, column.key(), text);
                self.count += 1;
            }
        }
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
    packed(tag, stream, source, path, acked, chunk, |message| message.write(out));
}

/// Appends all of that message but the entries; answers at which byte of `out` they belong.
pub fn message_around(
    tag: &str,
    stream: &StreamId,
    source: &Source,
    path: &str,
    acked: Option<u64>,
    chunk: &SealedChunk,
    out: &mut Vec<u8>,
) -> usize {
    packed(tag, stream, source, path, acked, chunk, |message| {
        message.write_head(out);
        let at = out.len();
        message.write_tail(out);
        at
    })
}

fn packed<T>(
    tag: &str,
    stream: &StreamId,
    source: &Source,
    path: &str,
    acked: Option<u64>,
    chunk: &SealedChunk,
    write: impl FnOnce(&PackedForward<'_>) -> T,
) -> T {
    let mut own = Vec::with_capacity(256);
    header::write(&mut own, stream, (chunk.from, chunk.to, acked), source, path);
    write(&PackedForward {
        tag,
        entries: &chunk.entries,
        compression: chunk.compression,
        size: u64::from(chunk.records) + u64::from(chunk.rejected),
        chunk: &chunk_id(stream, chunk.from, chunk.to),
        own: Some((header::OPTION, &own)),
    })
}

// Every column of text is in one of the groups, once.
const _: () = {
    let mut missing = 0u32;
    let mut at = 0;
    while at < Column::COUNT {
        if let Kind::Text = Column::ALL[at].kind() {
            missing |= 1 << at;
        }
        at += 1;
    }
    let groups: [&[Column]; 3] = [&OF_SESSION, &OF_EVENT, &[Column::VirtualTransactionId]];
    let mut group = 0;
    while group < groups.len() {
        let mut at = 0;
        while at < groups[group].len() {
            let bit = 1 << groups[group][at] as u32;
            assert!(missing & bit != 0);
            missing &= !bit;
            at += 1;
        }
        group += 1;
    }
    assert!(missing == 0);
};
