//! Container logs: those of a real runtime, and logs of servers wrapped as a runtime would, cut and mixed in every way.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::ops::ControlFlow;

use proptest::prelude::*;
use trunkline_record::{
    Column, End, Field, Format, LogRecord, LogSettings, Parser, Reason, Rejected, Sink, Table,
};

#[path = "support/corpus.rs"]
mod corpus;

/// A record's table and its fields in csvlog's order.
type Values = (Table, Vec<Option<Vec<u8>>>);

#[derive(Debug, Default)]
struct Found {
    records: Vec<(u64, usize, Values)>,
    rejected: Vec<(u64, Vec<u8>, Reason)>,
    breaks: Vec<bool>,
}

impl Found {
    fn flow(&self) -> ControlFlow<()> {
        let count = self.records.len() + self.rejected.len();
        match self.breaks.get(count % self.breaks.len().max(1)) {
            Some(true) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn of(&self, table: Table) -> Vec<String> {
        let records = self.records.iter().filter(|(_, _, (of, _))| *of == table);
        let message = Column::Message as usize;
        let text = |(_, _, (_, fields)): &(u64, usize, Values)| {
            String::from_utf8_lossy(fields[message].as_deref().unwrap_or_default()).into_owned()
        };
        records.map(text).collect()
    }
}

impl Sink for Found {
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        let text = |column: &Column| match record.get(*column)? {
            Field::Text(bytes) => Some(bytes.to_vec()),
            Field::Int(value) => Some(value.to_string().into_bytes()),
            Field::Time(time) => Some(time.unix_micros.to_string().into_bytes()),
            Field::Severity(severity) => Some(severity.as_str().as_bytes().to_vec()),
        };
        let mut fields: Vec<_> = Column::ALL.iter().map(text).collect();
        fields.push(record.extra.map(<[u8]>::to_vec));
        self.records.push((position, len, (record.table, fields)));
        self.flow()
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        self.rejected.push((rejected.position, rejected.raw.to_vec(), rejected.reason));
        self.flow()
    }
}

/// How a log is given to the parser.
#[derive(Debug, Clone, Default)]
struct Way {
    /// Bytes that arrive at a time; all at once when there are none.
    steps: Vec<usize>,
    /// Whether the parser forgets everything after a call.
    resets: Vec<bool>,
    breaks: Vec<bool>,
}

fn way() -> impl Strategy<Value = Way> {
    let steps = proptest::collection::vec(1usize..5000, 0..5);
    let flags = || proptest::collection::vec(any::<bool>(), 0..5);
    (steps, flags(), flags()).prop_map(|(steps, resets, breaks)| Way { steps, resets, breaks })
}

fn parse(format: Format, log: &[u8], way: &Way) -> Found {
    let mut parser = Parser::new(format, &LogSettings::default());
    let mut found = Found { breaks: way.breaks.clone(), ..Found::default() };
    let (mut from, mut to) = (0, 0);
    for call in 0.. {
        let end = if to == log.len() { End::Final } else { End::More };
        let consumed = parser.parse(&log[from..to], from as u64, end, &mut found);
        from += consumed;
        let (of, at) = (found.records.last(), found.rejected.last());
        let last = of.map(|of| of.0).max(at.map(|at| at.0));
        assert!(last.is_none_or(|last| last < from as u64), "handed over and not consumed");
        if way.resets.get(call % way.resets.len().max(1)) == Some(&true) {
            parser.reset();
        }
        if consumed == 0 {
            if to == log.len() {
                break;
            }
            let step = way.steps.get(call % way.steps.len().max(1)).copied();
            to = log.len().min(to.saturating_add(step.unwrap_or(usize::MAX)));
        }
    }
    assert_eq!(from, log.len(), "left over");
    let positions = found.records.iter().map(|(position, ..)| position);
    assert!(positions.is_sorted_by(|a, b| a < b), "not in the order of positions");
    found
}

fn container(log: &[u8]) -> Found {
    parse(Format::Cri, log, &Way::default())
}

/// Each line of the container as the runtime got it, by output: a reader apart from the one that is tested.
fn reassembled(log: &[u8]) -> [Vec<u8>; 2] {
    let mut outputs = [Vec::new(), Vec::new()];
    for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let parts: Vec<_> = line.splitn(4, |byte| *byte == b' ').collect();
        let output = &mut outputs[usize::from(parts[1] == b"stderr")];
        output.extend_from_slice(parts[3]);
        output.extend((parts[2] == b"F").then_some(b'\n'));
    }
    outputs
}

