//! Records as NDJSON: one JSON object a line, keys named as the columns, absent values left out.

use std::io::Write;

use serde_json::{Map, Number, Value};

use crate::{Column, Field, LogRecord, Rejected, Table, Timestamp, escape};

/// Appends a record and its position as one line. A text that needs the escape is escaped, and named in `escaped`.
pub fn write_record(out: &mut Vec<u8>, position: u64, record: &LogRecord<'_>) {
    let mut object = Map::new();
    let mut escaped = Vec::new();
    object.insert("position".to_owned(), position.into());
    if record.table != Table::Postgres {
        object.insert("table".to_owned(), record.table.name().into());
    }
    for column in Column::ALL {
        let value = match record.get(column) {
            None => continue,
            Some(Field::Text(bytes)) => {
                if escape::needs(bytes) {
                    escaped.push(Value::from(column.name()));
                }
                Value::String(escape::to_text(bytes).into_owned())
            }
            Some(Field::Int(value)) => Value::Number(Number::from(value)),
            Some(Field::Time(time)) => Value::String(rfc3339(time)),
            Some(Field::Severity(severity)) => Value::String(severity.as_str().to_owned()),
        };
        object.insert(column.name().to_owned(), value);
    }
    if let Some(extra) = extra(record.extra, record.severity_as_written) {
        object.insert("extra".to_owned(), extra);
    }
    if !escaped.is_empty() {
        object.insert("escaped".to_owned(), Value::Array(escaped));
    }
    line(out, object);
}

/// Appends bytes that are no record as one line: where they stand, what is wrong, and the bytes, escaped as text.
pub fn write_rejected(out: &mut Vec<u8>, file: &str, rejected: &Rejected<'_>) {
    let raw = escape::to_text(rejected.raw);
    let mut object = Map::new();
    object.insert("file".to_owned(), file.into());
    object.insert("position".to_owned(), rejected.position.into());
    object.insert("bytes".to_owned(), rejected.raw.len().into());
    object.insert("reason".to_owned(), rejected.reason.to_string().into());
    object.insert("raw".to_owned(), raw.as_ref().into());
    if escape::needs(rejected.raw) {
        object.insert("escaped".to_owned(), Value::Array(vec!["raw".into()]));
    }
    line(out, object);
}

/// What a record has beyond its columns, as the one JSON object that is stored.
///
/// `extra` that isn't a JSON object, which no parser of ours hands over, is kept as a string.
pub fn extra(extra: Option<&[u8]>, severity_as_written: Option<&[u8]>) -> Option<Value> {
    let mut object = match extra.map(|text| (text, serde_json::from_slice(text))) {
        None => Map::new(),
        Some((_, Ok(Value::Object(object)))) => object,
        Some((text, _)) => Map::from_iter([("extra".to_owned(), escape::to_text(text).into())]),
    };
    if let Some(word) = severity_as_written {
        object.insert(Column::ErrorSeverity.name().to_owned(), escape::to_text(word).into());
    }
    (!object.is_empty()).then_some(Value::Object(object))
}

fn line(out: &mut Vec<u8>, object: Map<String, Value>) {
    // Writing strings and numbers into memory can't fail.
    let _ = serde_json::to_writer(&mut *out, &Value::Object(object));
    out.push(b'\n');
}

/// RFC 3339 in UTC, with the digits that the source had.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    let micros = time.unix_micros;
    let Some(moment) = chrono::DateTime::from_timestamp_micros(micros) else {
        return micros.to_string();
    };
    let mut text = moment.format("%Y-%m-%dT%H:%M:%S").to_string().into_bytes();
    let fraction = format!("{:06}", micros.rem_euclid(1_000_000));
    if time.digits > 0 {
        let digits = fraction.get(..usize::from(time.digits)).unwrap_or(&fraction);
        // Writing into memory can't fail.
        let _ = write!(text, ".{digits}");
    }
    text.push(b'Z');
    String::from_utf8_lossy(&text).into_owned()
}
