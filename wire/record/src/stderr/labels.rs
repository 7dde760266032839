//! The words with which a line of a stderr log says which part of its record it is (`DETAIL:  `), and how a message ends that names a
//! position (` at character 15`): in English and in the languages of PostgreSQL's own translations, in UTF-8 and in the other
//! encodings that are in use with the language. Part of the table is what glibc makes of a word in an encoding that lacks its letters
//! ("transliterated"; see `severity/translations.rs`). What is question marks only, as Japanese is in `SQL_ASCII`, isn't here.
//!
//! Source: `send_message_to_server_log` in `elog.c`, and the server's message catalogues (`src/backend/po`) of PostgreSQL 11 to 18, in all
//! minor releases that could be had. To renew it, take the `msgstr` of the strings there from every catalogue, cut at the first `%`, and
//! convert it with `iconv`, with and without `//TRANSLIT`. The severity needs no such table: after it, every language has `:  `.

/// Which part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// `DETAIL`, or `DETAIL_LOG` in its place.
    Detail,
    /// `HINT`
    Hint,
    /// `QUERY`: a statement that the server ran by itself, for instance inside a function.
    Query,
    /// `CONTEXT`
    Context,
    /// `LOCATION`: the place in the server's source, with `log_error_verbosity = verbose`.
    Location,
    /// `STATEMENT`
    Statement,
    /// `BACKTRACE`
    Backtrace,
}

use Label::{Backtrace, Context, Detail, Hint, Location, Query, Statement};

