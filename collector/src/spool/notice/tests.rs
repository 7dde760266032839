//! What is said again says no less than what was said before, and takes no more room for it.

use proptest::prelude::*;

use super::*;

/// A frame of this file of one of a few pods.
fn head(file: u8, pod: u8, from: u64, records: u32) -> Head {
    Head {
        stream: format!("stream {file}"),
        from,
        to: from + 10,
        records,
        rejected: 0,
        dev: 1,
        inode: file.into(),
        fingerprint: String::new(),
        generation: 0,
        path: format!("/log/\"{file}\": 1..2, records of it.csv"),
        source: vec![("pod".to_owned(), format!("pod-{pod}"))],
    }
}

/// What notices say, read back.
fn read_back(notices: &[Chunk]) -> Losses {
    let mut losses = Losses::default();
    for notice in notices {
        assert!(losses.add_notice(&Head::of(notice), &notice.sealed.entries));
    }
    losses
}

fn said(losses: &Losses) -> Vec<(Source, Vec<(Of, Lost)>)> {
    let one = |(source, losses): &(Arc<Source>, BTreeMap<_, _>)| {
        (Source::clone(source), losses.clone().into_iter().collect())
    };
    let mut said: Vec<_> = losses.by_source.iter().map(one).collect();
    said.sort_by_key(|(source, _)| source.pod.clone());
    said
}

proptest! {
    #[test]
    fn notices_of_notices_say_the_same_as_one(
        frames in prop::collection::vec((0..9_u8, 0..3_u8, 0..9_999_u64, 1..500_u32, 0..3_u64), 1..60),
        each in 1..7_usize,
    ) {
        let (mut at_once, mut in_turn) = (Losses::default(), Vec::new());
        for frames in frames.chunks(each) {
            let mut losses = read_back(&in_turn);
            for &(file, pod, from, records, bytes) in frames {
                for losses in [&mut at_once, &mut losses] {
                    losses.add(&head(file, pod, from, records), "spool full");
                    losses.add_bytes(bytes, &Source::default(), "the spool is damaged");
                }
            }
            in_turn = losses.notices().unwrap();
        }
        prop_assert_eq!(said(&read_back(&in_turn)), said(&at_once));
    }
}

#[test]
fn files_that_are_too_many_to_be_named_are_counted_together() {
    let mut notices = Vec::new();
    for round in 0..4 {
        let mut losses = read_back(&notices);
        for file in 0..200 {
            losses.add(&head(file, 0, 0, round * 200 + u32::from(file) + 1), "spool full");
        }
        notices = losses.notices().unwrap();
    }
    assert_eq!((notices.len(), notices[0].sealed.records as usize), (1, NAMED + 1));
    let losses = read_back(&notices);
    assert_eq!(losses.records(), (1..=800).sum::<u64>());
}

#[test]
fn what_is_no_such_notice_is_left_as_it_is() {
    let mut builder = ChunkBuilder::new(ChunkLimits::default());
    builder.begin(0);
    let record = LogRecord::new(Table::Component, Timestamp { unix_micros: 0, digits: 6 }, None);
    let _ = builder.record(0, 1, &record);
    let entries = builder.finish(1).unwrap().entries;
    let mut losses = Losses::default();
    for entries in [&entries, &b"no zstd"[..]] {
        assert!(!losses.add_notice(&head(0, 0, 0, 1), entries));
    }
    assert!(losses.is_empty());
}
