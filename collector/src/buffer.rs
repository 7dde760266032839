//! The read buffer: one for all files that are followed.
//!
//! It remembers which stream's bytes it holds, so that one whose turn comes again at once goes on where
//! it stopped; another one's turn throws them away, and they are read again from the page cache.

use trunkline_record::StreamId;

/// A window on one file: `data[start..end]` stands at `position`.
#[derive(Debug)]
pub struct ReadBuffer {
    data: Vec<u8>,
    start: usize,
    end: usize,
    position: u64,
    owner: Option<StreamId>,
    usual: usize,
    most: usize,
}

impl ReadBuffer {
    /// A buffer of `usual` bytes, which grows only for a record that is longer, until it can hold one
    /// of `longest` bytes.
    pub fn new(usual: usize, longest: usize) -> Self {
        Self {
            data: Vec::new(),
            start: 0,
            end: 0,
            position: 0,
            owner: None,
            usual,
            most: longest.saturating_add(usual),
        }
    }

    /// Makes the buffer `owner`'s at `position`. Returns whether it was so already, with the bytes
    /// that it holds still good.
    pub fn claim(&mut self, owner: StreamId, position: u64) -> bool {
        if self.owner == Some(owner) && self.position == position {
            return true;
        }
        self.owner = Some(owner);
        self.position = position;
        self.start = 0;
        self.end = 0;
        self.fit();
        false
    }

    /// Forgets the content.
    pub fn release(&mut self) {
        self.owner = None;
    }

    /// The bytes that are held.
    pub fn filled(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    /// Where they begin.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Where the next byte to read stands.
    pub fn end_position(&self) -> u64 {
        self.position + (self.end - self.start) as u64
    }

    /// Room for more, made by moving what is held to the front.
    pub fn spare(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.data.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        self.fit();
        &mut self.data[self.end..]
    }

    /// Half of the usual size is always free to read into. What is held then is one unfinished record:
    /// doubling keeps the number of times that it is copied small.
    fn fit(&mut self) {
        let mut size = self.usual;
        while size - self.end.min(size) < self.usual / 2 {
            size = (size * 2).min(self.most.max(self.end + self.usual));
        }
        if size != self.data.len() {
            self.data.resize(size, 0);
            self.data.shrink_to(size);
        }
    }

    /// `len` bytes were read into the room.
    pub fn fill(&mut self, len: usize) {
        self.end += len;
    }

    /// The first `len` bytes are done with.
    pub fn consume(&mut self, len: usize) {
        self.start += len;
        self.position += len as u64;
        debug_assert!(self.start <= self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: StreamId = StreamId([1; 16]);
    const B: StreamId = StreamId([2; 16]);

    fn put(buffer: &mut ReadBuffer, bytes: &[u8]) {
        buffer.spare()[..bytes.len()].copy_from_slice(bytes);
        buffer.fill(bytes.len());
    }

    #[test]
    fn what_is_left_stays_in_front_of_what_comes() {
        let mut buffer = ReadBuffer::new(16, 10_000);
        assert!(!buffer.claim(A, 100));
        put(&mut buffer, b"0123456789");
        buffer.consume(7);
        assert!(buffer.claim(A, 107));
        put(&mut buffer, b"abc");
        assert_eq!((buffer.filled(), buffer.end_position()), (&b"789abc"[..], 113));
    }

    #[test]
    fn another_file_or_place_throws_the_bytes_away() {
        let mut buffer = ReadBuffer::new(16, 10_000);
        buffer.claim(A, 0);
        put(&mut buffer, b"0123");
        assert!(!buffer.claim(B, 0));
        assert_eq!(buffer.filled(), b"");
        put(&mut buffer, b"0123");
        assert!(!buffer.claim(B, 2));
        assert!(!buffer.claim(A, 0));
    }

    #[test]
    fn a_long_record_grows_the_buffer_and_the_next_file_shrinks_it() {
        let mut buffer = ReadBuffer::new(16, 10_000);
        buffer.claim(A, 0);
        for _ in 0..100 {
            put(&mut buffer, b"01234567");
        }
        assert_eq!(buffer.filled().len(), 800);
        buffer.consume(799);
        assert_eq!(buffer.spare().len(), 15, "also when the same file goes on");
        buffer.claim(B, 0);
        assert_eq!(buffer.spare().len(), 16);
    }

    #[test]
    fn the_longest_record_costs_its_length_and_not_twice_that() {
        let mut buffer = ReadBuffer::new(16, 1000);
        buffer.claim(A, 0);
        while buffer.filled().len() < 1000 {
            put(&mut buffer, b"01234567");
        }
        assert!(buffer.data.len() <= 1016);
    }
}
