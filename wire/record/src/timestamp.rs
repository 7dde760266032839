//! Timestamps as a server's log writes them: `2026-11-22 23:06:32.715 UTC`.

use crate::LogTimezone;

/// A moment, with as many digits as its writer gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Microseconds since 1970 in UTC.
    pub unix_micros: i64,
    /// Digits of the second's fraction that were written, 0 to 6.
    pub digits: u8,
}

const MICROS: i64 = 1_000_000;
/// `2026-11-22 23:06:`: what is the same for all records of a minute.
const MINUTE: usize = 17;
/// `2026-11-22 23:06:32`: as much as [`looks_like_start`] looks at.
pub(crate) const START: usize = 19;
/// Room for the zone's name in the memory of the last minute; longer ones are read anew each time.
const ZONE: usize = 16;

/// Reads timestamps; remembers the last minutes, since the next record is nearly always of one of them.
#[derive(Debug, Clone)]
pub(crate) struct TimestampReader {
    zone: LogTimezone,
    /// Each minute of an hour has its place among them; none before the first.
    minutes: Vec<Minute>,
    /// How many places there are, a power of two.
    places: usize,
}

/// A minute and when it began.
#[derive(Debug, Clone, Copy)]
struct Minute {
    face: [u8; MINUTE],
    /// The zone's name as written, padded with zeros.
    name: [u8; ZONE],
    name_len: usize,
    /// Seconds since 1970 in UTC at its start.
    start: i64,
}

impl Minute {
    /// With a name longer than the room for it, which nothing is equal to.
    const NONE: Self = Self { face: [0; MINUTE], name: [0; ZONE], name_len: ZONE + 1, start: 0 };

    #[inline]
    fn is(&self, face: &[u8; MINUTE], name: &[u8]) -> bool {
        self.face == *face && self.name.get(..self.name_len) == Some(name)
    }
}

impl TimestampReader {
    /// For times of which one is hardly ever in another minute than the one before.
    pub(crate) fn new(zone: LogTimezone) -> Self {
        Self { zone, minutes: Vec::new(), places: 1 }
    }

    /// For the starts of sessions, which take turns.
    pub(crate) fn of_sessions(zone: LogTimezone) -> Self {
        Self { zone, minutes: Vec::new(), places: 64 }
    }

    /// `YYYY-MM-DD HH:MM:SS[.fraction] ZONE`; `None` for anything else, a zone that isn't known, or a time that Forward's EventTime can't
    /// carry: before 1970 or after 2106.
    #[inline]
    pub(crate) fn read(&mut self, text: &[u8]) -> Option<Timestamp> {
        let (minute, rest) = text.split_first_chunk::<MINUTE>()?;
        let (&[tens, ones], rest) = rest.split_first_chunk::<2>()?;
        let second = digit(tens)? * 10 + digit(ones)?;
        let (micros, digits, rest) = fraction(rest)?;
        let (&b' ', name) = rest.split_first()? else { return None };
        let [.., tens, ones, _] = minute;
        let place = usize::from(tens & 0x0f) * 10 + usize::from(ones & 0x0f);
        let place = place & (self.places - 1);
        let known = self.minutes.get(place).filter(|known| known.is(minute, name));
        let start = match known {
            Some(known) => known.start,
            None => self.enter(minute, name, place)?,
        };
        // 60 is a leap second; PostgreSQL never writes one, and what is above isn't a time.
        let seconds = start + i64::from((second < 60).then_some(second)?);
        Some(Timestamp { unix_micros: seconds * MICROS + i64::from(micros), digits })
    }

    /// Works out when this minute began.
    #[cold]
    fn enter(&mut self, face: &[u8; MINUTE], name: &[u8], place: usize) -> Option<i64> {
        let local = minute_start(face)?;
        let name_text = std::str::from_utf8(name).ok()?;
        let start = local - i64::from(self.zone.offset(local, name_text)?);
        if !(0..i64::from(u32::MAX) - 60).contains(&start) {
            return None;
        }
        self.minutes.resize(self.places, Minute::NONE);
        // A longer name is read anew each time.
        let mut minute = Minute { face: *face, start, ..Minute::NONE };
        if let (Some(room), Some(known)) =
            (minute.name.get_mut(..name.len()), self.minutes.get_mut(place))
        {
            room.copy_from_slice(name);
            minute.name_len = name.len();
            *known = minute;
        }
        Some(start)
    }
}

fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

