//! What a line is, by its beginning.

use memchr::memchr;

use crate::object::ObjectReader;
use crate::patroni::{TextReader, TextStart};
use crate::stderr::{Heading, Line, Said, StderrReader};
use crate::timestamp::{START, TimestampReader, looks_like_start};
use crate::{End, LogSettings, Timestamp};

use super::{Kind, without_line_end};

/// Lines over which line feeds in names may spread a prefix. Each is tried with all before it, so there is a limit.
const MAX_BROKEN: usize = 8;
/// No zone's name is longer.
const MAX_ZONE: usize = 16;

/// What a line is.
#[derive(Debug)]
pub(super) enum Found {
    /// A server's, with a prefix.
    Heading(Heading),
    /// No line, but what a torn record left of one, with a whole one behind it.
    Torn,
    /// The first of a Patroni record.
    Patroni(TextStart),
    /// It may be a JSON object.
    Object,
    /// The first of a csvlog record.
    Csvlog,
    /// It begins with a tab.
    Tab,
    /// Anything else.
    Plain,
}

/// The readers of the formats.
#[derive(Debug)]
pub(super) struct Readers {
    kind: Kind,
    pub(super) server: StderrReader,
    pub(super) objects: ObjectReader,
    patroni: TextReader,
    csvlog_time: TimestampReader,
}

impl Readers {
    pub(super) fn new(kind: Kind, settings: &LogSettings) -> Self {
        Self {
            kind,
            server: StderrReader::new(settings),
            objects: ObjectReader::new(settings),
            patroni: TextReader::new(settings),
            csvlog_time: TimestampReader::new(settings.log_timezone),
        }
    }

    /// What a server's line says of its time.
    pub(super) fn said(&mut self, line: &[u8], heading: &Heading) -> Said {
        self.server.said(line, heading)
    }

    /// What the line is that stands at the front of `rest` and has `len` bytes, and how many it has, since a name with a line feed
    /// makes two of one. `None` when that needs more than is there.
    pub(super) fn look(&mut self, rest: &[u8], len: usize, end: End) -> Option<(Found, usize)> {
        let line = without_line_end(&rest[..len]);
        match (line.first(), self.kind) {
            (Some(b'\t'), Kind::Stderr | Kind::Mixed | Kind::PatroniJson) => {
                return Some((Found::Tab, len));
            }
            (Some(b'{'), Kind::PatroniJson | Kind::Mixed) => return Some((Found::Object, len)),
            (None, _) | (_, Kind::PatroniJson) => return Some((Found::Plain, len)),
            (_, Kind::Patroni) => {
                let start = self.patroni.start(line);
                return Some((start.map_or(Found::Plain, Found::Patroni), len));
            }
            (_, Kind::Mixed) if is_csvlog(line) => return Some((Found::Csvlog, len)),
            (_, Kind::Stderr | Kind::Mixed) => {}
        }
        let server = self.server.line(line);
        match server {
            Line::Heading(heading) => return Some((Found::Heading(heading), len)),
            Line::Torn(torn) => return Some((Found::Torn, torn)),
            Line::Broken | Line::Plain => {}
        }
        if self.kind == Kind::Mixed
            && let Some(start) = self.patroni.start(line)
        {
            return Some((Found::Patroni(start), len));
        }
        if let Some(heading) = self.server.line_of_unknown_severity(line) {
            return Some((Found::Heading(heading), len));
        }
        match server {
            Line::Broken => self.broken(rest, len, end),
            Line::Heading(_) | Line::Torn(_) | Line::Plain => Some((Found::Plain, len)),
        }
    }

    /// The same for a line of `len` bytes that has only the beginning of a prefix: a name in it may hold a line feed.
    ///
    /// The next line isn't taken for the rest of one if it is a whole line by itself.
    fn broken(&mut self, rest: &[u8], len: usize, end: End) -> Option<(Found, usize)> {
        let mut so_far = len;
        for _ in 1..MAX_BROKEN {
            if so_far >= StderrReader::REACH {
                break;
            }
            let next = rest.get(so_far..).unwrap_or_default();
            let ended = memchr(b'\n', next).map(|at| at + 1);
            let next_len = match ended {
                Some(len) => len,
                // As much as is looked at of a line is there, or all that will come.
                None if rest.len() >= StderrReader::REACH + so_far => next.len(),
                None if end == End::Final && !next.is_empty() => next.len(),
                None if end == End::More || !next.is_empty() => return None,
                None => break,
            };
            let alone = self.server.line(without_line_end(&next[..next_len]));
            if matches!(alone, Line::Heading(_) | Line::Torn(_)) {
                break;
            }
            so_far += next_len;
            let lines = without_line_end(&rest[..so_far]);
            if let Line::Heading(heading) = self.server.line(lines) {
                let whole = ended.is_some() || end == End::Final;
                return whole.then_some((Found::Heading(heading), so_far));
            }
        }
        Some((Found::Plain, len))
    }

    /// The time that the line says, whatever it is.
    pub(super) fn time(&mut self, line: &[u8]) -> Option<Timestamp> {
        let found = self.look(line, line.len(), End::Final)?.0;
        match found {
            Found::Heading(heading) => match self.server.said(line, &heading) {
                Said::Time(time) => Some(time),
                Said::Nothing | Said::Unreadable => None,
            },
            Found::Patroni(start) => Some(start.log_time),
            Found::Object => self.objects.read(line, None).ok().map(|record| record.log_time),
            Found::Csvlog => {
                let text = line.split(|byte| *byte == b',').next()?;
                self.csvlog_time.read(text)
            }
            Found::Torn | Found::Tab | Found::Plain => None,
        }
    }
}

/// Whether csvlog begins so: `2026-11-22 23:06:32.715 UTC,`. Patroni has the comma before the fraction, and no other log has one.
pub(crate) fn is_csvlog(line: &[u8]) -> bool {
    let zone = || {
        let (fraction, zone) = line.get(START..)?.split_first_chunk::<5>()?;
        let is_fraction =
            matches!(fraction, [b'.', digits @ .., b' '] if digits.iter().all(u8::is_ascii_digit));
        let zone = &zone[..zone.len().min(MAX_ZONE)];
        let len = memchr(b',', zone).filter(|len| *len > 0 && is_fraction)?;
        (!zone[..len].contains(&b' ')).then_some(())
    };
    looks_like_start(line) && zone().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csvlog_is_told_from_what_begins_alike() {
        for (line, expected) in [
            ("2026-11-22 23:06:32.715 UTC,,,1", true),
            ("2026-11-22 20:06:32.715 -03,", true),
            ("2026-11-22 23:06:32,715 INFO: a, b", false),
            ("2026-11-22 23:06:32.715 UTC [1] LOG:  a, b", false),
            ("2026-11-22 23:06:32.715 ,", false),
            ("2026-11-22 23:06:32 UTC,", false),
            ("2026-11-22 23:06:32.715", false),
        ] {
            assert_eq!(is_csvlog(line.as_bytes()), expected, "{line}");
        }
    }
}
