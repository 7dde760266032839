//! A record's severity, ordered as people mean it: `severity >= Warning` is what went wrong.

mod translations;

use std::fmt;
use std::str::FromStr;

use translations::{Meaning, WORDS};

/// PostgreSQL's message severities (manual, "Message Severity Levels"), from least to most severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Severity {
    /// `DEBUG5`
    Debug5,
    /// `DEBUG4`
    Debug4,
    /// `DEBUG3`
    Debug3,
    /// `DEBUG2`
    Debug2,
    /// `DEBUG1`
    Debug1,
    /// `DEBUG`, which is all that a server's log says of the five.
    Debug,
    /// `LOG`
    Log,
    /// `INFO`
    Info,
    /// `NOTICE`
    Notice,
    /// `WARNING`
    Warning,
    /// `ERROR`
    Error,
    /// `FATAL`
    Fatal,
    /// `PANIC`
    Panic,
}

impl Severity {
    /// All of them, from least to most severe.
    pub const ALL: [Self; 13] = [
        Self::Debug5,
        Self::Debug4,
        Self::Debug3,
        Self::Debug2,
        Self::Debug1,
        Self::Debug,
        Self::Log,
        Self::Info,
        Self::Notice,
        Self::Warning,
        Self::Error,
        Self::Fatal,
        Self::Panic,
    ];

    /// As a server with English messages writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug5 => "DEBUG5",
            Self::Debug4 => "DEBUG4",
            Self::Debug3 => "DEBUG3",
            Self::Debug2 => "DEBUG2",
            Self::Debug1 => "DEBUG1",
            Self::Debug => "DEBUG",
            Self::Log => "LOG",
            Self::Info => "INFO",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Panic => "PANIC",
        }
    }

    /// By the word that a server with English messages writes.
    #[inline]
    pub fn from_bytes(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"LOG" => Self::Log,
            b"ERROR" => Self::Error,
            b"DEBUG" => Self::Debug,
            b"INFO" => Self::Info,
            b"NOTICE" => Self::Notice,
            b"WARNING" => Self::Warning,
            b"FATAL" => Self::Fatal,
            b"PANIC" => Self::Panic,
            b"DEBUG1" => Self::Debug1,
            b"DEBUG2" => Self::Debug2,
            b"DEBUG3" => Self::Debug3,
            b"DEBUG4" => Self::Debug4,
            b"DEBUG5" => Self::Debug5,
            _ => return None,
        })
    }
}

/// What a severity's word in a log means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A word of English, or of one of PostgreSQL's translations.
    Known(Severity),
    /// Any other word, for instance `????` of a server that couldn't write its language in the database's encoding: taken from the SQLSTATE.
    BySqlState(Severity),
}

impl Severity {
    /// Reads the word in `error_severity` of a record with this SQLSTATE. `None` when neither says anything.
    #[inline]
    pub(crate) fn read(word: &[u8], sql_state: Option<&[u8]>) -> Option<Reading> {
        match Self::from_bytes(word) {
            Some(severity) => Some(Reading::Known(severity)),
            None => Self::read_translated(word, sql_state),
        }
    }

