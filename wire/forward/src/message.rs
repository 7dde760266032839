//! One message in any of the four modes, its parts cut out of the frame without copying.
//!
//! The mode shows in the second element: an array is Forward, a string or binary is PackedForward (compressed, if the option says
//! so), anything that can be a time is Message.

use bytes::{Bytes, BytesMut};

use crate::msgpack::{Reader, Value, write_array};
use crate::{Error, Inflater, Options};

/// How a message carries its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `[tag, time, record, option]`
    Message,
    /// `[tag, [[time, record], …], option]`
    Forward,
    /// `[tag, packed entries, option]`, compressed or not
    PackedForward,
}

/// A decoded message. Its parts share the memory of the frame that it came in.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where the entries come from, in the sender's words.
    pub tag: Bytes,
    /// How the entries came.
    pub mode: Mode,
    /// The options, empty when the message had none.
    pub options: Options,
    packed: Bytes,
}

impl Message {
    /// Decodes one whole message, as the frame scanner cut it off.
    pub fn decode(frame: &Bytes) -> Result<Self, Error> {
        let mut reader = Reader::new(frame);
        let Value::Array(len @ 2..=4) = reader.read()? else {
            return Err(Error::Expected("an array of 2 to 4 as message"));
        };
        let tag = reader.read()?.bytes().ok_or(Error::Expected("a string as tag"))?;
        let tag = frame.slice_ref(tag);
        let second_at = reader.position();
        let (mode, packed, members) = match reader.read()? {
            Value::Str(packed) | Value::Bin(packed) => {
                (Mode::PackedForward, frame.slice_ref(packed), 2)
            }
            Value::Array(entries) => {
                let from = reader.position();
                for _ in 0..entries {
                    reader.skip()?;
                }
                (Mode::Forward, frame.slice(from..reader.position()), 2)
            }
            Value::Uint(_) | Value::Int(_) | Value::Float(_) | Value::Ext(..) if len >= 3 => {
                reader.skip()?;
                (Mode::Message, single_entry(&frame[second_at..reader.position()]), 3)
            }
            _ => return Err(Error::Expected("entries, or a time and a record")),
        };
        let options = if len > members {
            let map = reader.skip()?;
            Options::decode(frame.slice_ref(map))?
        } else {
            Options::default()
        };
        Ok(Self { tag, mode, options, packed })
    }

    /// The entries one behind the other, for [`crate::EntryReader`] to walk; decompressed into the memory of `inflater` when they need it.
    pub fn entries<'a>(&'a self, inflater: &'a mut Inflater) -> Result<&'a [u8], Error> {
        match self.mode {
            Mode::PackedForward => inflater.inflate(self.options.compression, &self.packed),
            Mode::Forward | Mode::Message => Ok(&self.packed),
        }
    }

    /// Bytes of the entries as they came.
    pub fn packed_len(&self) -> usize {
        self.packed.len()
    }
}

/// A time and a record, given the array head that makes them an entry.
fn single_entry(time_and_record: &[u8]) -> Bytes {
    let mut head = Vec::with_capacity(1);
    write_array(&mut head, 2);
    let mut entry = BytesMut::with_capacity(1 + time_and_record.len());
    entry.extend_from_slice(&head);
    entry.extend_from_slice(time_and_record);
    entry.freeze()
}
