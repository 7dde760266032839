//! Goes over a batch once for each table that it has records of, and COPYs them there.
//!
//! A forward chunk may hold records of all tables interleaved, and a connection runs one COPY at a time. So the first pass, whose
//! COPY begins in the first round trip, takes what is `log.postgres`' and notes which other tables it saw; each of these costs one
//! round trip more, and another look at the forward chunks that have records of it. Nothing is held in between, however large the
//! batch is, and a batch of servers' records alone, the usual one, costs what it would cost if there were no other table.
//!
//! The order of the tables is always the same: a transaction that makes a hypertable chunk locks its table for others that make one,
//! and two that went in different orders could wait for each other.

use std::pin::Pin;

use tokio_postgres::{CopyInSink, Statement};
use trunkline_forward::Inflater;
use trunkline_record::Table;

use super::ahead::Ahead;
use super::bisect::Piece;
use super::buffers::{Buffers, Filled};
use super::copy::{Copy, CopyError, FIRST, FIRST_FORM, Written};
use super::counts::Counts;
use super::feed::Feed;
use super::pool::Client;
use super::rejected::Rejected;
use super::row::{Form, copy_statement};
use super::transaction::Failure;
use super::window::Bounds;
use crate::chunk::Chunk;

/// A piece that is to be stored.
pub(super) struct Part<'a> {
    pub chunk: &'a Chunk,
    pub piece: &'a Piece,
    /// Records below this position are stored already.
    pub skip_below: u64,
    /// And these.
    pub stored: Ahead,
}

/// What was copied.
#[derive(Debug, Default)]
pub(super) struct Copied {
    /// Rows of each table, by its number.
    pub rows: [u64; Table::ALL.len()],
    /// Records that were skipped.
    pub duplicates: u64,
    /// The newest `log_time`, in microseconds since 1970.
    pub newest: Option<i64>,
    /// What has to go to `log.rejected`.
    pub rejected: Rejected,
    /// What those who watch are told.
    pub feed: Feed,
}

/// The COPY of each table, and a batch's first.
pub(super) struct CopyStatements {
    first: Statement,
    full: [Statement; Table::ALL.len()],
}

impl CopyStatements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let [postgres, patroni, component] =
            Table::ALL.map(|table| copy_statement(table, Form::Full));
        Ok(Self {
            first: client.prepare_cached(&copy_statement(FIRST, FIRST_FORM)).await?,
            full: [
                client.prepare_cached(&postgres).await?,
                client.prepare_cached(&patroni).await?,
                client.prepare_cached(&component).await?,
            ],
        })
    }

    /// The one that a transaction begins with.
    pub(super) fn first(&self) -> &Statement {
        &self.first
    }

    /// The one that takes every column.
    pub(super) fn full(&self, table: Table) -> &Statement {
        &self.full[table as usize]
    }
}

/// What goes over a batch.
pub(super) struct Pass<'a> {
    pub client: &'a Client,
    pub statements: &'a CopyStatements,
    /// The times that are taken for true.
    pub bounds: Bounds,
    pub buffers: &'a Buffers,
}

impl Pass<'_> {
    /// Copies all `parts`: over `first`, which has begun, and over further COPYs as they are needed. The last one's data has ended when it
    /// is answered; finishing it is to wait beside what follows on the connection.
    pub(super) async fn copy(
        &self,
        parts: &[Part<'_>],
        first: CopyInSink<Filled>,
        inflater: &mut Inflater,
        counts: &mut Counts,
    ) -> Result<(Copied, Pin<Box<CopyInSink<Filled>>>), Failure> {
        let mut copied = Copied::default();
        let mut others = vec![[false; Table::ALL.len()]; parts.len()];
        let mut copy = Copy::first(self, first);
        for (part, others) in parts.iter().zip(&mut others) {
            *others = write(&mut copy, part, &mut copied, inflater, counts).await?.others;
        }
        copy.go_on_with_full().await?;
        for table in Table::ALL.into_iter().filter(|table| *table != FIRST) {
            let has_rows = |others: &[bool; Table::ALL.len()]| others[table as usize];
            if !others.iter().any(has_rows) {
                continue;
            }
            copy.go_on_with(table).await?;
            for (part, _) in parts.iter().zip(&others).filter(|(_, others)| has_rows(others)) {
                write(&mut copy, part, &mut copied, inflater, counts).await?;
            }
        }
        Ok((copied, copy.end().await?))
    }
}

async fn write(
    copy: &mut Copy<'_>,
    part: &Part<'_>,
    copied: &mut Copied,
    inflater: &mut Inflater,
    counts: &mut Counts,
) -> Result<Written, Failure> {
    let piece = part.piece;
    let feed = &mut copied.feed;
    let written = copy.write(part, inflater, &mut copied.rejected, counts, feed).await;
    let written = written.map_err(|error| match error {
        CopyError::Database(error) => Failure::Database(error),
        CopyError::Unreadable(reason) => Failure::Unreadable { chunk: piece.chunk, reason },
    })?;
    copied.rows[copy.table() as usize] += written.rows;
    copied.duplicates += written.duplicates;
    copied.newest = copied.newest.max(written.newest);
    Ok(written)
}
