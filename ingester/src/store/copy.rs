//! Streams forward chunks into a COPY: decompress, read the records, append rows to a buffer, hand full buffers to the driver.
//!
//! A COPY is into one table; records of others are left to theirs, see [`super::pass`]. And it takes rows of one form
//! ([`super::row::Form`]): the first one short ones. Full ones are put aside meanwhile, and are the beginning of a second COPY into
//! the same table, which follows when there is nothing else left, or when they have become many; from then on all rows are full.

use std::pin::Pin;

use futures_util::{Sink, SinkExt};
use tokio_postgres::CopyInSink;
use trunkline_forward::{EntryReader, Inflater};
use trunkline_record::{RecordSlots, Row, Table};

use super::buffers::{Buffers, FULL, Filled};
use super::counts::Counts;
use super::feed::Feed;
use super::pass::{Part, Pass};
use super::rejected::Rejected;
use super::row::{COPY_HEADER, COPY_TRAILER, Form, RowEncoder};

/// The table whose COPY is a batch's first. With it whatever is no row is dealt with: duplicates, and what goes to `log.rejected`.
pub(super) const FIRST: Table = Table::Postgres;
/// The form of its rows.
pub(super) const FIRST_FORM: Form = Form::Short;

/// Bytes of full rows after which they are put aside no longer: those of a usual batch are fewer.
const ASIDE: usize = 512 << 10;

/// What was written of one piece.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Rows in the COPY.
    pub rows: u64,
    /// The tables that have rows among the rest, by their numbers.
    pub others: [bool; Table::ALL.len()],
    /// Records skipped because they are stored already, whichever their table.
    pub duplicates: u64,
    /// The newest `log_time`, in microseconds since 1970.
    pub newest: Option<i64>,
}

/// Why writing stopped.
#[derive(Debug)]
pub(super) enum CopyError {
    /// The connection.
    Database(tokio_postgres::Error),
    /// The forward chunk can't be read.
    Unreadable(String),
}

/// A running COPY.
pub(super) struct Copy<'p> {
    pass: &'p Pass<'p>,
    table: Table,
    form: Form,
    sink: Pin<Box<CopyInSink<Filled>>>,
    out: Vec<u8>,
    /// Full rows of the table, while it is short ones' turn; with what the COPY of these begins with.
    aside: Vec<u8>,
}

impl<'p> Copy<'p> {
    /// A batch's first, which the server has agreed to.
    pub(super) fn first(pass: &'p Pass<'p>, sink: CopyInSink<Filled>) -> Self {
        let sink = Box::pin(sink);
        let (out, aside) = (begun(pass.buffers), Vec::new());
        Self { pass, table: FIRST, form: FIRST_FORM, sink, out, aside }
    }

    /// Where its rows go.
    pub(super) fn table(&self) -> Table {
        self.table
    }

