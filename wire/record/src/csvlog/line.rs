//! A line's marks made into a record: fields told apart, texts lent out, numbers, times and severities read.

use crate::timestamp::TimestampReader;
use crate::typed::read_typed;
use crate::{Column, LogRecord, LogTimezone, Reason};

use super::scan;

/// Reads lines; holds the memory that texts with doubled quotes are unfolded into, and the last minute seen in either time column.
#[derive(Debug)]
pub(super) struct LineReader {
    log_time: TimestampReader,
    session_start_time: TimestampReader,
    unfolded: Vec<u8>,
    /// Columns of the last line that was a record.
    width: Option<usize>,
}

/// A field as it stands in the line.
#[derive(Clone, Copy, Default)]
struct Span {
    from: usize,
    to: usize,
    /// Whether it has doubled quotes inside.
    doubled: bool,
}

impl LineReader {
    pub(super) fn new(zone: LogTimezone) -> Self {
        let times = TimestampReader::new(zone);
        Self {
            log_time: times.clone(),
            session_start_time: times,
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
        let texts = &mut record.texts;
        let (mut from, mut any_doubled) = (start, false);
        for (mark, text) in marks.iter().zip(&mut *texts) {
            let to = scan::offset(*mark);
            any_doubled |= scan::is_doubled(*mark);
            *text = match buf.get(from..to) {
                Some([]) | None => None,
                Some([b'"', inner @ .., b'"']) => Some(inner),
                bare => bare,
            };
            from = to + 1;
        }
        any_doubled |= marks.iter().skip(Column::COUNT).any(|mark| scan::is_doubled(*mark));
        let mut count = marks.len();
        if any_doubled {
            (*texts, count) = unfold(&mut self.unfolded, buf, start, marks);
        }
        if !matches!(count, 23 | 24 | 26) {
            return Err(Reason::Columns(count));
        }
        read_typed(record, (&mut self.log_time, &mut self.session_start_time))?;
        self.width = Some(count);
        Ok(())
    }
}

/// The fields of a line that has doubled quotes, and how many they are; of each pair one is kept.
#[cold]
fn unfold<'a>(
    unfolded: &'a mut Vec<u8>,
    buf: &'a [u8],
    start: usize,
    marks: &[u32],
) -> ([Option<&'a [u8]>; Column::COUNT], usize) {
    let mut spans = [Span::default(); Column::COUNT];
    let (mut count, mut from, mut doubled) = (0, start, false);
    unfolded.clear();
    for &mark in marks {
        if scan::is_doubled(mark) {
            doubled = true;
            continue;
        }
        let to = scan::offset(mark);
        if let Some(span) = spans.get_mut(count) {
            *span = Span { from, to, doubled };
            if doubled {
                let at = unfolded.len();
                // Inside the field's own quotes.
                halve_quotes(buf.get(from + 1..to - 1).unwrap_or_default(), unfolded);
                (span.from, span.to) = (at, unfolded.len());
            }
        }
        (count, from, doubled) = (count + 1, to + 1, false);
    }
    let mut texts = [None; Column::COUNT];
    for (text, span) in texts.iter_mut().zip(&spans[..count.min(Column::COUNT)]) {
        let source = if span.doubled { &*unfolded } else { buf };
        *text = match source.get(span.from..span.to) {
            Some([]) | None => None,
            Some([b'"', inner @ .., b'"']) if !span.doubled => Some(inner),
            bare => bare,
        };
    }
    (texts, count)
}

/// Appends a text, of each pair of quotes one.
fn halve_quotes(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(b'"', text) {
        out.extend_from_slice(&text[..=at]);
        text = text.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(text);
}
