//! A real server's log whose disk was full six times: every record that stands whole comes out.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::ops::ControlFlow;
use std::path::Path;

use trunkline_record::{
    Column, End, Format, LogRecord, LogSettings, Parser, Reason, Rejected, Sink,
};

#[derive(Default)]
struct Found {
    /// Where markers stand, and their numbers.
    markers: Vec<(usize, u32)>,
    torn: usize,
    bytes: usize,
}

impl Sink for Found {
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        let message =
            String::from_utf8_lossy(record.text(Column::Message).unwrap_or_default()).into_owned();
        if let Some((_, number)) = message.split_once("SELECT 'marker-") {
            self.markers.push((position as usize, number.trim_end_matches('\'').parse().unwrap()));
        }
        self.bytes += len;
        ControlFlow::Continue(())
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        assert_eq!(rejected.reason, Reason::Torn);
        self.torn += 1;
        self.bytes += rejected.raw.len();
        ControlFlow::Continue(())
    }
}

#[test]
fn a_full_disk_costs_the_torn_records_and_no_other() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/corpus/pg13-diskfull/postgresql-Sun.csv.zst");
    let log = zstd::decode_all(&*std::fs::read(path).unwrap()).unwrap();
    for step in [log.len(), 100_000] {
        let mut parser = Parser::new(Format::Csvlog, &LogSettings::default());
        let (mut found, mut from, mut to) = (Found::default(), 0, 0);
        while to < log.len() {
            to = log.len().min(to + step);
            let end = if to == log.len() { End::Final } else { End::More };
            from += parser.parse(&log[from..to], from as u64, end, &mut found);
        }
        assert_eq!((found.bytes, found.torn), (log.len(), 6));
        assert!(found.markers.is_sorted_by_key(|(_, number)| *number));
        // What the corpus says of this file: so many stand on lines of their own, and so many stand whole at all.
        let own_line =
            found.markers.iter().filter(|(at, _)| *at == 0 || log[at - 1] == b'\n').count();
        assert_eq!((own_line, found.markers.len()), (1254, 1259));
    }
}
