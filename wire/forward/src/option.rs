//! The option map at the end of a message: how its entries are packed, and the id under which it wants an ack.

use bytes::Bytes;

use crate::msgpack::{Reader, Value};
use crate::{Compression, Error};

/// The options that the specification and real clients know; everything else is kept unread.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The id to acknowledge; opaque. Absent when the client wants no ack.
    pub chunk: Option<Bytes>,
    /// The number of entries, as a hint only: Fluent Bit counts its group markers too.
    pub size: Option<u64>,
    /// How the packed entries are compressed.
    pub compression: Compression,
    /// Fluent Bit's kind of signal: 0 logs, 1 metrics, 2 traces.
    pub fluent_signal: Option<u64>,
    map: Bytes,
}

impl Options {
    /// Reads the option map of a message; nil stands for an empty one.
    pub(crate) fn decode(map: Bytes) -> Result<Self, Error> {
        let mut options = Self::default();
        let mut reader = Reader::new(&map);
        let pairs = match reader.read()? {
            Value::Nil => 0,
            Value::Map(pairs) => pairs,
            _ => return Err(Error::Expected("a map or nil as option")),
        };
        for _ in 0..pairs {
            let key = reader.read()?.bytes().ok_or(Error::Expected("a string as option key"))?;
            match key {
                b"chunk" => {
                    let chunk = reader.read()?;
                    let chunk = chunk.bytes().ok_or(Error::Expected("a string as chunk"))?;
                    options.chunk = Some(map.slice_ref(chunk));
                }
                b"size" => options.size = reader.read()?.unsigned(),
                b"fluent_signal" => options.fluent_signal = reader.read()?.unsigned(),
                b"compressed" => {
                    let name = reader.read()?;
                    let name = name.bytes().ok_or(Error::Expected("a string as compressed"))?;
                    options.compression = Compression::from_name(name)?;
                }
                _ => {
                    reader.skip()?;
                }
            }
        }
        options.map = map;
        Ok(options)
    }

    /// The value of any other option, as the MessagePack that it is.
    pub fn get(&self, wanted: &str) -> Result<Option<&[u8]>, Error> {
        let mut reader = Reader::new(&self.map);
        let Ok(Value::Map(pairs)) = reader.read() else { return Ok(None) };
        for _ in 0..pairs {
            let key = reader.read()?;
            let value = reader.skip()?;
            if key.bytes() == Some(wanted.as_bytes()) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}
