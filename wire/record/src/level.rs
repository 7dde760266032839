//! The levels of programs other than PostgreSQL, as severities.

use crate::Severity;

/// The names that Python's `logging` has.
const PYTHON: [&[u8]; 5] = [b"DEBUG", b"INFO", b"WARNING", b"ERROR", b"CRITICAL"];

/// Whether this is the name of one of Python's levels.
pub(crate) fn is_python(word: &[u8]) -> bool {
    PYTHON.contains(&word)
}

/// What a level's name means. `true` says that the severity isn't all that the word says: it should be kept.
///
/// Case doesn't matter. Python's CRITICAL, which has FATAL as another name, is `FATAL`.
pub(crate) fn read(word: &[u8]) -> (Option<Severity>, bool) {
    let (severity, kept) = match word.to_ascii_lowercase().as_slice() {
        b"debug" => (Severity::Debug, false),
        b"info" | b"information" => (Severity::Info, false),
        b"notice" => (Severity::Notice, false),
        b"warning" | b"warn" => (Severity::Warning, false),
        b"error" | b"err" => (Severity::Error, false),
        b"critical" | b"fatal" => (Severity::Fatal, false),
        b"log" => (Severity::Log, false),
        b"panic" => (Severity::Panic, false),
        b"debug1" => (Severity::Debug1, false),
        b"debug2" => (Severity::Debug2, false),
        b"debug3" => (Severity::Debug3, false),
        b"debug4" => (Severity::Debug4, false),
        b"debug5" => (Severity::Debug5, false),
        b"trace" => (Severity::Debug5, true),
        b"crit" => (Severity::Fatal, true),
        b"alert" | b"emerg" | b"emergency" | b"dpanic" => (Severity::Panic, true),
        _ => return (None, true),
    };
    (Some(severity), kept)
}

/// By the first letters of one of Python's names, as a format with a precision (`%(levelname).1s`) cuts them.
pub(crate) fn read_cut(letters: &[u8]) -> (Option<Severity>, bool) {
    let mut names = PYTHON.iter().filter(|name| name.starts_with(letters));
    match (names.next(), names.next()) {
        (Some(name), None) if !letters.is_empty() => read(name),
        _ => (None, true),
    }
}

/// Python's number of a level.
pub(crate) fn read_number(number: &[u8]) -> Option<Severity> {
    Some(match number {
        b"10" => Severity::Debug,
        b"20" => Severity::Info,
        b"30" => Severity::Warning,
        b"40" => Severity::Error,
        b"50" => Severity::Fatal,
        _ => return None,
    })
}
