//! The codec against values of every shape, an independent MessagePack library, and the quirks of real clients.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use bytes::BytesMut;
use proptest::prelude::*;
use trunkline_forward::client::{self, Client};
use trunkline_forward::msgpack::{self, ReadError, Reader, Value};
use trunkline_forward::server::{Event, Server};
use trunkline_forward::{
    Compression, Compressor, EntryReader, Error, EventTime, Inflater, Limits, Message, Mode,
    PackedForward, ack, is_group_marker,
};

const LIMITS: Limits = Limits { max_message: 1 << 20, max_decompressed: 1 << 20 };

fn entry(seconds: u32, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    msgpack::write_array(&mut out, 2);
    EventTime { seconds, nanoseconds: 5_000 }.write(&mut out);
    msgpack::write_map(&mut out, 1);
    msgpack::write_str(&mut out, b"log");
    msgpack::write_str(&mut out, text.as_bytes());
    out
}

/// The texts of the entries, in order.
fn texts(packed: &[u8]) -> Vec<String> {
    let mut entries = EntryReader::new(packed);
    let mut texts = Vec::new();
    while let Some(time) = entries.next_head().unwrap() {
        if is_group_marker(time) {
            entries.record().skip().unwrap();
            continue;
        }
        assert_eq!(entries.record().read().unwrap(), Value::Map(1));
        assert_eq!(entries.record().read().unwrap(), Value::Str(b"log"));
        let Value::Str(text) = entries.record().read().unwrap() else { panic!("not a string") };
        texts.push(String::from_utf8(text.to_vec()).unwrap());
    }
    texts
}

/// Feeds `wire` to a server in pieces of `step` bytes and expects one message with these texts.
fn check(wire: &[u8], step: usize, mode: Mode, expected: &[&str]) -> Message {
    let mut server = Server::new(LIMITS);
    let mut buf = BytesMut::new();
    let mut messages = Vec::new();
    for piece in wire.chunks(step) {
        buf.extend_from_slice(piece);
        while let Some(event) = server.receive(&mut buf).unwrap() {
            let Event::Message(message) = event else { panic!("a heartbeat") };
            messages.push(message);
        }
    }
    assert!(buf.is_empty(), "bytes left over");
    let [message] = &messages[..] else { panic!("{} messages", messages.len()) };
    assert_eq!(message.mode, mode);
    assert_eq!(&message.tag[..], b"pg.log");
    let mut inflater = Inflater::new(LIMITS.max_decompressed);
    assert_eq!(texts(message.entries(&mut inflater).unwrap()), expected);
    message.clone()
}

fn packed(compression: Compression, entries: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    PackedForward {
        tag: "pg.log",
        entries,
        compression,
        size: 2,
        chunk: "c-1",
        own: Some(("extra", &[0x01])),
    }
    .write(&mut out);
    out
}

#[test]
fn packed_forward_is_read_whatever_the_pieces_it_arrives_in() {
    let entries = [entry(1, "one"), entry(2, "two")].concat();
    for step in [1, 2, 7, 64, 4096] {
        let message =
            check(&packed(Compression::None, &entries), step, Mode::PackedForward, &["one", "two"]);
        assert_eq!(message.options.chunk.as_deref(), Some(&b"c-1"[..]));
        assert_eq!(message.options.size, Some(2));
        assert_eq!(message.options.get("extra").unwrap(), Some(&[0x01][..]));
        assert_eq!(message.options.get("absent").unwrap(), None);
    }
}

#[test]
fn zstd_in_one_frame_in_several_and_without_a_content_size() {
    let (one, two) = (entry(1, "one"), entry(2, "two"));
    let mut single = Vec::new();
    Compressor::new(1).compress(&[&one[..], &two].concat(), &mut single).unwrap();
    let several = [zstd::encode_all(&one[..], 3).unwrap(), zstd::encode_all(&two[..], 3).unwrap()];
    for compressed in [single, several.concat()] {
        let wire = packed(Compression::Zstd, &compressed);
        check(&wire, 13, Mode::PackedForward, &["one", "two"]);
    }
}

