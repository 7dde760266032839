//! How an open file is read: its format, set or told by its own first records, and the parser of that.
//!
//! A file whose records nobody knows yet is held open and waits: what comes may tell. It is decided
//! against its will only where waiting would lose or block something: at [`PROBE`] bytes, at its end, and
//! when its place is needed. Then its lines are taken as lines of something, which loses none.

use std::io;

use trunkline_record::{End, Format, LogSettings, Parser};

use super::content::Content;
use crate::{
    config::Files,
    format::{FormatChoice, unix_micros},
    identity::FirstLine,
};

/// A format is looked for in as many bytes; servers write statements of 1 MB in practice.
pub const PROBE: usize = 4 * 1024 * 1024;

/// The first attempt, which nearly always is the last, looks at as many.
const FIRST_PROBE: usize = 64 * 1024;

/// Each further attempt looks at so many times as much, and waits for that much growth.
const PROBE_GROWTH: usize = 4;

/// The format of one file, once it is known.
#[derive(Debug)]
pub struct Reading {
    parser: Option<(Format, Parser)>,
    settings: LogSettings,
    /// When the file was last written before it was opened.
    written: Option<i64>,
    /// As many bytes held no known record.
    tried: usize,
}

/// What came of looking for the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It was known before.
    Known,
    /// It was set, or a record told.
    Recognised(Format),
    /// Nothing told, and waiting is over.
    Forced(Format),
    /// Nothing tells yet.
    Undecided,
}

impl Reading {
    /// A file that may still have to tell; `modified` is when it was last written.
    pub fn new(files: &Files, modified: std::time::SystemTime) -> Self {
        let mut reading = Self {
            parser: None,
            settings: files.settings.clone(),
            written: unix_micros(modified),
            tried: 0,
        };
        if let FormatChoice::Set(format) = files.format {
            reading.set(format);
        }
        reading
    }

    /// The parser, once the format is known.
    pub fn parser(&mut self) -> Option<&mut Parser> {
        self.parser.as_mut().map(|(_, parser)| parser)
    }

    /// The format, once it is known.
    pub fn format(&self) -> Option<Format> {
        self.parser.as_ref().map(|(format, _)| *format)
    }

    /// Whether the format is known.
    pub fn is_decided(&self) -> bool {
        self.parser.is_some()
    }

    /// Whether a further line could continue a record that has ended, or tell the format.
    pub fn waits_for_lines(&self) -> bool {
        match &self.parser {
            None => true,
            Some((format, _)) => !matches!(format, Format::Csvlog | Format::Jsonlog),
        }
    }

    /// Looks for the format in the file's beginning. `must` says that it is to be decided now.
    pub fn decide(
        &mut self,
        content: &Content,
        first_line: &FirstLine,
        end: End,
        must: bool,
    ) -> io::Result<Decision> {
        if self.parser.is_some() {
            return Ok(Decision::Known);
        }
        // The shape of a container's log is its format, whatever is inside.
        let found = if first_line.is_cri() { Some(Format::Cri) } else { self.probe(content, end)? };
        let must = must || self.tried >= PROBE;
        Ok(match found {
            Some(format) => Decision::Recognised(self.set(format)),
            None if must => Decision::Forced(self.set(Format::Stderr)),
            None => Decision::Undecided,
        })
    }

    fn probe(&mut self, content: &Content, end: End) -> io::Result<Option<Format>> {
        let mut content = content.again()?;
        let mut head = Vec::new();
        let mut size = FIRST_PROBE;
        loop {
            let from = head.len();
            head.resize(size.min(PROBE), 0);
            let len = content.read_full_at(&mut head[from..], from as u64)?;
            let at_end = from + len < head.len();
            head.truncate(from + len);
            let worth = head.len() >= self.tried.saturating_mul(PROBE_GROWTH) || end != End::More;
            if worth {
                let end = if at_end { end } else { End::More };
                if let Some(format) = Format::detect(&head, &self.settings, end) {
                    return Ok(Some(format));
                }
            }
            if at_end || head.len() >= PROBE {
                if worth {
                    self.tried = head.len();
                }
                return Ok(None);
            }
            size = size.saturating_mul(PROBE_GROWTH);
        }
    }

    fn set(&mut self, format: Format) -> Format {
        let mut parser = Parser::new(format, &self.settings);
        if let Some(written) = self.written {
            parser.assume_time(written);
        }
        self.parser = Some((format, parser));
        format
    }
}
