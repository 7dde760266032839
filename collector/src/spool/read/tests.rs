//! Segments that are whole, cut anywhere, changed anywhere.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::spool::frame::encode;

type Whole = (Head, Vec<u8>);

fn head(n: u64) -> Head {
    Head {
        stream: format!("{n:032x}"),
        from: n * 10,
        to: n * 10 + 10,
        records: 3,
        rejected: 1,
        dev: 1,
        inode: n,
        fingerprint: "ab".repeat(32),
        generation: 0,
        path: format!("/log/{n}.csv"),
        source: vec![("pod".into(), "pod-0".into())],
    }
}

/// A segment, its frames, and where each of them ends.
fn segment(bodies: &[Vec<u8>]) -> (Vec<u8>, Vec<Whole>, Vec<usize>) {
    let (mut bytes, mut frames, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for (n, body) in bodies.iter().enumerate() {
        assert!(encode(&head(n as u64), body, &mut bytes));
        frames.push((head(n as u64), body.clone()));
        ends.push(bytes.len());
    }
    (bytes, frames, ends)
}

fn read(bytes: &[u8]) -> (Vec<Whole>, Vec<Item>) {
    let mut frames = Frames::new(Cursor::new(bytes), 0).unwrap();
    let (mut whole, mut other) = (Vec::new(), Vec::new());
    loop {
        match frames.next(true).unwrap() {
            Item::Frame(head, body) => whole.push((head, body)),
            Item::End => return (whole, other),
            Item::Torn => {
                other.push(Item::Torn);
                return (whole, other);
            }
            item => other.push(item),
        }
    }
}

fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
    // Also bodies that contain what frames begin with.
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        Just(b"TLS1TLS1TLS1\x10\x00\x00\x00\x10\x00\x00\x00TLS1".to_vec()),
    ];
    prop::collection::vec(body, 1..6)
}

proptest! {
    #[test]
    fn what_was_written_is_read(bodies in bodies()) {
        let (bytes, frames, _) = segment(&bodies);
        prop_assert_eq!(read(&bytes), (frames, Vec::new()));
    }

    #[test]
    fn a_torn_segment_has_the_frames_before_its_end(bodies in bodies(), cut in any::<prop::sample::Index>()) {
        let (bytes, frames, ends) = segment(&bodies);
        let cut = cut.index(bytes.len());
        let whole = ends.iter().filter(|&&end| end <= cut).count();
        let torn = cut > 0 && !ends.contains(&cut);
        let expected = if torn { vec![Item::Torn] } else { Vec::new() };
        prop_assert_eq!(read(&bytes[..cut]), (frames[..whole].to_vec(), expected));
    }

    #[test]
    fn damage_costs_the_frame_that_it_hit_and_no_other(
        bodies in bodies(),
        at in any::<prop::sample::Index>(),
        change in 1..=255_u8,
    ) {
        let (mut bytes, mut frames, ends) = segment(&bodies);
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        let hit = ends.iter().filter(|&&end| end <= at).count();
        frames.remove(hit);
        let (whole, other) = read(&bytes);
        prop_assert_eq!(whole, frames);
        prop_assert_eq!(other.len(), 1, "{:?}", other);
    }

    #[test]
    fn anything_at_all_is_read_without_a_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..2000),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        for place in places {
            if bytes.len() > 4 {
                let at = place.index(bytes.len() - 4);
                bytes[at..at + 4].copy_from_slice(&MAGIC);
            }
        }
        let (whole, _) = read(&bytes);
        prop_assert!(whole.is_empty());
    }
}

#[test]
fn a_frame_behind_much_damage_is_found() {
    for gap in [PIECE - 2, PIECE, PIECE + 1, 3 * PIECE - 1] {
        let mut bytes = vec![b'x'; gap];
        assert!(encode(&head(1), b"entries", &mut bytes));
        let (whole, other) = read(&bytes);
        assert_eq!(whole, [(head(1), b"entries".to_vec())]);
        assert_eq!(other, [Item::Lost(gap as u64)]);
    }
}
