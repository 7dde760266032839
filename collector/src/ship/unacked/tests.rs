//! The window's order, bounds and positions, by example and against random acks.

use std::time::Duration;

use proptest::prelude::*;
use trunkline_record::{ChunkBuilder, ChunkLimits, Source};

use super::*;
use crate::{
    identity::{FileId, FirstLine},
    streams::Streams,
};

fn stream(name: u8) -> Arc<Stream> {
    let streams = Streams::new(Source::default(), []);
    let line = FirstLine::of(&[name, b'\n']).unwrap();
    let file = FileId { dev: 0, ino: 0 };
    streams.identify(streams.source(), file, &line, "/f", 0, std::time::SystemTime::now())
}

fn chunk(stream: &Arc<Stream>, from: u64) -> Chunk {
    let mut builder = ChunkBuilder::new(ChunkLimits::default());
    builder.begin(from);
    let sealed = builder.finish(from + 10).unwrap();
    Chunk { stream: Arc::clone(stream), source: Arc::default(), sealed }
}

fn ack(window: &mut Unacked, stream: &Stream, from: u64, now: Instant) -> Acknowledged {
    window.acknowledge(chunk_id(&stream.id, from, from + 10).as_bytes(), now)
}

fn sent(window: &mut Unacked, now: Instant) -> Vec<u64> {
    std::iter::from_fn(|| window.send(now).map(|chunk| chunk.sealed.from)).collect()
}

#[test]
fn a_position_moves_only_over_acks_without_a_gap() {
    let (now, a, b) = (Instant::now(), stream(b'a'), stream(b'b'));
    let mut window = Unacked::new(1 << 20);
    for from in [0, 10, 20] {
        window.push(chunk(&a, from));
        window.push(chunk(&b, from));
    }
    sent(&mut window, now);
    assert!(matches!(ack(&mut window, &a, 10, now), Acknowledged::Early));
    assert!(matches!(ack(&mut window, &b, 0, now), Acknowledged::Moved { to: 10, chunks: 1, .. }));
    assert!(matches!(ack(&mut window, &a, 0, now), Acknowledged::Moved { to: 20, chunks: 2, .. }));
    assert!(matches!(ack(&mut window, &a, 0, now), Acknowledged::Unknown), "acked before");
    assert_eq!(window.len(), 3);
}

#[test]
fn a_new_connection_sends_in_order_what_is_not_acknowledged() {
    let (now, a) = (Instant::now(), stream(b'a'));
    let mut window = Unacked::new(1 << 20);
    for from in [0, 10, 20, 30] {
        window.push(chunk(&a, from));
    }
    assert_eq!(sent(&mut window, now), [0, 10, 20, 30]);
    ack(&mut window, &a, 0, now);
    ack(&mut window, &a, 20, now);
    window.rewind();
    window.push(chunk(&a, 40));
    assert!(matches!(ack(&mut window, &a, 10, now), Acknowledged::Unknown), "not sent here yet");
    assert_eq!(sent(&mut window, now), [10, 30, 40]);
}

#[test]
fn the_window_is_bounded_in_bytes_and_number_but_takes_one_of_any_size() {
    let a = stream(b'a');
    let mut window = Unacked::new(1);
    assert!(window.has_room());
    window.push(chunk(&a, 0));
    assert!(!window.has_room());
    let mut window = Unacked::new(usize::MAX);
    let mut from = 0;
    while window.has_room() {
        window.push(chunk(&a, from));
        from += 10;
    }
    assert_eq!(window.len(), MOST_CHUNKS);
}

#[test]
fn the_first_forward_chunk_waits_since_it_was_sent_or_became_the_first() {
    let (start, a) = (Instant::now(), stream(b'a'));
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut window = Unacked::new(1 << 20);
    assert_eq!(window.waiting_since(), None);
    window.push(chunk(&a, 0));
    window.push(chunk(&a, 10));
    assert_eq!(window.waiting_since(), None, "not sent");
    sent(&mut window, at(1));
    assert_eq!(window.waiting_since(), Some(at(1)));
    ack(&mut window, &a, 0, at(5));
    assert_eq!(window.waiting_since(), Some(at(5)), "the second is served after the first");
    window.rewind();
    assert_eq!(window.waiting_since(), None);
    sent(&mut window, at(7));
    assert_eq!(window.waiting_since(), Some(at(7)));
}

proptest! {
    #[test]
    fn whatever_is_acked_in_whatever_order_nothing_is_forgotten(
        acks in prop::collection::vec((0..3_usize, 0..8_u64, any::<bool>()), 0..60)
    ) {
        let now = Instant::now();
        let streams = [stream(b'a'), stream(b'b'), stream(b'c')];
        let mut window = Unacked::new(1 << 20);
        for from in 0..8 {
            streams.iter().for_each(|stream| window.push(chunk(stream, from * 10)));
        }
        sent(&mut window, now);
        let mut acked = [[false; 8]; 3];
        for (stream, n, rewind) in acks {
            if rewind {
                window.rewind();
                let again = sent(&mut window, now);
                let missing = acked.iter().flatten().filter(|acked| !**acked).count();
                prop_assert_eq!(again.len(), missing);
                prop_assert!(again.is_sorted());
            }
            let before = acked[stream].iter().take_while(|acked| **acked).count();
            acked[stream][usize::try_from(n).unwrap()] = true;
            let after = acked[stream].iter().take_while(|acked| **acked).count();
            let moved = match ack(&mut window, &streams[stream], n * 10, now) {
                Acknowledged::Moved { to, chunks, .. } => {
                    prop_assert_eq!(to, after as u64 * 10);
                    chunks
                }
                Acknowledged::Early | Acknowledged::Unknown => 0,
            };
            prop_assert_eq!(moved, (after - before) as u64);
        }
        let done: usize =
            acked.iter().map(|acked| acked.iter().take_while(|acked| **acked).count()).sum();
        prop_assert_eq!(window.len(), 24 - done);
        prop_assert_eq!(window.is_empty(), window.bytes() == 0);
    }
}