/// What such a line begins with behind its prefix; the text follows at once. Sorted by bytes, so of several that fit, the last is the
/// longest, and **the longest is meant**: Turkish has `AYRINTI:` and in 11.7 to 11.22 `AYRINTI:  `. No bytes stand for two labels, nor
/// begin another label's.
pub(super) const LABELS: &[(&[u8], Label)] = &[
    (b"?PUCU:", Hint), // tr: İPUCU, transliterated
    (b"?PUCU:  ", Hint), // tr of 11: İPUCU, transliterated
    (b"ANFRAGE:  ", Query), // de: ANFRAGE
    (b"ANWEISUNG:  ", Statement), // de: ANWEISUNG
    (b"ASTUCE :  ", Hint), // fr: ASTUCE
    (b"AYRINTI:", Detail), // tr: AYRINTI
    (b"AYRINTI:  ", Detail), // tr of 11: AYRINTI
    (b"BACKTRACE:  ", Backtrace), // en: BACKTRACE
    (b"COMANDO:  ", Statement), // pt_BR: COMANDO
    (b"CONSULTA:  ", Query), // es, pt_BR: CONSULTA
    (b"CONTESTO:  ", Context), // it: CONTESTO
    (b"CONTEXT:  ", Context), // en: CONTEXT
    (b"CONTEXTE :  ", Context), // fr: CONTEXTE
    (b"CONTEXTO:  ", Context), // es, pt_BR: CONTEXTO
    (b"D?TAIL:  ", Detail), // fr: DÉTAIL, transliterated
    (b"DETAIL:  ", Detail), // en: DETAIL
    (b"DETALHE:  ", Detail), // pt_BR: DETALHE
    (b"DETALJ:  ", Detail), // sv: DETALJ
    (b"DETALLE:  ", Detail), // es: DETALLE
    (b"DETIL:  ", Detail), // id: DETIL
    (b"DETTAGLI:  ", Detail), // it: DETTAGLI
    (b"DICA:  ", Hint), // pt_BR: DICA
    (b"D\xc3\x89TAIL:  ", Detail), // fr: DÉTAIL
    (b"D\xc9TAIL:  ", Detail), // fr: DÉTAIL, another encoding
    (b"EMPLACEMENT :  ", Location), // fr: EMPLACEMENT
    (b"FR?GA:  ", Query), // sv: FRÅGA, transliterated
    (b"FRAGA:  ", Query), // sv: FRÅGA, transliterated
    (b"FR\xc3\x85GA:  ", Query), // sv: FRÅGA
    (b"FR\xc5GA:  ", Query), // sv: FRÅGA, another encoding
    (b"HINT:  ", Hint), // en: HINT
    (b"INSTRU??O:  ", Statement), // pt_BR of 16: INSTRUÇÂO, transliterated
    (b"INSTRUCAO:  ", Statement), // pt_BR of 16: INSTRUÇÂO, transliterated
    (b"INSTRUCTION :  ", Statement), // fr: INSTRUCTION
    (b"INSTRUKCZIYA:  ", Statement), // uk: ІНСТРУКЦІЯ, transliterated
    (b"INSTRU\xc3\x87\xc3\x82O:  ", Statement), // pt_BR of 16: INSTRUÇÂO
    (b"INSTRU\xc7\xc2O:  ", Statement), // pt_BR of 16: INSTRUÇÂO, another encoding
    (b"IPUCU:", Hint), // tr: İPUCU, transliterated
    (b"IPUCU:  ", Hint), // tr of 11: İPUCU, transliterated
    (b"ISTRUZIONE:  ", Statement), // it: ISTRUZIONE
    (b"I\x8d\x91\x92\x90\x93\x8a\x96I\x9f:  ", Statement), // uk: ІНСТРУКЦІЯ, transliterated
    (b"I\xee\xf3\xf4\xf2\xf5\xeb\xe3I\xf1:  ", Statement), // uk: ІНСТРУКЦІЯ, transliterated
    (b"KOMUT:  ", Statement), // tr: KOMUT
    (b"KONTEKS:  ", Context), // id: KONTEKS
    (b"KONTEKST:  ", Context), // pl: KONTEKST
    (b"KONTEXT:  ", Context), // sv: KONTEXT
    (b"LOCAL:  ", Location), // pt_BR: LOCAL
    (b"LOCATION:  ", Location), // en: LOCATION
    (b"LOKASI:  ", Location), // id: LOKASI
    (b"OPERATOR:  ", Statement), // ru: ОПЕРАТОР, transliterated
    (b"ORT:  ", Location), // de: ORT
    (b"ORTAM:", Context), // tr: ORTAM
    (b"ORTAM:  ", Context), // tr of 11: ORTAM
    (b"PERNYATAAN:  ", Statement), // id: PERNYATAAN
    (b"PETUNJUK :  ", Hint), // id: PETUNJUK
    (b"PILE D'APPEL : ", Backtrace), // fr since 13: PILE D'APPEL
    (b"PILHA DE CHAMADAS:  ", Backtrace), // pt_BR of 16: PILHA DE CHAMADAS
    (b"PLATS:  ", Location), // sv: PLATS
    (b"PODPOWIED?:  ", Hint), // pl: PODPOWIEDŹ, transliterated
    (b"PODPOWIEDZ:  ", Hint), // pl: PODPOWIEDŹ, transliterated
    (b"PODPOWIED\x8f:  ", Hint), // pl: PODPOWIEDŹ, another encoding
    (b"PODPOWIED\xac:  ", Hint), // pl: PODPOWIEDŹ, another encoding
    (b"PODPOWIED\xc5\xb9:  ", Hint), // pl: PODPOWIEDŹ
    (b"PODROBNOSTI:  ", Detail), // ru: ПОДРОБНОСТИ, transliterated
    (b"PODSKAZKA:  ", Hint), // ru: ПОДСКАЗКА, transliterated
    (b"POLOZHENIE: ", Location), // ru: ПОЛОЖЕНИЕ, transliterated
    (b"POSIZIONE:  ", Location), // it: POSIZIONE
    (b"POZYCJA:  ", Location), // pl: POZYCJA
    (b"QUERY :  ", Query), // id: QUERY
    (b"QUERY:  ", Query), // en: QUERY
    (b"REQU?TE :  ", Query), // fr: REQUÊTE, transliterated
    (b"REQUETE :  ", Query), // fr: REQUÊTE, transliterated
    (b"REQU\xc3\x8aTE :  ", Query), // fr: REQUÊTE
    (b"REQU\xcaTE :  ", Query), // fr: REQUÊTE, another encoding
    (b"ROZTASHUVANNYA:  ", Location), // uk: РОЗТАШУВАННЯ, transliterated
    (b"SATS:  ", Statement), // sv: SATS
    (b"SENTENCIA:  ", Statement), // es: SENTENCIA
    (b"SORGU:", Query), // tr: SORGU
    (b"SORGU:  ", Query), // tr of 11: SORGU
    (b"STATEMENT:  ", Statement), // en: STATEMENT
    (b"STEK:  ", Backtrace), // ru since 13: СТЕК, transliterated
    (b"SUGGERIMENTO:  ", Hint), // it: SUGGERIMENTO
    (b"SZCZEG??Y:  ", Detail), // pl: SZCZEGÓŁY, transliterated
    (b"SZCZEGOLY:  ", Detail), // pl: SZCZEGÓŁY, transliterated
    (b"SZCZEG\xc3\x93\xc5\x81Y:  ", Detail), // pl: SZCZEGÓŁY
    (b"SZCZEG\xd3?Y:  ", Detail), // pl: SZCZEGÓŁY, transliterated
    (b"SZCZEG\xd3LY:  ", Detail), // pl: SZCZEGÓŁY, transliterated
    (b"SZCZEG\xd3\xa3Y:  ", Detail), // pl: SZCZEGÓŁY, another encoding
    (b"TIPP:  ", Hint), // de: TIPP
    (b"TIPS:  ", Hint), // sv: TIPS
    (b"UBICACI?N:  ", Location), // es: UBICACIÓN, transliterated
    (b"UBICACION:  ", Location), // es: UBICACIÓN, transliterated
    (b"UBICACI\xc3\x93N:  ", Location), // es: UBICACIÓN
    (b"UBICACI\xd3N:  ", Location), // es: UBICACIÓN, another encoding
    (b"UKAZIVKA:  ", Hint), // uk: УКАЗІВКА, transliterated
    (b"VIDOMOSTI:  ", Detail), // uk: ВІДОМОСТІ, transliterated
    (b"VIDSTEZHUVATI:  ", Backtrace), // uk since 13: ВІДСТЕЖУВАТИ, transliterated
    (b"WYRA?ENIE:  ", Statement), // pl: WYRAŻENIE, transliterated
    (b"WYRAZENIE:  ", Statement), // pl: WYRAŻENIE, transliterated
    (b"WYRA\xafENIE:  ", Statement), // pl: WYRAŻENIE, another encoding
    (b"WYRA\xc5\xbbENIE:  ", Statement), // pl: WYRAŻENIE
    (b"YER: ", Location), // tr: YER
    (b"YER:  ", Location), // tr of 11: YER
    (b"ZAPIT:  ", Query), // uk: ЗАПИТ, transliterated
    (b"ZAPROS:  ", Query), // ru: ЗАПРОС, transliterated
    (b"ZAPYTANIE:  ", Query), // pl: ZAPYTANIE
    (b"ZUSAMMENHANG:  ", Context), // de: ZUSAMMENHANG
    (b"\x82I\x84\x8e\x8c\x8e\x91\x92I:  ", Detail), // uk: ВІДОМОСТІ, transliterated
    (b"\x82I\x84\x91\x92\x85\x86\x93\x82\x80\x92\x88:  ", Backtrace), // uk since 13: ВІДСТЕЖУВАТИ, transliterated
    (b"\x83o\x83b\x83N\x83g\x83\x8c\x81[\x83X:  ", Backtrace), // ja since 13: バックトレース, another encoding
    (b"\x83q\x83\x93\x83g:  ", Hint), // ja: ヒント, another encoding
    (b"\x87\x80\x8f\x88\x92:  ", Query), // uk: ЗАПИТ, another encoding
    (b"\x87\x80\x8f\x90\x8e\x91:  ", Query), // ru: ЗАПРОС, another encoding
    (b"\x8a\x8e\x8d\x92\x85\x8a\x91\x92:  ", Context), // ru, uk: КОНТЕКСТ, another encoding
    (b"\x8e\x8f\x85\x90\x80\x92\x8e\x90:  ", Statement), // ru: ОПЕРАТОР, another encoding
    (b"\x8f\x8e\x84\x90\x8e\x81\x8d\x8e\x91\x92\x88:  ", Detail), // ru: ПОДРОБНОСТИ, another encoding
    (b"\x8f\x8e\x84\x91\x8a\x80\x87\x8a\x80:  ", Hint), // ru: ПОДСКАЗКА, another encoding
    (b"\x8f\x8e\x8b\x8e\x86\x85\x8d\x88\x85: ", Location), // ru: ПОЛОЖЕНИЕ, another encoding
    (b"\x8f\xda\x8d\xd7:  ", Detail), // ja: 詳細, another encoding
    (b"\x8f\xea\x8f\x8a:  ", Location), // ja: 場所, another encoding
    (b"\x90\x81\xb6w:  ", Context), // ko: 내용, another encoding
    (b"\x90\x8e\x87\x92\x80\x98\x93\x82\x80\x8d\x8d\x9f:  ", Location), // uk: РОЗТАШУВАННЯ, another encoding
    (b"\x91\x92\x85\x8a:  ", Backtrace), // ru since 13: СТЕК, another encoding
    (b"\x93\x8a\x80\x87I\x82\x8a\x80:  ", Hint), // uk: УКАЗІВКА, transliterated
    (b"\x95\xb6:  ", Statement), // ja: 文, another encoding
    (b"\x95\xb6\x96\xac:  ", Context), // ja: 文脈, another encoding
    (b"\x96\xe2\x82\xa2\x8d\x87\x82\xed\x82\xb9:  ", Query), // ja: 問い合わせ, another encoding
    (b"\xa1w\x9dw \x8a\x81\xa2\x85:  ", Statement), // ko: 명령 구문, another encoding
    (b"\xa5\xd0\xa5\xc3\xa5\xaf\xa5\xc8\xa5\xec\xa1\xbc\xa5\xb9:  ", Backtrace), // ja since 13: バックトレース, another encoding
    (b"\xa5\xd2\xa5\xf3\xa5\xc8:  ", Hint), // ja: ヒント, another encoding
    (b"\xa6\xbd\xc1\xc2\xc0\xc3\xba\xc6\xa6\xcf:  ", Statement), // uk: ІНСТРУКЦІЯ, another encoding
    (b"\xacw\xadA\xb8\xf7\xa5\xa1:  ", Detail), // ko: 상세정보, another encoding
    (b"\xb2\xa6\xb4\xbe\xbc\xbe\xc1\xc2\xa6:  ", Detail), // uk: ВІДОМОСТІ, another encoding
    (b"\xb2\xa6\xb4\xc1\xc2\xb5\xb6\xc3\xb2\xb0\xc2\xb8:  ", Backtrace), // uk since 13: ВІДСТЕЖУВАТИ, another encoding
    (b"\xb2\xcd\xd1\xd2\xd0\xd3\xca\xd6\xb2\xdf:  ", Statement), // uk: ІНСТРУКЦІЯ, another encoding
    (b"\xb2\xe9\xd1\xaf:  ", Query), // zh_CN: 查询, another encoding
    (b"\xb3\xbb\xbf\xeb:  ", Context), // ko: 내용, another encoding
    (b"\xb5b\xc2\x81\xb8\xe2:  ", Backtrace), // ko since 15: 역추적, another encoding
    (b"\xb6\xe1\xc3\xa1: ", Location), // ko: 위치, another encoding
    (b"\xb6\xee\xf3\xf4\xf2\xf5\xeb\xe3\xb6\xf1:  ", Statement), // uk: ІНСТРУКЦІЯ, another encoding
    (b"\xb7\xb0\xbf\xb8\xc2:  ", Query), // uk: ЗАПИТ, another encoding
    (b"\xb7\xb0\xbf\xc0\xbe\xc1:  ", Query), // ru: ЗАПРОС, another encoding
    (b"\xb8\xed\xb7\xc9 \xb1\xb8\xb9\xae:  ", Statement), // ko: 명령 구문, another encoding
    (b"\xba\xbe\xbd\xc2\xb5\xba\xc1\xc2:  ", Context), // ru, uk: КОНТЕКСТ, another encoding
    (b"\xbb\xd8\xcb\xdd:  ", Backtrace), // zh_CN since 17.12: 回溯, another encoding
    (b"\xbb\xf3\xbc\xbc\xc1\xa4\xba\xb8:  ", Detail), // ko: 상세정보, another encoding
    (b"\xbe\xbf\xb5\xc0\xb0\xc2\xbe\xc0:  ", Statement), // ru: ОПЕРАТОР, another encoding
    (b"\xbe\xdc\xba\xd9:  ", Detail), // ja: 詳細, another encoding
    (b"\xbe\xec\xbd\xea:  ", Location), // ja: 場所, another encoding
    (b"\xbf\xaa\xc3\xdf\xc0\xfb:  ", Backtrace), // ko since 15: 역추적, another encoding
    (b"\xbf\xbe\xb4\xc0\xbe\xb1\xbd\xbe\xc1\xc2\xb8:  ", Detail), // ru: ПОДРОБНОСТИ, another encoding
    (b"\xbf\xbe\xb4\xc1\xba\xb0\xb7\xba\xb0:  ", Hint), // ru: ПОДСКАЗКА, another encoding
    (b"\xbf\xbe\xbb\xbe\xb6\xb5\xbd\xb8\xb5: ", Location), // ru: ПОЛОЖЕНИЕ, another encoding
    (b"\xc0\xa7\xc4\xa1: ", Location), // ko: 위치, another encoding
    (b"\xc0\xbe\xb7\xc2\xb0\xc8\xc3\xb2\xb0\xbd\xbd\xcf:  ", Location), // uk: РОЗТАШУВАННЯ, another encoding
    (b"\xc1\xc2\xb5\xba:  ", Backtrace), // ru since 13: СТЕК, another encoding
    (b"\xc2\xb2\xc4\xce\xcc\xce\xd1\xd2\xb2:  ", Detail), // uk: ВІДОМОСТІ, another encoding
    (b"\xc2\xb2\xc4\xd1\xd2\xc5\xc6\xd3\xc2\xc0\xd2\xc8:  ", Backtrace), // uk since 13: ВІДСТЕЖУВАТИ, another encoding
    (b"\xc3\xba\xb0\xb7\xa6\xb2\xba\xb0:  ", Hint), // uk: УКАЗІВКА, another encoding
    (b"\xc4\xb0PUCU:", Hint), // tr: İPUCU
    (b"\xc4\xb0PUCU:  ", Hint), // tr of 11: İPUCU
    (b"\xc4\xf5\xb8\xae:", Query), // ko: 쿼리, another encoding
    (b"\xc6\xa1\x9f\xa1:", Query), // ko: 쿼리, another encoding
    (b"\xc7\xc0\xcf\xc8\xd2:  ", Query), // uk: ЗАПИТ, another encoding
    (b"\xc7\xc0\xcf\xd0\xce\xd1:  ", Query), // ru: ЗАПРОС, another encoding
    (b"\xc8\xf9\xc6\xae:  ", Hint), // ko: 힌트, another encoding
    (b"\xc9\xcf\xcf\xc2\xce\xc4:  ", Context), // zh_CN: 上下文, another encoding
    (b"\xca\xb8:  ", Statement), // ja: 文, another encoding
    (b"\xca\xb8\xcc\xae:  ", Context), // ja: 文脈, another encoding
    (b"\xca\xce\xcd\xd2\xc5\xca\xd1\xd2:  ", Context), // ru, uk: КОНТЕКСТ, another encoding
    (b"\xcc\xe1\xca\xbe:  ", Hint), // zh_CN: 提示, another encoding
    (b"\xcc\xe4\xa4\xa4\xb9\xe7\xa4\xef\xa4\xbb:  ", Query), // ja: 問い合わせ, another encoding
    (b"\xce\xbb\xd6\xc3:  ", Location), // zh_CN: 位置, another encoding
    (b"\xce\xcf\xc5\xd0\xc0\xd2\xce\xd0:  ", Statement), // ru: ОПЕРАТОР, another encoding
    (b"\xcf\xce\xc4\xd0\xce\xc1\xcd\xce\xd1\xd2\xc8:  ", Detail), // ru: ПОДРОБНОСТИ, another encoding
    (b"\xcf\xce\xc4\xd1\xca\xc0\xc7\xca\xc0:  ", Hint), // ru: ПОДСКАЗКА, another encoding
    (b"\xcf\xce\xcb\xce\xc6\xc5\xcd\xc8\xc5: ", Location), // ru: ПОЛОЖЕНИЕ, another encoding
    (b"\xcf\xea\xc7\xe9:  ", Detail), // zh_CN since 17.12: 详情, another encoding
    (b"\xcf\xea\xcf\xb8\xd0\xc5\xcf\xa2:  ", Detail), // zh_CN: 详细信息, another encoding
    (b"\xd0\x86\xd0\x9d\xd0\xa1\xd0\xa2\xd0\xa0\xd0\xa3\xd0\x9a\xd0\xa6\xd0\x86\xd0\xaf:  ", Statement), // uk: ІНСТРУКЦІЯ
    (b"\xd0\x92\xd0\x86\xd0\x94\xd0\x9e\xd0\x9c\xd0\x9e\xd0\xa1\xd0\xa2\xd0\x86:  ", Detail), // uk: ВІДОМОСТІ
    (b"\xd0\x92\xd0\x86\xd0\x94\xd0\xa1\xd0\xa2\xd0\x95\xd0\x96\xd0\xa3\xd0\x92\xd0\x90\xd0\xa2\xd0\x98:  ", Backtrace), // uk since 13: ВІДСТЕЖУВАТИ
    (b"\xd0\x97\xd0\x90\xd0\x9f\xd0\x98\xd0\xa2:  ", Query), // uk: ЗАПИТ
    (b"\xd0\x97\xd0\x90\xd0\x9f\xd0\xa0\xd0\x9e\xd0\xa1:  ", Query), // ru: ЗАПРОС
    (b"\xd0\x9a\xd0\x9e\xd0\x9d\xd0\xa2\xd0\x95\xd0\x9a\xd0\xa1\xd0\xa2:  ", Context), // ru, uk: КОНТЕКСТ
    (b"\xd0\x9e\xd0\x9f\xd0\x95\xd0\xa0\xd0\x90\xd0\xa2\xd0\x9e\xd0\xa0:  ", Statement), // ru: ОПЕРАТОР
    (b"\xd0\x9f\xd0\x9e\xd0\x94\xd0\xa0\xd0\x9e\xd0\x91\xd0\x9d\xd0\x9e\xd0\xa1\xd0\xa2\xd0\x98:  ", Detail), // ru: ПОДРОБНОСТИ
    (b"\xd0\x9f\xd0\x9e\xd0\x94\xd0\xa1\xd0\x9a\xd0\x90\xd0\x97\xd0\x9a\xd0\x90:  ", Hint), // ru: ПОДСКАЗКА
    (b"\xd0\x9f\xd0\x9e\xd0\x9b\xd0\x9e\xd0\x96\xd0\x95\xd0\x9d\xd0\x98\xd0\x95: ", Location), // ru: ПОЛОЖЕНИЕ
    (b"\xd0\xa0\xd0\x9e\xd0\x97\xd0\xa2\xd0\x90\xd0\xa8\xd0\xa3\xd0\x92\xd0\x90\xd0\x9d\xd0\x9d\xd0\xaf:  ", Location), // uk: РОЗТАШУВАННЯ
    (b"\xd0\xa1\xd0\xa2\xd0\x95\xd0\x9a:  ", Backtrace), // ru since 13: СТЕК
    (b"\xd0\xa3\xd0\x9a\xd0\x90\xd0\x97\xd0\x86\xd0\x92\xd0\x9a\xd0\x90:  ", Hint), // uk: УКАЗІВКА
    (b"\xd0\xce\xc7\xd2\xc0\xd8\xd3\xc2\xc0\xcd\xcd\xdf:  ", Location), // uk: РОЗТАШУВАННЯ, another encoding
    (b"\xd1\xd2\xc5\xca:  ", Backtrace), // ru since 13: СТЕК, another encoding
    (b"\xd3\xa5\xcba:  ", Hint), // ko: 힌트, another encoding
    (b"\xd3\xca\xc0\xc7\xb2\xc2\xca\xc0:  ", Hint), // uk: УКАЗІВКА, another encoding
    (b"\xd3\xef\xbe\xe4:  ", Statement), // zh_CN: 语句, another encoding
    (b"\xddPUCU:", Hint), // tr: İPUCU, another encoding
    (b"\xddPUCU:  ", Hint), // tr of 11: İPUCU, another encoding
    (b"\xe1\x83\x93\xe1\x83\x94\xe1\x83\xa2\xe1\x83\x90\xe1\x83\x9a\xe1\x83\x94\xe1\x83\x91\xe1\x83\x98:  ", Detail), // ka: დეტალები
    (b"\xe1\x83\x99\xe1\x83\x9d\xe1\x83\x9c\xe1\x83\xa2\xe1\x83\x94\xe1\x83\xa5\xe1\x83\xa1\xe1\x83\xa2\xe1\x83\x98:  ", Context), // ka: კონტექსტი
    (b"\xe1\x83\x9b\xe1\x83\x93\xe1\x83\x94\xe1\x83\x91\xe1\x83\x90\xe1\x83\xa0\xe1\x83\x94\xe1\x83\x9d\xe1\x83\x91\xe1\x83\x90:   ", Location), // ka: მდებარეობა
    (b"\xe1\x83\x9b\xe1\x83\x98\xe1\x83\x9c\xe1\x83\x98\xe1\x83\xa8\xe1\x83\x9c\xe1\x83\x94\xe1\x83\x91\xe1\x83\x90:  ", Hint), // ka: მინიშნება
    (b"\xe1\x83\x9b\xe1\x83\x9d\xe1\x83\x97\xe1\x83\xae\xe1\x83\x9d\xe1\x83\x95\xe1\x83\x9c\xe1\x83\x90:  ", Query), // ka: მოთხოვნა
    (b"\xe1\x83\x9d\xe1\x83\x9e\xe1\x83\x94\xe1\x83\xa0\xe1\x83\x90\xe1\x83\xa2\xe1\x83\x9d\xe1\x83\xa0\xe1\x83\x98:  ", Statement), // ka: ოპერატორი
    (b"\xe1\x83\xa1\xe1\x83\xa2\xe1\x83\x94\xe1\x83\x99\xe1\x83\x98:  ", Backtrace), // ka: სტეკი
    (b"\xe3\x83\x90\xe3\x83\x83\xe3\x82\xaf\xe3\x83\x88\xe3\x83\xac\xe3\x83\xbc\xe3\x82\xb9:  ", Backtrace), // ja since 13: バックトレース
    (b"\xe3\x83\x92\xe3\x83\xb3\xe3\x83\x88:  ", Hint), // ja: ヒント
    (b"\xe4\xb8\x8a\xe4\xb8\x8b\xe6\x96\x87:  ", Context), // zh_CN: 上下文
    (b"\xe4\xbd\x8d\xe7\xbd\xae:  ", Location), // zh_CN: 位置
    (b"\xe5\x95\x8f\xe3\x81\x84\xe5\x90\x88\xe3\x82\x8f\xe3\x81\x9b:  ", Query), // ja: 問い合わせ
    (b"\xe5\x9b\x9e\xe6\xba\xaf:  ", Backtrace), // zh_CN since 17.12: 回溯
    (b"\xe5\xa0\xb4\xe6\x89\x80:  ", Location), // ja: 場所
    (b"\xe6\x8f\x90\xe7\xa4\xba:  ", Hint), // zh_CN: 提示
    (b"\xe6\x96\x87:  ", Statement), // ja: 文
    (b"\xe6\x96\x87\xe8\x84\x88:  ", Context), // ja: 文脈
    (b"\xe6\x9f\xa5\xe8\xa9\xa2:  ", Query), // zh_TW: 查詢
    (b"\xe6\x9f\xa5\xe8\xaf\xa2:  ", Query), // zh_CN: 查询
    (b"\xe8\xa9\xb3\xe6\x83\x85:  ", Detail), // zh_TW: 詳情
    (b"\xe8\xa9\xb3\xe7\xb4\xb0:  ", Detail), // ja: 詳細
    (b"\xe8\xaf\xa6\xe6\x83\x85:  ", Detail), // zh_CN since 17.12: 详情
    (b"\xe8\xaf\xa6\xe7\xbb\x86\xe4\xbf\xa1\xe6\x81\xaf:  ", Detail), // zh_CN: 详细信息
    (b"\xe8\xaf\xad\xe5\x8f\xa5:  ", Statement), // zh_CN: 语句
    (b"\xe9\x99\xb3\xe8\xbf\xb0\xe5\xbc\x8f:  ", Statement), // zh_TW: 陳述式
    (b"\xeb\x82\xb4\xec\x9a\xa9:  ", Context), // ko: 내용
    (b"\xeb\xaa\x85\xeb\xa0\xb9 \xea\xb5\xac\xeb\xac\xb8:  ", Statement), // ko: 명령 구문
    (b"\xeb\xef\xee\xf4\xe5\xeb\xf3\xf4:  ", Context), // ru, uk: КОНТЕКСТ, another encoding
    (b"\xec\x83\x81\xec\x84\xb8\xec\xa0\x95\xeb\xb3\xb4:  ", Detail), // ko: 상세정보
    (b"\xec\x97\xad\xec\xb6\x94\xec\xa0\x81:  ", Backtrace), // ko since 15: 역추적
    (b"\xec\x9c\x84\xec\xb9\x98: ", Location), // ko: 위치
    (b"\xec\xbf\xbc\xeb\xa6\xac:", Query), // ko: 쿼리
    (b"\xed\x9e\x8c\xed\x8a\xb8:  ", Hint), // ko: 힌트
    (b"\xef\xf0\xe5\xf2\xe1\xf4\xef\xf2:  ", Statement), // ru: ОПЕРАТОР, another encoding
    (b"\xf0\xef\xe4\xf2\xef\xe2\xee\xef\xf3\xf4\xe9:  ", Detail), // ru: ПОДРОБНОСТИ, another encoding
    (b"\xf0\xef\xe4\xf3\xeb\xe1\xfa\xeb\xe1:  ", Hint), // ru: ПОДСКАЗКА, another encoding
    (b"\xf0\xef\xec\xef\xf6\xe5\xee\xe9\xe5: ", Location), // ru: ПОЛОЖЕНИЕ, another encoding
    (b"\xf2\xef\xfa\xf4\xe1\xfb\xf5\xf7\xe1\xee\xee\xf1:  ", Location), // uk: РОЗТАШУВАННЯ, another encoding
    (b"\xf3\xf4\xe5\xeb:  ", Backtrace), // ru since 13: СТЕК, another encoding
    (b"\xf5\xeb\xe1\xfaI\xf7\xeb\xe1:  ", Hint), // uk: УКАЗІВКА, transliterated
    (b"\xf5\xeb\xe1\xfa\xb6\xf7\xeb\xe1:  ", Hint), // uk: УКАЗІВКА, another encoding
    (b"\xf7I\xe4\xef\xed\xef\xf3\xf4I:  ", Detail), // uk: ВІДОМОСТІ, transliterated
    (b"\xf7I\xe4\xf3\xf4\xe5\xf6\xf5\xf7\xe1\xf4\xe9:  ", Backtrace), // uk since 13: ВІДСТЕЖУВАТИ, transliterated
    (b"\xf7\xb6\xe4\xef\xed\xef\xf3\xf4\xb6:  ", Detail), // uk: ВІДОМОСТІ, another encoding
    (b"\xf7\xb6\xe4\xf3\xf4\xe5\xf6\xf5\xf7\xe1\xf4\xe9:  ", Backtrace), // uk since 13: ВІДСТЕЖУВАТИ, another encoding
    (b"\xfa\xe1\xf0\xe9\xf4:  ", Query), // uk: ЗАПИТ, another encoding
    (b"\xfa\xe1\xf0\xf2\xef\xf3:  ", Query), // ru: ЗАПРОС, another encoding
];

