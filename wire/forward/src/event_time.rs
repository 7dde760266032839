//! EventTime: a moment with nanoseconds, MessagePack's extension type 0 of eight bytes.
//!
//! Source: Fluent Forward Protocol Specification v1, "EventTime Ext Format". Real clients send it as `fixext8` and as `ext8`,
//! and send plain integers and floats in its place.

use crate::msgpack::Value;

/// Seconds since 1970 and nanoseconds within the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct EventTime {
    /// Seconds since the Unix epoch; on the wire an unsigned 32-bit number, good until 2106.
    pub seconds: u32,
    /// 0 to 999,999,999
    pub nanoseconds: u32,
}

const NANOS_PER_MICRO: u32 = 1_000;
const MICROS_PER_SECOND: i64 = 1_000_000;

impl EventTime {
    /// From microseconds since 1970; `None` before 1970 and after 2106.
    #[inline]
    pub fn from_unix_micros(micros: i64) -> Option<Self> {
        let seconds = u32::try_from(micros.div_euclid(MICROS_PER_SECOND)).ok()?;
        // A remainder below a million fits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rest = micros.rem_euclid(MICROS_PER_SECOND) as u32;
        Some(Self { seconds, nanoseconds: rest * NANOS_PER_MICRO })
    }

    /// Microseconds since 1970; what is finer is cut off.
    #[inline]
    pub fn unix_micros(self) -> i64 {
        i64::from(self.seconds) * MICROS_PER_SECOND + i64::from(self.nanoseconds / NANOS_PER_MICRO)
    }

    /// Appends the ten bytes of `fixext8`.
    #[inline]
    pub fn write(self, out: &mut Vec<u8>) {
        let [a, b, c, d] = self.seconds.to_be_bytes();
        let [e, f, g, h] = self.nanoseconds.to_be_bytes();
        out.extend_from_slice(&[0xd7, 0x00, a, b, c, d, e, f, g, h]);
    }

    /// From the payload of its extension.
    #[inline]
    pub fn from_payload(&[a, b, c, d, e, f, g, h]: &[u8; 8]) -> Self {
        Self {
            seconds: u32::from_be_bytes([a, b, c, d]),
            nanoseconds: u32::from_be_bytes([e, f, g, h]),
        }
    }

    /// From what a client puts where a time belongs: EventTime, an integer, or a float of seconds.
    #[inline]
    pub fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Ext(0, payload) => payload.try_into().ok().map(Self::from_payload),
            Value::Uint(seconds) => {
                Some(Self { seconds: u32::try_from(seconds).ok()?, nanoseconds: 0 })
            }
            Value::Float(seconds) => Self::from_seconds(seconds),
            _ => None,
        }
    }

    fn from_seconds(seconds: f64) -> Option<Self> {
        if !(0.0..=f64::from(u32::MAX)).contains(&seconds) {
            return None;
        }
        // In range by the test above; the fraction is below one.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let (whole, nanos) = (seconds as u32, (seconds.fract() * 1e9) as u32);
        Some(Self { seconds: whole, nanoseconds: nanos })
    }
}
