//! What of a text an index of trigrams is asked for, where a sample of texts tells which of its trigrams are in many.
//!
//! The index has a list of rows for each trigram, and finds those that are in all of a text's lists. For `invoice_57` that is one
//! short list, of words that begin with 57, and seven long ones; most of the time goes by reading those, and whoever has three letters of
//! *invoice* mostly has the others. So of the frequent trigrams only those are asked for without which more of the sample would be found. Whether a row
//! that is found has the whole text is told by a look at it: a sample changes how long a search takes, never what it finds.
//!
//! For ASCII alone: how a locale lowers another character may depend on what stands beside it, so that a row may have a text and not its parts.

use std::collections::HashMap;
use std::ops::Range;

/// Fewer texts tell nothing.
const ENOUGH: usize = 100;
/// What is in more than one of so many texts is frequent. No other list is long enough to be left out.
const FREQUENT: usize = 50;
/// A text of fewer trigrams is asked for as it is: there is little to leave out.
const WORTH: usize = 5;
/// So many trigrams that aren't frequent do without a word of which all are. One of them may be rare in the sample only.
const TELLING: usize = 3;
/// Trigrams that are looked at, the first ones of a long text.
const MOST: usize = 128;

type Trigram = [u8; 3];

/// A part of a text for which there is a list.
#[derive(Debug)]
struct Part {
    /// Where it is, with what bounds the word if the list is of words that begin or end so.
    place: Range<usize>,
    trigram: Trigram,
    /// Which of the text's words has it.
    word: usize,
    /// Whether it is how that begins. Then there is a second list to be read, of all words that begin with its first letter: always a long one.
    begins: bool,
}

/// Whether a sample may say how to ask for `text` sooner.
pub(crate) fn is_worth_a_sample(text: &str) -> bool {
    text.is_ascii() && parts(text.as_bytes()).len() >= WORTH
}

/// The pieces of `text` to ask for, in their order and apart from one another; `None` where it is best asked for as it is.
pub(crate) fn pieces<'a>(text: &'a str, sample: &[impl AsRef<str>]) -> Option<Vec<&'a str>> {
    if sample.len() < ENOUGH || !is_worth_a_sample(text) {
        return None;
    }
    let parts = parts(text.as_bytes());
    let kept = kept(&parts, &found(&parts, sample));
    if kept.iter().all(|is_kept| *is_kept) && parts.len() < MOST {
        return None;
    }
    let mut places: Vec<Range<usize>> = Vec::new();
    for (part, _) in parts.iter().zip(kept).filter(|(_, is_kept)| *is_kept) {
        match places.last_mut() {
            Some(last) if part.place.start < last.end => last.end = part.place.end.max(last.end),
            _ => places.push(part.place.clone()),
        }
    }
    places.into_iter().map(|place| text.get(place)).collect()
}

/// The parts in their order, as the index takes texts apart: into words of letters and digits, of which those that are bounded begin and end with
/// blanks.
fn parts(text: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let (mut word, mut begin) = (0, 0);
    while begin < text.len() {
        let length = text[begin..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let end = begin + length;
        let (before, behind) = (begin > 0, end < text.len());
        let mut part = |place: Range<usize>| {
            let begins = place.start < begin;
            if let Some(bytes) = text.get(place.clone()).filter(|bytes| bytes.len() == 3) {
                let lowered = |at: usize| match bytes[at].to_ascii_lowercase() {
                    byte if byte.is_ascii_alphanumeric() => byte,
                    _ => b' ',
                };
                parts.push(Part { place, trigram: [0, 1, 2].map(lowered), word, begins });
            }
        };
        if length > 0 {
            if before {
                part(begin - 1..begin + 2);
            }
            (begin..end.saturating_sub(2)).for_each(|at| part(at..at + 3));
            if behind && length > 1 {
                part(end - 2..end + 1);
            }
            word += 1;
        }
        begin = end + 1;
    }
    parts.truncate(MOST);
    parts
}

/// Which parts each text of the sample has, a bit each.
fn found(parts: &[Part], sample: &[impl AsRef<str>]) -> Vec<u128> {
    let mut wanted: HashMap<Trigram, u128> = HashMap::new();
    for (at, part) in parts.iter().enumerate() {
        *wanted.entry(part.trigram).or_default() |= 1 << at;
    }
    let mut word = Vec::new();
    let of = |text: &str| {
        let mut found = 0;
        for letters in
            text.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty())
        {
            word.clear();
            word.extend_from_slice(b"  ");
            word.extend(letters.bytes().map(|byte| byte.to_ascii_lowercase()));
            word.push(b' ');
            let trigrams = word.array_windows::<3>();
            found |= trigrams.filter_map(|trigram| wanted.get(trigram)).fold(0, |all, of| all | of);
        }
        found
    };
    sample.iter().map(AsRef::as_ref).map(of).collect()
}

