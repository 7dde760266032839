//! A record that a collector wrote in full ([`crate::FullRecords`]), and that came here by way of another program, or directly: read back as
//! what it was, whatever its table. What that program has added goes to `extra`, as do the record's stream and position.

use trunkline_forward::EventTime;
use trunkline_forward::msgpack::{Reader, Value};

use super::{FullRecord, json, origin, text};
use crate::full::{EXTRA, POSITION, RAW, REASON, REJECTED, STREAM, TABLE};
use crate::{Column, Kind, LogRecord, LogTimezone, Severity, StreamId, Table, Timestamp, iso};

type Member<'a> = (&'a [u8], &'a [u8]);

/// Reads it, without its `extra`; `None` where it isn't one, or where something on its way has changed what its columns hold.
pub(super) fn read<'a>(members: &[Member<'a>], time: Timestamp) -> Option<FullRecord<'a>> {
    place(members)?;
    let find = |name| find(members, name);
    let table = text(find(TABLE)?)?;
    if table == REJECTED {
        return Some(FullRecord::Rejected { raw: text(find(RAW)?)?, reason: text(find(REASON)?)? });
    }
    let mut record = LogRecord::new(Table::from_name(table)?, time, None);
    for (key, value) in members {
        if let Some(column) = column(key) {
            set(&mut record, column, Reader::new(value).read().ok()?)?;
        }
    }
    // A server always says one.
    (record.table != Table::Postgres || record.error_severity.is_some())
        .then_some(FullRecord::Record(record))
}

/// Its stream and position there, which no other sender's record has.
pub(super) fn place(members: &[Member<'_>]) -> Option<(StreamId, u64)> {
    let stream = std::str::from_utf8(text(find(members, STREAM)?)?).ok()?.parse().ok()?;
    let position = Reader::new(find(members, POSITION)?).read().ok()?.unsigned()?;
    find(members, TABLE).map(|_| (stream, position))
}

fn find<'a>(members: &[Member<'a>], name: &[u8]) -> Option<&'a [u8]> {
    members.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
}

/// Writes what goes to `extra` beside the record's own, as JSON.
pub(super) fn write_rest(members: &[Member<'_>], out: &mut Vec<u8>) {
    out.clear();
    out.push(b'{');
    for (key, value) in members {
        let is_told = column(key).is_some()
            || [TABLE, EXTRA, RAW, REASON].contains(key)
            || origin::is_field(key, value);
        if !is_told {
            if out.len() > 1 {
                out.push(b',');
            }
            json::write_key(key, out);
            json::write(value, out);
        }
    }
    out.push(b'}');
}

/// The record's own `extra` as JSON: it was a map that `jsonb` can hold, unless it was cut.
pub(super) fn write_extra(members: &[Member<'_>], out: &mut Vec<u8>) {
    out.clear();
    for (_, value) in members.iter().filter(|(key, _)| *key == EXTRA) {
        if let Ok(Value::Map(_)) = Reader::new(value).read() {
            json::write(value, out);
        } else {
            out.extend_from_slice(b"{\"extra\":");
            json::write(value, out);
            out.push(b'}');
        }
    }
}

fn column(key: &[u8]) -> Option<Column> {
    Column::ALL.into_iter().find(|column| column.name().as_bytes() == key)
}

fn set<'a>(record: &mut LogRecord<'a>, column: Column, value: Value<'a>) -> Option<()> {
    let int = || value.integer();
    let int4 = || i32::try_from(value.integer()?).ok();
    match column {
        Column::LogTime => record.log_time = moment(value)?,
        Column::SessionStartTime => record.session_start_time = Some(moment(value)?),
        Column::ErrorSeverity => {
            record.error_severity = Some(Severity::from_bytes(value.bytes()?)?)
        }
        Column::ProcessId => record.process_id = Some(int4()?),
        Column::InternalQueryPos => record.internal_query_pos = Some(int4()?),
        Column::QueryPos => record.query_pos = Some(int4()?),
        Column::LeaderPid => record.leader_pid = Some(int4()?),
        Column::SessionLineNum => record.session_line_num = Some(int()?),
        Column::TransactionId => record.transaction_id = Some(int()?),
        Column::QueryId => record.query_id = Some(int()?),
        column => {
            debug_assert_eq!(column.kind(), Kind::Text);
            record.set_text(column, Some(value.bytes()?));
        }
    }
    Some(())
}

fn moment(value: Value<'_>) -> Option<Timestamp> {
    match value.bytes() {
        Some(text) => iso::read(text, LogTimezone::default()).map(|(moment, _)| moment),
        None => EventTime::from_value(value)
            .map(|time| Timestamp { unix_micros: time.unix_micros(), digits: 6 }),
    }
}
