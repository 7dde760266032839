//! The one door to every format: bytes of a log file in, records and rejected bytes out.

use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

use crate::cri::CriParser;
use crate::csvlog::CsvlogParser;
use crate::jsonlog::JsonlogParser;
use crate::lines::{Kind, LinesParser};
use crate::{LogRecord, LogSettings, Timestamp};

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// PostgreSQL's `log_destination = csvlog`, of 23, 24 or 26 columns.
    Csvlog,
    /// PostgreSQL's `log_destination = jsonlog`, since version 15.
    Jsonlog,
    /// PostgreSQL's `log_destination = stderr`, with a `log_line_prefix`.
    Stderr,
    /// Patroni's log as text.
    Patroni,
    /// Patroni's log with `log.type: json`.
    PatroniJson,
    /// A container's log as a Kubernetes node keeps it (CRI), with lines of any of the other formats inside.
    Cri,
}

/// A name that isn't a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format {0:?}: expected csvlog, jsonlog, stderr, patroni, patroni-json or cri")]
pub struct UnknownFormat(pub String);

impl Format {
    /// All formats, in the order in which they are tried on a log whose format isn't said.
    pub const ALL: [Self; 6] =
        [Self::Cri, Self::Csvlog, Self::Jsonlog, Self::PatroniJson, Self::Stderr, Self::Patroni];

    /// Its name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csvlog => "csvlog",
            Self::Jsonlog => "jsonlog",
            Self::Stderr => "stderr",
            Self::Patroni => "patroni",
            Self::PatroniJson => "patroni-json",
            Self::Cri => "cri",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let format = Self::ALL.into_iter().find(|format| format.name() == name);
        format.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whether more may follow what is in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The file may grow: a torn last record waits for its rest, and one that a further line could continue waits for that.
    More,
    /// The file may grow, but its writer has paused long enough to have finished what it was writing: a record that a further line
    /// could continue is whole, if its line has ended. A torn one waits.
    Pause,
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
    /// A line that isn't one of a container log.
    Cri,
    /// The column doesn't hold what it should.
    Value(crate::Column),
    /// The record is longer than a reader is willing to hold.
    TooLong,
    /// It says no time, nor does anything else in its stream.
    NoTime,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn => f.write_str("torn record"),
            Self::Columns(count) => write!(f, "{count} columns, where csvlog has 23, 24 or 26"),
            Self::Json => f.write_str("not a JSON object of jsonlog"),
            Self::Cri => f.write_str("not a line of a container log"),
            Self::Value(column) => write!(f, "invalid {}", column.name()),
            Self::TooLong => f.write_str("record too long"),
            Self::NoTime => f.write_str("no time is known for it"),
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

/// Takes what a parser finds, in the order of the stream. `Break` stops the parser behind what it has just handed over; in a container log,
/// behind the records that overlap with it.
pub trait Sink {
    /// A record of `len` bytes at `position`.
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()>;
    /// Bytes that are no record.
    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()>;
}

/// Finds the records of one stream. It remembers how far into an unfinished record it has looked, so that each byte is looked at once.
#[derive(Debug)]
pub struct Parser {
    format: Formats,
    /// For records that say no time, where none before them said one.
    assumed: Option<Timestamp>,
}

#[derive(Debug)]
enum Formats {
    Csvlog(CsvlogParser),
    Jsonlog(JsonlogParser),
    Lines(Box<LinesParser>),
    Cri(Box<CriParser>),
}

impl Parser {
    /// A parser at the start of a stream, or of any record in it.
    pub fn new(format: Format, settings: &LogSettings) -> Self {
        let lines = |kind| Formats::Lines(Box::new(LinesParser::new(kind, settings)));
        let format = match format {
            Format::Csvlog => Formats::Csvlog(CsvlogParser::new(settings.log_timezone)),
            Format::Jsonlog => Formats::Jsonlog(JsonlogParser::new(settings.log_timezone)),
            Format::Stderr => lines(Kind::Stderr),
            Format::Patroni => lines(Kind::Patroni),
            Format::PatroniJson => lines(Kind::PatroniJson),
            Format::Cri => Formats::Cri(Box::new(CriParser::new(settings))),
        };
        Self { format, assumed: None }
    }

    /// The time, in microseconds since 1970, of lines that say none and stand before the first that does: when the file was made or
    /// last written, for instance. Without it such lines wait for the first that says its time.
    pub fn assume_time(&mut self, unix_micros: i64) {
        self.assumed = Some(Timestamp { unix_micros, digits: 6 });
    }

    /// Hands the records at the start of `buf` to `sink` and answers how many bytes they took.
    ///
    /// `position` is where `buf` begins in the stream. The caller keeps what wasn't consumed and calls again with that at the front
    /// of the buffer and, possibly, more behind it; or calls [`reset`](Self::reset) first.
    pub fn parse<S: Sink>(&mut self, buf: &[u8], position: u64, end: End, sink: &mut S) -> usize {
        match &mut self.format {
            Formats::Csvlog(parser) => parser.parse(buf, position, end, sink),
            Formats::Jsonlog(parser) => parser.parse(buf, position, end, sink),
            Formats::Lines(parser) => {
                let assumed = self.assumed;
                parser.parse(buf, position, end, &|_| assumed, sink)
            }
            Formats::Cri(parser) => parser.parse(buf, position, end, sink),
        }
    }

    /// Forgets what was looked at: the next buffer begins elsewhere.
    pub fn reset(&mut self) {
        match &mut self.format {
            Formats::Csvlog(parser) => parser.reset(),
            Formats::Jsonlog(parser) => parser.reset(),
            Formats::Lines(parser) => parser.reset(),
            Formats::Cri(parser) => parser.reset(),
        }
    }
}
