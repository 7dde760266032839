//! The same records as a server writes them to its standard error, and as a node keeps them when that is a container's.

use std::io::Write;
use std::ops::ControlFlow;

use anyhow::{Result, ensure};
use trunkline_record::{Column, End, Format, LogRecord, LogSettings, Parser, Rejected, Sink};

/// Parts of a record behind its message, in the order in which servers write them.
const PARTS: [(&str, Column); 5] = [
    ("DETAIL", Column::Detail),
    ("HINT", Column::Hint),
    ("QUERY", Column::InternalQuery),
    ("CONTEXT", Column::Context),
    ("STATEMENT", Column::Query),
];

/// Writes a csvlog's records with Debian's `log_line_prefix`, `%m [%p] %q%u@%d `.
pub fn from_csvlog(log: &[u8]) -> Result<Vec<u8>> {
    let mut stderr = Stderr { out: Vec::with_capacity(log.len()), failed: false };
    Parser::new(Format::Csvlog, &LogSettings::default()).parse(log, 0, End::Final, &mut stderr);
    ensure!(!stderr.failed, "a record of the generated log was rejected");
    Ok(stderr.out)
}

/// Each line as a container's runtime writes it.
pub fn in_container(log: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(log.len() * 3 / 2);
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        out.extend_from_slice(b"2026-11-22T22:55:33.733976414Z stderr F ");
        out.extend_from_slice(line);
    }
    out
}

struct Stderr {
    out: Vec<u8>,
    failed: bool,
}

impl Stderr {
    fn record(&mut self, record: &LogRecord<'_>) -> Result<()> {
        let time = chrono::DateTime::from_timestamp_micros(record.log_time.unix_micros);
        let time = time.unwrap_or_default().format("%Y-%m-%d %H:%M:%S%.3f UTC");
        let mut prefix = format!("{time} [{}] ", record.process_id.unwrap_or_default());
        if let (Some(user), Some(database)) =
            (record.text(Column::UserName), record.text(Column::DatabaseName))
        {
            let [user, database] = [user, database].map(String::from_utf8_lossy);
            prefix += &format!("{user}@{database} ");
        }
        let severity = record.error_severity.map_or("LOG", |severity| severity.as_str());
        self.line(&prefix, severity, record.text(Column::Message).unwrap_or_default())?;
        for (label, column) in PARTS {
            if let Some(text) = record.text(column) {
                self.line(&prefix, label, text)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, prefix: &str, label: &str, text: &[u8]) -> Result<()> {
        write!(self.out, "{prefix}{label}:  ")?;
        for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if at > 0 {
                self.out.extend_from_slice(b"\n\t");
            }
            self.out.extend_from_slice(line);
        }
        self.out.push(b'\n');
        Ok(())
    }
}

impl Sink for Stderr {
    fn record(&mut self, _: u64, _: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        self.failed |= self.record(record).is_err();
        ControlFlow::Continue(())
    }

    fn rejected(&mut self, _: Rejected<'_>) -> ControlFlow<()> {
        self.failed = true;
        ControlFlow::Break(())
    }
}
