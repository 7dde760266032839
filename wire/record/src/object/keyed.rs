//! A server's record as members by csvlog's column names or jsonlog's keys, in any order, numbers and times as texts or as numbers: what other
//! collectors make of a server's log.
//!
//! They don't tell an empty text from nothing, so that is nothing.

use crate::json::{Shape, Value};
use crate::ndjson::rfc3339;
use crate::{Column, Kind, LogTimezone, Reason, Timestamp, iso};

use super::member::Members;
use super::{Draft, Place};

/// Beside `error_severity`, what only a server's record has.
const EVIDENCE: [&[u8]; 6] = [
    b"sql_state_code",
    b"state_code",
    b"session_id",
    b"backend_type",
    b"log_time",
    b"session_line_num",
];

/// jsonlog's keys that differ from csvlog's names.
const JSONLOG: [(&[u8], Column); 13] = [
    (b"timestamp", Column::LogTime),
    (b"user", Column::UserName),
    (b"dbname", Column::DatabaseName),
    (b"pid", Column::ProcessId),
    (b"line_num", Column::SessionLineNum),
    (b"ps", Column::CommandTag),
    (b"session_start", Column::SessionStartTime),
    (b"vxid", Column::VirtualTransactionId),
    (b"txid", Column::TransactionId),
    (b"state_code", Column::SqlStateCode),
    (b"internal_position", Column::InternalQueryPos),
    (b"statement", Column::Query),
    (b"cursor_position", Column::QueryPos),
];
/// Keys of jsonlog that csvlog has in one column, and what stands before each of them there.
const CONNECTION_FROM: [(&[u8], &[u8]); 2] = [(b"remote_host", b""), (b"remote_port", b":")];
const LOCATION: [(&[u8], &[u8]); 3] =
    [(b"func_name", b""), (b"file_name", b", "), (b"file_line_num", b":")];

/// Whether these are a server's.
pub(super) fn is_servers(members: &Members<'_>) -> bool {
    members.has(b"error_severity") && EVIDENCE.iter().any(|name| members.has(name))
}

/// Lays out the columns; what has none is kept.
pub(super) fn compose(
    members: &Members<'_>,
    zone: LogTimezone,
    fallback: Timestamp,
    draft: &mut Draft<'_>,
) -> Result<(), Reason> {
    let mut taken = vec![false; members.len()];
    for (at, taken) in taken.iter_mut().enumerate() {
        let Some(column) = column(&members.key(at)) else { continue };
        // Said twice by two names: the first counts, the other is kept.
        if !matches!(draft.places[column as usize], Place::Absent) {
            continue;
        }
        let value = members.value(at);
        if !is_nothing(members, value) {
            let place = place(column, members, value, zone, draft);
            draft.set(column, place.ok_or(Reason::Value(column))?);
        }
        *taken = true;
    }
    parts(&CONNECTION_FROM, Column::ConnectionFrom, members, &mut taken, draft);
    parts(&LOCATION, Column::Location, members, &mut taken, draft);
    if matches!(draft.places[Column::LogTime as usize], Place::Absent) {
        let place = time(fallback, draft);
        draft.set(Column::LogTime, place);
    }
    // jsonlog leaves it out where csvlog writes it.
    if members.has(b"timestamp")
        && matches!(draft.places[Column::SqlStateCode as usize], Place::Absent)
    {
        let place = draft.join(|draft| draft.memory.extend_from_slice(b"00000"));
        draft.set(Column::SqlStateCode, place);
    }
    draft.keep(members, |at| taken.get(at).copied().unwrap_or_default());
    Ok(())
}

fn column(key: &[u8]) -> Option<Column> {
    let csvlogs = Column::ALL.into_iter().take(Column::CSVLOG);
    let by_name = csvlogs.into_iter().find(|column| column.name().as_bytes() == key);
    by_name.or_else(|| JSONLOG.iter().find(|(name, _)| *name == key).map(|(_, column)| *column))
}

fn is_nothing(members: &Members<'_>, value: &Value) -> bool {
    match value.shape {
        Shape::Text => value.to - value.from == 2,
        Shape::Word => &*members.decoded(value) == b"null",
        _ => false,
    }
}

fn place(
    column: Column,
    members: &Members<'_>,
    value: &Value,
    zone: LogTimezone,
    draft: &mut Draft<'_>,
) -> Option<Place> {
    match (column.kind(), value.shape) {
        (Kind::Time, Shape::Number) => Some(time(iso::epoch(&members.decoded(value))?.0, draft)),
        (Kind::Time, Shape::Text) => Some(time(iso::read(&members.decoded(value), zone)?.0, draft)),
        (_, Shape::Text) => Some(draft.text(value)),
        (Kind::Text | Kind::Int4 | Kind::Int8, Shape::Number) => {
            Some(Place::Line(value.from..value.to))
        }
        _ => None,
    }
}

/// A moment as a server writes it.
fn time(moment: Timestamp, draft: &mut Draft<'_>) -> Place {
    let text = rfc3339(moment).replace('T', " ").replace('Z', " UTC");
    draft.join(|draft| draft.memory.extend_from_slice(text.as_bytes()))
}

/// Puts together what csvlog has in one column, unless that was said too.
fn parts(
    names: &[(&[u8], &[u8])],
    column: Column,
    members: &Members<'_>,
    taken: &mut [bool],
    draft: &mut Draft<'_>,
) {
    let is_plain = |value: &Value| matches!(value.shape, Shape::Text | Shape::Number);
    let found: Vec<_> = names
        .iter()
        .filter_map(|(name, before)| Some((members.first(&[*name], is_plain)?, *before)))
        .collect();
    if found.is_empty() || !matches!(draft.places[column as usize], Place::Absent) {
        return;
    }
    let place = draft.join(|draft| {
        let from = draft.memory.len();
        for (at, before) in found {
            if draft.memory.len() > from {
                draft.memory.extend_from_slice(before);
            }
            draft.memory.extend_from_slice(&members.decoded(members.value(at)));
            if let Some(taken) = taken.get_mut(at) {
                *taken = true;
            }
        }
    });
    draft.set(column, place);
}
