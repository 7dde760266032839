//! The one door to every format: bytes of a log file in, records and rejected bytes out.

use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

use crate::csvlog::CsvlogParser;
use crate::jsonlog::JsonlogParser;
use crate::{LogRecord, LogTimezone};

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// PostgreSQL's `log_destination = csvlog`, of 23, 24 or 26 columns.
    Csvlog,
    /// PostgreSQL's `log_destination = jsonlog`, since version 15.
    Jsonlog,
}

/// A name that isn't a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format {0:?}: expected csvlog or jsonlog")]
pub struct UnknownFormat(pub String);

impl Format {
    /// All formats.
    pub const ALL: [Self; 2] = [Self::Csvlog, Self::Jsonlog];
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        match name {
            "csvlog" => Ok(Self::Csvlog),
            "jsonlog" => Ok(Self::Jsonlog),
            _ => Err(UnknownFormat(name.to_owned())),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Csvlog => f.pad("csvlog"),
            Self::Jsonlog => f.pad("jsonlog"),
        }
    }
}

/// Whether more may follow what is in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The file may grow: a torn last record waits for its rest.
    More,
    /// Nothing follows: a torn last record is rejected.
    Final,
}

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The record stops in the middle; another one, or the end of the file, follows.
    Torn,
    /// A line with a number of columns that no known version writes.
    Columns(usize),
    /// A line that isn't the one flat JSON object that it should be.
    Json,
    /// The column doesn't hold what it should.
    Value(crate::Column),
    /// The record is longer than a reader is willing to hold.
    TooLong,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn => f.write_str("torn record"),
            Self::Columns(count) => write!(f, "{count} columns, where csvlog has 23, 24 or 26"),
            Self::Json => f.write_str("not a JSON object of jsonlog"),
            Self::Value(column) => write!(f, "invalid {}", column.name()),
            Self::TooLong => f.write_str("record too long"),
        }
    }
}

/// Bytes of the stream that are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejected<'a> {
    /// Where they begin in the stream.
    pub position: u64,
    /// The bytes.
    pub raw: &'a [u8],
    /// What is wrong with them.
    pub reason: Reason,
}

/// Takes what a parser finds, in the order of the stream. `Break` stops the parser behind what it has just handed over.
pub trait Sink {
    /// A record of `len` bytes at `position`.
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()>;
    /// Bytes that are no record.
    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()>;
}

/// Finds the records of one stream. It remembers how far into an unfinished record it has looked, so that each byte is looked at once.
#[derive(Debug)]
pub struct Parser(Formats);

#[derive(Debug)]
enum Formats {
    Csvlog(CsvlogParser),
    Jsonlog(JsonlogParser),
}

impl Parser {
    /// A parser at the start of a stream, or of any record in it.
    pub fn new(format: Format, zone: LogTimezone) -> Self {
        Self(match format {
            Format::Csvlog => Formats::Csvlog(CsvlogParser::new(zone)),
            Format::Jsonlog => Formats::Jsonlog(JsonlogParser::new(zone)),
        })
    }

    /// Hands the records at the start of `buf` to `sink` and answers how many bytes they took.
    ///
    /// `position` is where `buf` begins in the stream. The caller keeps what wasn't consumed and calls again with that at the front
    /// of the buffer and, possibly, more behind it; or calls [`reset`](Self::reset) first.
    pub fn parse<S: Sink>(&mut self, buf: &[u8], position: u64, end: End, sink: &mut S) -> usize {
        match &mut self.0 {
            Formats::Csvlog(parser) => parser.parse(buf, position, end, sink),
            Formats::Jsonlog(parser) => parser.parse(buf, position, end, sink),
        }
    }

    /// Forgets what was looked at: the next buffer begins elsewhere.
    pub fn reset(&mut self) {
        match &mut self.0 {
            Formats::Csvlog(parser) => parser.reset(),
            Formats::Jsonlog(parser) => parser.reset(),
        }
    }
}