#[test]
fn gzip_of_several_members() {
    use std::io::Write;
    let member = |content: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(content).unwrap();
        gzip.finish().unwrap()
    };
    let members = [member(&entry(1, "one")), member(&entry(2, "two"))].concat();
    check(&packed(Compression::Gzip, &members), 5, Mode::PackedForward, &["one", "two"]);
}

#[test]
fn forward_mode_with_both_shapes_of_event_mixed_and_nil_options() {
    let mut wire = vec![0x93];
    msgpack::write_str(&mut wire, b"pg.log");
    msgpack::write_array(&mut wire, 4);
    wire.extend(entry(1, "one"));
    // Fluent Bit's [[time, metadata], record], its time as ext8, between its group markers.
    let group = |seconds: u32| {
        let mut marker = vec![0x92, 0x92];
        EventTime { seconds, nanoseconds: 0 }.write(&mut marker);
        marker.extend_from_slice(&[0x80, 0x80]);
        marker
    };
    wire.extend(group(0xffff_ffff));
    wire.extend_from_slice(&[
        0x92, 0x92, 0xc7, 0x08, 0x00, 0, 0, 0, 2, 0, 0, 0, 0, 0x81, 0xa1, b'k', 0xc0,
    ]);
    wire.extend_from_slice(&[0x81, 0xa3, b'l', b'o', b'g', 0xa3, b't', b'w', b'o']);
    wire.extend(group(0xffff_fffe));
    wire.push(0xc0);
    check(&wire, 3, Mode::Forward, &["one", "two"]);
}

#[test]
fn message_mode_with_integer_and_float_time() {
    for time in [&[0xce, 0x65, 0, 0, 0][..], &[0xcb, 0x41, 0xd9, 0x40, 0, 0, 0, 0, 0]] {
        let mut wire = vec![0x93];
        msgpack::write_str(&mut wire, b"pg.log");
        wire.extend_from_slice(time);
        wire.extend_from_slice(&[0x81, 0xa3, b'l', b'o', b'g', 0xa1, b'x']);
        check(&wire, 1, Mode::Message, &["x"]);
    }
}

#[test]
fn an_option_map_may_have_a_header_larger_than_needed() {
    let mut wire = vec![0x93];
    msgpack::write_bin(&mut wire, b"pg.log");
    msgpack::write_str(&mut wire, &entry(1, "one"));
    wire.extend_from_slice(&[0xdf, 0, 0, 0, 1]);
    msgpack::write_str(&mut wire, b"chunk");
    msgpack::write_bin(&mut wire, b"raw\xff");
    let message = check(&wire, 2, Mode::PackedForward, &["one"]);
    assert_eq!(message.options.chunk.as_deref(), Some(&b"raw\xff"[..]));
}

#[test]
fn a_nil_is_a_heartbeat() {
    let mut buf = BytesMut::from(&[0xc0][..]);
    assert!(matches!(Server::new(LIMITS).receive(&mut buf), Ok(Some(Event::Heartbeat))));
}

/// What a server says to these bytes.
fn refusal(wire: &[u8]) -> Error {
    let mut server = Server::new(LIMITS);
    server.receive(&mut BytesMut::from(wire)).map(|event| format!("{event:?}")).unwrap_err()
}

#[test]
fn a_message_is_refused_as_soon_as_it_announces_too_much() {
    // 4 GiB of binary announced; five bytes were sent.
    let huge = [0x93, 0xa1, b't', 0xc6, 0xff, 0xff, 0xff, 0xff];
    assert!(matches!(refusal(&huge), Error::MessageTooLarge { .. }));
    // Four billion entries announced.
    let many = [0x93, 0xa1, b't', 0xdd, 0xff, 0xff, 0xff, 0xff];
    assert!(matches!(refusal(&many), Error::MessageTooLarge { .. }));
}

#[test]
fn what_is_not_forward_is_refused() {
    for (wire, expected) in [
        (&b"\xc1"[..], Error::Malformed { at: 0 }),
        (b"\x05", Error::Expected("an array of 2 to 4 as message")),
        (b"\x92\x01\x90", Error::Expected("a string as tag")),
        (b"\x92\xa1t\xc2", Error::Expected("entries, or a time and a record")),
        (b"\x93\xa1t\xa0\x01", Error::Expected("a map or nil as option")),
    ] {
        assert_eq!(refusal(wire), expected, "{wire:x?}");
    }
}

