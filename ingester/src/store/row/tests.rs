//! What is kept of a session makes the row that its own record would have made.

use proptest::prelude::*;
use trunkline_forward::{Compression, EntryReader, Inflater};
use trunkline_record::{ChunkBuilder, ChunkLimits, LogRecord, Severity, Sink, StreamId, Timestamp};

use super::*;

fn header() -> ChunkHeader {
    let source = Source { cluster: Some("orders".into()), ..Source::default() };
    ChunkHeader { stream: StreamId([7; 16]), from: 0, to: 1 << 40, acked: None, source, path: None }
}

#[derive(Debug, Clone)]
struct Given {
    process: i32,
    user: Option<Vec<u8>>,
    application: Option<Vec<u8>>,
    detail: Option<Vec<u8>>,
    hint: Option<Vec<u8>>,
    query_pos: Option<i32>,
}

fn given() -> impl Strategy<Value = Given> {
    let text = || {
        prop_oneof![
            4 => prop::sample::select(vec![None, Some(b"app".to_vec()), Some(Vec::new())]),
            // Needs the escape.
            1 => Just(Some(b"a\xff\0\\".to_vec())),
            1 => Just(Some("naïve 🐘".as_bytes().to_vec())),
            // Too long to be kept.
            1 => Just(Some(vec![b'x'; LONGEST + 1])),
        ]
    };
    // More processes than are kept, some of which have places in common.
    let process = prop_oneof![0..3, 0..2_000];
    (process, text(), text(), text(), text(), prop::option::of(0..9)).prop_map(
        |(process, user, application, detail, hint, query_pos)| Given {
            process,
            user,
            application,
            detail,
            hint,
            query_pos,
        },
    )
}

fn packed(records: &[Given]) -> Vec<u8> {
    let mut builder = ChunkBuilder::new(ChunkLimits { bytes: usize::MAX, ..Default::default() });
    for (at, given) in records.iter().enumerate() {
        let time = Timestamp { unix_micros: 1_795_388_792_715_000, digits: 3 };
        let mut record = LogRecord::new(Table::Postgres, time, Some(Severity::Log));
        record.process_id = Some(given.process);
        let session_id = format!("65f0a1b2.{:x}", given.process);
        record.set_text(Column::SessionId, Some(session_id.as_bytes()));
        record.query_pos = given.query_pos;
        record.set_text(Column::UserName, given.user.as_deref());
        record.set_text(Column::ApplicationName, given.application.as_deref());
        record.set_text(Column::Detail, given.detail.as_deref());
        record.set_text(Column::Hint, given.hint.as_deref());
        let _ = builder.record(at as u64, 1, &record);
    }
    let chunk = builder.finish(records.len() as u64).unwrap();
    let mut inflater = Inflater::new(1 << 30);
    inflater.inflate(Compression::Zstd, &chunk.entries).unwrap().to_vec()
}

/// How many fields a row has, walked by their lengths.
fn fields(row: &[u8]) -> u16 {
    let (mut rest, mut found) = (&row[2..], 0);
    while let Some((len, behind)) = rest.split_first_chunk() {
        let len = usize::try_from(i32::from_be_bytes(*len)).unwrap_or(0);
        (rest, found) = (&behind[len..], found + 1);
    }
    found
}

proptest! {
    #[test]
    fn a_row_is_the_same_whatever_came_before_it(records in prop::collection::vec(given(), 1..60)) {
        let entries = packed(&records);
        let (mut reader, mut slots) = (EntryReader::new(&entries), RecordSlots::new());
        let mut encoder = RowEncoder::new(&header(), None);
        while slots.read(&mut reader).unwrap().is_some() {
            let (mut row, mut alone) = (Vec::new(), Vec::new());
            encoder.encode(&slots, Form::Full, &mut row).unwrap();
            RowEncoder::new(&header(), None).encode(&slots, Form::Full, &mut alone).unwrap();
            prop_assert_eq!(&row, &alone);
            prop_assert_eq!(fields(&row), columns::fields(Table::Postgres, Form::Full));
        }
    }

    #[test]
    fn a_row_is_short_if_that_is_all_of_it(records in prop::collection::vec(given(), 1..60)) {
        let entries = packed(&records);
        let (mut reader, mut slots) = (EntryReader::new(&entries), RecordSlots::new());
        let mut encoder = RowEncoder::new(&header(), None);
        for given in &records {
            slots.read(&mut reader).unwrap();
            let (mut row, mut full) = (b"before".to_vec(), Vec::new());
            let form = encoder.encode(&slots, Form::Short, &mut row).unwrap();
            prop_assert_eq!(encoder.encode(&slots, Form::Full, &mut full).unwrap(), Form::Full);
            let row = row.strip_prefix(b"before").unwrap();
            let says = u16::from_be_bytes([row[0], row[1]]);
            prop_assert_eq!((says, fields(row)), (columns::fields(Table::Postgres, form), says));
            let texts = [&given.user, &given.application, &given.detail];
            let is_escaped = texts.into_iter().flatten().any(|text| text.contains(&0));
            if given.hint.is_some() || given.query_pos.is_some() || is_escaped {
                prop_assert_eq!((form, row), (Form::Full, &full[..]));
            } else {
                // What it lacks are NULLs.
                let (beginning, rest) = full[2..].split_at(row.len() - 2);
                prop_assert_eq!((form, &row[2..]), (Form::Short, beginning));
                prop_assert!(rest.iter().all(|byte| *byte == 0xff));
            }
        }
    }
}

#[test]
fn a_sessions_fields_are_kept() {
    let one = Given {
        process: 1,
        user: Some(b"app".to_vec()),
        application: None,
        detail: None,
        hint: None,
        query_pos: None,
    };
    let entries = packed(&[one.clone(), one]);
    let (mut reader, mut slots) = (EntryReader::new(&entries), RecordSlots::new());
    let mut encoder = RowEncoder::new(&header(), None);
    slots.read(&mut reader).unwrap();
    encoder.encode(&slots, Form::Full, &mut Vec::new()).unwrap();
    let session = slots.session().unwrap();
    // A mark that only what was kept can bring into the second row.
    let kept = &mut encoder.sessions[session as usize % SESSIONS];
    let at = kept.fields.windows(3).position(|bytes| bytes == b"app").unwrap();
    kept.fields[at] = b'A';
    slots.read(&mut reader).unwrap();
    let mut row = Vec::new();
    encoder.encode(&slots, Form::Full, &mut row).unwrap();
    assert!(row.windows(3).any(|bytes| bytes == b"App"));
}
