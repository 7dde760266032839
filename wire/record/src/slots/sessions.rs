//! Remembers what a session's records have in common, so that it isn't read from each of them again.
//!
//! A collector writes these pairs one behind the other, `process_id` first: a *run*. From one record of a session to the next it is
//! the same bytes, and the same bytes mean the same values. So a run is compared as a whole with the last one that began like it.

use trunkline_forward::msgpack::Reader;

use super::{MapError, RecordSlots, Slot};
use crate::Column;

/// The key that a run begins with.
pub(super) const FIRST: u8 = Column::ProcessId.key();
const COLUMNS: [Column; Column::OF_SESSION.len()] = Column::OF_SESSION;
/// A bit for each of them.
const MASK: u32 = {
    let (mut mask, mut at) = (0, 0);
    while at < COLUMNS.len() {
        mask |= 1 << COLUMNS[at] as u32;
        at += 1;
    }
    mask
};

/// Runs that are remembered. More sessions than that at a time are rare, and cost what they would without this.
const PLACES: usize = 256;
/// Bytes of a run by which its place is chosen: the process's number stands there.
const BEGINNING: usize = 8;

/// A run as it was read.
#[derive(Debug, Clone, Copy)]
struct Run<'a> {
    bytes: &'a [u8],
    pairs: u32,
    present: u32,
    slots: [Slot<'a>; COLUMNS.len()],
    number: u32,
}

/// The runs of one forward chunk.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions<'a> {
    /// By place; empty before the first.
    runs: Vec<Option<Run<'a>>>,
    count: u32,
}

/// Whether a run may hold it.
#[inline]
pub(super) fn has(column: Column) -> bool {
    MASK >> column as u32 & 1 != 0
}

impl<'a> RecordSlots<'a> {
    /// Reads a run whose first key was just read, in a map of which so many pairs are left; answers how many of them it has.
    #[inline]
    pub(super) fn read_run(&mut self, reader: &mut Reader<'a>, left: u32) -> Result<u32, MapError> {
        let place = place(reader.rest());
        if let Some(Some(run)) = place.and_then(|place| self.sessions.runs.get(place))
            && run.pairs <= left
            // What stood before it would be lost.
            && self.present & MASK == 0
            && reader.read_same(run.bytes).is_some()
        {
            for (column, slot) in COLUMNS.iter().zip(run.slots) {
                self.slots[*column as usize] = slot;
            }
            self.present |= run.present;
            self.session = Some(run.number);
            return Ok(run.pairs);
        }
        self.read_new_run(reader, left, place)
    }

    /// The same for a run that isn't known, which is remembered.
    #[cold]
    fn read_new_run(
        &mut self,
        reader: &mut Reader<'a>,
        left: u32,
        place: Option<usize>,
    ) -> Result<u32, MapError> {
        let (rest, from) = (reader.rest(), reader.position());
        let (mut column, mut pairs) = (Column::ProcessId, 0);
        // What it has, and not what stands before it.
        let before = std::mem::take(&mut self.present);
        loop {
            self.read_value(column, reader)?;
            pairs += 1;
            let next = reader.peek_letter().and_then(Column::from_key).filter(|next| has(*next));
            match next {
                Some(next) if pairs < left && next != Column::ProcessId => {
                    reader.read_letter();
                    column = next;
                }
                _ => break,
            }
        }
        if let Some(place) = place {
            let sessions = &mut self.sessions;
            sessions.runs.resize(PLACES, None);
            sessions.count = sessions.count.wrapping_add(1);
            let (number, present) = (sessions.count, self.present);
            let slots = COLUMNS.map(|column| self.slots[column as usize]);
            let bytes = rest.get(..reader.position() - from).unwrap_or_default();
            sessions.runs[place] = Some(Run { bytes, pairs, present, slots, number });
            self.session = Some(number);
        }
        self.present |= before;
        Ok(pairs)
    }
}

#[inline]
fn place(run: &[u8]) -> Option<usize> {
    let beginning = u64::from_le_bytes(*run.first_chunk::<BEGINNING>()?);
    // Its high bits depend on all of the word's.
    let mixed = beginning.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - PLACES.ilog2());
    // Below PLACES.
    #[allow(clippy::cast_possible_truncation)]
    Some(mixed as usize)
}