#[test]
fn a_bomb_is_stopped_at_the_cap() {
    let zeros = vec![0u8; 8 << 20];
    let mut stated = Vec::new();
    Compressor::new(1).compress(&zeros, &mut stated).unwrap();
    let mut unstated = zstd::Encoder::new(Vec::new(), 1).unwrap();
    std::io::Write::write_all(&mut unstated, &zeros).unwrap();
    let unstated = unstated.finish().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &zeros).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut inflater = Inflater::new(LIMITS.max_decompressed);
    for (compression, bomb) in
        [(Compression::Zstd, stated), (Compression::Zstd, unstated), (Compression::Gzip, gzip)]
    {
        let inflated = inflater.inflate(compression, &bomb);
        assert_eq!(inflated, Err(Error::DecompressedTooLarge { limit: 1 << 20 }));
    }
}

#[test]
fn damaged_compression_is_an_error() {
    let mut inflater = Inflater::new(1 << 20);
    for compression in [Compression::Gzip, Compression::Zstd] {
        let inflated = inflater.inflate(compression, b"no such thing");
        assert!(matches!(inflated, Err(Error::Decompress(_))), "{compression:?}: {inflated:?}");
    }
}

#[test]
fn acks_arrive_in_pieces_and_together() {
    let mut wire = Vec::new();
    ack::encode(b"first", &mut wire);
    ack::encode(b"second", &mut wire);
    let mut client = Client::new();
    let mut buf = BytesMut::new();
    let mut acks = Vec::new();
    for byte in wire {
        buf.extend_from_slice(&[byte]);
        while let Some(client::Event::Ack(chunk)) = client.receive(&mut buf).unwrap() {
            acks.push(chunk);
        }
    }
    assert_eq!(acks, [b"first".to_vec(), b"second".to_vec()]);
}

#[test]
fn event_time_keeps_microseconds() {
    for micros in [0, 1, 999_999, 1_000_000, 1_764_000_000_123_456] {
        assert_eq!(EventTime::from_unix_micros(micros).unwrap().unix_micros(), micros);
    }
    assert_eq!(EventTime::from_unix_micros(-1), None);
    assert_eq!(EventTime::from_unix_micros(i64::MAX), None);
}

proptest! {
    #[test]
    fn integers_agree_with_another_library(value: i64, shift in 0u32..64) {
        let value = value >> shift;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        msgpack::write_int(&mut ours, value);
        rmp::encode::write_sint(&mut theirs, value).unwrap();
        prop_assert_eq!(&ours, &theirs);
        prop_assert_eq!(Reader::new(&ours).read().unwrap().integer(), Some(value));
    }

    #[test]
    fn strings_agree_with_another_library(len in 0usize..70_000) {
        let text = "x".repeat(len);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        msgpack::write_str(&mut ours, text.as_bytes());
        rmp::encode::write_str(&mut theirs, &text).unwrap();
        prop_assert_eq!(&ours, &theirs);
        prop_assert_eq!(Reader::new(&ours).read().unwrap(), Value::Str(text.as_bytes()));
    }

    #[test]
    fn any_bytes_end_in_a_value_or_an_error_and_skipping_agrees_with_reading(bytes: Vec<u8>) {
        let mut reader = Reader::new(&bytes);
        let mut skipper = reader.clone();
        match (reader.read(), skipper.skip()) {
            (Ok(Value::Array(_) | Value::Map(_)), _) => {}
            (Ok(_), Ok(skipped)) => prop_assert_eq!(skipped.len(), reader.position()),
            (Err(read), Err(skipped)) => prop_assert_eq!(read, skipped),
            (Err(ReadError::Incomplete), Ok(_)) => prop_assert!(false, "skipped what can't be read"),
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn a_server_survives_any_bytes_in_any_pieces(bytes: Vec<u8>, step in 1usize..9) {
        let mut server = Server::new(LIMITS);
        let mut buf = BytesMut::new();
        'wire: for piece in bytes.chunks(step) {
            buf.extend_from_slice(piece);
            loop {
                match server.receive(&mut buf) {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => break 'wire,
                }
            }
        }
    }
}
