//! Records as events of Fluent Bit: what the input plugin hands over, and the output plugin makes forward chunks of again.
//!
//! An event is `[[EventTime, metadata], record]`. The time is the record's `log_time`; the record has the other columns that it has a value
//! for, by their names and in their order: texts as the bytes that they are, numbers as integers, `error_severity` in English and
//! `session_start_time` as a server writes it, in UTC. Beyond the columns there are `severity_as_written` and `extra`, a JSON object as
//! text. Bytes that are no record are `{raw, reason}`. So a filter or another output finds what it would expect.
//!
//! The metadata says where the record stands:
//!
//! | key | type | meaning |
//! |---|---|---|
//! | `trunkline` | map | the header of the forward chunk, as it travels in a message's option map ([`crate::ChunkHeader`]) |
//! | `position` | int | the record's position in its stream |
//! | `next` | int | the next record's position; of a chunk's last one, where the chunk ends |
//! | `from` | int | of a chunk's first record, where the chunk begins, if that isn't its position |
//! | `table` | str | whose record it is, where that isn't `postgres` |
//!
//! All events of a forward chunk have the same bytes for `trunkline`. An event answers for `[from, next)` of its stream, and only for that:
//! a host may cut a chunk anywhere, or lose its end. Events of one stream that follow one another within what a host flushes at once do so in
//! the stream too; what is missing between two of them was taken out by a filter, and is nobody's any more. Between two flushes
//! nothing can be missing, unless a filter took out what stood at the seam, or the host has lost it.
//!
//! `acked` is where the run of the input that wrote this began to read the stream: what is before was handed over by an earlier run. A run
//! hands over a stream without a gap and in order, and may repeat what an earlier one has handed over, cut in other places.

mod read;
mod write;

pub use read::{EventReader, Mark};
pub use write::write_events;

/// Where the metadata has the header.
const KEY_HEADER: &[u8] = b"trunkline";
/// Where it has the position.
const KEY_POSITION: &[u8] = b"position";
/// Where it has the position of what follows.
const KEY_NEXT: &[u8] = b"next";
/// Where it has what the record's own position doesn't say: from where it answers.
const KEY_FROM: &[u8] = b"from";
/// Where it has the table.
const KEY_TABLE: &[u8] = b"table";
/// What a record has beyond the columns.
const KEY_EXTRA: &[u8] = b"extra";
/// The word that stood for the severity, where it doesn't say it exactly.
const KEY_SEVERITY_AS_WRITTEN: &[u8] = b"severity_as_written";
/// Bytes that are no record.
const KEY_RAW: &[u8] = b"raw";
/// Why they are none.
const KEY_REASON: &[u8] = b"reason";
