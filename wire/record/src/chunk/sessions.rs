//! Remembers what a session's records share, so that a chunk has it once, and a number in the place of it from then on.
//!
//! Numbers begin anew with each chunk. What is known of a session is kept from chunk to chunk: how it was read, by which its next record
//! is known without a look at each field, and the *run* of pairs that was written of it.

use crate::{Column, LogRecord};

/// Sessions that are remembered, and so numbers that there are. More at a time are rare, and cost what they would without this.
pub(crate) const PLACES: usize = 256;
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
    /// Which chunk this is, from 1.
    chunk: u64,
    /// Numbers that it has given.
    numbers: u16,
}

/// What a session's records share.
#[derive(Debug, Clone, Copy)]
struct Session {
    /// As read: the texts, both parts one behind the other. Without texts, records are known by what was written of them.
    texts: [u8; ROOM],
    /// Where each of them ends.
    ends: Option<[usize; 2]>,
    process_id: Option<i32>,
    start: Option<i64>,
    /// As written.
    run: [u8; ROOM],
    run_len: usize,
    /// How many pairs that are.
    pairs: u16,
    /// The chunk that has it.
    announced: u64,
    /// The place's number, and in which chunk it has that.
    number: u16,
    numbered: u64,
}

/// How a record is to say whose it is.
#[derive(Debug)]
pub(super) enum Says<'s> {
    /// By these pairs, and that they have this number.
    All(&'s [u8], u16, u16),
    /// By the number.
    Number(u16),
}

impl Session {
    const NONE: Self = Self {
        texts: [0; ROOM],
        ends: None,
        process_id: None,
        start: None,
        run: [0; ROOM],
        run_len: 0,
        pairs: 0,
        announced: 0,
        number: 0,
        numbered: 0,
    };

    fn run(&self) -> &[u8] {
        self.run.get(..self.run_len).unwrap_or_default()
    }

    #[inline]
    fn is_of(&self, record: &LogRecord<'_>) -> bool {
        let (Some([first, second]), Some([end, second_end])) = (record.session, self.ends) else {
            return false;
        };
        let known = self.texts.get(..second_end).and_then(|texts| texts.split_at_checked(end));
        known == Some((first, second))
            && self.process_id == record.process_id
            && self.start == start(record)
    }

    /// Takes in how a record's share was read and written; false where there is no room for that.
    fn take(&mut self, record: &LogRecord<'_>, run: &[u8], pairs: u16) -> bool {
        let [first, second] = record.session.unwrap_or_default();
        let ends = [first.len(), first.len() + second.len()];
        let (Some(texts), Some(room)) =
            (self.texts.get_mut(..ends[1]), self.run.get_mut(..run.len()))
        else {
            return false;
        };
        texts[..ends[0]].copy_from_slice(first);
        texts[ends[0]..].copy_from_slice(second);
        room.copy_from_slice(run);
        self.ends = record.session.map(|_| ends);
        (self.process_id, self.start) = (record.process_id, start(record));
        (self.run_len, self.pairs, self.announced) = (run.len(), pairs, 0);
        true
    }
}

impl Sessions {
    /// The next chunk begins: it knows of none.
    pub(super) fn begin(&mut self) {
        self.chunk += 1;
        self.numbers = 0;
    }

    /// What a record says of its session, if that is known.
    #[inline]
    pub(super) fn find(&mut self, record: &LogRecord<'_>) -> Option<Says<'_>> {
        let place = place(record)?;
        let is_known = self.places.get(place).is_some_and(|session| session.is_of(record));
        if is_known { self.say(place) } else { None }
    }

    /// The same of a record whose share was just written: it is remembered from now on. `None` where it can't be.
    pub(super) fn written(
        &mut self,
        record: &LogRecord<'_>,
        run: &[u8],
        pairs: u16,
    ) -> Option<Says<'_>> {
        let place = place(record)?;
        self.places.resize(PLACES, Session::NONE);
        let session = self.places.get_mut(place)?;
        let is_same = record.session.is_none() && session.ends.is_none() && session.run() == run;
        if is_same || session.take(record, run, pairs) { self.say(place) } else { None }
    }

    #[inline]
    fn say(&mut self, place: usize) -> Option<Says<'_>> {
        let session = self.places.get_mut(place)?;
        if session.announced == self.chunk {
            return Some(Says::Number(session.number));
        }
        if session.numbered != self.chunk {
            (session.numbered, session.number) = (self.chunk, self.numbers);
            self.numbers += 1;
        }
        session.announced = self.chunk;
        Some(Says::All(session.run(), session.pairs, session.number))
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
