//! What records say of their session by a number: the first of them says all of it and the number, later ones the number alone.

use super::{MapError, RecordSlots, Slot};
use crate::Column;
use crate::chunk::MOST_SESSIONS;

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

/// What a record said of its session.
#[derive(Debug, Clone, Copy)]
struct Session<'a> {
    present: u32,
    slots: [Slot<'a>; COLUMNS.len()],
    /// Of all that were said, which; from 1.
    serial: u32,
}

/// The sessions of one forward chunk.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions<'a> {
    /// By number.
    known: Vec<Session<'a>>,
    count: u32,
}

impl<'a> RecordSlots<'a> {
    /// The record is of a session that an earlier one has said.
    #[inline]
    pub(super) fn refer(&mut self, number: u64) -> Result<(), MapError> {
        let known = usize::try_from(number).ok().and_then(|at| self.sessions.known.get(at));
        // What it says itself would contradict that.
        let Some(session) = known.filter(|_| self.present & MASK == 0) else {
            return Err(MapError::Value("session"));
        };
        for (column, slot) in COLUMNS.iter().zip(session.slots) {
            self.slots[*column as usize] = slot;
        }
        self.present |= session.present;
        self.session = Some(session.serial);
        Ok(())
    }

    /// What this record says of its session has this number from now on.
    pub(super) fn announce(&mut self, number: u64) -> Result<(), MapError> {
        let at = usize::try_from(number).ok().filter(|at| *at < MOST_SESSIONS);
        let at = at.ok_or(MapError::Value("session"))?;
        let serial = self.sessions.count.wrapping_add(1);
        let (present, slots) = (self.present & MASK, COLUMNS.map(|column| self.get(column)));
        let session = Session { present, slots, serial };
        let known = &mut self.sessions.known;
        if at == known.len() {
            known.push(session);
        } else {
            // Numbers are given without a gap.
            *known.get_mut(at).ok_or(MapError::Value("session"))? = session;
        }
        self.sessions.count = serial;
        self.session = Some(serial);
        Ok(())
    }
}