    /// Writes the table's records of a piece that aren't stored yet, counts them, and tells `feed` of them; what can't be a row is added to
    /// `rejected`.
    pub(super) async fn write(
        &mut self,
        part: &Part<'_>,
        inflater: &mut Inflater,
        rejected: &mut Rejected,
        counts: &mut Counts,
        feed: &mut Feed,
    ) -> Result<Written, CopyError> {
        let Part { chunk, piece, .. } = *part;
        let unreadable = |error: &dyn std::fmt::Display| CopyError::Unreadable(error.to_string());
        let entries = chunk.message.entries(inflater).map_err(|error| unreadable(&error))?;
        let mut reader = EntryReader::new(entries);
        let mut slots = RecordSlots::new();
        let mut encoder = RowEncoder::new(&chunk.header, chunk.foreign.as_ref());
        let sources = counts.sources(chunk);
        let mut written = Written::default();
        // The first position that may come: positions ascend, and stay within the forward chunk.
        let mut next = chunk.header.from;
        feed.begin(self.table, chunk, piece.lo.max(part.skip_below));
        while let Some(row) = slots.read(&mut reader).map_err(|error| unreadable(&error))? {
            let position = slots.position();
            if position < next || position >= chunk.header.to {
                return Err(CopyError::Unreadable(format!(
                    "position {position} of a record is not from {next} to below {}",
                    chunk.header.to
                )));
            }
            next = position + 1;
            if position < piece.lo {
                continue;
            }
            if position >= piece.hi {
                break;
            }
            if position < part.skip_below || part.stored.has(position) {
                written.duplicates += u64::from(self.table == FIRST);
                feed.cut();
                continue;
            }
            if chunk.source(slots.source()).is_none() {
                return Err(CopyError::Unreadable("a record of an unknown source".to_owned()));
            }
            match (row, &piece.reject) {
                (Row::Record, None) if slots.table() == self.table => {
                    if !self.pass.bounds.contains(slots.log_time()) {
                        rejected.record(chunk, &slots, &self.pass.bounds.reason());
                        feed.cut();
                        continue;
                    }
                    let start = self.out.len();
                    match encoder.encode(&slots, self.form, &mut self.out) {
                        Ok(form) => {
                            if form != self.form {
                                self.put_aside(start);
                            }
                            written.rows += 1;
                            counts.add(&sources, &slots);
                            let (source, log_time) = (slots.source(), slots.log_time());
                            feed.row(self.table, chunk, source, position, log_time);
                            written.newest = written.newest.max(Some(slots.log_time()));
                        }
                        Err(error) => {
                            rejected.record(chunk, &slots, &error.to_string());
                            feed.cut();
                        }
                    }
                }
                (Row::Record, None) => written.others[slots.table() as usize] = true,
                _ if self.table != FIRST => {}
                (Row::Record, Some(reason)) => rejected.record(chunk, &slots, reason),
                (Row::Rejected { raw, reason }, _) => rejected.bytes(chunk, &slots, reason, raw),
            }
            if self.aside.len() >= ASIDE {
                self.go_on_with_full().await.map_err(CopyError::Database)?;
            } else if self.out.len() >= FULL {
                let next = self.pass.buffers.take();
                self.hand_over(next).await.map_err(CopyError::Database)?;
            }
        }
        feed.end(self.table, chunk, piece.hi);
        Ok(written)
    }

    /// Takes the row that begins there for later.
    #[cold]
    fn put_aside(&mut self, start: usize) {
        if self.aside.is_empty() {
            self.aside = begun(self.pass.buffers);
        }
        self.aside.extend_from_slice(&self.out[start..]);
        self.out.truncate(start);
    }

    /// Goes on with the full rows that were put aside, if there are any.
    pub(super) async fn go_on_with_full(&mut self) -> Result<(), tokio_postgres::Error> {
        if self.aside.is_empty() {
            return Ok(());
        }
        let aside = std::mem::take(&mut self.aside);
        self.go_on(self.table, aside).await
    }

    /// Ends this COPY and begins the one into another table.
    pub(super) async fn go_on_with(&mut self, table: Table) -> Result<(), tokio_postgres::Error> {
        self.go_on(table, begun(self.pass.buffers)).await
    }

    /// Ends this COPY and begins one of full rows, whose data begins with `out`, in one round trip.
    async fn go_on(&mut self, table: Table, out: Vec<u8>) -> Result<(), tokio_postgres::Error> {
        self.out.extend_from_slice(COPY_TRAILER);
        self.hand_over(out).await?;
        // Polled in this order, and so sent in this order.
        let (finished, next) = tokio::join!(
            biased;
            self.sink.as_mut().finish(),
            self.pass.client.copy_in(self.pass.statements.full(table)),
        );
        finished?;
        self.sink = Box::pin(next?);
        (self.table, self.form) = (table, Form::Full);
        Ok(())
    }

    /// Ends the data. The rest is to wait for [`finish`](CopyInSink::finish), beside what follows on the connection.
    pub(super) async fn end(
        mut self,
    ) -> Result<Pin<Box<CopyInSink<Filled>>>, tokio_postgres::Error> {
        self.out.extend_from_slice(COPY_TRAILER);
        self.hand_over(Vec::new()).await?;
        Ok(self.sink)
    }

    /// Hands what was filled to the driver, and goes on with `next`.
    async fn hand_over(&mut self, next: Vec<u8>) -> Result<(), tokio_postgres::Error> {
        let bytes = std::mem::replace(&mut self.out, next);
        self.sink.feed(self.pass.buffers.filled(bytes)).await
    }
}

/// A buffer with what a COPY's data begins with.
fn begun(buffers: &Buffers) -> Vec<u8> {
    let mut out = buffers.take();
    out.extend_from_slice(COPY_HEADER);
    out
}

// The sink is fed, and flushed only at its end.
const _: fn() = || {
    fn is_sink<T: Sink<Filled>>() {}
    is_sink::<CopyInSink<Filled>>();
};
