//! The one escape: how bytes that a `text` column can't hold are made visible, and how to get them back.
//!
//! PostgreSQL writes each text in the encoding of the database it concerns, so a log may hold bytes that aren't UTF-8. In a field
//! that has such bytes, or a NUL, every backslash becomes `\\` and every offending byte `\xHH`; the row's `escaped` names the
//! field. Other fields stay as they are, backslashes too.

use std::borrow::Cow;

/// Whether these bytes need the escape.
#[inline]
pub fn needs(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err() || memchr::memchr(0, bytes).is_some()
}

/// Appends the escaped form, which is valid UTF-8 without NUL.
pub fn escape_into(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            match byte {
                b'\\' => out.extend_from_slice(br"\\"),
                0 => hex(byte, out),
                _ => out.push(byte),
            }
        }
        for &byte in chunk.invalid() {
            hex(byte, out);
        }
    }
}

/// The text to store: borrowed as it is, or escaped when it needs to be.
pub fn to_text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if memchr::memchr(0, bytes).is_none() => Cow::Borrowed(text),
        _ => {
            let mut out = Vec::with_capacity(bytes.len() + 16);
            escape_into(bytes, &mut out);
            // The escape leaves only valid UTF-8, so nothing is lost here.
            Cow::Owned(String::from_utf8_lossy(&out).into_owned())
        }
    }
}

/// The bytes that were escaped; `None` for what [`escape_into`] doesn't write.
pub fn unescape(escaped: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(escaped.len());
    let mut rest = escaped.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match rest {
            [b'\\', behind @ ..] => {
                out.push(b'\\');
                rest = behind;
            }
            [b'x', high, low, behind @ ..] => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).ok()?;
                out.push(u8::from_str_radix(digits, 16).ok()?);
                rest = behind;
            }
            _ => return None,
        }
    }
    Some(out)
}

fn hex(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS[usize::from(nibble)];
    out.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 0x0f)]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_needs_it_is_escaped() {
        for (bytes, text) in [
            (&b"C:\\temp"[..], r"C:\temp"),
            ("naïve 🐘".as_bytes(), "naïve 🐘"),
            (b"a\\b\xe9c", r"a\\b\xe9c"),
            (b"nul\0", r"nul\x00"),
        ] {
            assert_eq!(to_text(bytes), text);
        }
    }

    proptest! {
        #[test]
        fn what_was_escaped_comes_back(bytes: Vec<u8>) {
            let mut out = Vec::new();
            escape_into(&bytes, &mut out);
            prop_assert!(!needs(&out));
            prop_assert_eq!(unescape(std::str::from_utf8(&out).unwrap()), Some(bytes));
        }
    }
}
