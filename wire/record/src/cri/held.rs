//! Records that were found and can't be handed over yet, in memory of their own.

use std::ops::{ControlFlow, Range};

use crate::{Column, LogRecord, Reason, Rejected, Sink};

/// What waits, with its texts in one buffer.
#[derive(Debug, Default)]
pub(super) struct Held {
    bytes: Vec<u8>,
    items: Vec<Item>,
}

/// Where a text stands in the buffer.
type Text = Option<Range<usize>>;

#[derive(Debug)]
struct Item {
    position: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Record(Box<Record>),
    Rejected { raw: Range<usize>, reason: Reason },
}

#[derive(Debug)]
struct Record {
    len: usize,
    /// Everything that is no text.
    bare: LogRecord<'static>,
    texts: [Text; Column::COUNT],
    severity_as_written: Text,
    extra: Text,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The position of the first that waits.
    pub(super) fn first(&self) -> Option<u64> {
        self.items.first().map(|item| item.position)
    }

    pub(super) fn push_record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) {
        let mut keep = |text: Option<&[u8]>| text.map(|text| keep(&mut self.bytes, text));
        let texts = record.texts.map(&mut keep);
        let severity_as_written = keep(record.severity_as_written);
        let extra = keep(record.extra);
        let bare = LogRecord {
            process_id: record.process_id,
            session_line_num: record.session_line_num,
            session_start_time: record.session_start_time,
            transaction_id: record.transaction_id,
            internal_query_pos: record.internal_query_pos,
            query_pos: record.query_pos,
            leader_pid: record.leader_pid,
            query_id: record.query_id,
            ..LogRecord::new(record.table, record.log_time, record.error_severity)
        };
        let record = Record { len, bare, texts, severity_as_written, extra };
        self.items.push(Item { position, what: What::Record(Box::new(record)) });
    }

    pub(super) fn push_rejected(&mut self, rejected: Rejected<'_>) {
        let Rejected { position, raw, reason } = rejected;
        let raw = keep(&mut self.bytes, raw);
        self.items.push(Item { position, what: What::Rejected { raw, reason } });
    }

    /// Hands everything over, and says whether the sink broke at any of it.
    pub(super) fn release<S: Sink>(&mut self, sink: &mut S) -> ControlFlow<()> {
        let mut flow = ControlFlow::Continue(());
        for Item { position, what } in &self.items {
            let answer = match what {
                What::Record(record) => {
                    let text = |text: &Text| self.bytes.get(text.clone()?);
                    let lent = LogRecord {
                        severity_as_written: text(&record.severity_as_written),
                        extra: text(&record.extra),
                        texts: record.texts.each_ref().map(text),
                        ..record.bare
                    };
                    sink.record(*position, record.len, &lent)
                }
                What::Rejected { raw, reason } => {
                    let raw = self.bytes.get(raw.clone()).unwrap_or_default();
                    sink.rejected(Rejected { position: *position, raw, reason: *reason })
                }
            };
            if answer.is_break() {
                flow = answer;
            }
        }
        // What waits is rarely much, and need not leave its memory behind.
        *self = Self::default();
        flow
    }
}

fn keep(bytes: &mut Vec<u8>, text: &[u8]) -> Range<usize> {
    let from = bytes.len();
    bytes.extend_from_slice(text);
    from..bytes.len()
}
