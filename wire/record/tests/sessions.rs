//! What a record says of its session under a number is what later ones of that number say.

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

/// How a record says whose it is.
#[derive(Debug, Clone, Copy)]
enum Says {
    Nothing,
    /// These pairs have this number from now on.
    New(u64),
    /// The pairs of this number are its own.
    Old(u64),
}

/// An entry of these pairs, in a map that says it has `missing` fewer.
fn entry(position: u64, pairs: &[Pair], says: Says, missing: u32) -> Vec<u8> {
    let mut out = Vec::new();
    write_array(&mut out, 2);
    EventTime::default().write(&mut out);
    let number = match says {
        Says::Nothing => None,
        Says::New(number) => Some((b"&", number)),
        Says::Old(number) => Some((b"=", number)),
    };
    let count = pairs.len() + 2 + usize::from(number.is_some());
    write_map(&mut out, u32::try_from(count).unwrap() - missing);
    if let Some((key, number)) = number {
        write_str(&mut out, key);
        write_uint(&mut out, number);
    }
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
    let event = prop::collection::vec((Just(Column::Message), 0..5_u8), 0..2);
    prop_oneof![
        3 => session.clone(),
        3 => event,
        1 => (any.clone(), session, any.clone()).prop_map(|(a, b, c)| [a, b, c].concat()),
        1 => any,
    ]
}

fn says() -> impl Strategy<Value = Says> {
    let number = prop_oneof![9 => 0..4_u64, 1 => Just(256), 1 => Just(u64::MAX)];
    prop_oneof![Just(Says::Nothing), number.clone().prop_map(Says::New), number.prop_map(Says::Old),]
}

proptest! {
    #[test]
    fn a_number_stands_for_what_was_last_said_under_it(
        records in prop::collection::vec((pairs(), says(), prop::bool::weighted(0.1)), 1..60)
    ) {
        let missing = |is_cut: bool, pairs: &[Pair]| u32::from(is_cut && !pairs.is_empty());
        let entries: Vec<_> = records
            .iter()
            .enumerate()
            .map(|(at, (pairs, says, is_cut))| {
                let (at, missing) = (at as u64, missing(*is_cut, pairs));
                (entry(at, pairs, *says, missing), entry(at, pairs, Says::Nothing, missing))
            })
            .collect();
        let mut slots = RecordSlots::new();
        let mut known: Vec<Values<'_>> = Vec::new();
        let mut sessions = std::collections::HashMap::new();
        for ((pairs, says, is_cut), (entry, alone)) in records.iter().zip(&entries) {
            let said = &pairs[..pairs.len() - missing(*is_cut, pairs) as usize];
            let has_own = said.iter().any(|(column, _)| Column::OF_SESSION.contains(column));
            let mut expected = read(&mut RecordSlots::new(), alone);
            let number = match says {
                Says::Nothing => None,
                Says::New(number) | Says::Old(number) => usize::try_from(*number).ok(),
            };
            if let Ok(values) = &mut expected {
                let before = number.and_then(|number| known.get(number)).copied();
                match (says, number, before) {
                    (Says::Nothing, ..) => {}
                    (Says::Old(_), _, Some(before)) if !has_own => {
                        for column in Column::OF_SESSION {
                            values[column as usize] = before[column as usize];
                        }
                    }
                    (Says::New(_), Some(number), Some(_)) => known[number] = *values,
                    (Says::New(_), Some(number), None) if number == known.len() => {
                        known.push(*values);
                    }
                    _ => expected = Err(MapError::Value("session")),
                }
            }
            let values = read(&mut slots, entry);
            prop_assert_eq!(&values, &expected);
            let Ok(values) = values else { continue };
            prop_assert_eq!(slots.session().is_some(), !matches!(says, Says::Nothing));
            if let Some(session) = slots.session() {
                let of_session = Column::OF_SESSION.map(|column| values[column as usize]);
                prop_assert_eq!(sessions.entry(session).or_insert(of_session), &of_session);
            }
        }
    }
}

#[test]
fn numbers_that_a_reader_takes_are_bounded() {
    let session = Column::OF_SESSION.map(|column| (column, 1)).to_vec();
    let entries: Vec<_> =
        (0..300).map(|number| entry(number, &session, Says::New(number), 0)).collect();
    let mut slots = RecordSlots::new();
    let taken = entries.iter().take_while(|entry| read(&mut slots, entry).is_ok()).count();
    assert_eq!(taken, 256);
}

#[test]
fn a_record_that_says_and_refers_is_refused() {
    let session = Column::OF_SESSION.map(|column| (column, 1)).to_vec();
    let (first, mut both) = (entry(0, &session, Says::New(0), 0), entry(1, &[], Says::Old(0), 0));
    // One more pair in its map.
    let map = both.iter().position(|byte| *byte == 0x83).unwrap();
    both[map] += 1;
    both.extend_from_slice(b"\xa1&\x01");
    let mut slots = RecordSlots::new();
    read(&mut slots, &first).unwrap();
    assert_eq!(read(&mut slots, &both), Err(MapError::Value("session")));
}
