//! Remembers how what a session's records share was written, so that the next of them has it as one piece.

use crate::{Column, LogRecord};

/// Sessions that are remembered. More at a time are rare, and cost what they would without this.
const PLACES: usize = 256;
/// Room for what was read, and for what was written. A longer one isn't remembered: all places are one piece of memory, since small
/// ones between the large ones that forward chunks take, and give back, would keep the heap from shrinking.
const ROOM: usize = 192;
/// Bytes at the end of a session's id by which its place is chosen: the process's number stands there.
const ENDING: usize = 8;

/// Sessions of any stream, each until another needs its place.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// By place; empty before the first.
    places: Vec<Session>,
}

/// What a session's records share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    /// As read: the texts, both parts one behind the other.
    texts: [u8; ROOM],
    /// Where each of them ends.
    ends: [usize; 2],
    process_id: Option<i32>,
    start: Option<i64>,
    /// As written.
    run: [u8; ROOM],
    run_len: usize,
    /// How many pairs that are.
    pub(super) pairs: u16,
}

impl Session {
    const NONE: Self = Self {
        texts: [0; ROOM],
        ends: [0; 2],
        process_id: None,
        start: None,
        run: [0; ROOM],
        run_len: 0,
        pairs: 0,
    };

    /// The pairs.
    #[inline]
    pub(super) fn run(&self) -> &[u8] {
        self.run.get(..self.run_len).unwrap_or_default()
    }
}

impl Sessions {
    /// How this record's share was written, if one with the same was.
    #[inline]
    pub(super) fn find(&self, record: &LogRecord<'_>) -> Option<&Session> {
        let [first, second] = record.session?;
        let session = self.places.get(place(record)?)?;
        let [end, second_end] = session.ends;
        let (known_first, known_second) = session.texts.get(..second_end)?.split_at_checked(end)?;
        let is_same = known_first == first
            && known_second == second
            && session.process_id == record.process_id
            && session.start == start(record);
        is_same.then_some(session)
    }

    /// Takes in how this record's share was written.
    #[cold]
    pub(super) fn remember(&mut self, record: &LogRecord<'_>, run: &[u8], pairs: u16) {
        let (Some([first, second]), Some(place)) = (record.session, place(record)) else { return };
        self.places.resize(PLACES, Session::NONE);
        let mut session = Session::NONE;
        session.ends = [first.len(), first.len() + second.len()];
        let (process_id, start) = (record.process_id, start(record));
        (session.process_id, session.start, session.pairs) = (process_id, start, pairs);
        session.run_len = run.len();
        let [end, second_end] = session.ends;
        if let (Some(texts), Some(room), Some(known)) = (
            session.texts.get_mut(..second_end),
            session.run.get_mut(..run.len()),
            self.places.get_mut(place),
        ) {
            texts[..end].copy_from_slice(first);
            texts[end..].copy_from_slice(second);
            room.copy_from_slice(run);
            *known = session;
        }
    }
}

#[inline]
fn start(record: &LogRecord<'_>) -> Option<i64> {
    record.session_start_time.map(|time| time.unix_micros)
}

#[inline]
fn place(record: &LogRecord<'_>) -> Option<usize> {
    let ending = u64::from_le_bytes(*record.text(Column::SessionId)?.last_chunk::<ENDING>()?);
    // Its high bits depend on all of the word's.
    let mixed = ending.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - PLACES.ilog2());
    // Below PLACES.
    #[allow(clippy::cast_possible_truncation)]
    Some(mixed as usize)
}