    fn read_translated(word: &[u8], sql_state: Option<&[u8]>) -> Option<Reading> {
        let is_warning = sql_state.is_some_and(|state| state.starts_with(b"01"));
        if let Ok(at) = WORDS.binary_search_by(|(known, _)| (*known).cmp(word)) {
            return Some(Reading::Known(match WORDS[at].1 {
                Meaning::One(severity) => severity,
                Meaning::NoticeOrWarning if is_warning => Self::Warning,
                Meaning::NoticeOrWarning => Self::Notice,
            }));
        }
        let state = sql_state.filter(|state| {
            state.len() == 5
                && state.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        })?;
        // Manual, "PostgreSQL Error Codes": class 00 is success, 01 and 02 are warnings.
        Some(Reading::BySqlState(match state {
            [b'0', b'0', ..] => Self::Log,
            [b'0', b'1' | b'2', ..] => Self::Warning,
            _ => Self::Error,
        }))
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that isn't a severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown severity {0:?}")]
pub struct UnknownSeverity(pub String);

impl FromStr for Severity {
    type Err = UnknownSeverity;

    /// Case doesn't matter.
    fn from_str(word: &str) -> Result<Self, UnknownSeverity> {
        Self::from_bytes(word.to_ascii_uppercase().as_bytes())
            .ok_or_else(|| UnknownSeverity(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &[u8], sql_state: &str, expected: Option<Reading>) {
        assert_eq!(
            Severity::read(word, Some(sql_state.as_bytes())),
            expected,
            "{}",
            word.escape_ascii()
        );
    }

    #[test]
    fn severities_are_read_in_every_language_and_its_encodings() {
        for (word, severity) in [
            (&b"ERROR"[..], Severity::Error),
            ("FEHLER".as_bytes(), Severity::Error),
            ("ATTENTION".as_bytes(), Severity::Warning),
            ("ОШИБКА".as_bytes(), Severity::Error),
            (b"\xef\xfb\xe9\xe2\xeb\xe1", Severity::Error), // KOI8-R
            (b"\xce\xd8\xc8\xc1\xca\xc0", Severity::Error), // Windows-1251
            ("ÖLÜMCÜL (FATAL)".as_bytes(), Severity::Fatal),
            (b"P\xc2NICO", Severity::Panic), // Latin 1
            ("日志".as_bytes(), Severity::Log),
            (b"\xc8\xd5\xd6\xbe", Severity::Log), // EUC_CN
        ] {
            check(word, "00000", Some(Reading::Known(severity)));
        }
    }

    #[test]
    fn one_word_for_two_severities_is_told_apart_by_the_sqlstate() {
        let word = "გაფრთხილება".as_bytes();
        check(word, "00000", Some(Reading::Known(Severity::Notice)));
        check(word, "01000", Some(Reading::Known(Severity::Warning)));
    }

    #[test]
    fn a_word_that_nobody_knows_is_taken_from_the_sqlstate_and_marked() {
        check(b"????", "42P01", Some(Reading::BySqlState(Severity::Error)));
        check(b"????????", "00000", Some(Reading::BySqlState(Severity::Log)));
        check(b"??", "01004", Some(Reading::BySqlState(Severity::Warning)));
        check(b"LOUD", "no code", None);
        assert_eq!(Severity::read(b"LOUD", None), None);
    }

    #[test]
    fn words_that_only_some_releases_have_are_read() {
        for (word, severity) in [
            ("ÖLÜMCÜL", Severity::Fatal),                // tr, 11.0
            ("ADVERTÊNCIA", Severity::Warning),          // pt_BR, 16.3 and 16.4
            ("比致命错误还过分的错误", Severity::Panic), // zh_CN before 17.12
            ("灾难性错误", Severity::Panic),             // zh_CN, 17.12
            ("嚴重錯誤", Severity::Panic),               // zh_TW, 17.12
        ] {
            check(word.as_bytes(), "00000", Some(Reading::Known(severity)));
        }
    }

    /// As servers write them whose database's encoding lacks the letters.
    #[test]
    fn transliterated_severities_are_read() {
        for (word, severity) in [
            (&b"OSHIBKA"[..], Severity::Error),
            (b"PREDUPREZHDENIE", Severity::Warning),
            (b"?L?MC?L (FATAL)", Severity::Fatal),
        ] {
            check(word, "00000", Some(Reading::Known(severity)));
        }
    }

    #[test]
    fn the_translations_are_sorted_and_none_is_there_twice() {
        assert!(WORDS.is_sorted_by(|one, next| one.0 < next.0));
    }

    #[test]
    fn no_translation_is_an_english_severity() {
        for (word, _) in WORDS {
            assert_eq!(Severity::from_bytes(word), None, "{}", word.escape_ascii());
        }
    }
}
