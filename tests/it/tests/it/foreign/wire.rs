//! A sender as Fluent Bit is one, reduced to its wire: it writes messages in any mode and reads acks.

use std::io::Write;

use bytes::BytesMut;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trunkline_forward::EventTime;
use trunkline_forward::client::{Client, Event};
use trunkline_forward::msgpack::{
    write_array, write_bin, write_bool, write_int, write_map, write_str, write_uint,
};
use trunkline_it::PATIENCE;

/// 2026-11-22 22:46:17.001 UTC
pub const TIME: EventTime = EventTime { seconds: 1_795_387_577, nanoseconds: 1_000_000 };

/// JSON as MessagePack.
pub fn pack(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(value) => write_bool(out, *value),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => write_uint(out, number),
            (_, Some(number)) => write_int(out, number),
            _ => {
                out.push(0xcb);
                out.extend_from_slice(&number.as_f64().unwrap().to_be_bytes());
            }
        },
        Value::String(text) => write_str(out, text.as_bytes()),
        Value::Array(values) => {
            write_array(out, values.len().try_into().unwrap());
            values.iter().for_each(|value| pack(value, out));
        }
        Value::Object(members) => {
            write_map(out, members.len().try_into().unwrap());
            for (key, value) in members {
                write_str(out, key.as_bytes());
                pack(value, out);
            }
        }
    }
}

/// Entries as Fluent Bit packs them: `[[time, metadata], record]`, between the marks of a group.
pub fn entries(records: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut entry = |time: EventTime, record: &Value| {
        write_array(&mut out, 2);
        write_array(&mut out, 2);
        time.write(&mut out);
        write_map(&mut out, 0);
        pack(record, &mut out);
    };
    let group = serde_json::json!({"resource": "group"});
    entry(EventTime { seconds: u32::MAX, nanoseconds: 0 }, &group);
    records.iter().for_each(|record| entry(TIME, record));
    entry(EventTime { seconds: u32::MAX - 1, nanoseconds: 0 }, &group);
    out
}

/// A message with gzipped entries, in two members.
pub fn gzipped(tag: &str, entries: &[u8], chunk: Option<&str>) -> Vec<u8> {
    let (first, second) = entries.split_at(entries.len() / 2);
    let mut packed = Vec::new();
    for part in [first, second] {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(part).unwrap();
        packed.extend(gzip.finish().unwrap());
    }
    let mut out = Vec::new();
    write_array(&mut out, 3);
    write_str(&mut out, tag.as_bytes());
    write_bin(&mut out, &packed);
    write_map(&mut out, 1 + u32::from(chunk.is_some()));
    if let Some(chunk) = chunk {
        write_str(&mut out, b"chunk");
        write_str(&mut out, chunk.as_bytes());
    }
    write_str(&mut out, b"compressed");
    write_str(&mut out, b"gzip");
    out
}

/// Sends on a connection of its own, and waits for this ack.
pub async fn send(address: &str, wire: &[u8], chunk: &str) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(wire).await.unwrap();
    let (mut client, mut buffer) = (Client::new(), BytesMut::new());
    loop {
        if let Some(Event::Ack(acked)) = client.receive(&mut buffer).unwrap() {
            return assert_eq!(acked, chunk.as_bytes());
        }
        let read = tokio::time::timeout(PATIENCE, socket.read_buf(&mut buffer)).await.unwrap();
        assert!(read.unwrap() > 0, "the connection was closed");
    }
}
