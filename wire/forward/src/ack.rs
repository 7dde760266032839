//! The acknowledgement of one forward chunk: `{"ack": chunk}`.

use crate::Error;
use crate::msgpack::{Reader, write_map, write_str};

/// Appends the ack for the chunk id `chunk`. A server has to hand it to the socket in one write: real clients can't read it in two.
pub fn encode(chunk: &[u8], out: &mut Vec<u8>) {
    write_map(out, 1);
    write_str(out, b"ack");
    write_str(out, chunk);
}

/// Reads a whole response and lends the chunk id that it acknowledges.
pub fn decode(response: &[u8]) -> Result<&[u8], Error> {
    let mut reader = Reader::new(response);
    let crate::msgpack::Value::Map(pairs) = reader.read()? else {
        return Err(Error::Expected("a map as response"));
    };
    for _ in 0..pairs {
        let key = reader.read()?;
        if key.bytes() == Some(b"ack") {
            return reader.read()?.bytes().ok_or(Error::Expected("a string as ack"));
        }
        reader.skip()?;
    }
    Err(Error::Expected("a response with the key ack"))
}
