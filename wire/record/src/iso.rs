//! Times as programs other than PostgreSQL write them: `2026-11-22 22:46:17,001`, `2026-11-22T22:46:17.001234567Z`, seconds since 1970.
//!
//! A time that says no zone is local time of its writer, which the configured `log_timezone` is taken for.

use crate::{LogTimezone, Timestamp};

const MICROS: i64 = 1_000_000;
/// Digits of a fraction that a [`Timestamp`] holds.
const DIGITS: usize = 6;
/// The longest fraction that is taken for one; Go writes 9 digits.
const MOST_DIGITS: usize = 9;

/// What a clock shows, read from the start of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Face {
    /// Seconds since 1970 that the clock shows.
    pub seconds: i64,
    /// The fraction of its second.
    pub micros: u32,
    /// Digits of the fraction, 0 to 6.
    pub digits: u8,
    /// Whether a comma stands before the fraction, as Python's `logging` writes it.
    pub comma: bool,
    /// Whether the fraction had more digits than a [`Timestamp`] holds.
    pub cut: bool,
    /// Bytes read.
    pub len: usize,
}

/// `YYYY-MM-DD`, a blank or `T`, `HH:MM:SS`, and a fraction behind a dot or a comma.
pub(crate) fn face(text: &[u8]) -> Option<Face> {
    let (&[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b' ' | b'T'], time) =
        text.split_first_chunk::<11>()?
    else {
        return None;
    };
    let (&[h0, h1, b':', n0, n1, b':', s0, s1], rest) = time.split_first_chunk::<8>()? else {
        return None;
    };
    let year = pair(y0, y1)? * 100 + pair(y2, y3)?;
    let date =
        chrono::NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, pair(m0, m1)?, pair(d0, d1)?)?;
    let time = date.and_hms_opt(pair(h0, h1)?, pair(n0, n1)?, pair(s0, s1)?)?;
    let mut face = Face {
        seconds: time.and_utc().timestamp(),
        micros: 0,
        digits: 0,
        comma: false,
        cut: false,
        len: text.len() - rest.len(),
    };
    if let [mark @ (b'.' | b','), digits @ ..] = rest {
        let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if let Some((micros, written)) = fraction(digits.get(..len)?) {
            face = Face {
                micros,
                digits: written,
                comma: *mark == b',',
                cut: len > DIGITS,
                len: face.len + 1 + len,
                ..face
            };
        }
    }
    Some(face)
}

impl Face {
    /// The moment, on a clock that is `offset` seconds ahead of UTC; `None` if Forward's EventTime can't carry it.
    pub(crate) fn at(&self, offset: i32) -> Option<Timestamp> {
        moment(self.seconds - i64::from(offset), self.micros, self.digits)
    }
}

/// The zone at the start of the text behind a face, and its length in bytes; no bytes and the configured zone's offset where it says
/// none. `None` if it is an abbreviation that nobody knows.
pub(crate) fn zone(text: &[u8], face: &Face, configured: LogTimezone) -> Option<(i32, usize)> {
    let (blank, name) = match text {
        [b' ', name @ ..] => (1, name),
        name => (0, name),
    };
    if let Some((offset, len)) = numeric(name) {
        return Some((offset, blank + len));
    }
    let len = name.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let (word, behind) = name.split_at(len);
    let is_word = !behind.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    if word == b"Z" && is_word && blank == 0 {
        return Some((0, 1));
    }
    if !is_word || !(3..=5).contains(&len) || crate::level::is_python(word) {
        return Some((configured.offset_of_face(face.seconds), 0));
    }
    let offset = configured.offset(face.seconds, std::str::from_utf8(word).ok()?)?;
    Some((offset, blank + len))
}

/// All of a text that is a time; and whether the timestamp says all that it says.
pub(crate) fn read(text: &[u8], configured: LogTimezone) -> Option<(Timestamp, bool)> {
    let face = face(text)?;
    let rest = text.get(face.len..)?;
    let (offset, len) = zone(rest, &face, configured)?;
    (len == rest.len()).then_some((face.at(offset)?, !face.cut))
}

/// Seconds, milli-, micro- or nanoseconds since 1970, told apart by their size: a decimal number, with or without a fraction.
pub(crate) fn epoch(text: &[u8]) -> Option<(Timestamp, bool)> {
    let dot = memchr::memchr(b'.', text);
    let (whole, part) = match dot {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
        None => (text, &[][..]),
    };
    if whole.is_empty() || whole.len() > 19 || !whole.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Digits of the number that stand for whole seconds, until the year 2286.
    let unit = match whole.len() {
        ..=10 => 0,
        11..=13 => 3,
        14..=16 => 6,
        _ => 9,
    };
    let (seconds, sub) = whole.split_at(whole.len() - unit.min(whole.len()));
    let mut digits = sub.to_vec();
    digits.extend_from_slice(part);
    // A float may be written with more digits than it means.
    let exact = digits.iter().skip(DIGITS).all(|digit| *digit == b'0');
    digits.truncate(DIGITS);
    let (micros, written) = if digits.is_empty() { (0, 0) } else { fraction(&digits)? };
    let seconds = seconds.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some((moment(seconds, micros, written)?, exact))
}

