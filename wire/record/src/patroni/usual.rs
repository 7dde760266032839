//! Lines that begin a Patroni record in one of the usual formats: a time, possibly some more, a level.
//!
//! A container's log has lines of other programs between, which begin alike. They are told apart by what each really writes:
//!
//! | program | line |
//! |---|---|
//! | Patroni | `2026-11-22 22:46:17,001 INFO: …`, `2026-11-22T22:46:21+0000 INFO [patroni.ha] …`, `2026-11-22 22:46:17,001 - patroni.ha - INFO - …` |
//! | PostgreSQL | `2026-11-22 22:52:19.778 UTC [59] ERROR:  …`: two blanks behind the colon, and never a comma before the fraction |
//! | pgbouncer | `2026-11-22 22:52:19.778 UTC [59] WARNING …`: a number in brackets before the level |
//! | pgBackRest | `2026-11-22 22:52:19.778 P00   INFO: …`: the number of its process before the level |
//! | etcd | `2026-11-22 22:46:13.461911 I \| etcdmain: …` |

use crate::patroni::TextStart;
use crate::{LogTimezone, iso, level};

/// How far behind the time a level is looked for.
const DISTANCE: usize = 100;

/// As wide as Python's longest level.
const PADDED: usize = 8;

/// What a line says that begins a record.
pub(super) fn start(line: &[u8], zone: LogTimezone) -> Option<TextStart> {
    let face = iso::face(line)?;
    let (offset, len) = iso::zone(line.get(face.len..)?, &face, zone)?;
    let from = face.len + len;
    let (at, to) = level(line, from)?;
    let between = line.get(from..at)?;
    let behind = line.get(to..)?;
    if !face.comma && (behind.starts_with(b":  ") || is_foreign(between)) {
        return None;
    }
    let (error_severity, _) = level::read(line.get(at..to)?);
    Some(TextStart {
        log_time: face.at(offset)?,
        error_severity,
        severity_as_written: None,
        process_id: None,
        logger: None,
        thread: None,
        location: None,
        extra: extra(between),
        message: line.len() - message(behind, to - at).len(),
    })
}

/// Where the first level stands that is a word of its own.
fn level(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let near = line.get(from..line.len().min(from + DISTANCE))?;
    let mut at = 0;
    while at < near.len() {
        let rest = near.get(at..)?;
        let len = rest.iter().take_while(|byte| is_word(**byte)).count();
        if level::is_python(rest.get(..len)?) {
            return Some((from + at, from + at + len));
        }
        // A label of PostgreSQL (`LOG:  `, `STATEMENT:  `): what follows is its message.
        if len > 0 && rest.get(len..)?.starts_with(b":  ") {
            return None;
        }
        at += len.max(1);
    }
    None
}

/// Whether what stands between time and level is another program's.
fn is_foreign(between: &[u8]) -> bool {
    let mut words = between.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    match (words.next(), words.next()) {
        // pgBackRest
        (Some([b'P', digits @ ..]), None) => {
            digits.len() >= 2 && digits.iter().all(u8::is_ascii_digit)
        }
        // etcd
        (Some([b'A'..=b'Z']), Some(b"|")) => true,
        // PostgreSQL and pgbouncer, by default, write their process's number first.
        (Some([b'[', digits @ .., b']' | b':']), _) => {
            !digits.is_empty() && digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b']'))
        }
        _ => false,
    }
}

/// The message behind a level of `len` bytes: behind a colon and one blank, or behind the blanks with which the level may be padded.
fn message(behind: &[u8], len: usize) -> &[u8] {
    // A closing bracket around the level.
    let behind = match behind {
        [b']' | b')' | b'}' | b'>', rest @ ..] => rest,
        rest => rest,
    };
    // Everybody who pads levels does it by `-8s`; other blanks are the message's own.
    let blanks = behind.iter().take_while(|byte| **byte == b' ').count();
    let padding = PADDED.saturating_sub(len);
    match behind.get(padding..).filter(|_| blanks >= padding) {
        Some([b' ', rest @ ..]) if blanks == padding + 1 => rest,
        Some(rest @ [b':', ..]) => separated(rest),
        _ => separated(behind),
    }
}

/// What is behind a colon and a blank, or one of the two.
fn separated(behind: &[u8]) -> &[u8] {
    match behind {
        [b':', b' ', rest @ ..] | [b':' | b' ', rest @ ..] => rest,
        rest => rest,
    }
}

/// What stands between time and level, if it is more than punctuation: nobody has said what it is.
fn extra(between: &[u8]) -> Option<Box<[u8]>> {
    if !between.iter().copied().any(is_word) {
        return None;
    }
    let mut extra = crate::extra::Extra::default();
    extra.text(b"before_level", between);
    extra.finish().map(Box::from)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}