/// Leaves out parts with long lists, the longest first, as long as no more of the sample has all the others.
fn kept(parts: &[Part], found: &[u128]) -> Vec<bool> {
    let joint = |set: u128| found.iter().filter(|has| **has & set == set).count();
    let is_frequent = |count: usize| count > found.len() / FREQUENT;
    let mut lists: Vec<_> = (parts.iter().enumerate())
        .map(|(at, part)| {
            let count = joint(1 << at);
            (if part.begins { usize::MAX } else { count }, count, at)
        })
        .collect();
    lists.sort_unstable();
    let of_word = |word| {
        let of_it = parts.iter().enumerate().filter(|(_, part)| part.word == word);
        of_it.fold(0, |all, (at, _)| all | 1 << at)
    };
    let all = (0..parts.len()).fold(0, |all, at| all | 1 << at);
    let (mut kept, wanted) = (all, joint(all));
    let mut telling = lists.iter().filter(|(_, count, _)| !is_frequent(*count)).count();
    for (_, count, at) in lists.into_iter().rev().take_while(|(list, ..)| is_frequent(*list)) {
        let others = kept & !(1 << at);
        let left = telling - usize::from(!is_frequent(count));
        let is_told = left >= TELLING || left == telling && others & of_word(parts[at].word) != 0;
        if is_told && joint(others) == wanted {
            (kept, telling) = (others, left);
        }
    }
    (0..parts.len()).map(|at| kept >> at & 1 == 1).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of eight tables and with numbers of six digits, as a busy server writes them.
    fn sample() -> Vec<String> {
        let tables = [
            "orders",
            "order_line",
            "customer",
            "stock",
            "raw_log",
            "account",
            "invoice",
            "payment",
        ];
        let of = |at: usize| {
            let (table, number) = (tables[at % 8], at * 7_919 % 1_000_000);
            match at % 3 {
                0 => format!("duration: {number} ms  SELECT id, state FROM {table} WHERE id = $1"),
                1 => {
                    format!("statement: UPDATE {table} SET amount = amount + 1 WHERE id = {number}")
                }
                _ => format!("Key (id)=({number}) already exists."),
            }
        };
        (0..600).map(of).collect()
    }

    fn check(text: &str, expected: Option<&[&str]>) {
        assert_eq!(pieces(text, &sample()).as_deref(), expected, "{text}");
    }

    #[test]
    fn of_a_frequent_word_little_is_asked_for() {
        check("invoice_57", Some(&["inv", "_57"]));
        check("ALREADY exists", Some(&["ALR", "exi"]));
    }

    #[test]
    fn what_tells_a_row_alone_is_all_that_is_asked_for() {
        check("UPDATE order_line SET amount = amount + 1 WHERE id = 123456", Some(&["123456"]));
        check("id = 57", None);
        check("zanzibar-q7", Some(&["zanzibar-"]));
        check("(id)=(63352) already", Some(&["63352)"]));
    }

    #[test]
    fn what_is_rare_is_asked_for_as_it_is() {
        for text in ["zanzibar", "4e2b9c1e77a1", "12345", "a", "__", "", "naïve café"] {
            check(text, None);
        }
    }

    #[test]
    fn a_small_sample_tells_nothing() {
        assert_eq!(pieces("invoice_57", &sample()[..ENOUGH - 1]), None);
    }

    #[test]
    fn of_a_long_text_the_beginning_is_enough() {
        let long: String = (0..400).map(|at| format!("{at:x}")).collect();
        let pieces = pieces(&long, &sample()).unwrap();
        assert!(pieces.len() == 1 && pieces[0].len() == MOST + 2 && long.starts_with(pieces[0]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn pieces_are_in_the_text_in_their_order(
            words in prop::collection::vec("[a-cA-C1]{1,5}|[-_% .\\\\]{1,2}|é", 1..30),
            sample in prop::collection::vec("([a-cA-C1]{1,5}[-_ .é]){0,12}", 90..130),
        ) {
            let text = words.concat();
            if let Some(pieces) = pieces(&text, &sample) {
                let mut rest = text.as_str();
                prop_assert!(!pieces.is_empty());
                for piece in pieces {
                    let at = rest.find(piece);
                    prop_assert!(at.is_some(), "{piece:?} in {rest:?} of {text:?}");
                    rest = &rest[at.unwrap() + piece.len()..];
                }
            }
        }

        // As the index has it: what asks for less finds no more of the sample.
        #[test]
        fn no_more_of_the_sample_is_found(
            words in prop::collection::vec("[a-c1]{1,5}|[-_ .]", 1..20),
            sample in prop::collection::vec("([a-c1]{1,5}[-_ .]){0,12}", 100..130),
        ) {
            let text = words.concat();
            if let Some(pieces) = pieces(&text, &sample) {
                let finds = |of: &[Part]| {
                    let all = (0..of.len()).fold(0_u128, |all, at| all | 1 << at);
                    found(of, &sample).iter().filter(|has| **has & all == all).count()
                };
                let kept: Vec<_> = pieces.iter().flat_map(|piece| parts(piece.as_bytes())).collect();
                prop_assert_eq!(finds(&kept), finds(&parts(text.as_bytes())), "{:?}", pieces);
            }
        }
    }
}
