//! What stands behind a prefix: the severity of a record, or the label of a further part of it.

use memchr::{memchr, memmem};

use crate::Severity;
use crate::severity::Reading;

use super::labels::{LABELS, Label};

/// What ends a severity; the words are translated, this isn't.
const BEHIND: &[u8] = b":  ";
/// No language's severity is longer, in bytes.
const MAX_WORD: usize = 48;

/// What the text behind a prefix is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    /// The message of a record with a severity that is known.
    Severity,
    /// A further part of the record before.
    Label(Label),
    /// Behind a word that nobody knows, for instance `????` of a server that couldn't write its language in the database's encoding.
    Unknown,
}

/// A lead, and the lengths of its word and of all that stands before the text.
pub(super) type Found = (Lead, usize, usize);

/// A severity or a label that is known in some language.
pub(super) fn known(text: &[u8]) -> Option<Found> {
    let word = text.get(..text.len().min(MAX_WORD))?;
    if let Some(len) = memchr(b':', word)
        && text[len..].starts_with(BEHIND)
        && matches!(Severity::read(&text[..len], None), Some(Reading::Known(_)))
    {
        return Some((Lead::Severity, len, len + BEHIND.len()));
    }
    // Of several that fit, the last is the longest and meant; it and they begin with the same byte.
    let first = text.first()?;
    let from = LABELS.partition_point(|(label, _)| label.first() < Some(first));
    let labels = LABELS[from..].iter().take_while(|(label, _)| label.first() == Some(first));
    let (label, meaning) = labels.filter(|(label, _)| text.starts_with(label)).last()?;
    Some((Lead::Label(*meaning), label.len(), label.len()))
}

/// Any word that could be a severity.
pub(super) fn unknown(text: &[u8]) -> Option<Found> {
    let len = memmem::find(&text[..text.len().min(MAX_WORD)], BEHIND)?;
    let no_word = |byte: &u8| byte.is_ascii_lowercase() || b"\n\t:@[],=/".contains(byte);
    let word = &text[..len];
    let plausible = len > 0 && word[0] != b' ' && !word.iter().any(no_word);
    plausible.then_some((Lead::Unknown, len, len + BEHIND.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_and_labels_are_told_apart() {
        assert_eq!(known(b"LOG:  m"), Some((Lead::Severity, 3, 6)));
        assert_eq!(
            known("ÖLÜMCÜL (FATAL):  m".as_bytes()).map(|found| found.0),
            Some(Lead::Severity)
        );
        assert_eq!(known(b"DETAIL:  d"), Some((Lead::Label(Label::Detail), 9, 9)));
        assert_eq!(known(b"LOG: m"), None);
        assert_eq!(known(b"LOUD:  m"), None);
        assert_eq!(known(b""), None);
    }

    #[test]
    fn a_word_that_nobody_knows_looks_like_one() {
        assert_eq!(unknown(b"????:  m"), Some((Lead::Unknown, 4, 7)));
        assert_eq!(
            unknown("?L?MC?L (FATAL):  m".as_bytes()).map(|found| found.0),
            Some(Lead::Unknown)
        );
        for text in ["web@shop LOG:  m", ":  m", " X:  m", "note:  m", "X: m"] {
            assert_eq!(unknown(text.as_bytes()), None, "{text}");
        }
    }
}
