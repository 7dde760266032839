//! What is kept of a text that a client sent: its beginning, without what would open a door.

/// The text, cut to so many bytes, with tokens made unreadable, and without NUL, which no column can hold.
pub fn kept(text: &str, most: usize) -> String {
    // Cut first, with room for a token that would be cut in the middle and not be known for one.
    let begin = &text[..text.floor_char_boundary(most.saturating_add(LONGEST_TOKEN))];
    let mut kept = String::with_capacity(begin.len().min(most));
    let mut rest = begin;
    while let Some(start) = rest.find(is_of_token) {
        let (before, from) = rest.split_at(start);
        let (word, behind) = from.split_at(from.find(|c| !is_of_token(c)).unwrap_or(from.len()));
        kept.push_str(before);
        match token_in(word) {
            Some(at) => kept.extend([&word[..at], "…"]),
            None => kept.push_str(word),
        }
        rest = behind;
    }
    kept.push_str(rest);
    if kept.len() > most || begin.len() < text.len() {
        kept.truncate(kept.floor_char_boundary(most));
        kept.push('…');
    }
    kept.replace('\0', "\u{fffd}")
}

/// Bytes of a token that are looked at, at most: ours are shorter, and of a provider's this is more than enough to know it.
const LONGEST_TOKEN: usize = 128;

/// How our tokens begin.
const OURS: &str = "trunkline_";
/// How a provider's do: `{"` in base64.
const THEIRS: &str = "eyJ";

fn is_of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// Where a token begins in a word: so many digits, or so many letters, stand behind nothing else that begins so.
fn token_in(word: &str) -> Option<usize> {
    let ours = word.match_indices(OURS).find(|(at, _)| {
        let digits = &word.as_bytes()[at + OURS.len()..];
        digits.len() >= 16 && digits[..16].iter().all(u8::is_ascii_hexdigit)
    });
    let theirs = word.match_indices(THEIRS).find(|(at, _)| {
        let rest = &word[*at..];
        rest.len() >= 40 && rest.contains('.')
    });
    let begins = [ours, theirs].into_iter().flatten();
    begins.map(|(at, _)| at).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_kept_wherever_it_stands() {
        let ours = format!("trunkline_{}", "0a".repeat(32));
        let theirs = format!("eyJ{}.eyJ{}.{}", "a".repeat(50), "b".repeat(60), "c".repeat(90));
        for secret in [&ours, &theirs] {
            for text in [
                secret.clone(),
                format!("token={secret}"),
                format!("a=b&text={secret}&c=d"),
                format!("SELECT '{secret}' FROM log.postgres"),
                format!("x{secret}"),
                format!("{}{secret}", "x".repeat(190)),
                format!("{} {secret}", "x".repeat(195)),
            ] {
                let kept = kept(&text, 200);
                assert!(!kept.contains(&secret[..20]) && kept.contains('…'), "{text}: {kept}");
            }
        }
        for plain in ["trunkline_reader", "trunkline_ingester.toml", "eyJ", "text=eyJhbGc"] {
            assert_eq!(kept(plain, 200), plain);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(kept("äöü", 6), "äöü");
        assert_eq!(kept("äöü", 5), "äö…");
        assert_eq!(kept(&"é".repeat(10_000), 9), "éééé…");
        assert_eq!(kept("a\0b", 9), "a\u{fffd}b");
    }
}
