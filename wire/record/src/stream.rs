//! The name of a stream.

use std::fmt;
use std::str::FromStr;

/// One log file of one pod, for as long as it exists and under whatever name. Shown as a UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub [u8; 16]);

/// Text that isn't a stream id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a stream id: {0:?}")]
pub struct InvalidStreamId(pub String);

/// Where a UUID has its hyphens, in bytes before them.
const GROUPS: [usize; 4] = [4, 6, 8, 10];

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if GROUPS.contains(&at) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for StreamId {
    type Err = InvalidStreamId;

    fn from_str(text: &str) -> Result<Self, InvalidStreamId> {
        let invalid = || InvalidStreamId(text.to_owned());
        let digits: Vec<u8> = text.bytes().filter(|&byte| byte != b'-').collect();
        let digits: &[u8; 32] = digits.as_slice().try_into().map_err(|_| invalid())?;
        let mut id = [0; 16];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            let nibble = |digit: u8| char::from(digit).to_digit(16);
            let (Some(high), Some(low)) = (nibble(pair[0]), nibble(pair[1])) else {
                return Err(invalid());
            };
            // Two hexadecimal digits fit a byte.
            #[allow(clippy::cast_possible_truncation)]
            {
                *byte = (high << 4 | low) as u8;
            }
        }
        Ok(Self(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_shown_and_read_as_a_uuid() {
        let id = StreamId(std::array::from_fn(|at| at as u8 * 17));
        assert_eq!(id.to_string(), "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "00112233", "zz112233-4455-6677-8899-aabbccddeeff", "é"] {
            assert!(wrong.parse::<StreamId>().is_err(), "{wrong}");
        }
    }
}
