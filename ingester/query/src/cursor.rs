//! Where a page ended: the place of a row in the order that all pages share, and which way to go on from there.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use trunkline_record::StreamId;

use crate::time;

/// A row's place in the order by `(log_time, stream, position)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The row's `log_time`.
    pub log_time: DateTime<Utc>,
    /// The row's `stream`.
    pub stream: StreamId,
    /// The row's `position`.
    pub position: i64,
}

/// Which way a page lies from a place, in the order of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Behind it: the next page.
    Next,
    /// Before it: the page before.
    Previous,
}

/// A page's neighbour: it lies this way from the place. Its text is for us alone to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// From where.
    pub place: Place,
    /// Which way.
    pub direction: Direction,
}

/// Text that isn't a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor that this service gave out")]
pub struct InvalidCursor;

/// The form, its first byte: what follows is a place, and this is the way from it.
const NEXT: u8 = 1;
const PREVIOUS: u8 = 2;
/// Form, time, stream, position.
const LEN: usize = 1 + 8 + 16 + 8;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.direction {
            Direction::Next => NEXT,
            Direction::Previous => PREVIOUS,
        };
        let time = self.place.log_time.timestamp_micros().to_be_bytes();
        let position = self.place.position.to_be_bytes();
        let bytes = [form].into_iter().chain(time).chain(self.place.stream.0).chain(position);
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
        let (&form, rest) = bytes.split_first().ok_or(InvalidCursor)?;
        let (time, rest) = rest.split_first_chunk::<8>().ok_or(InvalidCursor)?;
        let (stream, position) = rest.split_first_chunk::<16>().ok_or(InvalidCursor)?;
        let position = position.try_into().map_err(|_| InvalidCursor)?;
        let direction = match form {
            NEXT => Direction::Next,
            PREVIOUS => Direction::Previous,
            _ => return Err(InvalidCursor),
        };
        let log_time = DateTime::from_timestamp_micros(i64::from_be_bytes(*time))
            .filter(time::can_be_stored)
            .ok_or(InvalidCursor)?;
        let place =
            Place { log_time, stream: StreamId(*stream), position: i64::from_be_bytes(position) };
        Ok(Self { place, direction })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            micros in -1_i64 << 50..1_i64 << 55, stream: [u8; 16], position: i64, next: bool,
        ) {
            let log_time = DateTime::from_timestamp_micros(micros).unwrap();
            let place = Place { log_time, stream: StreamId(stream), position };
            let direction = if next { Direction::Next } else { Direction::Previous };
            let cursor = Cursor { place, direction };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn nothing_makes_it_panic(text: String) {
            let _ = text.parse::<Cursor>();
        }
    }

    #[test]
    fn what_was_not_given_out_is_refused() {
        for text in ["03".repeat(LEN), "é".repeat(LEN), format!("017f{}", "ff".repeat(LEN - 2))] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
