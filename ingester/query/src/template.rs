//! What messages of one kind have in common: the text with what varies taken out.
//!
//! Only parts that vary by their form are cut: numbers, quoted texts and identifiers, UUIDs, addresses, times, hexadecimal words, paths. Words
//! stay as they are, so a message in any language becomes a template of that language.

/// Characters of a message that are looked at. What is behind them is left out.
pub const LONGEST: usize = 500;

/// Quotes, as the languages of PostgreSQL's messages have them, and what stands for the text between.
const QUOTES: [(char, char, &str); 8] = [
    ('\'', '\'', "<text>"),
    ('"', '"', "<name>"),
    ('«', '»', "<name>"),
    ('»', '«', "<name>"),
    ('„', '“', "<name>"),
    ('“', '”', "<name>"),
    ('‘', '’', "<text>"),
    ('「', '」', "<name>"),
];

/// What ends a word beside a space.
const BETWEEN: [char; 14] = [',', ';', '(', ')', '[', ']', '{', '}', '<', '>', '=', '|', '"', '\''];

/// The template of a message.
pub fn template(message: &str) -> String {
    let end = message.char_indices().nth(LONGEST).map_or(message.len(), |(at, _)| at);
    let mut rest = &message[..end];
    let mut out = String::with_capacity(rest.len());
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = rest.trim_start();
            out.push(' ');
            before = ' ';
        } else if let Some((placeholder, behind)) = quoted(rest, before) {
            out.push(first);
            out.push_str(placeholder);
            let quote = rest[..rest.len() - behind.len()].chars().next_back();
            out.extend(quote);
            before = quote.unwrap_or(first);
            rest = behind;
        } else if ends_word(first) {
            out.push(first);
            before = first;
            rest = &rest[first.len_utf8()..];
        } else {
            let length = rest.find(|char: char| char.is_whitespace() || ends_word(char));
            let (word, behind) = rest.split_at(length.unwrap_or(rest.len()));
            push_word(word, &mut out);
            before = word.chars().next_back().unwrap_or(first);
            rest = behind;
        }
    }
    short_lists(out.trim().to_owned())
}

fn ends_word(char: char) -> bool {
    BETWEEN.contains(&char)
        || QUOTES.iter().skip(2).any(|(open, close, _)| char == *open || char == *close)
}

/// What stands for the quoted text at the beginning, and what is behind it.
fn quoted(text: &str, before: char) -> Option<(&'static str, &str)> {
    let first = text.chars().next()?;
    // An apostrophe is within a word or at its end; other quotes may touch words, in languages that have no spaces.
    let is_apostrophe = matches!(first, '\'' | '‘');
    if is_apostrophe && before.is_alphanumeric() {
        return None;
    }
    let (_, close, placeholder) = QUOTES.iter().find(|(open, ..)| *open == first)?;
    let mut at = first.len_utf8();
    loop {
        at += text[at..].find(*close)? + close.len_utf8();
        let behind = &text[at..];
        match behind.chars().next() {
            // A quote in the text is doubled.
            Some(next) if next == *close => at += next.len_utf8(),
            Some(next) if is_apostrophe && next.is_alphanumeric() => {}
            _ => return Some((placeholder, behind)),
        }
    }
}

fn push_word(word: &str, out: &mut String) {
    let core = word.trim_end_matches(['.', ':', '!', '?', '…', '。', '،']);
    match form(core) {
        Some(placeholder) => out.push_str(placeholder),
        None => push_without_numbers(core, out),
    }
    out.push_str(&word[core.len()..]);
}

/// What stands for a word of this form as a whole.
fn form(word: &str) -> Option<&'static str> {
    if word.len() > 1 && word.starts_with('/') {
        return Some("<path>");
    }
    if !word.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let plain = word.strip_prefix(['+', '-']).unwrap_or(word);
    let is_made_of = |text: &str, more: &str| {
        text.chars().all(|char| char.is_ascii_digit() || more.contains(char))
    };
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (colons, hyphens) = (word.matches(':').count(), word.matches('-').count());
    if is_made_of(plain, "") || is_float(plain) {
        return Some("<n>");
    }
    if is_uuid(word) {
        return Some("<uuid>");
    }
    if word.strip_prefix("0x").is_some_and(is_hex) || word.len() >= 6 && is_hex(word) {
        return Some("<hex>");
    }
    if word.split_once('/').is_some_and(|(file, at)| is_hex(file) && is_hex(at)) {
        return Some("<lsn>");
    }
    if is_address(word) {
        return Some("<ip>");
    }
    let is_date = hyphens == 2 && word.len() >= 8 && is_made_of(word, "-:.TZ+");
    if is_date || colons > 0 && is_made_of(word, ":.+-Z") {
        return Some("<time>");
    }
    if word.contains('/') && !word.contains("://") {
        return Some("<path>");
    }
    None
}

fn is_float(text: &str) -> bool {
    let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || byte == b'.');
    starts && text.parse::<f64>().is_ok_and(f64::is_finite)
}

