//! How a text that is searched whatever its case is mostly spelled: most rows that have `select` have `SELECT`, and are told without lowering them.

use std::collections::HashMap;

/// The spelling of `text` that most of the sample's texts have; `None` where none of them has it, or it has no case.
pub(crate) fn spelling<'a>(text: &str, sample: &'a [impl AsRef<str>]) -> Option<&'a str> {
    if !text.is_ascii() || !text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let mut spellings: HashMap<&str, usize> = HashMap::new();
    for found in sample.iter().filter_map(|of| first_in(of.as_ref(), text)) {
        *spellings.entry(found).or_default() += 1;
    }
    // Of two that are as frequent always the same one, so that a statement doesn't change from time to time.
    spellings
        .into_iter()
        .max_by_key(|(spelling, count)| (*count, *spelling))
        .map(|(spelling, _)| spelling)
}

/// Where `of` has this text of ASCII first, as it is spelled there.
fn first_in<'a>(of: &'a str, text: &str) -> Option<&'a str> {
    let mut places = of.as_bytes().windows(text.len());
    let at = places.position(|place| place.eq_ignore_ascii_case(text.as_bytes()))?;
    // Bytes of ASCII are whole characters.
    of.get(at..at + text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_spelling_is_taken() {
        let sample = ["a SELECT b, select", "select", "é SELECT", "Select", "update"];
        assert_eq!(spelling("seLect", &sample), Some("SELECT"));
        assert_eq!(spelling("select", &sample[1..]), Some("select"));
        assert_eq!(spelling("update set", &sample), None);
    }

    #[test]
    fn what_has_no_case_has_one_spelling() {
        assert_eq!(spelling("10.0.0.5", &["10.0.0.5"]), None);
        assert_eq!(spelling("straße", &["straße"]), None);
    }
}
