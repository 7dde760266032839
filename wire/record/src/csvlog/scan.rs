//! The first look at the bytes: where the commas, the line ends and the doubled quotes are, 64 bytes at a time.
//!
//! Each block yields three bit masks, of quotes, commas and line feeds. A running exclusive-or over the quotes tells which bytes stand
//! inside quotes, a doubled quote turning it off and on again. Commas and line feeds outside are marks, and so is a doubled quote.
//!
//! The same masks show what no server writes: a quote that opens in the middle of a field, or closes before its end. Behind a torn
//! record inside and outside are swapped, and such a *violation* comes within a few bytes.

use wide::u8x16;

/// A mark's kind, in the bits above its offset.
const LINE: u32 = 1 << 31;
const DOUBLED: u32 = 1 << 30;
const OFFSET: u32 = DOUBLED - 1;

const BLOCK: usize = 64;
/// Bytes that are scanned at a time, so that they are still in the nearest cache when the fields are read.
const WINDOW: usize = 32 << 10;

/// The byte that a mark stands at, from the start of the buffer.
#[inline]
pub(super) fn offset(mark: u32) -> usize {
    (mark & OFFSET) as usize
}

/// Whether a mark is a doubled quote, at its second one.
#[inline]
pub(super) fn is_doubled(mark: u32) -> bool {
    mark & DOUBLED != 0
}

/// The marks of the part of a buffer that has been looked at. It begins at a record's start.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Memory for marks, of which the first `count` are there. It is longer than that by a block's worth of marks at least whenever a
    /// block is looked at, so that a mark is a plain store.
    marks: Vec<u32>,
    count: usize,
    /// How many of the marks belong to ended lines.
    ended: usize,
    scanned: usize,
    violated: bool,
    carry: Carry,
}

/// What the next block has to know of the byte before it, as masks for its first bit.
#[derive(Debug, Clone, Copy)]
struct Carry {
    /// All ones inside quotes.
    inside: u64,
    separator: u64,
    quote: u64,
    closing: u64,
}

impl Default for Carry {
    /// A record's start is as good as behind a separator.
    fn default() -> Self {
        Self { inside: 0, separator: 1, quote: 0, closing: 0 }
    }
}

/// The three masks of a block.
#[derive(Debug, Clone, Copy)]
struct Masks {
    quotes: u64,
    commas: u64,
    lines: u64,
}

impl Masks {
    #[inline]
    fn of(block: &[u8; BLOCK]) -> Self {
        let (sixteens, _) = block.as_chunks::<16>();
        let mut masks = Self { quotes: 0, commas: 0, lines: 0 };
        for (at, sixteen) in sixteens.iter().enumerate() {
            let bytes = u8x16::new(*sixteen);
            let mask =
                |byte| u64::from(bytes.simd_eq(u8x16::splat(byte)).to_bitmask()) << (at * 16);
            masks.quotes |= mask(b'"');
            masks.commas |= mask(b',');
            masks.lines |= mask(b'\n');
        }
        masks
    }
}

/// Each bit the exclusive-or of itself and all below.
#[inline]
fn running_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

impl Scan {
    /// Whether `buf` holds more to look at.
    pub(super) fn has_more(&self, buf: &[u8]) -> bool {
        self.scanned < buf.len().min(OFFSET as usize)
    }

    /// Whether the unended line at the end can't become a record, whatever follows.
    pub(super) fn is_violated(&self) -> bool {
        self.violated
    }

    /// Looks at the next window of `buf`.
    pub(super) fn extend(&mut self, buf: &[u8]) {
        let limit = buf.len().min(self.scanned + WINDOW).min(OFFSET as usize);
        if self.violated || self.scanned >= limit {
            return;
        }
        let (blocks, tail) = buf[self.scanned..limit].as_chunks::<BLOCK>();
        for block in blocks {
            self.block(Masks::of(block), BLOCK);
            if self.violated {
                return;
            }
        }
        if !tail.is_empty() {
            // Zeros are neither quote, comma nor line feed.
            let mut block = [0; BLOCK];
            block[..tail.len()].copy_from_slice(tail);
            self.block(Masks::of(&block), tail.len());
        }
    }

