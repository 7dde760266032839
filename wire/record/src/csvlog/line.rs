//! A line's marks made into a record: fields told apart, texts lent out, numbers, times and severities read.

use crate::timestamp::TimestampReader;
use crate::typed::read_typed;
use crate::{Column, LogRecord, LogTimezone, Reason};

use super::scan;

type Texts<'a> = [Option<&'a [u8]>; Column::COUNT];

/// Reads lines; holds the memory that texts with doubled quotes are unfolded into, and the last minute seen in either time column.
#[derive(Debug)]
pub(super) struct LineReader {
    log_time: TimestampReader,
    session_start_time: TimestampReader,
    unfolded: Vec<u8>,
    /// Columns of the last line that was a record.
    width: Option<usize>,
}

impl LineReader {
    pub(super) fn new(zone: LogTimezone) -> Self {
        Self {
            log_time: TimestampReader::new(zone),
            session_start_time: TimestampReader::of_sessions(zone),
            unfolded: Vec::new(),
            width: None,
        }
    }

    /// Whether a line that only the file's end ends has all its columns: as many as the one before it, or the most there can be.
    pub(super) fn is_full(&self, marks: &[u32]) -> bool {
        let count = marks.iter().filter(|mark| !scan::is_doubled(**mark)).count();
        count == self.width.unwrap_or(Column::CSVLOG)
    }

    /// Reads the line that begins at `start` in `buf` and has these marks, its end last, into a blank record.
    pub(super) fn read<'a>(
        &'a mut self,
        buf: &'a [u8],
        start: usize,
        marks: &[u32],
        record: &mut LogRecord<'a>,
    ) -> Result<(), Reason> {
        let any_doubled = marks.iter().fold(0, |all, mark| all | mark);
        let (count, doubled) = if scan::is_doubled(any_doubled) {
            let doubled = split_doubled(buf, start, marks, &mut record.texts);
            unfold(&mut self.unfolded, &mut record.texts, doubled.fields);
            (marks.len() - doubled.marks, doubled.fields)
        } else {
            split(buf, start, marks, &mut record.texts);
            (marks.len(), 0)
        };
        if !matches!(count, 23 | 24 | 26) {
            return Err(Reason::Columns(count));
        }
        record.session = session(buf, marks, count, doubled);
        read_typed(record, (&mut self.log_time, &mut self.session_start_time))?;
        self.width = Some(count);
        Ok(())
    }
}

/// What is between two separators: nothing, a text without its quotes, or what stands bare.
#[inline]
fn field(buf: &[u8], from: usize, to: usize) -> Option<&[u8]> {
    match buf.get(from..to) {
        Some([]) | None => None,
        Some([b'"', inner @ .., b'"']) => Some(inner),
        bare => bare,
    }
}

/// Tells the fields of a line apart that has no doubled quotes.
#[inline]
fn split<'a>(buf: &'a [u8], start: usize, marks: &[u32], texts: &mut Texts<'a>) {
    let mut from = start;
    for (mark, text) in marks.iter().zip(texts) {
        let to = scan::offset(*mark);
        *text = field(buf, from, to);
        from = to + 1;
    }
}

/// Where a line has doubled quotes.
struct Doubled {
    /// How many.
    marks: usize,
    /// A bit for each field that has some.
    fields: u64,
}

/// Tells the fields of any line apart; doubled quotes stay what they are.
fn split_doubled<'a>(buf: &'a [u8], start: usize, marks: &[u32], texts: &mut Texts<'a>) -> Doubled {
    let (mut from, mut count) = (start, 0);
    let mut doubled = Doubled { marks: 0, fields: 0 };
    for &mark in marks {
        if scan::is_doubled(mark) {
            doubled.marks += 1;
            // What is beyond the last bit is no record.
            doubled.fields |= 1u64.checked_shl(count).unwrap_or(0);
            continue;
        }
        let to = scan::offset(mark);
        if let Some(text) = texts.get_mut(count as usize) {
            *text = field(buf, from, to);
        }
        (from, count) = (to + 1, count + 1);
    }
    doubled
}

/// Replaces texts that have doubled quotes; of each pair one is kept.
fn unfold<'a>(unfolded: &'a mut Vec<u8>, texts: &mut Texts<'a>, doubled: u64) {
    let has = |at: usize| doubled >> at & 1 != 0;
    let mut ends = [0; Column::COUNT];
    unfolded.clear();
    for (at, (text, end)) in texts.iter().zip(&mut ends).enumerate() {
        if has(at) {
            halve_quotes(text.unwrap_or_default(), unfolded);
        }
        *end = unfolded.len();
    }
    let mut from = 0;
    for (at, (text, end)) in texts.iter_mut().zip(ends).enumerate() {
        if has(at) {
            *text = unfolded.get(from..end);
        }
        from = end;
    }
}

/// The parts of a line, read as a record, that are the same in all of a session's: from the user to the session's id, and what is behind the
/// location but neither `leader_pid` nor `query_id`. `None` where doubled quotes are in them, or behind.
#[inline]
fn session<'a>(buf: &'a [u8], marks: &[u32], count: usize, doubled: u64) -> Option<[&'a [u8]; 2]> {
    /// The fields from `session_line_num` to `location`.
    const BETWEEN: u64 =
        (1 << Column::ApplicationName as u32) - (1 << Column::SessionLineNum as u32);
    if doubled & !BETWEEN != 0 {
        return None;
    }
    // Doubled quotes, which are marks too, can only be between the two.
    let first = scan::offset(*marks.get(Column::LogTime as usize)?) + 1;
    let last = scan::offset(*marks.get(Column::SessionId as usize)?);
    let behind = marks.get(marks.len().checked_sub(count)?..)?;
    let tail = scan::offset(*behind.get(Column::Location as usize)?) + 1;
    let end = (Column::BackendType as usize).min(count - 1);
    let end = scan::offset(*behind.get(end)?);
    Some([buf.get(first..last)?, buf.get(tail..end)?])
}

/// Appends a text, of each pair of quotes one.
fn halve_quotes(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(b'"', text) {
        out.extend_from_slice(&text[..=at]);
        text = text.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(text);
}
