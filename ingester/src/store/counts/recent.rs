//! Combinations by their last records' sessions: of a session's records all that is counted is the same, but for when and what happened.
//!
//! So a record whose session had one of the same minute, severity and SQLSTATE is counted without a look at a text but the SQLSTATE's five bytes.

use trunkline_query::counted_columns;
use trunkline_record::{Column, RecordSlots, Slot, Table};

use super::cells::Head;

/// Records that are remembered; a power of two. What doesn't fit costs what it would without this.
const PLACES: usize = 1 << 10;

/// What makes records one combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Like {
    chunk: u64,
    session: u32,
    head: Head,
    sql_state: [u8; 5],
}

/// The last ones, each with its combination's place.
#[derive(Debug, Default)]
pub(super) struct Recent(Vec<Option<(Like, usize)>>);

impl Like {
    /// A server's record in forward chunk number `chunk`; `None` where nothing is known of its session.
    #[inline]
    pub(super) fn of(chunk: u64, head: Head, slots: &RecordSlots<'_>) -> Option<Self> {
        let session = slots.session().filter(|_| head.table == Table::Postgres)?;
        let Slot::Text(sql_state) = slots.get(Column::SqlStateCode) else { return None };
        Some(Self { chunk, session, head, sql_state: sql_state.try_into().ok()? })
    }

    #[inline]
    fn place(&self) -> usize {
        (self.session as usize * 4 + usize::from(self.head.severity)) % PLACES
    }
}

impl Recent {
    #[inline]
    pub(super) fn find(&self, like: &Like) -> Option<usize> {
        let (known, at) = self.0.get(like.place())?.as_ref()?;
        (known == like).then_some(*at)
    }

    pub(super) fn remember(&mut self, like: Like, at: usize) {
        self.0.resize(PLACES, None);
        self.0[like.place()] = Some((like, at));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

// What is counted of a server's record is its session's, or the SQLSTATE.
const _: () = {
    let counted = counted_columns(Table::Postgres);
    let mut at = 0;
    while at < counted.len() {
        let (mut is_known, mut of) = (matches!(counted[at], Column::SqlStateCode), 0);
        while of < Column::OF_SESSION.len() {
            is_known |= Column::OF_SESSION[of] as usize == counted[at] as usize;
            of += 1;
        }
        assert!(is_known);
        at += 1;
    }
};
