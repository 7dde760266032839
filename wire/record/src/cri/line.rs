//! One physical line of a container log: `<time> <stdout|stderr> <tags> <content>`.
//!
//! Source: Kubernetes' design "CRI: Log management of container stdout and stderr". Tags are separated by colons; the first says
//! whether the content is a whole line or its rest (`F`), or a piece with more to come (`P`). The time is RFC 3339 with up to nine
//! digits of a second: containerd leaves zeros at the end out, CRI-O writes them, and its zone may be an offset.

use crate::Timestamp;

/// Which of the container's outputs a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pipe {
    Stdout,
    Stderr,
}

/// What stands before a line's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) time: Timestamp,
    pub(super) pipe: Pipe,
    /// Whether the content ends the container's line.
    pub(super) full: bool,
    /// Where the content begins.
    pub(super) content: usize,
}

const MICROS: i64 = 1_000_000;
/// `2026-11-22T23:06:`: what is the same for all lines of a minute.
const MINUTE: usize = 17;

/// Reads lines' heads; remembers the last minute, since the next line is nearly always of the same one.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    minute: [u8; MINUTE],
    /// Seconds from 1970 to what that minute's face shows.
    start: i64,
}

impl HeadReader {
    /// The head of a line, or of its beginning; `None` for what no container runtime writes.
    pub(super) fn read(&mut self, line: &[u8]) -> Option<Head> {
        let (time, rest) = self.time(line)?;
        let rest = rest.strip_prefix(b" std")?;
        let (pipe, rest) = match (rest.strip_prefix(b"out "), rest.strip_prefix(b"err ")) {
            (Some(rest), _) => (Pipe::Stdout, rest),
            (_, Some(rest)) => (Pipe::Stderr, rest),
            _ => return None,
        };
        let (full, mut rest) = match rest.split_first()? {
            (b'F', rest) => (true, rest),
            (b'P', rest) => (false, rest),
            _ => return None,
        };
        if let Some(tags) = rest.strip_prefix(b":") {
            rest = &tags[memchr::memchr(b' ', tags).unwrap_or(tags.len())..];
        }
        // Where the content is empty, not every runtime writes the blank before it.
        let content = match rest {
            [] => rest,
            [b' ', content @ ..] => content,
            _ => return None,
        };
        Some(Head { time, pipe, full, content: line.len() - content.len() })
    }

    /// The time at the front, and what is behind it.
    fn time<'a>(&mut self, line: &'a [u8]) -> Option<(Timestamp, &'a [u8])> {
        let (minute, rest) = line.split_first_chunk::<MINUTE>()?;
        if *minute != self.minute {
            self.start = minute_start(minute)?;
            self.minute = *minute;
        }
        let (second, rest) = pair(rest)?;
        let (micros, digits, rest) = fraction(rest)?;
        let (east, rest) = match rest.split_first()? {
            (b'Z', rest) => (0, rest),
            (sign @ (b'+' | b'-'), rest) => {
                let (hours, rest) = pair(rest)?;
                let (minutes, rest) = pair(rest.strip_prefix(b":")?)?;
                let east = (hours * 60 + minutes) * 60;
                (if *sign == b'-' { -east } else { east }, rest)
            }
            _ => return None,
        };
        let seconds = self.start + second - east;
        // What Forward's EventTime carries.
        u32::try_from(seconds).ok()?;
        Some((Timestamp { unix_micros: seconds * MICROS + micros, digits }, rest))
    }
}

/// Two digits, and what is behind.
fn pair(text: &[u8]) -> Option<(i64, &[u8])> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Some((i64::from(tens - b'0') * 10 + i64::from(ones - b'0'), rest))
        }
        _ => None,
    }
}

/// `.338520692` in whole microseconds, how many digits of those were written, and what is behind.
fn fraction(text: &[u8]) -> Option<(i64, u8, &[u8])> {
    let Some(text) = text.strip_prefix(b".") else { return Some((0, 0, text)) };
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (written, rest) = text.split_at(len);
    let kept = u8::try_from(len.min(6)).ok().filter(|kept| *kept > 0)?;
    let value = written.iter().take(6).fold(0, |value, byte| value * 10 + i64::from(byte - b'0'));
    Some((value * 10i64.pow(6 - u32::from(kept)), kept, rest))
}

/// Seconds from 1970 to what a face `YYYY-MM-DDTHH:MM:` shows.
fn minute_start(face: &[u8; MINUTE]) -> Option<i64> {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':'] = face
    else {
        return None;
    };
    let number = |tens: u8, ones: u8| pair(&[tens, ones]).map(|(value, _)| value);
    let field = |tens, ones| number(tens, ones).and_then(|value| u32::try_from(value).ok());
    let year = i32::try_from(number(y0, y1)? * 100 + number(y2, y3)?).ok()?;
    let date = chrono::NaiveDate::from_ymd_opt(year, field(m0, m1)?, field(d0, d1)?)?;
    Some(date.and_hms_opt(field(h0, h1)?, field(n0, n1)?, 0)?.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(i64, u8, Pipe, bool, &str)>) {
        let head = HeadReader::default().read(line.as_bytes());
        let found = head.map(|head| {
            let Head { time, pipe, full, content } = head;
            (time.unix_micros, time.digits, pipe, full, &line[content..])
        });
        assert_eq!(found, expected, "{line:?}");
    }

    #[test]
    fn heads_as_runtimes_write_them() {
        use Pipe::{Stderr, Stdout};
        let at = 1_795_388_792_338_520;
        let full = Some((at, 6, Stderr, true, "a b"));
        check("2026-11-22T23:06:32.338520692Z stderr F a b", full);
        check("2026-11-23T00:06:32.338520692+01:00 stderr F a b", full);
        check("2026-11-22T17:36:32.338520999-05:30 stderr F a b", full);
        check("2026-11-22T23:06:32.338520Z stderr F:x:y a b", full);
        check("2026-11-22T23:06:32.33852Z stdout P  a", Some((at, 5, Stdout, false, " a")));
        check("2026-11-22T23:06:32Z stdout F ", Some((at - 338_520, 0, Stdout, true, "")));
        check("2026-11-22T23:06:32Z stdout F", Some((at - 338_520, 0, Stdout, true, "")));
        check("2026-11-22T23:06:32Z stdout P:x", Some((at - 338_520, 0, Stdout, false, "")));
    }

    #[test]
    fn what_no_runtime_writes() {
        for line in [
            "",
            "entrypoint: initialising",
            "2026-11-22 23:06:32.338Z stderr F a",
            "2026-11-22T23:06:32.338 stderr F a",
            "2026-11-22T23:06:32.Z stderr F a",
            "2026-11-22T23:06:32.338+0100 stderr F a",
            "2026-02-30T23:06:32.338Z stderr F a",
            "1969-12-31T23:59:59Z stderr F a",
            "2107-01-01T00:00:00Z stderr F a",
            "2026-11-22T23:06:32.338Z stdin F a",
            "2026-11-22T23:06:32.338Z stderr a",
            "2026-11-22T23:06:32.338Z stderr Fa",
            "2026-11-22T23:06:32.338Z stderr",
        ] {
            check(line, None);
        }
    }

    #[test]
    fn the_memory_of_the_last_minute_is_never_taken_for_another() {
        let mut reader = HeadReader::default();
        for time in
            ["23:06:32Z", "23:06:59+01:00", "23:07:00Z", "23:06:00Z", "99:99:00Z", "23:06:00Z"]
        {
            let line = format!("2026-11-22T{time} stderr F a");
            assert_eq!(reader.read(line.as_bytes()), HeadReader::default().read(line.as_bytes()));
        }
    }
}
