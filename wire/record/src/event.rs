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
//! | `table` | str | whose record it is, where that isn't `postgres` |
//!
//! All events of a forward chunk have the same bytes for `trunkline`, and stand one behind the other. So what is between the first and the
//! last of them that are left is the forward chunk `[from, to)`, whatever a filter has taken out: filters may take out records,
//! and change them, but not split a chunk or change its order. `acked` is where the run of the input that wrote this began to read the stream:
//! what is before was handed over by an earlier run. Consecutive chunks of one run have no gap between them; a run may repeat what an earlier one
//! has handed over, in other chunks.

mod read;
mod write;

pub use read::{EventReader, Mark};
pub use write::write_events;

/// Where the metadata has the header.
const KEY_HEADER: &[u8] = b"trunkline";
/// Where it has the position.
const KEY_POSITION: &[u8] = b"position";
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
