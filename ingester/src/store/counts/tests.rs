//! What is written is what a look at every record gives.

use std::collections::BTreeMap;

use proptest::prelude::*;
use trunkline_forward::{Compression, EntryReader, Inflater};
use trunkline_record::{
    ChunkBuilder, ChunkLimits, LogRecord, RecordSlots, SealedChunk, Severity, Sink, Table,
    Timestamp, escape,
};

use super::cells::CELLS;
use super::*;

/// Minute, severity, application and SQLSTATE of a record of table `postgres`, and of which process; a column is NULL unless it is one of these.
type Given = (i64, Severity, Option<Vec<u8>>, Option<&'static str>, Option<i32>);

/// Counts by column, minute, severity, value, and whether that is one of the rest.
type Found = BTreeMap<(String, i64, Option<String>, Option<String>, bool), i64>;

fn packed(records: &[Given]) -> SealedChunk {
    let mut builder = ChunkBuilder::new(ChunkLimits { bytes: usize::MAX, ..Default::default() });
    builder.begin(0);
    for (at, (minute, severity, application, state, process)) in records.iter().enumerate() {
        let time = Timestamp { unix_micros: minute * 60_000_000 + at as i64 % 7, digits: 6 };
        let mut record = LogRecord::new(Table::Postgres, time, Some(*severity));
        record.set_text(Column::ApplicationName, application.as_deref());
        record.set_text(Column::SqlStateCode, state.map(str::as_bytes));
        record.process_id = *process;
        let _ = builder.record(at as u64, 1, &record);
    }
    builder.finish(records.len() as u64).unwrap()
}

/// At this hour since 1970.
fn counted_at(hour: i64, is_kept: bool, records: &[Given]) -> Found {
    let mut inflater = Inflater::new(1 << 30);
    let mut counts = Counts::new(is_kept);
    // What another transaction left isn't counted again.
    counts.add(&ChunkSources { chunk: 1, own: 0, others: Vec::new() }, &RecordSlots::new());
    counts.begin(DateTime::from_timestamp(hour * 3_600 + 1_234, 0).unwrap());
    counts.sources.names.push((None, Some("orders".into())));
    // Sessions have the same numbers in both.
    let (first, second) = records.split_at(records.len() / 2);
    for (chunk, records) in [(1, first), (2, second)] {
        let packed = packed(records);
        let entries = inflater.inflate(Compression::Zstd, &packed.entries).unwrap();
        let (mut reader, mut slots) = (EntryReader::new(entries), RecordSlots::new());
        let sources = ChunkSources { chunk, own: 0, others: Vec::new() };
        while slots.read(&mut reader).unwrap().is_some() {
            counts.add(&sources, &slots);
        }
    }
    let mut found = Found::new();
    let Some(delta) = counts.delta() else { return found };
    for at in 0..delta.rows.len() {
        assert_eq!((delta.tables[at], delta.namespaces[at]), ("postgres", None));
        assert_eq!(delta.clusters[at], Some("orders"));
        let key = (
            delta.columns[at].to_owned(),
            delta.minutes[at],
            delta.severities[at].map(str::to_owned),
            delta.values[at].map(str::to_owned),
            delta.rests[at],
        );
        *found.entry(key).or_default() += delta.rows[at];
    }
    found
}

fn counted(is_kept: bool, records: &[Given]) -> Found {
    counted_at(0, is_kept, records)
}

/// Values before `fine_from` by hour.
fn expected(fine_from: i64, records: &[Given]) -> Found {
    let mut expected = Found::new();
    for (minute, severity, application, state, _) in records {
        let mut add = |column: &str, value: Option<&[u8]>| {
            let is_rest = value.is_some_and(|value| value.len() > 256);
            let value = value.filter(|_| !is_rest).map(|value| escape::to_text(value).into_owned());
            let severity = Some(severity.as_str().to_owned());
            let is_coarse = column != "error_severity" && *minute < fine_from;
            let begins = if is_coarse { minute / 60 * 60 } else { *minute };
            *expected.entry((column.to_owned(), begins, severity, value, is_rest)).or_default() +=
                1;
        };
        add("error_severity", None);
        add("application_name", application.as_deref());
        add("sql_state_code", state.map(str::as_bytes));
        for column in ["user_name", "database_name", "backend_type"] {
            add(column, None);
        }
    }
    expected
}

fn record() -> impl Strategy<Value = Given> {
    let application = prop_oneof![
        Just(None),
        "[a-c]{0,2}".prop_map(|text| Some(text.into_bytes())),
        prop::collection::vec(any::<u8>(), 0..3).prop_map(Some),
        (255..258_usize).prop_map(|len| Some(vec![b'x'; len])),
    ];
    let minute = prop::sample::select(vec![0, 1, 59, 60, 61, 119, 120]);
    let severity = prop_oneof![Just(Severity::Log), prop::sample::select(Severity::ALL.to_vec())];
    let state = prop::sample::select(vec![None, Some("00000"), Some("40P01"), Some("4"), Some("")]);
    (minute, severity, application, state, prop::option::of(1..4_i32))
}

proptest! {
    #[test]
    fn every_record_is_counted_once_in_each_column(records in prop::collection::vec(record(), 0..200)) {
        prop_assert_eq!(counted(true, &records), expected(i64::MIN, &records));
        prop_assert_eq!(counted_at(61, true, &records), expected(60, &records));
    }
}

#[test]
fn values_beyond_the_first_thousand_are_one_rest_and_none_is_lost() {
    let record = |at: usize| {
        (7, Severity::Log, Some(format!("job {}", at % 20_000).into_bytes()), None, None)
    };
    let records: Vec<Given> = (0..40_000).map(record).collect();
    let found = counted(true, &records);
    let of_applications = || found.iter().filter(|((column, ..), _)| column == "application_name");
    assert_eq!(of_applications().count(), 1_001);
    assert_eq!(of_applications().map(|(_, rows)| rows).sum::<i64>(), 40_000);
    let log = Some("LOG".to_owned());
    assert_eq!(found[&("error_severity".to_owned(), 7, log, None, false)], 40_000);
}

#[test]
fn what_is_too_various_is_only_known_to_be_there() {
    let records: Vec<Given> =
        (0..CELLS as i64).map(|at| (at * 2, Severity::Log, None, None, None)).collect();
    let found = counted(true, &records);
    assert!(found.keys().all(|(column, ..)| column == "uncounted"), "{found:?}");
    assert_eq!(found.values().sum::<i64>(), CELLS as i64);
    assert_eq!(found, counted(false, &records));
    let (_, minute, ..) = found.keys().nth(1).unwrap();
    assert_eq!((found.len(), *minute), (70, 24 * 60));
}