/// `.715` in microseconds, the number of its digits, and what is behind; nothing is 0 of 0 digits.
fn fraction(text: &[u8]) -> Option<(u32, u8, &[u8])> {
    let Some((b'.', rest)) = text.split_first() else { return Some((0, 0, text)) };
    let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, behind) = rest.split_at(len);
    let written = u8::try_from(len).ok().filter(|len| (1..=6).contains(len))?;
    let value = digits.iter().fold(0, |value, byte| value * 10 + u32::from(byte - b'0'));
    Some((value * 10u32.pow(6 - u32::from(written)), written, behind))
}

/// Whether this is the start of a timestamp as csvlog writes it, digits and punctuation up to the seconds.
pub(crate) fn looks_like_start(text: &[u8]) -> bool {
    const SHAPE: &[u8; START] = b"0000-00-00 00:00:00";
    text.len() >= START
        && text.iter().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            shape => byte == shape,
        })
}

/// Seconds since 1970 that a clock's face `YYYY-MM-DD HH:MM:` shows.
fn minute_start(face: &[u8; MINUTE]) -> Option<i64> {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b' ', h0, h1, b':', n0, n1, b':'] = face
    else {
        return None;
    };
    let pair = |tens: u8, ones: u8| Some(digit(tens)? * 10 + digit(ones)?);
    let year = pair(y0, y1)? * 100 + pair(y2, y3)?;
    let date =
        chrono::NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, pair(m0, m1)?, pair(d0, d1)?)?;
    let time = date.and_hms_opt(pair(h0, h1)?, pair(n0, n1)?, 0)?;
    Some(time.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn read(text: &str) -> Option<Timestamp> {
        TimestampReader::new(LogTimezone::default()).read(text.as_bytes())
    }

    #[test]
    fn reads_what_servers_write() {
        for (text, unix_micros, digits) in [
            ("2026-11-22 23:06:32.715 UTC", 1_795_388_792_715_000, 3),
            ("2026-11-22 23:06:32 UTC", 1_795_388_792_000_000, 0),
            ("2026-11-23 00:06:32.715 CET", 1_795_388_792_715_000, 3),
            ("2026-11-22 18:06:32.715 EST", 1_795_388_792_715_000, 3),
            ("2026-11-22 20:06:32.123456 -03", 1_795_388_792_123_456, 6),
            ("1970-01-01 00:00:00.000 GMT", 0, 3),
        ] {
            assert_eq!(read(text), Some(Timestamp { unix_micros, digits }), "{text}");
        }
    }

    #[test]
    fn refuses_what_isnt_a_time() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22 23:06:32.715",
            "2026-11-22 23:06:32.715 ",
            "2026-11-22 23:06:32. UTC",
            "2026-11-22 23:06:32.1234567 UTC",
            "2026-11-22 23:06:60.000 UTC",
            "2026-11-22 24:06:00.000 UTC",
            "2026-02-30 23:06:00.000 UTC",
            "2026-11-22T23:06:00.000 UTC",
            "1969-12-31 23:59:59.000 UTC",
            "2107-01-01 00:00:00.000 UTC",
            "2026-11-22 23:06:32.715 NOWHERE",
            "2026-11-22 23:06:32.715 \u{fffd}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        // What an empty memory holds.
        assert_eq!(read(&("\0".repeat(MINUTE) + "00 ")), None);
    }

    #[test]
    fn the_memory_of_the_last_minute_is_never_taken_for_another() {
        let mut reader = TimestampReader::new(LogTimezone::default());
        let texts = [
            "2026-11-22 23:06:32.715 UTC",
            "2026-11-22 23:06:59.999 UTC",
            "2026-11-22 23:06:59.999 CET",
            "2026-11-22 23:07:00.000 CET",
            "2026-11-22 23:06:32.715 UTCX",
            "2026-11-22 23:06:32.715 UTC",
            "2026-11-22 23:06:32.715 UT",
        ];
        for text in texts {
            assert_eq!(reader.read(text.as_bytes()), read(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_was_read_before_a_time_is_read_as_by_a_new_reader(
            texts in vec(
                "2026-11-2[12] 2[23]:0[0-3]:[0-6][0-9x](\\.[0-9]{0,7})?( UTC| CET| EST5EDT|)", 1..99,
            ),
        ) {
            let mut readers = [
                TimestampReader::new(LogTimezone::default()),
                TimestampReader::of_sessions(LogTimezone::default()),
            ];
            for text in texts {
                for reader in &mut readers {
                    prop_assert_eq!(reader.read(text.as_bytes()), read(&text), "{}", text);
                }
            }
        }
    }

    #[test]
    fn a_second_not_made_of_digits_is_no_time_even_in_a_known_minute() {
        let mut reader = TimestampReader::new(LogTimezone::default());
        assert!(reader.read(b"2026-11-22 23:06:32.715 UTC").is_some());
        assert!(reader.read(b"2026-11-22 23:06:3x.715 UTC").is_none());
    }
}
