//! A row of the answer as JSON, and as CSV.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::{Serialize, SerializeMap, Serializer};
use tokio_postgres::Row;
use trunkline_query::{Column, Place, Type};
use trunkline_record::StreamId;
use uuid::Uuid;

/// Where the row is in the order that all pages share.
pub(super) fn place(row: &Row) -> Result<Place, tokio_postgres::Error> {
    Ok(Place {
        log_time: row.try_get("log_time")?,
        stream: StreamId(row.try_get::<_, Uuid>("stream")?.into_bytes()),
        position: row.try_get("position")?,
    })
}

/// Writes an object of the columns that aren't NULL.
pub(super) fn write_json(row: &Row, columns: &'static [Column], out: &mut Vec<u8>) {
    // Writing to a vector doesn't fail, and every key is a string.
    let _ = serde_json::to_writer(out, &JsonRow { row, columns });
}

struct JsonRow<'a> {
    row: &'a Row,
    columns: &'static [Column],
}

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.row;
        let mut map = serializer.serialize_map(None)?;
        for (at, column) in self.columns.iter().enumerate() {
            macro_rules! entry {
                ($type:ty, $map:expr) => {
                    if let Some(value) =
                        row.try_get::<_, Option<$type>>(at).map_err(serde::ser::Error::custom)?
                    {
                        map.serialize_entry(column.name, &$map(value))?;
                    }
                };
            }
            match column.kind {
                Type::Text | Type::Severity => entry!(&str, |text| text),
                Type::TextArray => entry!(Vec<&str>, |texts| texts),
                Type::Int4 => entry!(i32, |int| int),
                Type::Int8 => entry!(i64, |int| int),
                Type::Time => entry!(DateTime<Utc>, moment),
                Type::Uuid => entry!(Uuid, |uuid: Uuid| uuid.to_string()),
                Type::Json => entry!(serde_json::Value, |json| json),
                // No table has such columns.
                Type::Bool | Type::Interval => {}
            }
        }
        map.end()
    }
}

/// A moment with as many digits as it has.
pub(super) fn moment(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Writes the names of the columns.
pub(super) fn write_csv_header(columns: &[Column], out: &mut Vec<u8>) {
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    out.extend_from_slice(names.join(",").as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes one record as RFC 4180 has it. NULL is empty, and an empty text is `""`, as in PostgreSQL's own CSV.
pub(super) fn write_csv(
    row: &Row,
    columns: &'static [Column],
    out: &mut Vec<u8>,
) -> Result<(), tokio_postgres::Error> {
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        macro_rules! plain {
            ($type:ty) => {
                if let Some(value) = row.try_get::<_, Option<$type>>(at)? {
                    out.extend_from_slice(value.to_string().as_bytes());
                }
            };
        }
        match column.kind {
            Type::Text | Type::Severity => {
                if let Some(text) = row.try_get::<_, Option<&str>>(at)? {
                    write_csv_text(text, out);
                }
            }
            Type::TextArray => {
                if let Some(texts) = row.try_get::<_, Option<Vec<&str>>>(at)? {
                    write_csv_text(&serde_json::Value::from(texts).to_string(), out);
                }
            }
            Type::Json => {
                if let Some(json) = row.try_get::<_, Option<serde_json::Value>>(at)? {
                    write_csv_text(&json.to_string(), out);
                }
            }
            Type::Time => {
                if let Some(time) = row.try_get::<_, Option<DateTime<Utc>>>(at)? {
                    out.extend_from_slice(moment(time).as_bytes());
                }
            }
            Type::Int4 => plain!(i32),
            Type::Int8 => plain!(i64),
            Type::Uuid => plain!(Uuid),
            Type::Bool | Type::Interval => {}
        }
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Writes one field, quoted where it must be.
pub(crate) fn write_csv_text(text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() && !text.contains(['"', ',', '\r', '\n']) {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let mut out = Vec::new();
        write_csv_text(text, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_text_is_quoted_where_it_must_be() {
        check("plain 🐘", "plain 🐘");
        check("", "\"\"");
        check("a \"b\", c\r\nd", "\"a \"\"b\"\", c\r\nd\"");
    }
}
