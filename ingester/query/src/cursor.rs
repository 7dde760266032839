//! Where a page ended: the place of its last row in the order that all pages share.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use trunkline_record::StreamId;

/// A row's place in the order by `(log_time, stream, position)`. Its text is for us alone to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The row's `log_time`.
    pub log_time: DateTime<Utc>,
    /// The row's `stream`.
    pub stream: StreamId,
    /// The row's `position`.
    pub position: i64,
}

/// Text that isn't a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor that this service gave out")]
pub struct InvalidCursor;

/// The version of the form, its first byte.
const VERSION: u8 = 1;
/// Version, time, stream, position.
const LEN: usize = 1 + 8 + 16 + 8;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.log_time.timestamp_micros().to_be_bytes();
        let position = self.position.to_be_bytes();
        let bytes = [VERSION].into_iter().chain(time).chain(self.stream.0).chain(position);
        for byte in bytes {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let mut bytes = [0; LEN];
        if text.len() != 2 * LEN || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(InvalidCursor);
        }
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| InvalidCursor)?;
        }
        let (&version, rest) = bytes.split_first().ok_or(InvalidCursor)?;
        let (time, rest) = rest.split_first_chunk::<8>().ok_or(InvalidCursor)?;
        let (stream, position) = rest.split_first_chunk::<16>().ok_or(InvalidCursor)?;
        let position = position.try_into().map_err(|_| InvalidCursor)?;
        if version != VERSION {
            return Err(InvalidCursor);
        }
        Ok(Self {
            log_time: DateTime::from_timestamp_micros(i64::from_be_bytes(*time))
                .ok_or(InvalidCursor)?,
            stream: StreamId(*stream),
            position: i64::from_be_bytes(position),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(micros in -1_i64 << 50..1_i64 << 55, stream: [u8; 16], position: i64) {
            let log_time = DateTime::from_timestamp_micros(micros).unwrap();
            let cursor = Cursor { log_time, stream: StreamId(stream), position };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn nothing_makes_it_panic(text: String) {
            let _ = text.parse::<Cursor>();
        }
    }

    #[test]
    fn another_version_is_refused() {
        assert_eq!("02".repeat(LEN).parse::<Cursor>(), Err(InvalidCursor));
        assert_eq!("é".repeat(LEN).parse::<Cursor>(), Err(InvalidCursor));
    }
}