fn is_uuid(word: &str) -> bool {
    let mut parts = word.split('-');
    let fits = [8, 4, 4, 4, 12].into_iter().all(|length| {
        let part = parts.next();
        part.is_some_and(|part| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    });
    fits && parts.next().is_none()
}

/// An address of IP, of version 4 perhaps with a port, of either perhaps with a length.
fn is_address(word: &str) -> bool {
    let (host, _) = word.split_once('/').unwrap_or((word, ""));
    host.parse::<core::net::IpAddr>().is_ok() || host.parse::<core::net::SocketAddrV4>().is_ok()
}

/// Digits within a word vary: the number of a pod, of a segment, of a milliseconds' `12ms`.
fn push_without_numbers(word: &str, out: &mut String) {
    let mut in_number = false;
    for char in word.chars() {
        match char.is_ascii_digit() {
            true if in_number => {}
            true => out.push_str("<n>"),
            false => out.push(char),
        }
        in_number = char.is_ascii_digit();
    }
}

/// Lists of any length are alike.
fn short_lists(mut text: String) -> String {
    for one in ["<n>", "'<text>'", "\"<name>\"", "$<n>"] {
        let three = [one; 3].join(", ");
        let two = [one; 2].join(", ");
        while text.contains(&three) {
            text = text.replace(&three, &two);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(message: &str, expected: &str) {
        assert_eq!(template(message), expected, "{message}");
    }

    #[test]
    fn what_varies_is_taken_out() {
        check(
            "duration: 12.345 ms  statement: SELECT * FROM orders WHERE id = 42 AND name = 'O''Neil'",
            "duration: <n> ms statement: SELECT * FROM orders WHERE id = <n> AND name = '<text>'",
        );
        check("relation \"public.orders\" does not exist", "relation \"<name>\" does not exist");
        check(
            "could not open file \"base/16384/2619\": No space",
            "could not open file \"<name>\": No space",
        );
        check(
            "connection received: host=10.0.0.5 port=5432",
            "connection received: host=<ip> port=<n>",
        );
        check("redo starts at 0/16B3748", "redo starts at <lsn>");
        check(
            "started streaming WAL from primary at 1/9A000000 on timeline 3.",
            "started streaming WAL from primary at <lsn> on timeline <n>.",
        );
        check(
            "no action. I am (orders-ha-0), the leader with the lock",
            "no action. I am (orders-ha-<n>), the leader with the lock",
        );
        check(
            "token 6f1c2a3e-7d58-4b1a-9c3d-0123456789ab at 2026-11-23 06:41:07.123",
            "token <uuid> at <time> <time>",
        );
        check("archived /var/lib/wal/000000010000000000000042", "archived <path>");
        check("took 12ms, 3kB", "took <n>ms, <n>kB");
        check("the client can't, and won't", "the client can't, and won't");
        check("id IN (1, 2, 3, 4, 5)", "id IN (<n>, <n>)");
        check("from 2001:db8::1 and 10.1.2.3:5432", "from <ip> and <ip>");
        check("checksum deadbeef01 of 0xFF", "checksum <hex> of <hex>");
        check("", "");
    }

    #[test]
    fn any_language_keeps_its_words() {
        check("Relation »kunden« existiert nicht", "Relation »<name>« existiert nicht");
        check("la relation « clients » n'existe pas", "la relation «<name>» n'existe pas");
        check("リレーション\"customers\"は存在しません", "リレーション\"<name>\"は存在しません");
        check("не удалось открыть файл \"a/1\": 5", "не удалось открыть файл \"<name>\": <n>");
        check("关系 \"t1\" 不存在", "关系 \"<name>\" 不存在");
    }

    fn words() -> impl Strategy<Value = String> {
        "[a-z]{1,7}( [a-z]{1,7}){0,4}"
    }

    proptest! {
        #[test]
        fn messages_that_differ_in_what_varies_are_one(
            words in words(), numbers: (u32, u32), names: (u16, u16), texts in ("[a-zA-Z0-9 ]{0,9}", "[a-zA-Z0-9 ]{0,9}"),
            addresses: ([u8; 4], [u8; 4]),
        ) {
            let of = |number: u32, name: u16, text: &str, [a, b, c, d]: [u8; 4]| {
                template(&format!(
                    "{words} {number}: \"t{name}\" ({number}, '{text}') {number}.5ms {a}.{b}.{c}.{d} pod-{name}"
                ))
            };
            let one = of(numbers.0, names.0, &texts.0, addresses.0);
            prop_assert_eq!(&one, &of(numbers.1, names.1, &texts.1, addresses.1));
            prop_assert!(one.starts_with(&words), "{}", one);
        }

        #[test]
        fn words_alone_stay(words in words()) {
            prop_assert_eq!(template(&words), words);
        }

        #[test]
        fn nothing_makes_it_panic_or_grow(text in "\\PC{0,80}|[-0-9a-f'\"«»:./ ]{0,80}") {
            prop_assert!(template(&text).len() <= 8 * text.len().max(1));
        }
    }
}
