//! The word for a name that isn't known (yet), `[unknown]`, in the languages of PostgreSQL's own translations, in UTF-8 and in the
//! encodings that a database of that language may have. Sorted by bytes.
//!
//! Source: the message catalogues of PostgreSQL 15.

/// Whether a server writes this in place of a name.
pub(super) fn is_unknown(name: &[u8]) -> bool {
    // What can't be written in the database's encoding comes as question marks.
    let marks = |inner: &[u8]| !inner.is_empty() && inner.iter().all(|byte| *byte == b'?');
    match name {
        b"[unknown]" => true,
        [b'[', inner @ .., b']'] => marks(inner) || WORDS.binary_search(&name).is_ok(),
        _ => false,
    }
}

const WORDS: [&[u8]; 21] = [
    b"[desconocido]",                      // es: desconocido
    b"[inconnu]",                          // fr: inconnu
    b"[ok\x84nd]",                         // sv: okänd, another encoding
    b"[ok\xc3\xa4nd]",                     // sv: okänd
    b"[ok\xe4nd]",                         // sv: okänd, another encoding
    b"[sconosciuto]",                      // it: sconosciuto
    b"[unbekannt]",                        // de: unbekannt
    b"[unknown]",                          // uk: unknown
    b"[\x95s\x96\xbe]",                    // ja: 不明, another encoding
    b"[\xad/\xa4]",                        // ru: н/д, another encoding
    b"[\xbe\xcb\xbc\xf6\xbe\xf8\xc0\xbd]", // ko: 알수없음, another encoding
    b"[\xc9\xd4\xcc\xc0]",                 // ja: 不明, another encoding
    b"[\xce/\xc4]",                        // ru: н/д, another encoding
    b"[\xce\xb4\xd6\xaa]",                 // zh_CN: 未知, another encoding
    b"[\xd0\xbd/\xd0\xb4]",                // ru: н/д
    b"[\xdd/\xd4]",                        // ru: н/д, another encoding
    b"[\xe1\x83\xa3\xe1\x83\xaa\xe1\x83\x9c\xe1\x83\x9d\xe1\x83\x91\xe1\x83\x98]", // ka: უცნობი
    b"[\xe4\xb8\x8d\xe6\x98\x8e]",         // ja: 不明
    b"[\xe6\x9c\xaa\xe7\x9f\xa5]",         // zh_CN: 未知
    b"[\xec\x95\x8c\xec\x88\x98\xec\x97\x86\xec\x9d\x8c]", // ko: 알수없음
    b"[\xed/\xe4]",                        // ru: н/д, another encoding
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_known_are_told_from_names() {
        for word in ["[unknown]", "[unbekannt]", "[н/д]", "[不明]", "[??]"] {
            assert!(is_unknown(word.as_bytes()), "{word}");
        }
        assert!(is_unknown(b"[ok\xe4nd]"));
        for name in ["", "[]", "[x]", "unknown", "?"] {
            assert!(!is_unknown(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn the_words_are_sorted() {
        assert!(WORDS.is_sorted());
    }
}