/// What stands before and behind the number in which a message says its position. It is the very end of the message. English first,
/// then sorted by bytes. Of one message no two can fit.
pub(super) const AT_CHARACTER: &[(&[u8], &[u8])] = &[
    (b" at character ", b""), // en
    (b" ", b" karakterinde "), // tr: … karakterinde
    (b" ", b" \xa4\xe5\xbc\x81 \xa2\x85\xb8a \xa6\x81\x8be"), // ko: … 번째 문자 부근, another encoding
    (b" ", b" \xb9\xf8\xc2\xb0 \xb9\xae\xc0\xda \xba\xce\xb1\xd9"), // ko: … 번째 문자 부근, another encoding
    (b" ", b" \xeb\xb2\x88\xec\xa7\xb8 \xeb\xac\xb8\xec\x9e\x90 \xeb\xb6\x80\xea\xb7\xbc"), // ko: … 번째 문자 부근
    (b" (simvol ", b")"), // ru: (символ …), transliterated
    (b" (\xd1\x81\xd0\xb8\xd0\xbc\xd0\xb2\xd0\xbe\xd0\xbb ", b")"), // ru: (символ …)
    (b" (\xd3\xc9\xcd\xd7\xcf\xcc ", b")"), // ru: (символ …), another encoding
    (b" (\xe1\xa8\xac\xa2\xae\xab ", b")"), // ru: (символ …), another encoding
    (b" (\xe1\xd8\xdc\xd2\xde\xdb ", b")"), // ru: (символ …), another encoding
    (b" (\xf1\xe8\xec\xe2\xee\xeb ", b")"), // ru: (символ …), another encoding
    (b" al carattere ", b""), // it: al carattere …
    (b" au caract?re ", b""), // fr: au caractère …, transliterated
    (b" au caractere ", b""), // fr: au caractère …, transliterated
    (b" au caract\xc3\xa8re ", b""), // fr: au caractère …
    (b" au caract\xe8re ", b""), // fr: au caractère …, another encoding
    (b" bei Zeichen ", b""), // de: bei Zeichen …
    (b" en car?cter ", b""), // es: en carácter …, transliterated
    (b" en caracter ", b""), // es: en carácter …, transliterated
    (b" en car\xc3\xa1cter ", b""), // es: en carácter …
    (b" en car\xe1cter ", b""), // es: en carácter …, another encoding
    (b" no caracter ", b""), // pt_BR of 16: no caracter …
    (b" no caractere ", b""), // pt_BR: no caractere …
    (b" pada karakter ", b""), // id: pada karakter …
    (b" przy znaku ", b""), // pl: przy znaku …
    (b" simvol ", b""), // uk: символ …, transliterated
    (b" vid tecken ", b""), // sv: vid tecken …
    (b" \xb5\xda ", b" \xb8\xf6\xd7\xd6\xb7\xfb\xb4\xa6"), // zh_CN: 第 … 个字符处, another encoding
    (b" \xd1\x81\xd0\xb8\xd0\xbc\xd0\xb2\xd0\xbe\xd0\xbb ", b""), // uk: символ …
    (b" \xd3\xc9\xcd\xd7\xcf\xcc ", b""), // uk: символ …, another encoding
    (b" \xe1\x83\xa1\xe1\x83\x98\xe1\x83\x9b\xe1\x83\x91\xe1\x83\x9d\xe1\x83\x9a\xe1\x83\x9d\xe1\x83\xa1\xe1\x83\x97\xe1\x83\x90\xe1\x83\x9c ", b""), // ka: სიმბოლოსთან …
    (b" \xe1\xa8\xac\xa2\xae\xab ", b""), // uk: символ …, another encoding
    (b" \xe1\xd8\xdc\xd2\xde\xdb ", b""), // uk: символ …, another encoding
    (b" \xe5\x9c\xa8\xe7\xac\xac ", b" \xe5\x80\x8b\xe5\xad\x97\xe5\x85\x83\xe8\x99\x95"), // zh_TW: 在第 … 個字元處
    (b" \xe7\xac\xac ", b" \xe4\xb8\xaa\xe5\xad\x97\xe7\xac\xa6\xe5\xa4\x84"), // zh_CN: 第 … 个字符处
    (b" \xf1\xe8\xec\xe2\xee\xeb ", b""), // uk: символ …, another encoding
    (b"(", b"\x95\xb6\x8e\x9a\x96\xda)"), // ja: (…文字目), another encoding
    (b"(", b"\xca\xb8\xbb\xfa\xcc\xdc)"), // ja: (…文字目), another encoding
    (b"(", b"\xe6\x96\x87\xe5\xad\x97\xe7\x9b\xae)"), // ja: (…文字目)
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &[u8], expected: Option<(Label, &[u8])>) {
        let longest = LABELS.iter().rev().find(|(word, _)| line.starts_with(word));
        let read = longest.map(|(word, label)| (*label, &line[word.len()..]));
        assert_eq!(read, expected, "{}", line.escape_ascii());
    }

    /// Lines that a server wrote in databases of several encodings, one in each language it was asked for.
    #[test]
    fn lines_of_servers_in_other_languages_are_told_apart() {
        for (line, label, text) in [
            (&b"DETAIL:  d"[..], Label::Detail, &b"d"[..]),
            ("DÉTAIL:  d".as_bytes(), Label::Detail, b"d"),
            (b"D\xc9TAIL:  d", Label::Detail, b"d"), // LATIN1
            (b"D?TAIL:  d", Label::Detail, b"d"),    // SQL_ASCII
            (b"ASTUCE :  h", Label::Hint, b"h"),
            (b"UBICACI?N:  f, a.c:1", Label::Location, b"f, a.c:1"),
            ("ПОЛОЖЕНИЕ: f, a.c:1".as_bytes(), Label::Location, b"f, a.c:1"),
            (b"\xf0\xef\xec\xef\xf6\xe5\xee\xe9\xe5: f", Label::Location, b"f"), // KOI8R
            (b"POLOZHENIE: f", Label::Location, b"f"),                           // LATIN1
            (b"\xca\xb8:  select 1", Label::Statement, b"select 1"),             // EUC_JP
            (b"\xca\xb8\xcc\xae:  c", Label::Context, b"c"),                     // EUC_JP
        ] {
            check(line, Some((label, text)));
        }
        check(b"??:  d", None);
        check(b"LOG:  started", None);
    }

    #[test]
    fn words_that_only_some_releases_have_are_known() {
        check(b"AYRINTI:d", Some((Label::Detail, b"d"))); // tr
        check(b"AYRINTI:  d", Some((Label::Detail, b"d"))); // tr, 11.7 to 11.22
        check("INSTRUÇÂO:  select".as_bytes(), Some((Label::Statement, b"select"))); // pt_BR, 16.3
        check(b"COMANDO:  select", Some((Label::Statement, b"select"))); // pt_BR, the others
        check(b"BACKTRACE:  b", Some((Label::Backtrace, b"b"))); // ko, before 15.3
        check("역추적:  b".as_bytes(), Some((Label::Backtrace, b"b"))); // ko, since then
        check("详细信息:  d".as_bytes(), Some((Label::Detail, b"d"))); // zh_CN, before 17.12
        check("详情:  d".as_bytes(), Some((Label::Detail, b"d"))); // zh_CN, 17.12
        check("詳情:  d".as_bytes(), Some((Label::Detail, b"d"))); // zh_TW, 17.12
    }

    #[test]
    fn no_label_is_there_twice_nor_begins_another() {
        assert!(LABELS.is_sorted_by(|one, next| one.0 < next.0));
        for (word, label) in LABELS {
            for (longer, other) in LABELS {
                assert!(!longer.starts_with(word) || label == other, "{}", word.escape_ascii());
            }
        }
    }

    #[test]
    fn no_label_reads_as_a_line_with_a_severity() {
        for (word, _) in LABELS {
            let name = word.trim_ascii_end();
            let name = name.strip_suffix(b":").expect("a label has a colon").trim_ascii_end();
            assert_eq!(crate::Severity::read(name, None), None, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn a_position_is_written_in_one_way_only() {
        assert_eq!(AT_CHARACTER[0], (&b" at character "[..], &b""[..]));
        assert!(AT_CHARACTER[1..].is_sorted_by(|one, next| one < next));
        for (at, (before, after)) in AT_CHARACTER.iter().enumerate() {
            let fits = |(longer, same): &(&[u8], &[u8])| same == after && longer.ends_with(before);
            assert_eq!(AT_CHARACTER.iter().position(fits), Some(at));
            assert_eq!(AT_CHARACTER.iter().rposition(fits), Some(at));
            assert!(before.len() + after.len() > 3, "too little to know it by");
        }
    }
}
