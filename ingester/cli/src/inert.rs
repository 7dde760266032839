//! Text of a log in a terminal: what could move the cursor, change colours or turn the direction of writing is shown as what it is.

/// Appends text that may have several lines; the second and further ones are indented beneath the first.
pub fn text(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\n    "),
            '\t' => out.push('\t'),
            other => visible(other, out),
        }
    }
}

/// Appends text that must stay on its line.
pub fn line(text: &str, out: &mut String) {
    text.chars().for_each(|character| visible(character, out));
}

fn visible(character: char, out: &mut String) {
    if commands(character) {
        out.extend(character.escape_default());
    } else {
        out.push(character);
    }
}

/// C0 and C1 controls, and what overrides the direction of the text around it (Unicode, UAX #9).
fn commands(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_that_commands_is_left(any in "\\PC*|.*") {
            let mut out = String::new();
            text(&any, &mut out);
            prop_assert!(out.chars().all(|c| matches!(c, '\n' | '\t') || !commands(c)), "{out:?}");
            out.clear();
            line(&any, &mut out);
            prop_assert!(!out.chars().any(commands));
        }

        #[test]
        fn ordinary_text_stays_as_it_is(any in "[\\p{L}\\p{N}\\p{P} ]*") {
            let mut out = String::new();
            line(&any, &mut out);
            prop_assert_eq!(out, any);
        }
    }
}
