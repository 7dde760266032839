//! What is flushed, as messages: ranges exactly as events answer for them, everything else as it is, and the same each time.

use bytes::Bytes;
use proptest::prelude::*;
use trunkline_forward::{Inflater, Message, msgpack::write_uint};
use trunkline_record::{RecordSlots, StreamId, event::write_events};

use super::*;

/// Events of a stream whose records stand at these positions, from the first on up to `to`.
fn events(stream: u8, positions: &[u64], to: u64) -> Vec<u8> {
    let mut builder = ChunkBuilder::new(ChunkLimits::default());
    for position in positions {
        builder.reject(*position, format!("record {position}").as_bytes(), "a test");
    }
    let sealed = builder.finish(to).unwrap();
    let source = Source { pod: Some("orders-0".into()), ..Source::default() };
    let (from, path) = (positions[0], Some("/log/a.csv".to_owned()));
    let stream = StreamId([stream; 16]);
    let header = ChunkHeader { stream, from, to, acked: Some(0), source, path };
    let mut inflater = Inflater::new(1 << 20);
    let entries = inflater.inflate(Compression::Zstd, &sealed.entries).unwrap();
    let mut out = Vec::new();
    write_events(&header, entries, &mut out).unwrap();
    out
}

/// An event of Fluent Bit's own tail.
fn line(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write_array(&mut out, 2);
    write_array(&mut out, 2);
    EventTime { seconds: 5, nanoseconds: 6 }.write(&mut out);
    write_map(&mut out, 0);
    write_map(&mut out, 1);
    write_str(&mut out, b"log");
    write_str(&mut out, text.as_bytes());
    out
}

fn converter() -> Converter {
    let source = Source { cluster: Some("orders".into()), ..Source::default() };
    Converter::new(source, Some(vec![0x80]))
}

/// Ranges, and the positions of the records in them.
type Found = Vec<(u64, u64, Vec<u64>)>;

fn read(outgoing: &[Outgoing]) -> (Found, Vec<u8>) {
    let (mut found, mut others) = (Vec::new(), Vec::new());
    let mut inflater = Inflater::new(64 << 20);
    for Outgoing { id, wire } in outgoing {
        let message = Message::decode(&Bytes::from(wire.clone())).unwrap();
        assert_eq!(message.options.chunk.as_deref(), Some(id.as_bytes()));
        let header = ChunkHeader::from_options(&message.options).unwrap();
        let entries = message.entries(&mut inflater).unwrap();
        let Some(header) = header else {
            assert_eq!(message.options.get(ROUTE).unwrap(), Some(&[0x80][..]));
            others.extend_from_slice(entries);
            continue;
        };
        assert_eq!(header.acked, None, "no order is claimed");
        assert_eq!(header.source.cluster.as_deref(), Some("orders"));
        assert_eq!(header.source.pod.as_deref(), Some("orders-0"));
        let (mut slots, mut reader) = (RecordSlots::new(), EntryReader::new(entries));
        let mut positions = Vec::new();
        while slots.read(&mut reader).unwrap().is_some() {
            positions.push(slots.position());
        }
        found.push((header.from, header.to, positions));
    }
    (found, others)
}

fn convert(data: &[u8]) -> (Found, Vec<u8>) {
    let (mut one, mut other) = (converter(), converter());
    let outgoing = one.convert("pg", data).unwrap();
    assert_eq!(outgoing, one.convert("pg", data).unwrap(), "a retry makes the same messages");
    assert_eq!(outgoing, other.convert("pg", data).unwrap(), "after a restart, too");
    read(&outgoing)
}

/// The events of `data`, one by one.
fn split(data: &[u8]) -> Vec<&[u8]> {
    let mut reader = EntryReader::new(data);
    let mut events = Vec::new();
    let mut begin = 0;
    while reader.next_head().unwrap().is_some() {
        reader.record().skip().unwrap();
        events.push(&data[begin..reader.position()]);
        begin = reader.position();
    }
    events
}

#[test]
fn chunks_of_the_input_that_follow_one_another_become_one_range() {
    let data = [events(1, &[10, 20], 30), events(1, &[30, 45], 50)].concat();
    assert_eq!(convert(&data).0, [(10, 50, vec![10, 20, 30, 45])]);
}