    #[inline]
    fn block(&mut self, Masks { quotes, commas, lines }: Masks, len: usize) {
        let carry = self.carry;
        let inside = running_xor(quotes) ^ carry.inside;
        let opening = quotes & inside;
        let closing = quotes & !inside;
        let separators = (commas | lines) & !inside;
        let behind_separator = separators << 1 | carry.separator;
        let behind_quote = quotes << 1 | carry.quote;
        let behind_closing = closing << 1 | carry.closing;
        let present = u64::MAX >> (BLOCK - len);

        let bad_opening = opening & !behind_separator & !behind_quote;
        let bad_closing = behind_closing & present & !(separators | quotes);
        let violations = bad_opening | bad_closing;
        let doubled = opening & behind_quote;
        let mut marks = separators | doubled;
        if violations != 0 {
            marks &= (1 << violations.trailing_zeros()) - 1;
            self.violated = true;
        }

        if self.marks.len() < self.count + BLOCK {
            self.marks.resize((self.count + BLOCK) * 2, 0);
        }
        if let Some(room) = self.marks[self.count..].first_chunk_mut::<BLOCK>() {
            // A buffer is shorter than a mark's offset reaches.
            #[allow(clippy::cast_possible_truncation)]
            let base = self.scanned as u32;
            let (mut rest, mut at) = (marks, 0);
            while rest != 0 {
                room[at % BLOCK] = base + rest.trailing_zeros();
                rest &= rest - 1;
                at += 1;
            }
            // Line ends and doubled quotes are few: they are set apart behind the loop. Their place is the number of marks below.
            let mut special = marks & (lines | doubled);
            while special != 0 {
                let bit = special & special.wrapping_neg();
                let place = (marks & (bit - 1)).count_ones() as usize;
                let is_line = lines & bit != 0;
                room[place % BLOCK] |= if is_line { LINE } else { DOUBLED };
                if is_line {
                    self.ended = self.count + place + 1;
                }
                special &= special - 1;
            }
            self.count += at;
        }

        let last = len - 1;
        self.carry = Carry {
            inside: ((inside >> last & 1) as i64).wrapping_neg().cast_unsigned(),
            separator: separators >> last & 1,
            quote: quotes >> last & 1,
            closing: closing >> last & 1,
        };
        self.scanned += len;
    }

    /// The marks of each ended line, its end included.
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u32]> {
        self.marks[..self.ended].split_inclusive(|mark| mark & LINE != 0)
    }

    /// The marks of a line that the end of `buf` ends; `None` when it would end inside quotes.
    pub(super) fn unended(&mut self, buf: &[u8]) -> Option<&[u32]> {
        if self.carry.inside != 0 || self.violated || buf.len() > OFFSET as usize {
            return None;
        }
        // Below the largest offset, by the line above.
        #[allow(clippy::cast_possible_truncation)]
        let end = buf.len() as u32 | LINE;
        self.marks.truncate(self.count);
        self.marks.push(end);
        Some(&self.marks)
    }

    /// The first `len` bytes of the buffer, which end with a line, are gone.
    pub(super) fn consume(&mut self, len: usize) {
        if len == 0 {
            return;
        }
        let marks = &mut self.marks[..self.count];
        let gone = marks.partition_point(|mark| offset(*mark) < len);
        // At most the buffer's length, which is below the largest offset.
        #[allow(clippy::cast_possible_truncation)]
        let shift = len as u32;
        marks.copy_within(gone.., 0);
        self.count -= gone;
        self.ended = self.ended.saturating_sub(gone);
        for mark in &mut marks[..self.count] {
            *mark -= shift;
        }
        self.scanned = self.scanned.saturating_sub(len);
    }

    /// Forgets everything: the buffer begins elsewhere.
    pub(super) fn restart(&mut self) {
        self.count = 0;
        (self.ended, self.scanned, self.violated) = (0, 0, false);
        self.carry = Carry::default();
    }
}
