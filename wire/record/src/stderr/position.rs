//! The position that a message names at its end: ` at character 15`.

use super::labels::AT_CHARACTER;

/// The message's length without it, and the number.
pub(super) fn split(message: &[u8]) -> Option<(usize, i32)> {
    AT_CHARACTER.iter().find_map(|(before, behind)| {
        let numbered = message.strip_suffix(*behind)?;
        let digits = numbered.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let (text, digits) = numbered.split_at(numbered.len() - digits);
        let text = text.strip_suffix(*before)?;
        let position = std::str::from_utf8(digits).ok()?.parse().ok()?;
        // A server counts from 1 and writes no zeros before.
        (position > 0 && digits.first() != Some(&b'0')).then_some((text.len(), position))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: Option<(&str, i32)>) {
        let found = split(message.as_bytes());
        assert_eq!(found, expected.map(|(text, position)| (text.len(), position)), "{message}");
    }

    #[test]
    fn the_position_is_at_the_very_end() {
        check("oops at character 15", Some(("oops", 15)));
        check("oops bei Zeichen 15", Some(("oops", 15)));
        check("oops (символ 15)", Some(("oops", 15)));
        check("oops(15文字目)", Some(("oops", 15)));
        check("a at character 1 at character 2", Some(("a at character 1", 2)));
        for message in [
            "oops at character 15.",
            "oops at character ",
            "oops at character 0",
            "oops at character 015",
            "oops at character 99999999999",
            "oops 15",
            "",
        ] {
            check(message, None);
        }
    }
}
