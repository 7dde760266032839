//! `parse`: log files in, NDJSON out, in bounded memory.

mod input;
mod output;

use std::{
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
};

use trunkline_record::{
    End, Format, LogSettings, Parser, Reason, Rejected, Sink, StreamId, UnknownFormat,
};

use self::{input::Input, output::Output};
use crate::{
    buffer::ReadBuffer,
    cli::ParseArgs,
    format::{FormatChoice, WrittenWith, WrongSetting},
};

/// As much is read at once.
const READ_BUFFER: usize = 256 * 1024;

/// A longer record is rejected: memory stays bounded whatever the file holds.
const LONGEST: usize = 256 * 1024 * 1024;

/// `auto` looks at so many bytes for a first record; servers write statements of 1 MB in practice.
const PROBE: usize = 4 * 1024 * 1024;

/// Why parsing ended early.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// `--format` names none.
    #[error("--format: {0}, or auto")]
    UnknownFormat(#[from] UnknownFormat),
    /// One of the options that describe the log's writer can't be used.
    #[error("--{}: {}", .0.key.replace('_', "-"), .0.problem)]
    Setting(#[from] WrongSetting),
    /// No record of any known format is at the start.
    #[error("{}: format not recognised; say it with --format", .0.display())]
    NotRecognised(PathBuf),
    /// A file can't be opened or read, or is damaged where it is compressed.
    #[error("{}: {source}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Standard output or standard error can't be written.
    #[error("output: {0}")]
    Write(io::Error),
}

/// Parses all files. Returns how many records were rejected.
pub fn parse(
    args: &ParseArgs,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<u64, ParseError> {
    let format = args.format.parse::<FormatChoice>()?;
    let settings = WrittenWith {
        log_timezone: args.log_timezone.as_deref(),
        log_line_prefix: args.log_line_prefix.as_deref(),
        patroni_format: args.patroni_format.as_deref(),
        patroni_dateformat: args.patroni_dateformat.as_deref(),
        content: args.content.as_deref(),
    }
    .understand()?;
    let mut output = Output::new(out, err);
    for file in &args.files {
        let unreadable = |source| ParseError::Read { file: file.clone(), source };
        let input = input::open(file).map_err(unreadable)?;
        one(file, input, format, &settings, &mut output)?;
    }
    output.finish().map_err(ParseError::Write)
}

fn one(
    file: &Path,
    mut input: Input,
    format: FormatChoice,
    settings: &LogSettings,
    output: &mut Output<'_>,
) -> Result<(), ParseError> {
    let unreadable = |source| ParseError::Read { file: file.to_owned(), source };
    output.begin(file);
    let mut buffer = ReadBuffer::new(READ_BUFFER, LONGEST);
    buffer.claim(StreamId([0; 16]), 0);
    let mut at_end = false;

    let format = match format {
        FormatChoice::Set(format) => format,
        FormatChoice::Auto => {
            let mut found = None;
            while found.is_none() && !at_end {
                if buffer.filled().len() >= PROBE {
                    return Err(ParseError::NotRecognised(file.to_owned()));
                }
                at_end = fill(&mut input, &mut buffer).map_err(unreadable)?;
                let end = if at_end { End::Final } else { End::More };
                found = Format::detect(buffer.filled(), settings, end);
            }
            match found {
                Some(format) => format,
                None if buffer.filled().is_empty() => return Ok(()),
                None => return Err(ParseError::NotRecognised(file.to_owned())),
            }
        }
    };

    let mut parser = Parser::new(format, settings);
    if let Some(written) = input.written {
        parser.assume_time(written);
    }
    loop {
        let end = if at_end { End::Final } else { End::More };
        let consumed = parser.parse(buffer.filled(), buffer.position(), end, output);
        buffer.consume(consumed);
        output.check().map_err(ParseError::Write)?;
        if at_end {
            return Ok(());
        }
        if buffer.filled().len() >= LONGEST {
            let (position, raw) = (buffer.position(), buffer.filled());
            // Whether the output failed is asked above.
            let _ = output.rejected(Rejected { position, raw, reason: Reason::TooLong });
            buffer.consume(buffer.filled().len());
            parser.reset();
        }
        at_end = fill(&mut input, &mut buffer).map_err(unreadable)?;
    }
}

/// Reads more into the buffer; true at the end of the input.
fn fill(input: &mut Input, buffer: &mut ReadBuffer) -> io::Result<bool> {
    loop {
        match input.content.read(buffer.spare()) {
            Ok(len) => {
                buffer.fill(len);
                return Ok(len == 0);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
