//! MessagePack as JSON whose strings are bytes: what isn't UTF-8 stays as it is, for [`crate::json`] reads such.
//!
//! What JSON hasn't becomes a string: a moment in RFC 3339, `NaN` and `Infinity` by name, another extension as `ext 5: 0a0b`. A key that is
//! a number or the like is a string of its JSON. A key that is an array or a map, and values within one another more deeply than a reader
//! follows, are a string of their bytes.

use trunkline_forward::EventTime;
use trunkline_forward::msgpack::{Reader, Value};

use crate::Timestamp;
use crate::ndjson::rfc3339;

/// MessagePack's own timestamp.
const TIMESTAMP: i8 = -1;
/// Forward's.
const EVENT_TIME: i8 = 0;
/// Maps and arrays within one another; fewer than [`crate::json`] follows, for an object is around them.
const DEEPEST: usize = 48;

/// Appends one value, which is whole.
pub(super) fn write(value: &[u8], out: &mut Vec<u8>) {
    write_within(&mut Reader::new(value), 0, out);
}

/// Appends a key: a text, or the MessagePack of anything else.
pub(super) fn write_key(key: &[u8], out: &mut Vec<u8>) {
    string(key, out);
    out.push(b':');
}

fn write_within(reader: &mut Reader<'_>, depth: usize, out: &mut Vec<u8>) {
    if depth > DEEPEST {
        return string(&bytes_of(reader.skip().unwrap_or_default()), out);
    }
    // It was walked as a whole before, so nothing is missing here.
    match reader.read().unwrap_or(Value::Nil) {
        Value::Nil => out.extend_from_slice(b"null"),
        Value::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Value::Uint(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Value::Int(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Value::Float(value) => float(value, out),
        Value::Str(text) | Value::Bin(text) => string(text, out),
        Value::Ext(kind, payload) => string(extension(kind, payload).as_bytes(), out),
        Value::Array(len) => {
            out.push(b'[');
            for at in 0..len {
                if at > 0 {
                    out.push(b',');
                }
                write_within(reader, depth + 1, out);
            }
            out.push(b']');
        }
        Value::Map(pairs) => {
            out.push(b'{');
            for at in 0..pairs {
                if at > 0 {
                    out.push(b',');
                }
                let key = reader.skip().unwrap_or_default();
                match Reader::new(key).read().unwrap_or(Value::Nil) {
                    Value::Str(text) | Value::Bin(text) => write_key(text, out),
                    // As a string of JSON with strings of JSON it would be twice as long for each level.
                    Value::Array(_) | Value::Map(_) => write_key(&bytes_of(key), out),
                    _ => {
                        let mut json = Vec::new();
                        write_within(&mut Reader::new(key), depth + 1, &mut json);
                        write_key(&json, out);
                    }
                }
                write_within(reader, depth + 1, out);
            }
            out.push(b'}');
        }
    }
}

fn float(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        // Writing a number into memory can't fail.
        let _ = serde_json::to_writer(out, &value);
    } else if value.is_nan() {
        string(b"NaN", out);
    } else {
        string(if value > 0.0 { b"Infinity" } else { b"-Infinity" }, out);
    }
}

fn extension(kind: i8, payload: &[u8]) -> String {
    let micros = match (kind, payload) {
        (EVENT_TIME, _) => {
            EventTime::from_value(Value::Ext(kind, payload)).map(EventTime::unix_micros)
        }
        (TIMESTAMP, &[a, b, c, d]) => Some(i64::from(u32::from_be_bytes([a, b, c, d])) * 1_000_000),
        (TIMESTAMP, &[a, b, c, d, e, f, g, h]) => {
            // Thirty bits of nanoseconds, then 34 of seconds.
            let both = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            let (nanos, seconds) = (both >> 34, both & 0x3_ffff_ffff);
            Some((seconds * 1_000_000 + nanos / 1_000).cast_signed())
        }
        _ => None,
    };
    match micros {
        Some(unix_micros) => rfc3339(Timestamp { unix_micros, digits: 6 }),
        None => format!("ext {kind}: {}", hex(payload)),
    }
}

/// What is written in place of a value that JSON hasn't room for.
fn bytes_of(value: &[u8]) -> Vec<u8> {
    format!("msgpack: {}", hex(value)).into_bytes()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Appends a string; only what JSON asks for is escaped.
fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(br"\n"),
            b'\r' => out.extend_from_slice(br"\r"),
            b'\t' => out.extend_from_slice(br"\t"),
            ..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            byte => out.push(byte),
        }
    }
    out.push(b'"');
}
