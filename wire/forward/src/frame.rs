//! Finds where a message ends while its bytes are still arriving, without looking at any byte twice.

use crate::Error;
use crate::msgpack::{ReadError, head};

/// Remembers how far into the unfinished message it has looked.
#[derive(Debug, Default)]
pub(crate) struct FrameScanner {
    /// Where the next head stands, or will stand once the payload before it is here.
    at: usize,
    /// Values still to come before the message is whole; 0 at the start of one.
    pending: u64,
    inside: bool,
}

impl FrameScanner {
    /// Bytes that the unfinished message is known to have; 0 at the start of one.
    pub(crate) fn announced(&self) -> u64 {
        if self.inside { self.at as u64 + self.pending } else { 0 }
    }

    /// The length of the message at the start of `buf`, or `None` while it isn't whole.
    ///
    /// A message is refused as soon as it announces more than `limit` bytes, before they are there.
    pub(crate) fn advance(&mut self, buf: &[u8], limit: usize) -> Result<Option<usize>, Error> {
        if !self.inside {
            *self = Self { at: 0, pending: 1, inside: true };
        }
        while self.pending > 0 {
            let Some(rest) = buf.get(self.at..).filter(|rest| !rest.is_empty()) else {
                return Ok(None);
            };
            let head = match head(rest, self.at) {
                Ok(head) => head,
                Err(ReadError::Incomplete) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            self.pending = self.pending - 1 + head.members;
            let at = (self.at + head.header) as u64 + head.payload;
            // Every value that is still pending takes a byte at least.
            let announced = at + self.pending;
            if announced > limit as u64 {
                return Err(Error::MessageTooLarge { announced, limit });
            }
            // Below the limit, which is a usize.
            #[allow(clippy::cast_possible_truncation)]
            {
                self.at = at as usize;
            }
        }
        if buf.len() < self.at {
            return Ok(None);
        }
        self.inside = false;
        Ok(Some(self.at))
    }
}