/// The kind of a line by its first words.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Line {
    Primary,
    Labelled,
    Patroni,
    Tab,
    Other,
    /// The rest of a prefix with a line feed in a name.
    Rest,
}

/// The first word that ends with a colon.
fn label_of(line: &str) -> Option<&str> {
    line.split(' ').find(|word| word.ends_with(':'))
}

fn lines_of(log: &str) -> Vec<Line> {
    let mut lines = log.split_terminator('\n').peekable();
    let mut kinds = Vec::new();
    while let Some(line) = lines.next() {
        let words: Vec<&str> = line.split(' ').collect();
        let is_time = |date: &str, clock: &str| {
            date.len() == 10 && clock.len() == 12 && clock.as_bytes()[2] == b':'
        };
        match words[..] {
            [date, clock, ..] if is_time(date, clock) && clock.contains(',') => {
                kinds.push(Line::Patroni);
            }
            [date, clock, "UTC", pid, ..] if is_time(date, clock) && pid.starts_with('[') => {
                let (label, has_rest) = match label_of(line) {
                    Some(label) => (label, false),
                    None => (label_of(lines.next().unwrap()).unwrap(), true),
                };
                kinds.push(match label {
                    "DETAIL:" | "HINT:" | "CONTEXT:" | "STATEMENT:" | "QUERY:" | "LOCATION:"
                    | "BACKTRACE:" => Line::Labelled,
                    _ => Line::Primary,
                });
                kinds.extend(has_rest.then_some(Line::Rest));
            }
            _ if line.starts_with('\t') => kinds.push(Line::Tab),
            _ => kinds.push(Line::Other),
        }
    }
    kinds
}

#[test]
fn records_of_the_corpus_are_as_many_as_lines_that_begin_one() {
    let mut total = [0; 3];
    for file in corpus::files(&["cri"]) {
        let log = file.bytes();
        let found = container(&log);
        assert!(found.rejected.is_empty(), "{} {:?}", file.path, found.rejected);
        // Every line is in a record, with the next one or later.
        let mut reach = 0;
        for (position, len, _) in &found.records {
            assert!(*position <= reach, "{}: nobody's line at {reach}", file.path);
            reach = reach.max(position + *len as u64);
        }
        assert_eq!(reach, log.len() as u64, "{}", file.path);

        let outputs = reassembled(&log).map(|bytes| String::from_utf8(bytes).unwrap());
        let lines: Vec<_> = outputs.iter().flat_map(|output| lines_of(output)).collect();
        let count = |kind| lines.iter().filter(|line| **line == kind).count();
        let of = |table| found.of(table);
        assert_eq!(of(Table::Postgres).len(), count(Line::Primary), "{}", file.path);
        assert_eq!(of(Table::Patroni).len(), count(Line::Patroni), "{}", file.path);
        if count(Line::Patroni) == 0 {
            assert_eq!(of(Table::Component).len(), count(Line::Other), "{}", file.path);
        } else {
            let continued = |text: &String| text.matches('\n').count() + 1;
            let patroni: usize = of(Table::Patroni).iter().map(continued).sum();
            let component: usize = of(Table::Component).iter().map(continued).sum();
            let others = component + patroni - count(Line::Patroni);
            assert_eq!(others, count(Line::Other), "{}", file.path);
        }
        for (at, table) in Table::ALL.into_iter().enumerate() {
            total[at] += of(table).len();
        }
    }
    println!("postgres, patroni, component: {total:?}");
}

#[test]
fn a_file_that_begins_within_a_record_drops_nothing() {
    let log = "2026-11-22T22:55:46.338520692Z stderr F \tfrom t\n\
               2026-11-22T22:55:46.338530692Z stderr F \twhere 1/0 > 1\n\
               2026-11-22T22:55:46.338540692Z stderr F 2026-11-22 22:55:46.338 UTC [106] LOG:  after\n";
    let found = container(log.as_bytes());
    assert_eq!(found.of(Table::Component).concat().matches('\t').count(), 2);
    assert_eq!(found.of(Table::Postgres), ["after"]);
    assert_eq!(found.records[0].0, 0);
    let time = found.records[0].2.1[Column::LogTime as usize].as_deref();
    assert_eq!(time, Some(&b"1795388146338520"[..]), "the runtime's");
}

