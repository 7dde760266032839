//! Keeps what both outputs hold in the order of the log, and together what overlaps.

use std::ops::ControlFlow;

use crate::{LogRecord, Rejected, Sink};

use super::held::Held;

/// What is found in the log, at its outer position.
pub(super) enum Found<'a> {
    Record(u64, usize, &'a LogRecord<'a>),
    Rejected(Rejected<'a>),
}

/// What waits for its neighbours to be whole.
#[derive(Debug, Default)]
pub(super) struct Order {
    held: Held,
    /// Where the last of the lines ends that belong to what was found.
    reach: u64,
    /// Whether the sink said to stop.
    stopped: bool,
}

impl Order {
    pub(super) fn go_on(&mut self) {
        self.stopped = false;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The position of the first that is held.
    pub(super) fn first_held(&self) -> Option<u64> {
        self.held.first()
    }

    /// Hands over what was found and all that is held; or holds it, while `front`, the first position that isn't taken, is below the
    /// end of its last line, or of any other's that is held: who began there anew would find it, or parts of it, again.
    pub(super) fn take<S: Sink>(
        &mut self,
        found: Found<'_>,
        line_end: u64,
        front: u64,
        sink: &mut S,
    ) {
        self.reach = self.reach.max(line_end);
        let is_apart = front >= self.reach;
        let is_alone = is_apart && self.held.is_empty();
        match found {
            Found::Record(position, len, record) if is_alone => {
                self.heed(sink.record(position, len, record));
            }
            Found::Rejected(rejected) if is_alone => self.heed(sink.rejected(rejected)),
            Found::Record(position, len, record) => self.held.push_record(position, len, record),
            Found::Rejected(rejected) => self.held.push_rejected(rejected),
        }
        if is_apart && !is_alone {
            let flow = self.held.release(sink);
            self.heed(flow);
        }
    }

    fn heed(&mut self, flow: ControlFlow<()>) {
        self.stopped |= flow.is_break();
    }
}

/// Where one output's parser hands over to.
pub(super) struct Outwards<'a, S> {
    /// The first position that another output hasn't read.
    pub(super) others: u64,
    /// The end of what was taken apart.
    pub(super) tail: u64,
    pub(super) order: &'a mut Order,
    pub(super) sink: &'a mut S,
}