#[test]
fn what_a_filter_took_out_is_not_claimed() {
    let data = events(1, &[10, 20, 30, 40], 50);
    let events = split(&data);
    let left = [events[0], events[2], events[3]].concat();
    assert_eq!(convert(&left).0, [(10, 20, vec![10]), (30, 50, vec![30, 40])]);
}

#[test]
fn what_is_handed_over_again_within_one_flush_is_a_range_of_its_own() {
    let data = [events(1, &[10, 20], 30), events(1, &[20], 30)].concat();
    assert_eq!(convert(&data).0, [(10, 30, vec![10, 20]), (20, 30, vec![20])]);
}

#[test]
fn streams_are_kept_apart() {
    let data = [events(1, &[0, 20], 30), events(2, &[30], 40), events(1, &[30], 40)].concat();
    assert_eq!(convert(&data).0, [(0, 30, vec![0, 20]), (30, 40, vec![30]), (30, 40, vec![30])]);
}

#[test]
fn events_of_others_go_as_they_are() {
    let (a, b) = (line("one"), line("two"));
    let data = [&*a, &events(1, &[0], 10), &b].concat();
    let (found, others) = convert(&data);
    assert_eq!(found, [(0, 10, vec![0])]);
    assert_eq!(others, [a, b].concat());
    assert_eq!(convert(&[]), (vec![], vec![]));
}

#[test]
fn an_id_tells_contents_apart() {
    let id = |text: &str| converter().convert("pg", &line(text)).unwrap()[0].id.clone();
    assert_eq!(id("one"), id("one"));
    assert_ne!(id("one"), id("two"));
}

#[test]
fn what_is_no_event_is_sent_as_what_it_is() {
    let good = line("one");
    let (_, others) = convert(&[&*good, &[0xc1, 1, 2]].concat());
    let sent = split(&others);
    assert_eq!(sent[0], good);
    assert!(sent[1].windows(3).any(|bytes| bytes == [0xc1, 1, 2]));
    assert_eq!(sent.len(), 2);
}

proptest! {
    #[test]
    fn any_bytes_are_converted(data in prop::collection::vec(any::<u8>(), 0..200)) {
        let outgoing = converter().convert("pg", &data).unwrap();
        prop_assert_eq!(outgoing.is_empty(), data.is_empty());
    }

    /// Any of the events of a stream, in any grouping: each that is there is claimed, and nothing besides.
    #[test]
    fn exactly_what_is_there_is_claimed(there in prop::collection::vec(any::<bool>(), 1..40)) {
        let positions: Vec<u64> = (0..there.len() as u64).map(|at| at * 7 + 3).collect();
        let to = there.len() as u64 * 7 + 3;
        let all = events(1, &positions, to);
        let events = split(&all);
        let left: Vec<u8> = events.iter().zip(&there).filter(|(_, there)| **there).flat_map(|(event, _)| event.to_vec()).collect();
        let (found, _) = convert(&left);
        for (position, there) in positions.iter().zip(there) {
            let claims = found.iter().filter(|(from, to, _)| (*from..*to).contains(position)).count();
            let holds = found.iter().flat_map(|(.., held)| held).filter(|held| *held == position).count();
            prop_assert_eq!((claims, holds), (usize::from(there), usize::from(there)));
        }
    }
}

#[test]
fn a_number_in_place_of_an_event_is_none() {
    let mut data = Vec::new();
    write_uint(&mut data, 7);
    assert_eq!(split(&convert(&data).1).len(), 1);
}

#[test]
fn an_event_that_is_cut_off_costs_none_of_those_before_it() {
    let data = events(1, &[10, 20, 30], 40);
    let last = split(&data)[2].len();
    for missing in 1..last {
        let (found, others) = convert(&data[..data.len() - missing]);
        assert_eq!(found, [(10, 30, vec![10, 20])], "{missing}");
        let begun = &data[data.len() - last..data.len() - missing];
        assert!(others.windows(begun.len()).any(|window| window == begun), "{missing}");
    }
    let (found, others) = convert(&split(&data)[0][..last - 1]);
    assert_eq!(found, []);
    assert!(!others.is_empty());
}
