//! Records as NDJSON: one JSON object a line, keys named as the columns, absent values left out.

use std::io::Write;

use serde_json::{Map, Number, Value};

use crate::{Column, Field, LogRecord, Rejected, Timestamp, escape};

/// Appends a record and its position as one line. A text that needs the escape is escaped, and named in `escaped`.
pub fn write_record(out: &mut Vec<u8>, position: u64, record: &LogRecord<'_>) {
    let mut object = Map::new();
    let mut escaped = Vec::new();
    object.insert("position".to_owned(), position.into());
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
    if let Some(word) = record.severity_as_written {
        let extra = Map::from_iter([(
            Column::ErrorSeverity.name().to_owned(),
            escape::to_text(word).into(),
        )]);
        object.insert("extra".to_owned(), Value::Object(extra));
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
