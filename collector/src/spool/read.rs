//! Reads a segment's frames one after the other, in memory for one frame; finds the next whole frame
//! behind a damaged one. Pure: over anything that reads and seeks.

use std::io::{self, Read, Seek, SeekFrom};

use super::frame::{HEAD_MAX, Head, MAGIC, PREFIX, Prefix};

/// A damaged place is searched for the next frame in pieces of this size.
const PIECE: usize = 64 * 1024;

/// A segment being read.
#[derive(Debug)]
pub struct Frames<R> {
    input: R,
    at: u64,
    end: u64,
}

/// What stands at a place.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// A whole frame.
    Frame(Head, Vec<u8>),
    /// A frame whose entries are not what was written.
    Damaged(Head),
    /// So many bytes that are nothing; a frame may follow.
    Lost(u64),
    /// A frame that the segment's end cuts off begins here; or bytes that are nothing, up to the end.
    Torn,
    /// The end.
    End,
}

impl<R: Read + Seek> Frames<R> {
    /// Begins at a frame's place.
    pub fn new(mut input: R, at: u64) -> io::Result<Self> {
        let end = input.seek(SeekFrom::End(0))?;
        Ok(Self { input, at, end })
    }

    /// Where the next item begins.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// What stands here, and moves behind it; after `Torn` and `End` it stays where it is. With `body`
    /// false a whole frame's entries are passed over unseen.
    pub fn next(&mut self, body: bool) -> io::Result<Item> {
        if self.at >= self.end {
            return Ok(Item::End);
        }
        let Some((prefix, head)) = self.head(self.at)? else { return self.search() };
        let end = self.at + prefix.frame();
        if end > self.end {
            return Ok(Item::Torn);
        }
        let mut entries = Vec::new();
        if body {
            entries.resize(prefix.body, 0);
            self.input.read_exact(&mut entries)?;
        }
        self.at = end;
        if body && !prefix.is_body(&entries) {
            return Ok(Item::Damaged(head));
        }
        Ok(Item::Frame(head, entries))
    }

    /// The head of the frame at a place, if one begins there.
    fn head(&mut self, at: u64) -> io::Result<Option<(Prefix, Head)>> {
        let mut bytes = [0; PREFIX];
        if self.end - at < PREFIX as u64 {
            return Ok(None);
        }
        self.input.seek(SeekFrom::Start(at))?;
        self.input.read_exact(&mut bytes)?;
        let Some(prefix) = Prefix::decode(&bytes) else { return Ok(None) };
        if self.end - at < (PREFIX + prefix.head) as u64 {
            return Ok(None);
        }
        let mut head = vec![0; prefix.head.min(HEAD_MAX)];
        self.input.read_exact(&mut head)?;
        Ok(prefix.head(&bytes, &head).map(|head| (prefix, head)))
    }

    /// No frame begins here: looks for the next one.
    fn search(&mut self) -> io::Result<Item> {
        let mut piece = vec![0; PIECE];
        let mut from = self.at + 1;
        while from < self.end {
            let len = usize::try_from(self.end - from).unwrap_or(PIECE).min(PIECE);
            self.input.seek(SeekFrom::Start(from))?;
            self.input.read_exact(&mut piece[..len])?;
            for (n, bytes) in piece[..len].windows(MAGIC.len()).enumerate() {
                let place = from + n as u64;
                if *bytes == MAGIC && self.head(place)?.is_some() {
                    let lost = place - self.at;
                    self.at = place;
                    return Ok(Item::Lost(lost));
                }
            }
            // A frame may begin in this piece's last bytes.
            from += (len.saturating_sub(MAGIC.len() - 1)).max(1) as u64;
        }
        Ok(Item::Torn)
    }
}

#[cfg(test)]
mod tests;
