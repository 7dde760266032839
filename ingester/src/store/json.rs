//! A record as JSON by the names of its columns: what `log.rejected` keeps of it, and `extra` of the columns that a table hasn't.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value};
use trunkline_record::{Column, RecordSlots, Slot, Table, escape, ndjson};

/// All of a record. As in its row, a text that needs the escape is escaped, and named in `escaped`.
pub(super) fn record(slots: &RecordSlots<'_>) -> Vec<u8> {
    let mut object = Map::new();
    if slots.table() != Table::Postgres {
        object.insert("table".to_owned(), slots.table().name().into());
    }
    let mut escaped = Vec::new();
    for column in Column::ALL {
        let slot = slots.get(column);
        let Some(value) = value(slot) else { continue };
        if is_escaped(slot) {
            escaped.push(column.name().into());
        }
        object.insert(column.name().to_owned(), value);
    }
    if let Some(extra) = ndjson::extra(slots.extra(), slots.severity_as_written()) {
        object.insert("extra".to_owned(), extra);
    }
    if !escaped.is_empty() {
        object.insert("escaped".to_owned(), Value::Array(escaped));
    }
    Value::Object(object).to_string().into_bytes()
}

/// One value; `None` for NULL. What needs the escape is escaped.
pub(super) fn value(slot: Slot<'_>) -> Option<Value> {
    Some(match slot {
        Slot::Null => return None,
        Slot::Text(text) => escape::to_text(text).into_owned().into(),
        Slot::Int(value) => value.into(),
        Slot::Severity(severity) => severity.as_str().into(),
        Slot::Time(micros) => match DateTime::from_timestamp_micros(micros) {
            Some(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true).into(),
            None => micros.into(),
        },
    })
}

/// Whether [`value`] had to escape this.
pub(super) fn is_escaped(slot: Slot<'_>) -> bool {
    matches!(slot, Slot::Text(text) if escape::needs(text))
}
