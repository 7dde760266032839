//! MessagePack, read in place: a [`Reader`] lends out strings and binaries as slices of the buffer and answers with the
//! length of an array or a map without entering it. Nothing is allocated and no tree is built.
//!
//! Source: the MessagePack specification, <https://github.com/msgpack/msgpack/blob/master/spec.md>.

mod write;

pub use write::*;

/// One value, or the head of a container whose members follow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `nil`
    Nil,
    /// `true`, `false`
    Bool(bool),
    /// A non-negative integer of any width.
    Uint(u64),
    /// A negative integer of any width.
    Int(i64),
    /// A float of either width.
    Float(f64),
    /// A string's bytes. The specification allows them to be invalid UTF-8.
    Str(&'a [u8]),
    /// A binary's bytes.
    Bin(&'a [u8]),
    /// An array of so many values.
    Array(u32),
    /// A map of so many pairs.
    Map(u32),
    /// An extension: its type and its payload.
    Ext(i8, &'a [u8]),
}

impl<'a> Value<'a> {
    /// The bytes of a string or a binary; real clients use either for tags, chunk ids and entries.
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Str(bytes) | Self::Bin(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The value as a signed integer, when it is one and fits.
    pub fn integer(self) -> Option<i64> {
        match self {
            Self::Uint(value) => i64::try_from(value).ok(),
            Self::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The value as an unsigned integer, when it is one.
    pub fn unsigned(self) -> Option<u64> {
        match self {
            Self::Uint(value) => Some(value),
            _ => None,
        }
    }
}

/// Why no value could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadError {
    /// The buffer ends before the value does.
    Incomplete,
    /// The byte `0xc1`, which no value begins with.
    Reserved {
        /// Offset of the byte.
        at: usize,
    },
}

/// The head of a value: how long it is, and how many values follow inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Bytes of marker and length fields.
    pub header: usize,
    /// Bytes of payload behind the header.
    pub payload: u64,
    /// Values that follow as members (two a pair).
    pub members: u64,
}

/// Reads the head at the start of `buf`; `at` is only for the error.
pub(crate) fn head(buf: &[u8], at: usize) -> Result<Head, ReadError> {
    let &marker = buf.first().ok_or(ReadError::Incomplete)?;
    let flat = |payload: u64| Head { header: 1, payload, members: 0 };
    let sized = |width: usize, extra: u64| {
        Ok(Head { header: 1 + width, payload: length(buf, width)? + extra, members: 0 })
    };
    let container = |width: usize, each: u64| {
        Ok(Head { header: 1 + width, payload: 0, members: length(buf, width)? * each })
    };
    match marker {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => Ok(flat(0)),
        0x80..=0x8f => Ok(Head { header: 1, payload: 0, members: u64::from(marker & 0x0f) * 2 }),
        0x90..=0x9f => Ok(Head { header: 1, payload: 0, members: u64::from(marker & 0x0f) }),
        0xa0..=0xbf => Ok(flat(u64::from(marker & 0x1f))),
        0xc1 => Err(ReadError::Reserved { at }),
        0xc4 | 0xd9 => sized(1, 0),
        0xc5 | 0xda => sized(2, 0),
        0xc6 | 0xdb => sized(4, 0),
        0xc7 => sized(1, 1),
        0xc8 => sized(2, 1),
        0xc9 => sized(4, 1),
        0xcc | 0xd0 => Ok(flat(1)),
        0xcd | 0xd1 => Ok(flat(2)),
        0xca | 0xce | 0xd2 => Ok(flat(4)),
        0xcb | 0xcf | 0xd3 => Ok(flat(8)),
        0xd4..=0xd8 => Ok(flat(1 + (1 << (marker - 0xd4)))),
        0xdc => container(2, 1),
        0xdd => container(4, 1),
        0xde => container(2, 2),
        0xdf => container(4, 2),
    }
}

/// The big-endian length field of `width` bytes behind the marker.
fn length(buf: &[u8], width: usize) -> Result<u64, ReadError> {
    let bytes = buf.get(1..=width).ok_or(ReadError::Incomplete)?;
    Ok(bytes.iter().fold(0, |length, &byte| length << 8 | u64::from(byte)))
}

/// Walks the values of a buffer from front to back.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    buf: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `buf`.
    pub fn new(buf: &'a [u8]) -> Self {
        Self { buf, at: 0 }
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Whether everything has been read.
    pub fn is_at_end(&self) -> bool {
        self.at >= self.buf.len()
    }

    /// What hasn't been read.
    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.buf.get(self.at..).unwrap_or_default()
    }

    /// The next value if it is a string of one byte; otherwise nothing is read.
    #[inline]
    pub fn read_letter(&mut self) -> Option<u8> {
        let &[0xa1, letter] = self.rest().first_chunk::<2>()? else { return None };
        self.at += 2;
        Some(letter)
    }

    /// The next values if their bytes are these, which must be those of whole values; otherwise nothing is read. So what repeats
    /// isn't walked again.
    #[inline]
    pub fn read_same(&mut self, whole: &[u8]) -> Option<&'a [u8]> {
        let end = self.at.checked_add(whole.len())?;
        let value = self.buf.get(self.at..end)?;
        let same = !whole.is_empty() && value == whole;
        same.then(|| {
            self.at = end;
            value
        })
    }

    /// The next value if it is a string of less than 64 KiB; otherwise nothing is read, and [`read`](Self::read) says what it is.
    ///
    /// This and its like are for who knows what comes. A [`Value`] goes through memory and is taken apart again, which takes longer than
    /// reading it.
    #[inline]
    pub fn read_text(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        let (from, len) = match *rest {
            [marker @ 0xa0..=0xbf, ..] => (1, usize::from(marker & 0x1f)),
            [0xd9, len, ..] => (2, usize::from(len)),
            [0xda, high, low, ..] => (3, usize::from(u16::from_be_bytes([high, low]))),
            _ => return None,
        };
        let text = rest.get(from..from + len)?;
        self.at += from + len;
        Some(text)
    }

    /// The next value if it is an integer that a signed one can hold; otherwise nothing is read.
    #[inline]
    pub fn read_integer(&mut self) -> Option<i64> {
        let (marker, body) = self.rest().split_first()?;
        let (value, len) = match *marker {
            0x00..=0x7f => (i64::from(*marker), 0),
            0xe0..=0xff => (i64::from(marker.cast_signed()), 0),
            0xcc => (i64::from(*body.first()?), 1),
            0xcd => (i64::from(u16::from_be_bytes(*body.first_chunk()?)), 2),
            0xce => (i64::from(u32::from_be_bytes(*body.first_chunk()?)), 4),
            0xcf => (i64::try_from(u64::from_be_bytes(*body.first_chunk()?)).ok()?, 8),
            0xd0 => (i64::from(body.first()?.cast_signed()), 1),
            0xd1 => (i64::from(i16::from_be_bytes(*body.first_chunk()?)), 2),
            0xd2 => (i64::from(i32::from_be_bytes(*body.first_chunk()?)), 4),
            0xd3 => (i64::from_be_bytes(*body.first_chunk()?), 8),
            _ => return None,
        };
        self.at += 1 + len;
        Some(value)
    }

    /// The payload of the next value if that is an extension of type 0 with eight bytes; otherwise nothing is read.
    #[inline]
    pub fn read_ext8(&mut self) -> Option<&'a [u8; 8]> {
        let [0xd7, 0x00, body @ ..] = self.rest() else { return None };
        let body = body.first_chunk()?;
        self.at += 10;
        Some(body)
    }

    /// How many pairs the next value has if it is a map of less than 65,536; otherwise nothing is read.
    #[inline]
    pub fn read_map(&mut self) -> Option<u32> {
        let (len, head) = match *self.rest() {
            [marker @ 0x80..=0x8f, ..] => (u32::from(marker & 0x0f), 1),
            [0xde, high, low, ..] => (u32::from(u16::from_be_bytes([high, low])), 3),
            _ => return None,
        };
        self.at += head;
        Some(len)
    }

    /// The next value, or the head of the next container.
    #[inline]
    pub fn read(&mut self) -> Result<Value<'a>, ReadError> {
        let rest = self.buf.get(self.at..).unwrap_or_default();
        let &marker = rest.first().ok_or(ReadError::Incomplete)?;
        // What a log record consists of nearly alone goes first.
        let (from, len) = match marker {
            0x00..=0x7f => {
                self.at += 1;
                return Ok(Value::Uint(u64::from(marker)));
            }
            0x80..=0x8f => {
                self.at += 1;
                return Ok(Value::Map(u32::from(marker & 0x0f)));
            }
            0x90..=0x9f => {
                self.at += 1;
                return Ok(Value::Array(u32::from(marker & 0x0f)));
            }
            0xa0..=0xbf => (1, usize::from(marker & 0x1f)),
            0xd9 => (2, usize::from(*rest.get(1).ok_or(ReadError::Incomplete)?)),
            0xd7 => {
                let body = rest.get(1..10).ok_or(ReadError::Incomplete)?;
                self.at += 10;
                return Ok(Value::Ext(body[0].cast_signed(), &body[1..]));
            }
            _ => return self.read_general(rest, marker),
        };
        let bytes = rest.get(from..from + len).ok_or(ReadError::Incomplete)?;
        self.at += from + len;
        Ok(Value::Str(bytes))
    }

    fn read_general(&mut self, rest: &'a [u8], marker: u8) -> Result<Value<'a>, ReadError> {
        let head = head(rest, self.at)?;
        let payload = usize::try_from(head.payload).map_err(|_| ReadError::Incomplete)?;
        let end = head.header.checked_add(payload).ok_or(ReadError::Incomplete)?;
        let body = rest.get(head.header..end).ok_or(ReadError::Incomplete)?;
        self.at += end;
        let unsigned = || match *body {
            [a] => u64::from(a),
            [a, b] => u64::from(u16::from_be_bytes([a, b])),
            [a, b, c, d] => u64::from(u32::from_be_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            _ => 0,
        };
        let signed = || match *body {
            [a] => i64::from(i8::from_be_bytes([a])),
            [a, b] => i64::from(i16::from_be_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_be_bytes([a, b, c, d])),
            _ => unsigned().cast_signed(),
        };
        let count = |members: u64| u32::try_from(members).unwrap_or(u32::MAX);
        Ok(match marker {
            0xc0 => Value::Nil,
            0xc2 => Value::Bool(false),
            0xc3 => Value::Bool(true),
            0xe0..=0xff => Value::Int(i64::from(marker.cast_signed())),
            0xcc..=0xcf => Value::Uint(unsigned()),
            0xd0..=0xd3 => match signed() {
                value @ 0.. => Value::Uint(value.cast_unsigned()),
                value => Value::Int(value),
            },
            // A float's bits are its big-endian integer, narrowed where it is a single.
            #[allow(clippy::cast_possible_truncation)]
            0xca => Value::Float(f64::from(f32::from_bits(unsigned() as u32))),
            0xcb => Value::Float(f64::from_bits(unsigned())),
            0xd9..=0xdb => Value::Str(body),
            0xc4..=0xc6 => Value::Bin(body),
            0x80..=0x8f | 0xde | 0xdf => Value::Map(count(head.members / 2)),
            0x90..=0x9f | 0xdc | 0xdd => Value::Array(count(head.members)),
            _ => match body.split_first() {
                Some((&kind, payload)) => Value::Ext(kind.cast_signed(), payload),
                None => return Err(ReadError::Incomplete),
            },
        })
    }

    /// Passes over one value with all that it contains, and lends its bytes.
    pub fn skip(&mut self) -> Result<&'a [u8], ReadError> {
        let from = self.at;
        let mut pending = 1u64;
        while pending > 0 {
            let head = head(self.buf.get(self.at..).unwrap_or_default(), self.at)?;
            let end = u64::try_from(self.at + head.header)
                .ok()
                .and_then(|at| at.checked_add(head.payload));
            let end =
                end.and_then(|end| usize::try_from(end).ok()).filter(|&end| end <= self.buf.len());
            self.at = end.ok_or(ReadError::Incomplete)?;
            pending = pending - 1 + head.members;
        }
        Ok(&self.buf[from..self.at])
    }
}
