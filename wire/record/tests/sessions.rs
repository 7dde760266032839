//! What a session's records share is read once and remembered: it has to be what each record says.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use proptest::prelude::*;
use trunkline_forward::msgpack::{write_array, write_int, write_map, write_str, write_uint};
use trunkline_forward::{EntryReader, EventTime};
use trunkline_record::{Column, Kind, MapError, RecordSlots, Slot};

/// A pair of a record: its column, and which of a few values.
type Pair = (Column, u8);

fn write_value(column: Column, choice: u8, out: &mut Vec<u8>) {
    match (column.kind(), choice) {
        (Kind::Text | Kind::Int4 | Kind::Int8 | Kind::Time, 9) => out.push(0xc0),
        // A value that the column can't hold.
        (Kind::Int4, 8) => write_int(out, i64::MAX),
        (Kind::Time, 8) => write_str(out, b"now"),
        (Kind::Text, choice) => write_str(out, "value".repeat(choice.into()).as_bytes()),
        (Kind::Int4 | Kind::Int8, choice) => write_int(out, i64::from(choice) * 9_000),
        (Kind::Time, choice) => {
            EventTime { seconds: choice.into(), nanoseconds: 0 }.write(out);
        }
        (Kind::Severity, _) => write_str(out, b"LOG"),
    }
}

/// An entry of these pairs, in a map that says it has `missing` fewer.
fn entry(position: u64, pairs: &[Pair], missing: u32) -> Vec<u8> {
    let mut out = Vec::new();
    write_array(&mut out, 2);
    EventTime::default().write(&mut out);
    write_map(&mut out, u32::try_from(pairs.len()).unwrap() + 2 - missing);
    write_str(&mut out, b"@");
    write_uint(&mut out, position);
    write_str(&mut out, b"e");
    write_str(&mut out, b"LOG");
    for (column, choice) in pairs {
        write_str(&mut out, &[column.key()]);
        write_value(*column, *choice, &mut out);
    }
    out
}

type Values<'a> = [Slot<'a>; Column::COUNT];

fn read<'a>(slots: &mut RecordSlots<'a>, entry: &'a [u8]) -> Result<Values<'a>, MapError> {
    slots.read(&mut EntryReader::new(entry))?.unwrap();
    Ok(Column::ALL.map(|column| slots.get(column)))
}

fn of_session(values: &Values<'_>) -> [Slot<'static>; Column::OF_SESSION.len()] {
    // Texts are compared by what they are made of, which differs in length.
    Column::OF_SESSION.map(|column| match values[column as usize] {
        Slot::Null => Slot::Null,
        Slot::Text(text) => Slot::Int(i64::try_from(text.len()).unwrap()),
        Slot::Int(value) => Slot::Int(value),
        Slot::Time(value) => Slot::Time(value),
        Slot::Severity(value) => Slot::Severity(value),
    })
}

/// Whole sessions as a collector writes them, and pairs in any order, number and place.
fn pairs() -> impl Strategy<Value = Vec<Pair>> {
    let session = (0..3_u8, 0..10_u8).prop_map(|(of, last)| {
        let mut pairs: Vec<Pair> = Column::OF_SESSION.iter().map(|column| (*column, of)).collect();
        pairs.truncate(usize::from(last) + 2);
        pairs
    });
    let columns = Column::OF_SESSION.iter().chain(&[Column::Message, Column::QueryId]).copied();
    let column = prop::sample::select(columns.collect::<Vec<_>>());
    let any = prop::collection::vec((column, 0..10_u8), 0..4);
    prop_oneof![
        3 => session.clone(),
        1 => (any.clone(), session, any.clone()).prop_map(|(a, b, c)| [a, b, c].concat()),
        1 => any,
    ]
}

proptest! {
    #[test]
    fn a_record_has_the_same_values_whatever_came_before_it(
        records in prop::collection::vec((pairs(), prop::bool::weighted(0.1)), 1..40)
    ) {
        let entries: Vec<_> = records
            .iter()
            .enumerate()
            .map(|(at, (pairs, is_cut))| {
                entry(at as u64, pairs, u32::from(*is_cut && !pairs.is_empty()))
            })
            .collect();
        let mut remembering = RecordSlots::new();
        let mut sessions = std::collections::HashMap::new();
        for entry in &entries {
            let values = read(&mut remembering, entry);
            prop_assert_eq!(&values, &read(&mut RecordSlots::new(), entry));
            let Ok(values) = values else { continue };
            if let Some(session) = remembering.session() {
                let of_session = of_session(&values);
                prop_assert_eq!(sessions.entry(session).or_insert(of_session), &of_session);
            }
        }
    }
}

#[test]
fn records_of_a_session_have_its_number() {
    let session = |of: u8| Column::OF_SESSION.map(|column| (column, of)).to_vec();
    let entries = [session(1), session(2), session(1), session(2)].map(|pairs| entry(0, &pairs, 0));
    let mut slots = RecordSlots::new();
    let numbers: Vec<_> = entries
        .iter()
        .map(|entry| {
            read(&mut slots, entry).unwrap();
            slots.session().unwrap()
        })
        .collect();
    assert_eq!((numbers[0], numbers[1]), (numbers[2], numbers[3]));
    assert_ne!(numbers[0], numbers[1]);
}

#[test]
fn a_record_that_says_more_than_its_session_has_no_number() {
    let mut pairs = Column::OF_SESSION.map(|column| (column, 1)).to_vec();
    let session = entry(0, &pairs, 0);
    pairs.push((Column::Message, 1));
    pairs.push((Column::UserName, 2));
    let other = entry(1, &pairs, 0);
    let mut slots = RecordSlots::new();
    read(&mut slots, &session).unwrap();
    assert!(slots.session().is_some());
    let values = read(&mut slots, &other).unwrap();
    assert_eq!(slots.session(), None);
    assert_eq!(values[Column::UserName as usize], Slot::Text(b"valuevalue"));
}