#[test]
fn the_rest_of_a_line_whose_beginning_was_given_up_is_a_components() {
    let log = "2026-11-22T22:55:46.338520692Z stderr P rest of\n\
               2026-11-22T22:55:46.338520692Z stderr F  a line\n\
               2026-11-22T22:55:46.338540692Z stderr F 2026-11-22 22:55:46.338 UTC [106] LOG:  after\n";
    let found = container(log.as_bytes());
    assert_eq!(found.of(Table::Component), ["rest of a line"]);
    assert_eq!(found.of(Table::Postgres), ["after"]);
}

#[test]
fn a_last_piece_whose_rest_never_came_is_a_record_without_its_line_end() {
    let log =
        "2026-11-22T22:55:46.338520692Z stderr P 2026-11-22 22:55:46.338 UTC [106] LOG:  begun\n";
    let mut parser = Parser::new(Format::Cri, &LogSettings::default());
    let mut found = Found::default();
    assert_eq!(parser.parse(log.as_bytes(), 0, End::Pause, &mut found), 0);
    assert_eq!(parser.parse(log.as_bytes(), 0, End::Final, &mut found), log.len());
    assert_eq!(found.of(Table::Postgres), ["begun"]);
}

/// What stands on the other output.
const OTHER: [&str; 5] = [
    "2026-11-22 22:55:46.338 UTC [7] ERROR:  other",
    "2026-11-22 22:55:46.338 UTC [7] STATEMENT:  select",
    "\t\t1/0",
    "2026-11-22 22:55:46,338 INFO: other",
    "other",
];

/// A log as a runtime writes down what came on standard output, in pieces, with lines of standard error between.
fn wrap(log: &[u8], cuts: &[(usize, usize)]) -> (Vec<u8>, usize) {
    let mut wrapped = Vec::new();
    let (mut cuts, mut others) = (cuts.iter().cycle(), OTHER.iter().cycle());
    let mut written = 0;
    let mut put = |output: &str, tag: &str, content: &[u8]| {
        let head = format!("2026-11-22T22:55:46.338520692Z {output} {tag} ");
        wrapped.extend_from_slice(&[head.as_bytes(), content, b"\n"].concat());
    };
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        let mut rest = line.strip_suffix(b"\n").unwrap();
        loop {
            let (len, between) = cuts.next().unwrap();
            for other in others.by_ref().take(*between) {
                put("stderr", "F", other.as_bytes());
                written += 1;
            }
            match rest.split_at_checked(*len) {
                Some((piece, more)) => {
                    put("stdout", "P", piece);
                    rest = more;
                }
                None => break,
            }
        }
        put("stdout", "F", rest);
    }
    (wrapped, written)
}

fn cuts() -> impl Strategy<Value = Vec<(usize, usize)>> {
    let len = prop_oneof![1..40usize, 100..2000usize];
    let between = prop_oneof![3 => Just(0usize), 1 => 1..4usize];
    proptest::collection::vec((len, between), 1..6)
}

/// The records of a log, and what is left of those of its wrapped form without the other output's.
fn unwrapped(format: Format, log: &[u8], cuts: &[(usize, usize)], way: &Way) -> [Vec<Values>; 2] {
    let (wrapped, _) = wrap(log, cuts);
    let found = parse(Format::Cri, &wrapped, way);
    assert!(found.rejected.is_empty(), "{:?}", found.rejected);
    let is_others = |(table, fields): &Values| {
        *table != Table::Postgres
            || fields[Column::Message as usize].as_deref().is_some_and(|text| text == b"other")
    };
    let values = found.records.into_iter().map(|(_, _, values)| values);
    let inside = values.filter(|values| !is_others(values)).collect();
    let plain = parse(format, log, &Way::default());
    [plain.records.into_iter().map(|(_, _, values)| values).collect(), inside]
}

/// The first whole records of a corpus file, few enough to be parsed often.
fn excerpt(path: &str) -> Vec<u8> {
    let file = corpus::files(&["csvlog", "jsonlog"]).into_iter().find(|file| file.path == path);
    let log = file.unwrap().bytes();
    let format = if path.contains(".csv") { Format::Csvlog } else { Format::Jsonlog };
    let mut found = Found::default();
    let head = &log[..log.len().min(60_000)];
    let len = Parser::new(format, &LogSettings::default()).parse(head, 0, End::More, &mut found);
    log[..len].to_vec()
}