/// Seconds and microseconds since 1970 in UTC, if Forward's EventTime can carry them.
pub(crate) fn moment(seconds: i64, micros: u32, digits: u8) -> Option<Timestamp> {
    (0..=i64::from(u32::MAX))
        .contains(&seconds)
        .then(|| Timestamp { unix_micros: seconds * MICROS + i64::from(micros), digits })
}

/// Digits behind the dot in microseconds, and how many of them count.
pub(crate) fn fraction(digits: &[u8]) -> Option<(u32, u8)> {
    if !(1..=MOST_DIGITS).contains(&digits.len()) {
        return None;
    }
    let mut micros = 0;
    for at in 0..DIGITS {
        let digit = digits.get(at).copied().unwrap_or(b'0');
        micros = micros * 10 + u32::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    Some((micros, u8::try_from(digits.len().min(DIGITS)).ok()?))
}

/// `+0100`, `-03:30`, `+01`, `+013045`: its seconds and its length.
fn numeric(text: &[u8]) -> Option<(i32, usize)> {
    let (sign, rest) = match text {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let mut parts = [0; 3];
    let mut at = 0;
    for (place, part) in parts.iter_mut().enumerate() {
        let colon = usize::from(place > 0 && rest.get(at) == Some(&b':'));
        let Some(&[tens, ones]) = rest.get(at + colon..at + colon + 2) else { break };
        let Some(value) = pair(tens, ones) else { break };
        *part = i32::try_from(value).ok()?;
        at += colon + 2;
    }
    let [hours, minutes, seconds] = parts;
    let ends = !rest.get(at).is_some_and(u8::is_ascii_digit);
    (at > 0 && ends && hours < 16 && minutes < 60 && seconds < 60)
        .then_some((sign * (hours * 3600 + minutes * 60 + seconds), 1 + at))
}

fn pair(tens: u8, ones: u8) -> Option<u32> {
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, zone: Option<&str>, expected: Option<(i64, u8, bool)>) {
        let zone = zone.map_or(LogTimezone::default(), |zone| zone.parse().unwrap());
        let read = read(text.as_bytes(), zone);
        assert_eq!(
            read.map(|(time, exact)| (time.unix_micros, time.digits, exact)),
            expected,
            "{text}"
        );
    }

    #[test]
    fn reads_what_programs_write() {
        let at = 1_795_387_577_001_000;
        check("2026-11-22 22:46:17,001", None, Some((at, 3, true)));
        check("2026-11-22 23:46:17,001", Some("Europe/Berlin"), Some((at, 3, true)));
        check("2026-11-22T22:46:17.001Z", Some("Europe/Berlin"), Some((at, 3, true)));
        check("2026-11-23T00:16:17.001000+01:30", None, Some((at, 6, true)));
        check("2026-11-22T22:46:17.001000999Z", None, Some((at, 6, false)));
        check("2026-11-22 17:46:17 EST", None, Some((at - 1000, 0, true)));
        check("2026-11-22 22:46:17+0000", None, Some((at - 1000, 0, true)));
    }

    #[test]
    fn refuses_what_isnt_a_time() {
        for text in [
            "",
            "2026-11-22",
            "2026-02-30 22:46:17",
            "2026-11-22 24:46:17",
            "2026-11-22 22:46:60",
            "2026-11-22 22:46:17,",
            "2026-11-22 22:46:17,0123456789",
            "2026-11-22 22:46:17 NOPE",
            "2026-11-22 22:46:17 UTC ",
            "1969-12-31 22:46:17",
            "2107-01-01 00:00:00",
        ] {
            check(text, None, None);
        }
    }

    #[test]
    fn an_hour_that_happens_twice_without_saying_which_is_the_first() {
        check(
            "2026-11-01 01:30:00",
            Some("America/New_York"),
            Some((1_793_511_000_000_000, 0, true)),
        );
        check(
            "2026-11-01 02:30:00",
            Some("America/New_York"),
            Some((1_793_518_200_000_000, 0, true)),
        );
    }

    #[test]
    fn numbers_are_read_by_their_size() {
        for (text, micros, digits, exact) in [
            ("1795387577", 1_795_387_577_000_000, 0, true),
            ("1795387577.25", 1_795_387_577_250_000, 2, true),
            ("1619781249.7188137", 1_619_781_249_718_813, 6, false),
            ("1795387577001", 1_795_387_577_001_000, 3, true),
            ("1795387577001002", 1_795_387_577_001_002, 6, true),
            ("1795387577001002003", 1_795_387_577_001_002, 6, false),
        ] {
            assert_eq!(
                epoch(text.as_bytes()),
                Some((Timestamp { unix_micros: micros, digits }, exact))
            );
        }
        for text in ["", "-1", "1e9", ".5", "99999999999999999999"] {
            assert_eq!(epoch(text.as_bytes()), None, "{text}");
        }
    }
}
