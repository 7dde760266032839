//! Forward chunks that become several messages, and the acks of those.

use std::{sync::Arc, time::SystemTime};

use bytes::BytesMut;
use trunkline_forward::{
    EntryReader, Limits,
    server::{Event, Server},
};
use trunkline_record::{
    ChunkBuilder, ChunkLimits, LogRecord, Severity, Sink, Source, Table, Timestamp,
};

use super::*;
use crate::{
    identity::{FileId, FirstLine},
    streams::Streams,
};

/// Fluent Bit's limit.
const FLUENT_BIT: usize = 6_144_000;

/// So many records that say nothing.
fn chunk(records: u64) -> Chunk {
    let source = Source { namespace: Some("shop".into()), ..Source::default() };
    let streams = Streams::new(source, []);
    let line = FirstLine::of(b"line\n").unwrap();
    let file = FileId { dev: 0, ino: 0 };
    let stream = streams.identify(streams.source(), file, &line, "/f", 0, SystemTime::now());
    let limits = ChunkLimits { bytes: usize::MAX, ..ChunkLimits::default() };
    let mut builder = ChunkBuilder::new(limits);
    builder.begin(0);
    let time = Timestamp { unix_micros: 1_795_387_577_001_000, digits: 6 };
    let record = LogRecord::new(Table::Postgres, time, Some(Severity::Log));
    for position in 0..records {
        assert!(builder.record(position, 1, &record).is_continue());
    }
    let sealed = builder.finish(records).unwrap();
    Chunk { stream, source: Arc::clone(streams.source()), sealed }
}

fn compatible(compression: PlainCompression) -> Compatible {
    let config = CompatibleConfig { compression, ..CompatibleConfig::default() };
    Compatible::new(config, Counter::default())
}

/// The messages: id, records.
fn written(compatible: &mut Compatible, chunk: &Chunk, one: bool) -> Vec<(String, u64)> {
    let mut wire = Vec::new();
    compatible.write(chunk, one, &mut wire).unwrap();
    let mut server = Server::new(Limits::default());
    let mut buffer = BytesMut::from(&wire[..]);
    let (mut messages, mut before) = (Vec::new(), wire.len());
    while let Some(Event::Message(message)) = server.receive(&mut buffer).unwrap() {
        assert!(before - buffer.len() <= FLUENT_BIT);
        before = buffer.len();
        let mut inflater = Inflater::new(FLUENT_BIT);
        let mut entries = EntryReader::new(message.entries(&mut inflater).unwrap());
        let mut records = 0;
        while entries.next_head().unwrap().is_some() {
            entries.record().skip().unwrap();
            records += 1;
        }
        assert_eq!(message.options.size, Some(records));
        assert_eq!(&message.tag[..], b"postgres.shop.unknown.unknown");
        let id = message.options.chunk.unwrap();
        messages.push((String::from_utf8(id.to_vec()).unwrap(), records));
    }
    assert!(buffer.is_empty());
    messages
}

#[test]
fn what_fits_no_message_becomes_several_and_counts_when_all_are_acknowledged() {
    let chunk = chunk(40_000);
    let id = chunk_id(&chunk.stream.id, 0, 40_000);
    for compression in [PlainCompression::Gzip, PlainCompression::None] {
        let mut compatible = compatible(compression);
        let messages = written(&mut compatible, &chunk, false);
        assert!(messages.len() > 1, "{messages:?}");
        assert_eq!(messages.iter().map(|(_, records)| records).sum::<u64>(), 40_000);
        let ids: Vec<_> = messages.iter().map(|(id, _)| id.clone()).collect();
        let (last, others) = ids.split_last().unwrap();
        for other in others {
            assert_eq!(compatible.acknowledged(other.as_bytes()), None);
            assert_eq!(compatible.acknowledged(other.as_bytes()), None, "twice is once");
        }
        // On the next connection only what is missing is sent.
        assert_eq!(written(&mut compatible, &chunk, false), messages[others.len()..]);
        assert_eq!(compatible.acknowledged(last.as_bytes()), Some(id.as_bytes()));
        assert!(compatible.waiting.is_empty());
        assert_eq!(compatible.acknowledged(last.as_bytes()), None, "nothing waits for it");
    }
}

#[test]
fn one_message_a_connection_gets_to_the_end_of_a_forward_chunk() {
    let chunk = chunk(40_000);
    let mut compatible = compatible(PlainCompression::Gzip);
    let (mut sent, mut acknowledged) = (0, false);
    while !acknowledged {
        let messages = written(&mut compatible, &chunk, true);
        let [(id, records)] = &messages[..] else { panic!("{messages:?}") };
        sent += records;
        acknowledged = compatible.acknowledged(id.as_bytes()).is_some();
    }
    assert_eq!(sent, 40_000);
}

#[test]
fn what_fits_one_message_has_the_forward_chunks_own_id() {
    let chunk = chunk(3);
    let id = chunk_id(&chunk.stream.id, 0, 3);
    let mut compatible = compatible(PlainCompression::Gzip);
    assert_eq!(written(&mut compatible, &chunk, false), [(id.clone(), 3)]);
    assert_eq!(compatible.acknowledged(id.as_bytes()), Some(id.as_bytes()));
}
