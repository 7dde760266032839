//! What the tests of stderr logs share: a log in pieces, and what a parser hands over.

use std::ops::ControlFlow;

use trunkline_record::{
    Column, End, Field, Format, LogRecord, LogSettings, Parser, Reason, Rejected, Severity, Sink,
    Table,
};

/// A record, kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub position: u64,
    pub len: usize,
    pub table: Table,
    pub severity: Option<Severity>,
    pub as_written: Option<Vec<u8>>,
    pub extra: Option<Vec<u8>>,
    /// Times in microseconds since 1970.
    fields: Vec<Option<Vec<u8>>>,
}

impl Record {
    pub fn get(&self, column: Column) -> Option<&[u8]> {
        self.fields[column as usize].as_deref()
    }

    pub fn text(&self, column: Column) -> Option<String> {
        self.get(column).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    pub fn message(&self) -> String {
        self.text(Column::Message).unwrap()
    }
}

/// All that was handed over, in order.
#[derive(Debug, Default, PartialEq)]
pub struct Found {
    pub records: Vec<Record>,
    pub rejected: Vec<(u64, Vec<u8>, Reason)>,
    /// Where the next one has to begin.
    pub next: u64,
    pub break_each_time: bool,
    /// Whether positions are of a container's log, where the lines' heads are between.
    pub is_container: bool,
}

impl Found {
    fn flow(&mut self, position: u64, len: usize) -> ControlFlow<()> {
        if self.is_container {
            assert!(position >= self.next, "handed over out of order");
        } else {
            assert_eq!(position, self.next, "handed over out of order, or with a gap");
        }
        assert!(len > 0, "handed over nothing");
        self.next = position + len as u64;
        if self.break_each_time { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    pub fn messages(&self) -> Vec<String> {
        self.records.iter().map(Record::message).collect()
    }
}

impl Sink for Found {
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        let field = |column: &Column| {
            Some(match record.get(*column)? {
                Field::Text(bytes) => bytes.to_vec(),
                Field::Int(value) => value.to_string().into_bytes(),
                Field::Time(time) => time.unix_micros.to_string().into_bytes(),
                Field::Severity(severity) => severity.as_str().as_bytes().to_vec(),
            })
        };
        self.records.push(Record {
            position,
            len,
            table: record.table,
            severity: record.error_severity,
            as_written: record.severity_as_written.map(<[u8]>::to_vec),
            extra: record.extra.map(<[u8]>::to_vec),
            fields: Column::ALL.iter().map(field).collect(),
        });
        self.flow(position, len)
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        let Rejected { position, raw, reason } = rejected;
        self.rejected.push((position, raw.to_vec(), reason));
        self.flow(position, raw.len())
    }
}

/// How a log arrives.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub format: Format,
    pub settings: LogSettings,
    pub step: usize,
    /// What the last piece is said to be followed by.
    pub end: End,
    pub break_each_time: bool,
    /// Whether the parser forgets after each call what it has looked at.
    pub reset_each_time: bool,
    pub assumed: Option<i64>,
}

impl Arrival {
    /// All at once, and nothing follows.
    pub fn whole(prefix: Option<&str>) -> Self {
        let log_line_prefix = prefix.map(|prefix| prefix.parse().unwrap());
        Self {
            format: Format::Stderr,
            settings: LogSettings { log_line_prefix, ..LogSettings::default() },
            step: usize::MAX,
            end: End::Final,
            break_each_time: false,
            reset_each_time: false,
            assumed: None,
        }
    }

    pub fn in_pieces(self, step: usize) -> Self {
        Self { step, ..self }
    }

    pub fn ending(self, end: End) -> Self {
        Self { end, ..self }
    }

    pub fn parse(&self, log: &[u8]) -> Found {
        let mut parser = Parser::new(self.format, &self.settings);
        if let Some(time) = self.assumed {
            parser.assume_time(time);
        }
        let is_container = self.format == Format::Cri;
        let break_each_time = self.break_each_time;
        let mut found = Found { break_each_time, is_container, ..Found::default() };
        let (mut from, mut to) = (0, 0);
        while to < log.len() {
            to = log.len().min(to.saturating_add(self.step));
            let end = if to == log.len() { self.end } else { End::More };
            loop {
                let consumed = parser.parse(&log[from..to], from as u64, end, &mut found);
                from += consumed;
                if self.reset_each_time {
                    parser.reset();
                }
                if is_container {
                    found.next = from as u64;
                }
                assert_eq!(from as u64, found.next, "consumed other than was handed over");
                if consumed == 0 || !self.break_each_time {
                    break;
                }
            }
        }
        found.break_each_time = false;
        found
    }
}