/// A record that has its text cut wherever it can be.
fn texts(message: &str) -> String {
    let quoted = message.replace('"', "\"\"");
    format!(
        "2026-11-22 23:06:32.715 UTC,\"postgres\",\"shop\",4711,\"[local]\",65f0.1267,3,\"SELECT\",\
         2026-11-22 23:06:30 UTC,3/14,0,ERROR,22012,\"{quoted}\",,,,,,\"select\n\"\"é\"\"\n\",8,,\"psql\",\"client backend\",,-42\n"
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_csvlog_in_a_container_has_the_same_records(cuts in cuts(), way in way()) {
        let log = excerpt("pg17/postgresql-2026-11-22_224632.csv");
        let [plain, inside] = unwrapped(Format::Csvlog, &log, &cuts, &way);
        prop_assert!(plain.len() > 50);
        prop_assert_eq!(inside, plain);
    }

    #[test]
    fn a_jsonlog_in_a_container_has_the_same_records(cuts in cuts(), way in way()) {
        let log = excerpt("pg17/postgresql-2026-11-22_224632.json");
        let [plain, inside] = unwrapped(Format::Jsonlog, &log, &cuts, &way);
        prop_assert!(plain.len() > 50);
        prop_assert_eq!(inside, plain);
    }

    #[test]
    fn texts_of_many_lines_and_bytes_are_joined_wherever_they_are_cut(
        messages in proptest::collection::vec("[a\né\"\u{1f418}\t\r ]{0,30}", 1..8),
        len in 1usize..60, between in 0usize..3, way in way(),
    ) {
        let log: String = messages.iter().map(|message| texts(message)).collect();
        let cuts = [(len, between), (60 - len, 0)];
        let [plain, inside] = unwrapped(Format::Csvlog, log.as_bytes(), &cuts, &way);
        prop_assert_eq!(plain.len(), messages.len());
        prop_assert_eq!(inside, plain);
    }

    #[test]
    fn logs_of_a_runtime_are_read_alike_in_whatever_pieces(at in 0usize..4, way in way()) {
        let names = ["orders-db-0_", "orders-db-0_", "orders-ha-0_", "orders-ha-0_"];
        let files = ["/1.log", "/2.log", "/patroni/1.log", "/patroni/0.log.zst"];
        let file = corpus::files(&["cri"]).into_iter().find(|file| {
            file.path.contains(names[at]) && file.path.ends_with(files[at])
        });
        let log = file.unwrap().bytes();
        // Its long messages are left to the test above.
        let log = &log[..log.len().min(22_000)];
        let log = &log[..log.iter().rposition(|byte| *byte == b'\n').unwrap() + 1];
        let (whole, found) = (container(log), parse(Format::Cri, log, &way));
        prop_assert_eq!(found.records, whole.records);
        prop_assert_eq!(found.rejected, whole.rejected);
    }
}

#[test]
fn cloudnativepgs_objects_are_read_out_of_pieces() {
    let object = concat!(
        r#"{"level":"info","ts":"2026-11-22T23:06:32.716Z","logger":"postgres","msg":"record","logging_pod":"orders-1","record":"#,
        r#"{"log_time":"2026-11-22 23:06:32.715 UTC","user_name":"po\"st","database_name":"shop","process_id":"4711","#,
        r#""session_line_num":"3","session_start_time":"2026-11-22 23:06:30 UTC","transaction_id":"0","error_severity":"ERROR","#,
        r#""sql_state_code":"22012","message":"division by zero é","query":"select\n1/0","query_pos":"8","backend_type":"client backend"}}"#,
        "\n"
    );
    for len in [1, 7, 100, 1000] {
        let (wrapped, _) = wrap(object.repeat(3).as_bytes(), &[(len, 1), (len, 0), (len, 0)]);
        let found = container(&wrapped);
        assert!(found.rejected.is_empty(), "{:?}", found.rejected);
        let records = found.records.iter().filter(|(_, _, (table, fields))| {
            *table == Table::Postgres
                && fields[Column::ErrorSeverity as usize].as_deref() == Some(b"ERROR")
                && fields[Column::Message as usize].as_deref() != Some(b"other")
        });
        let texts = records.map(|(_, _, (_, fields))| {
            let columns = [Column::UserName, Column::ProcessId, Column::Message, Column::Query];
            columns
                .map(|column| String::from_utf8(fields[column as usize].clone().unwrap()).unwrap())
        });
        let expected = ["po\"st", "4711", "division by zero é", "select\n1/0"].map(str::to_owned);
        assert_eq!(texts.collect::<Vec<_>>(), [expected.clone(), expected.clone(), expected]);
    }
}
