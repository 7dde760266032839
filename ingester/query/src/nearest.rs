//! What may have been meant by a word that isn't known.

/// The candidate that is most like `word`, if one is like it at all.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    /// A word of a few letters is like any other; a longer one may have a letter in three wrong, or be a part of the name.
    const LONGEST: usize = 64;
    let word = word.to_lowercase();
    if word.chars().count() > LONGEST {
        return None;
    }
    let allowed = (word.chars().count() / 3).max(1);
    let distance = |candidate: &str| {
        let edits = strsim::osa_distance(&word, candidate);
        let is_part_of =
            |part: &str, whole: &str| part.len() >= 3 && whole.split('_').any(|of| of == part);
        let is_part = is_part_of(&word, candidate) || is_part_of(candidate, &word);
        (edits <= allowed || is_part).then_some(edits)
    };
    candidates
        .into_iter()
        .filter_map(|candidate| Some((distance(candidate)?, candidate)))
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: Option<&str>) {
        let names = ["error_severity", "user_name", "message", "pod", "query", "query_id"];
        assert_eq!(nearest(word, names).as_deref(), expected, "{word}");
    }

    #[test]
    fn a_slip_or_a_part_of_a_name_is_understood() {
        check("messgae", Some("message"));
        check("severity", Some("error_severity"));
        check("USER_NAM", Some("user_name"));
        check("qurey", Some("query"));
        check("pdo", Some("pod"));
        check("colour", None);
        check("", None);
        check(&"message".repeat(100), None);
    }
}
