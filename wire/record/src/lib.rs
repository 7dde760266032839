//! The log record: what a PostgreSQL server wrote, with its columns named as the PostgreSQL manual names csvlog's.
//!
//! A [`Parser`] finds records in a buffer of a log file and lends them to a [`Sink`] as [`LogRecord`]s whose texts are slices of
//! that buffer. A [`ChunkBuilder`] is the sink that packs them into a forward chunk; [`RecordSlots`] reads them out of one again.
//! Everything is pure: no file, no socket, no clock.

mod chunk;
mod column;
mod cri;
pub mod csvlog;
mod detect;
pub mod escape;
pub mod event;
mod extra;
mod full;
mod header;
mod iso;
mod json;
pub mod jsonlog;
mod keyed;
mod level;
mod lines;
pub mod ndjson;
mod object;
mod parser;
mod patroni;
mod record;
mod settings;
mod severity;
mod slots;
mod source;
mod stderr;
mod stream;
mod table;
mod timestamp;
mod typed;
mod zone;

pub use chunk::{ChunkBuilder, ChunkLimits, LEVEL, SealedChunk, chunk_id, message, message_around};
pub use column::{Column, Kind};
pub use full::{FullRecords, PART_MAX, Part};
pub use header::{ChunkHeader, HeaderError};
pub use keyed::{FullRecord, KeyedLine, KeyedReader, KeyedRecord};
pub use parser::{End, Format, Parser, Reason, Rejected, Sink, UnknownFormat};
pub use patroni::{InvalidPatroniFormat, PatroniFormat};
pub use record::{Field, LogRecord};
pub use settings::LogSettings;
pub use severity::{Severity, UnknownSeverity};
pub use slots::{MapError, RecordSlots, Row, Slot};
pub use source::Source;
pub use stderr::{InvalidPrefix, LinePrefix};
pub use stream::{InvalidStreamId, StreamId};
pub use table::Table;
pub use timestamp::Timestamp;
pub use zone::{LogTimezone, UnknownZone};
