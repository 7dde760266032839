//! From the entries of a forward chunk to events.

use trunkline_forward::msgpack::{
    write_array, write_bin, write_int, write_map, write_str, write_uint,
};
use trunkline_forward::{EntryReader, EventTime};

use super::{
    KEY_EXTRA, KEY_FROM, KEY_HEADER, KEY_NEXT, KEY_POSITION, KEY_RAW, KEY_REASON,
    KEY_SEVERITY_AS_WRITTEN, KEY_TABLE,
};
use crate::ndjson::rfc3339;
use crate::{ChunkHeader, Column, MapError, RecordSlots, Row, Slot, Table, Timestamp, header};

const MICROS: i64 = 1_000_000;

/// Appends an event for each of `entries`, which are those of a chunk that [`crate::ChunkBuilder`] has packed, decompressed. Answers how many
/// there were.
///
/// # Errors
/// When the entries aren't such.
pub fn write_events(
    chunk: &ChunkHeader,
    entries: &[u8],
    out: &mut Vec<u8>,
) -> Result<u64, MapError> {
    let mut of_chunk = Vec::with_capacity(256);
    write_str(&mut of_chunk, KEY_HEADER);
    let positions = (chunk.from, chunk.to, chunk.acked);
    let path = chunk.path.as_deref().unwrap_or_default();
    header::write(&mut of_chunk, &chunk.stream, positions, &chunk.source, path);
    let mut entries = EntryReader::new(entries);
    let mut slots = RecordSlots::new();
    let mut count = 0;
    // Where the event before has room for the position of the next.
    let mut room = None;
    while let Some(row) = slots.read(&mut entries)? {
        let is_postgres = slots.table() == Table::Postgres;
        let leads = count == 0 && chunk.from != slots.position();
        fill(out, room, slots.position());
        write_array(out, 2);
        write_array(out, 2);
        // It was an EventTime before.
        EventTime::from_unix_micros(slots.log_time()).unwrap_or_default().write(out);
        write_map(out, 3 + u32::from(!is_postgres) + u32::from(leads));
        out.extend_from_slice(&of_chunk);
        write_str(out, KEY_POSITION);
        write_uint(out, slots.position());
        write_str(out, KEY_NEXT);
        room = Some(out.len());
        out.extend_from_slice(&[0xcf, 0, 0, 0, 0, 0, 0, 0, 0]);
        if leads {
            write_str(out, KEY_FROM);
            write_uint(out, chunk.from);
        }
        if !is_postgres {
            write_str(out, KEY_TABLE);
            write_str(out, slots.table().name().as_bytes());
        }
        match row {
            Row::Record => write_record(&slots, out),
            Row::Rejected { raw, reason } => {
                write_map(out, 2);
                write_str(out, KEY_RAW);
                write_bin(out, raw);
                write_str(out, KEY_REASON);
                write_str(out, reason);
            }
        }
        count += 1;
    }
    fill(out, room, chunk.to);
    Ok(count)
}

/// Writes a position into the room that an event has for it, behind the marker.
fn fill(out: &mut [u8], room: Option<usize>, position: u64) {
    if let Some(room) = room.and_then(|at| out.get_mut(at + 1..at + 9)) {
        room.copy_from_slice(&position.to_be_bytes());
    }
}

fn write_record(slots: &RecordSlots<'_>, out: &mut Vec<u8>) {
    // The map's head is written last, when the number of its pairs is known. It takes three bytes.
    let head = out.len();
    out.extend_from_slice(&[0xde, 0, 0]);
    let mut pairs: u16 = 0;
    for column in Column::ALL.into_iter().filter(|column| *column != Column::LogTime) {
        let slot = slots.get(column);
        if slot == Slot::Null {
            continue;
        }
        write_str(out, column.name().as_bytes());
        match slot {
            Slot::Null => {}
            Slot::Text(text) => write_str(out, text),
            Slot::Int(value) => write_int(out, value),
            Slot::Time(unix_micros) => write_str(out, as_written(unix_micros).as_bytes()),
            Slot::Severity(severity) => write_str(out, severity.as_str().as_bytes()),
        }
        pairs += 1;
    }
    let beyond =
        [(KEY_SEVERITY_AS_WRITTEN, slots.severity_as_written()), (KEY_EXTRA, slots.extra())];
    for (key, value) in beyond {
        if let Some(value) = value {
            write_str(out, key);
            write_str(out, value);
            pairs += 1;
        }
    }
    if let Some(count) = out.get_mut(head + 1..head + 3) {
        count.copy_from_slice(&pairs.to_be_bytes());
    }
}

/// A moment as a server writes it.
fn as_written(unix_micros: i64) -> String {
    let digits = if unix_micros.rem_euclid(MICROS) == 0 { 0 } else { 6 };
    rfc3339(Timestamp { unix_micros, digits }).replace('T', " ").replace('Z', " UTC")
}
