//! A line's marks made into a record: fields told apart, texts lent out, numbers, times and severities read.

use crate::timestamp::TimestampReader;
use crate::typed::typed;
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
        count == self.width.unwrap_or(Column::COUNT)
    }

    /// The record whose line begins at `start` in `buf` and has these marks, the line's end last.
    pub(super) fn read<'a>(
        &'a mut self,
        buf: &'a [u8],
        start: usize,
        marks: &[u32],
    ) -> Result<LogRecord<'a>, Reason> {
        let mut spans = [Span::default(); Column::COUNT];
        let (mut count, mut from, mut doubled, mut any_doubled) = (0, start, false, false);
        for &mark in marks {
            if scan::is_doubled(mark) {
                (doubled, any_doubled) = (true, true);
                continue;
            }
            let to = scan::offset(mark);
            if let Some(span) = spans.get_mut(count) {
                *span = Span { from, to, doubled };
            }
            (count, from, doubled) = (count + 1, to + 1, false);
        }
        if !matches!(count, 23 | 24 | 26) {
            return Err(Reason::Columns(count));
        }
        if any_doubled {
            self.unfold(buf, &mut spans);
        }
        let mut texts = [None; Column::COUNT];
        for (text, span) in texts.iter_mut().zip(&spans[..count]) {
            *text = match buf.get(span.from..span.to) {
                Some([]) | None => None,
                Some([b'"', ..]) if span.doubled => None,
                Some([b'"', inner @ .., b'"']) => Some(inner),
                bare => bare,
            };
        }
        if any_doubled {
            // `unfold` left these spans pointing into the unfolded bytes.
            for (text, span) in texts.iter_mut().zip(&spans[..count]) {
                if span.doubled {
                    *text = self.unfolded.get(span.from..span.to);
                }
            }
        }
        let record = typed(texts, (&mut self.log_time, &mut self.session_start_time))?;
        self.width = Some(count);
        Ok(record)
    }

    /// Copies the texts that have doubled quotes, one of each pair, and points their spans at the copies.
    #[cold]
    fn unfold(&mut self, buf: &[u8], spans: &mut [Span]) {
        self.unfolded.clear();
        for span in spans.iter_mut().filter(|span| span.doubled) {
            let from = self.unfolded.len();
            // Inside the field's own quotes.
            let mut rest = &buf[span.from + 1..span.to - 1];
            while let Some(at) = memchr::memchr(b'"', rest) {
                self.unfolded.extend_from_slice(&rest[..=at]);
                rest = rest.get(at + 2..).unwrap_or_default();
            }
            self.unfolded.extend_from_slice(rest);
            (span.from, span.to) = (from, self.unfolded.len());
        }
    }
}
