//! The severities in the languages of PostgreSQL's own translations, in UTF-8 and in the other encodings that are in use with the
//! language: a backend writes its log in the encoding of its database, other processes in that of the server's locale. Sorted by bytes.
//!
//! "Transliterated" is what glibc makes of a word whose letters the database's encoding lacks, as a server with Russian messages does in
//! a database in `LATIN1` or in `SQL_ASCII`: `OSHIBKA`. Of what becomes question marks only, nothing can be read.
//!
//! Source: the server's message catalogues (`src/backend/po`) of PostgreSQL 11 to 18, in all minor releases that could be had, since words
//! change in these too; "of 11" is a word that only some releases of 11 have. To renew it, take each severity's `msgstr` from every
//! catalogue where it differs from English, and convert it with `iconv`, with and without `//TRANSLIT`. Languages that aren't here leave
//! the severities in English.

use crate::Severity;

/// A word in some language.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meaning {
    /// This severity.
    One(Severity),
    /// Georgian has one word for both NOTICE and WARNING.
    NoticeOrWarning,
}

use Meaning::{NoticeOrWarning, One};
use Severity::{Debug, Error, Fatal, Info, Log, Notice, Panic, Warning};

pub(super) const WORDS: [(&[u8], Meaning); 215] = [
    (b"?L?MC?L", One(Fatal)), // tr of 11: ÖLÜMCÜL, transliterated
    (b"?L?MC?L (FATAL)", One(Fatal)), // tr: ÖLÜMCÜL (FATAL), transliterated
    (b"ADVERT?NCIA", One(Warning)), // pt_BR of 16: ADVERTÊNCIA, transliterated
    (b"ADVERTENCIA", One(Warning)), // pt_BR of 16: ADVERTÊNCIA, transliterated
    (b"ADVERT\xc3\x8aNCIA", One(Warning)), // pt_BR of 16: ADVERTÊNCIA
    (b"ADVERT\xcaNCIA", One(Warning)), // pt_BR of 16: ADVERTÊNCIA, another encoding
    (b"ATTENTION", One(Warning)), // fr: ATTENTION
    (b"ATTENZIONE", One(Warning)), // it: ATTENZIONE
    (b"AVISO", One(Warning)), // pt_BR: AVISO
    (b"B??D", One(Error)), // pl: BŁĄD, transliterated
    (b"B?LG?", One(Info)), // tr: BİLGİ, transliterated
    (b"BILGI", One(Info)), // tr: BİLGİ, transliterated
    (b"BLAD", One(Error)), // pl: BŁĄD, transliterated
    (b"B\xa3\xa1D", One(Error)), // pl: BŁĄD, another encoding
    (b"B\xa3\xa5D", One(Error)), // pl: BŁĄD, another encoding
    (b"B\xc4\xb0LG\xc4\xb0", One(Info)), // tr: BİLGİ
    (b"B\xc5\x81\xc4\x84D", One(Error)), // pl: BŁĄD
    (b"B\xddLG\xdd", One(Info)), // tr: BİLGİ, another encoding
    (b"DEPURA??O", One(Debug)), // pt_BR: DEPURAÇÃO, transliterated
    (b"DEPURACAO", One(Debug)), // pt_BR: DEPURAÇÃO, transliterated
    (b"DEPURA\xc3\x87\xc3\x83O", One(Debug)), // pt_BR: DEPURAÇÃO
    (b"DEPURA\xc7\xc3O", One(Debug)), // pt_BR: DEPURAÇÃO, another encoding
    (b"DZIENNIK", One(Log)), // pl: DZIENNIK
    (b"ERREUR", One(Error)), // fr: ERREUR
    (b"ERRO", One(Error)), // pt_BR: ERRO
    (b"ERRORE", One(Error)), // it: ERRORE
    (b"FATALE", One(Fatal)), // it: FATALE
    (b"FATALT", One(Fatal)), // sv: FATALT
    (b"FATAL`NO", One(Fatal)), // uk: ФАТАЛЬНО, transliterated
    (b"FEHLER", One(Error)), // de: FEHLER
    (b"FEL", One(Error)), // sv: FEL
    (b"HATA", One(Error)), // tr: HATA
    (b"HINWEIS", One(Notice)), // de: HINWEIS
    (b"INFORMACJA", One(Info)), // pl: INFORMACJA
    (b"INFORMACZIYA", One(Info)), // uk: ІНФОРМАЦІЯ, transliterated; ru: ИНФОРМАЦИЯ, transliterated
    (b"I\x8d\x94\x8e\x90\x8c\x80\x96I\x9f", One(Info)), // uk: ІНФОРМАЦІЯ, transliterated
    (b"I\xee\xe6\xef\xf2\xed\xe1\xe3I\xf1", One(Info)), // uk: ІНФОРМАЦІЯ, transliterated
    (b"KATASTROFALNY", One(Fatal)), // pl: KATASTROFALNY
    (b"KR?T?K", One(Panic)), // tr: KRİTİK, transliterated
    (b"KRITIK", One(Panic)), // tr: KRİTİK, transliterated
    (b"KR\xc4\xb0T\xc4\xb0K", One(Panic)), // tr: KRİTİK
    (b"KR\xddT\xddK", One(Panic)), // tr: KRİTİK, another encoding
    (b"LOGG", One(Log)), // sv: LOGG
    (b"NALAGODZHENNYA", One(Debug)), // uk: НАЛАГОДЖЕННЯ, transliterated
    (b"NOT", One(Notice)), // tr: NOT
    (b"NOTA", One(Notice)), // pt_BR: NOTA
    (b"NOTIFICA", One(Notice)), // it: NOTIFICA
    (b"NOTIS", One(Notice)), // sv: NOTIS
    (b"OLUMCUL", One(Fatal)), // tr of 11: ÖLÜMCÜL, transliterated
    (b"OLUMCUL (FATAL)", One(Fatal)), // tr: ÖLÜMCÜL (FATAL), transliterated
    (b"OSHIBKA", One(Error)), // ru: ОШИБКА, transliterated
    (b"OSTRZE?ENIE", One(Warning)), // pl: OSTRZEŻENIE, transliterated
    (b"OSTRZEZENIE", One(Warning)), // pl: OSTRZEŻENIE, transliterated
    (b"OSTRZE\xafENIE", One(Warning)), // pl: OSTRZEŻENIE, another encoding
    (b"OSTRZE\xc5\xbbENIE", One(Warning)), // pl: OSTRZEŻENIE
    (b"OTLADKA", One(Debug)), // ru: ОТЛАДКА, transliterated
    (b"P?NICO", One(Panic)), // pt_BR: PÂNICO, transliterated
    (b"PANICO", One(Panic)), // it: PANICO
    (b"PANIK", One(Panic)), // de, id, sv: PANIK
    (b"PANIKA", One(Panic)), // pl: PANIKA
    (b"PERINGATAN", One(Warning)), // id: PERINGATAN
    (b"POMILKA", One(Error)), // uk: ПОМИЛКА, transliterated
    (b"POPEREDZHENNYA", One(Warning)), // uk: ПОПЕРЕДЖЕННЯ, transliterated
    (b"POVIDOMLENNYA", One(Notice)), // uk: ПОВІДОМЛЕННЯ, transliterated
    (b"PREDUPREZHDENIE", One(Warning)), // ru: ПРЕДУПРЕЖДЕНИЕ, transliterated
    (b"P\xc2NICO", One(Panic)), // pt_BR: PÂNICO, another encoding
    (b"P\xc3\x82NICO", One(Panic)), // pt_BR: PÂNICO
    (b"SOOBSHHENIE", One(Log)), // ru: СООБЩЕНИЕ, transliterated
    (b"UWAGA", One(Notice)), // pl: UWAGA
    (b"UYARI", One(Warning)), // tr: UYARI
    (b"VARNING", One(Warning)), // sv: VARNING
    (b"VAZHNO", One(Fatal)), // ru: ВАЖНО, transliterated
    (b"WARNUNG", One(Warning)), // de: WARNUNG
    (b"ZAMECHANIE", One(Notice)), // ru: ЗАМЕЧАНИЕ, transliterated
    (b"ZAPISUVANNYA", One(Log)), // uk: ЗАПИСУВАННЯ, transliterated
    (b"\x82\x80\x86\x8d\x8e", One(Fatal)), // ru: ВАЖНО, another encoding
    (b"\x87\x80\x8c\x85\x97\x80\x8d\x88\x85", One(Notice)), // ru: ЗАМЕЧАНИЕ, another encoding
    (b"\x87\x80\x8f\x88\x91\x93\x82\x80\x8d\x8d\x9f", One(Log)), // uk: ЗАПИСУВАННЯ, another encoding
    (b"\x88\x8d\x94\x8e\x90\x8c\x80\x96\x88\x9f", One(Info)), // ru: ИНФОРМАЦИЯ, another encoding
    (b"\x89w\x89\xa1", One(Warning)), // ko: 경고, another encoding
    (b"\x8d\x80\x8b\x80\x83\x8e\x84\x86\x85\x8d\x8d\x9f", One(Debug)), // uk: НАЛАГОДЖЕННЯ, another encoding
    (b"\x8e\x92\x8b\x80\x84\x8a\x80", One(Debug)), // ru: ОТЛАДКА, another encoding
    (b"\x8e\x98\x88\x81\x8a\x80", One(Error)), // ru: ОШИБКА, another encoding
    (b"\x8f\x80\x8dI\x8a\x80", One(Panic)), // uk: ПАНІКА, transliterated
    (b"\x8f\x80\x8d\x88\x8a\x80", One(Panic)), // ru: ПАНИКА, another encoding
    (b"\x8f\x8e\x82I\x84\x8e\x8c\x8b\x85\x8d\x8d\x9f", One(Notice)), // uk: ПОВІДОМЛЕННЯ, transliterated
    (b"\x8f\x8e\x8c\x88\x8b\x8a\x80", One(Error)), // uk: ПОМИЛКА, another encoding
    (b"\x8f\x8e\x8f\x85\x90\x85\x84\x86\x85\x8d\x8d\x9f", One(Warning)), // uk: ПОПЕРЕДЖЕННЯ, another encoding
    (b"\x8f\x90\x85\x84\x93\x8f\x90\x85\x86\x84\x85\x8d\x88\x85", One(Warning)), // ru: ПРЕДУПРЕЖДЕНИЕ, another encoding
    (b"\x91\x8e\x8e\x81\x99\x85\x8d\x88\x85", One(Log)), // ru: СООБЩЕНИЕ, another encoding
    (b"\x94\x80\x92\x80\x8b\x9c\x8d\x8e", One(Fatal)), // uk: ФАТАЛЬНО, another encoding
    (b"\x97\xa1\xa4\xe1\x8ba", One(Debug)), // ko: 디버그, another encoding
    (b"\x9d\xa1\x8ba", One(Log)), // ko: 로그, another encoding
    (b"\xa6\xbd\xc4\xbe\xc0\xbc\xb0\xc6\xa6\xcf", One(Info)), // uk: ІНФОРМАЦІЯ, another encoding
    (b"\xad\xa5\xacw", One(Panic)), // ko: 손상, another encoding
    (b"\xb0\xe6\xb0\xed", One(Warning)), // ko: 경고, another encoding
    (b"\xb1\xc8\xd6\xc2\xc3\xfc\xb4\xed\xce\xf3\xbb\xb9\xb9\xfd\xb7\xd6\xb5\xc4\xb4\xed\xce\xf3", One(Panic)), // zh_CN: 比致命错误还过分的错误, another encoding
    (b"\xb2\xb0\xb6\xbd\xbe", One(Fatal)), // ru: ВАЖНО, another encoding
    (b"\xb2\xcd\xd4\xce\xd0\xcc\xc0\xd6\xb2\xdf", One(Info)), // uk: ІНФОРМАЦІЯ, another encoding
    (b"\xb4i\x9f\xb1", One(Notice)), // ko: 알림, another encoding
    (b"\xb4\xed\xce\xf3", One(Error)), // zh_CN: 错误, another encoding
    (b"\xb5\xa1\x9fA", One(Error)), // ko: 오류, another encoding
    (b"\xb5\xf0\xb9\xf6\xb1\xd7", One(Debug)), // ko: 디버그, another encoding
    (b"\xb5\xf7\xca\xd4", One(Debug)), // zh_CN: 调试, another encoding
    (b"\xb6\xee\xe6\xef\xf2\xed\xe1\xe3\xb6\xf1", One(Info)), // uk: ІНФОРМАЦІЯ, another encoding
    (b"\xb7\xb0\xbc\xb5\xc7\xb0\xbd\xb8\xb5", One(Notice)), // ru: ЗАМЕЧАНИЕ, another encoding
    (b"\xb7\xb0\xbf\xb8\xc1\xc3\xb2\xb0\xbd\xbd\xcf", One(Log)), // uk: ЗАПИСУВАННЯ, another encoding
    (b"\xb7\xce\xb1\xd7", One(Log)), // ko: 로그, another encoding
    (b"\xb8\xbd\xc4\xbe\xc0\xbc\xb0\xc6\xb8\xcf", One(Info)), // ru: ИНФОРМАЦИЯ, another encoding
    (b"\xb8\xf7\xa5\xa1", One(Info)), // ko: 정보, another encoding
    (b"\xbc\xd5\xbb\xf3", One(Panic)), // ko: 손상, another encoding
    (b"\xbd\xb0\xbb\xb0\xb3\xbe\xb4\xb6\xb5\xbd\xbd\xcf", One(Debug)), // uk: НАЛАГОДЖЕННЯ, another encoding
    (b"\xbe\xaf\xb8\xe6", One(Warning)), // zh_CN: 警告, another encoding
    (b"\xbe\xc2\xbb\xb0\xb4\xba\xb0", One(Debug)), // ru: ОТЛАДКА, another encoding
    (b"\xbe\xc8\xb8\xb1\xba\xb0", One(Error)), // ru: ОШИБКА, another encoding
    (b"\xbe\xcb\xb8\xb2", One(Notice)), // ko: 알림, another encoding
    (b"\xbf\xb0\xbd\xa6\xba\xb0", One(Panic)), // uk: ПАНІКА, another encoding
    (b"\xbf\xb0\xbd\xb8\xba\xb0", One(Panic)), // ru: ПАНИКА, another encoding
    (b"\xbf\xbe\xb2\xa6\xb4\xbe\xbc\xbb\xb5\xbd\xbd\xcf", One(Notice)), // uk: ПОВІДОМЛЕННЯ, another encoding
    (b"\xbf\xbe\xbc\xb8\xbb\xba\xb0", One(Error)), // uk: ПОМИЛКА, another encoding
    (b"\xbf\xbe\xbf\xb5\xc0\xb5\xb4\xb6\xb5\xbd\xbd\xcf", One(Warning)), // uk: ПОПЕРЕДЖЕННЯ, another encoding
    (b"\xbf\xc0\xb5\xb4\xc3\xbf\xc0\xb5\xb6\xb4\xb5\xbd\xb8\xb5", One(Warning)), // ru: ПРЕДУПРЕЖДЕНИЕ, another encoding
    (b"\xbf\xc0\xb7\xf9", One(Error)), // ko: 오류, another encoding
    (b"\xc1\xa4\xba\xb8", One(Info)), // ko: 정보, another encoding
    (b"\xc1\xbe\xbe\xb1\xc9\xb5\xbd\xb8\xb5", One(Log)), // ru: СООБЩЕНИЕ, another encoding
    (b"\xc2\xc0\xc6\xcd\xce", One(Fatal)), // ru: ВАЖНО, another encoding
    (b"\xc3\x96L\xc3\x9cMC\xc3\x9cL", One(Fatal)), // tr of 11: ÖLÜMCÜL
    (b"\xc3\x96L\xc3\x9cMC\xc3\x9cL (FATAL)", One(Fatal)), // tr: ÖLÜMCÜL (FATAL)
    (b"\xc3\xa1\xa1w\xb8\xe2\xb5\xa1\x9fA", One(Fatal)), // ko: 치명적오류, another encoding
    (b"\xc4\xa1\xb8\xed\xc0\xfb\xbf\xc0\xb7\xf9", One(Fatal)), // ko: 치명적오류, another encoding
    (b"\xc4\xb0\xc2\xb0\xbb\xcc\xbd\xbe", One(Fatal)), // uk: ФАТАЛЬНО, another encoding
    (b"\xc7\xc0\xcc\xc5\xd7\xc0\xcd\xc8\xc5", One(Notice)), // ru: ЗАМЕЧАНИЕ, another encoding
    (b"\xc7\xc0\xcf\xc8\xd1\xd3\xc2\xc0\xcd\xcd\xdf", One(Log)), // uk: ЗАПИСУВАННЯ, another encoding
    (b"\xc8\xcd\xd4\xce\xd0\xcc\xc0\xd6\xc8\xdf", One(Info)), // ru: ИНФОРМАЦИЯ, another encoding
    (b"\xc8\xd5\xd6\xbe", One(Log)), // zh_CN: 日志, another encoding
    (b"\xcd\xc0\xcb\xc0\xc3\xce\xc4\xc6\xc5\xcd\xcd\xdf", One(Debug)), // uk: НАЛАГОДЖЕННЯ, another encoding
    (b"\xce\xd2\xcb\xc0\xc4\xca\xc0", One(Debug)), // ru: ОТЛАДКА, another encoding
    (b"\xce\xd8\xc8\xc1\xca\xc0", One(Error)), // ru: ОШИБКА, another encoding
    (b"\xcf\xc0\xcd\xb2\xca\xc0", One(Panic)), // uk: ПАНІКА, another encoding
    (b"\xcf\xc0\xcd\xc8\xca\xc0", One(Panic)), // ru: ПАНИКА, another encoding
    (b"\xcf\xce\xc2\xb2\xc4\xce\xcc\xcb\xc5\xcd\xcd\xdf", One(Notice)), // uk: ПОВІДОМЛЕННЯ, another encoding
    (b"\xcf\xce\xcc\xc8\xcb\xca\xc0", One(Error)), // uk: ПОМИЛКА, another encoding
    (b"\xcf\xce\xcf\xc5\xd0\xc5\xc4\xc6\xc5\xcd\xcd\xdf", One(Warning)), // uk: ПОПЕРЕДЖЕННЯ, another encoding
    (b"\xcf\xd0\xc5\xc4\xd3\xcf\xd0\xc5\xc6\xc4\xc5\xcd\xc8\xc5", One(Warning)), // ru: ПРЕДУПРЕЖДЕНИЕ, another encoding
    (b"\xd0\x86\xd0\x9d\xd0\xa4\xd0\x9e\xd0\xa0\xd0\x9c\xd0\x90\xd0\xa6\xd0\x86\xd0\xaf", One(Info)), // uk: ІНФОРМАЦІЯ
    (b"\xd0\x92\xd0\x90\xd0\x96\xd0\x9d\xd0\x9e", One(Fatal)), // ru: ВАЖНО
    (b"\xd0\x97\xd0\x90\xd0\x9c\xd0\x95\xd0\xa7\xd0\x90\xd0\x9d\xd0\x98\xd0\x95", One(Notice)), // ru: ЗАМЕЧАНИЕ
    (b"\xd0\x97\xd0\x90\xd0\x9f\xd0\x98\xd0\xa1\xd0\xa3\xd0\x92\xd0\x90\xd0\x9d\xd0\x9d\xd0\xaf", One(Log)), // uk: ЗАПИСУВАННЯ
    (b"\xd0\x98\xd0\x9d\xd0\xa4\xd0\x9e\xd0\xa0\xd0\x9c\xd0\x90\xd0\xa6\xd0\x98\xd0\xaf", One(Info)), // ru: ИНФОРМАЦИЯ
    (b"\xd0\x9d\xd0\x90\xd0\x9b\xd0\x90\xd0\x93\xd0\x9e\xd0\x94\xd0\x96\xd0\x95\xd0\x9d\xd0\x9d\xd0\xaf", One(Debug)), // uk: НАЛАГОДЖЕННЯ
    (b"\xd0\x9e\xd0\xa2\xd0\x9b\xd0\x90\xd0\x94\xd0\x9a\xd0\x90", One(Debug)), // ru: ОТЛАДКА
    (b"\xd0\x9e\xd0\xa8\xd0\x98\xd0\x91\xd0\x9a\xd0\x90", One(Error)), // ru: ОШИБКА
    (b"\xd0\x9f\xd0\x90\xd0\x9d\xd0\x86\xd0\x9a\xd0\x90", One(Panic)), // uk: ПАНІКА
    (b"\xd0\x9f\xd0\x90\xd0\x9d\xd0\x98\xd0\x9a\xd0\x90", One(Panic)), // ru: ПАНИКА
    (b"\xd0\x9f\xd0\x9e\xd0\x92\xd0\x86\xd0\x94\xd0\x9e\xd0\x9c\xd0\x9b\xd0\x95\xd0\x9d\xd0\x9d\xd0\xaf", One(Notice)), // uk: ПОВІДОМЛЕННЯ
    (b"\xd0\x9f\xd0\x9e\xd0\x9c\xd0\x98\xd0\x9b\xd0\x9a\xd0\x90", One(Error)), // uk: ПОМИЛКА
    (b"\xd0\x9f\xd0\x9e\xd0\x9f\xd0\x95\xd0\xa0\xd0\x95\xd0\x94\xd0\x96\xd0\x95\xd0\x9d\xd0\x9d\xd0\xaf", One(Warning)), // uk: ПОПЕРЕДЖЕННЯ
    (b"\xd0\x9f\xd0\xa0\xd0\x95\xd0\x94\xd0\xa3\xd0\x9f\xd0\xa0\xd0\x95\xd0\x96\xd0\x94\xd0\x95\xd0\x9d\xd0\x98\xd0\x95", One(Warning)), // ru: ПРЕДУПРЕЖДЕНИЕ
    (b"\xd0\xa1\xd0\x9e\xd0\x9e\xd0\x91\xd0\xa9\xd0\x95\xd0\x9d\xd0\x98\xd0\x95", One(Log)), // ru: СООБЩЕНИЕ
    (b"\xd0\xa4\xd0\x90\xd0\xa2\xd0\x90\xd0\x9b\xd0\xac\xd0\x9d\xd0\x9e", One(Fatal)), // uk: ФАТАЛЬНО
    (b"\xd0\xc5\xcf\xa2", One(Info)), // zh_CN: 信息, another encoding
    (b"\xd1\xce\xce\xc1\xd9\xc5\xcd\xc8\xc5", One(Log)), // ru: СООБЩЕНИЕ, another encoding
    (b"\xd4\xc0\xd2\xc0\xcb\xdc\xcd\xce", One(Fatal)), // uk: ФАТАЛЬНО, another encoding
    (b"\xd4\xd6\xc4\xd1\xd0\xd4\xb4\xed\xce\xf3", One(Panic)), // zh_CN since 17.12: 灾难性错误, another encoding
    (b"\xd6L\xdcMC\xdcL", One(Fatal)), // tr of 11: ÖLÜMCÜL, another encoding
    (b"\xd6L\xdcMC\xdcL (FATAL)", One(Fatal)), // tr: ÖLÜMCÜL (FATAL), another encoding
    (b"\xd6\xc2\xc3\xfc\xb4\xed\xce\xf3", One(Fatal)), // zh_CN: 致命错误, another encoding
    (b"\xd7\xa2\xd2\xe2", One(Notice)), // zh_CN: 注意, another encoding
    (b"\xe1\x83\x92\xe1\x83\x90\xe1\x83\x9b\xe1\x83\x90\xe1\x83\xa0\xe1\x83\x97\xe1\x83\x95\xe1\x83\x90", One(Debug)), // ka: გამართვა
    (b"\xe1\x83\x92\xe1\x83\x90\xe1\x83\xa4\xe1\x83\xa0\xe1\x83\x97\xe1\x83\xae\xe1\x83\x98\xe1\x83\x9a\xe1\x83\x94\xe1\x83\x91\xe1\x83\x90", NoticeOrWarning), // ka: გაფრთხილება
    (b"\xe1\x83\x98\xe1\x83\x9c\xe1\x83\xa4\xe1\x83\x9d\xe1\x83\xa0\xe1\x83\x9b\xe1\x83\x90\xe1\x83\xaa\xe1\x83\x98\xe1\x83\x90", One(Info)), // ka: ინფორმაცია
    (b"\xe1\x83\x9e\xe1\x83\x90\xe1\x83\x9c\xe1\x83\x98\xe1\x83\x99\xe1\x83\x90", One(Panic)), // ka: პანიკა
    (b"\xe1\x83\x9f\xe1\x83\xa3\xe1\x83\xa0\xe1\x83\x9c\xe1\x83\x90\xe1\x83\x9a\xe1\x83\x98", One(Log)), // ka: ჟურნალი
    (b"\xe1\x83\xa4\xe1\x83\x90\xe1\x83\xa2\xe1\x83\x90\xe1\x83\x9a\xe1\x83\xa3\xe1\x83\xa0\xe1\x83\x98", One(Fatal)), // ka: ფატალური
    (b"\xe1\x83\xa8\xe1\x83\x94\xe1\x83\xaa\xe1\x83\x93\xe1\x83\x9d\xe1\x83\x9b\xe1\x83\x90", One(Error)), // ka: შეცდომა
    (b"\xe4\xbf\xa1\xe6\x81\xaf", One(Info)), // zh_CN: 信息
    (b"\xe5\x9a\xb4\xe9\x87\x8d\xe9\x8c\xaf\xe8\xaa\xa4", One(Panic)), // zh_TW: 嚴重錯誤
    (b"\xe6\x97\xa5\xe5\xbf\x97", One(Log)), // zh_CN: 日志
    (b"\xe6\x97\xa5\xe8\xaa\x8c", One(Log)), // zh_TW: 日誌
    (b"\xe6\xaf\x94\xe8\x87\xb4\xe5\x91\xbd\xe9\x94\x99\xe8\xaf\xaf\xe8\xbf\x98\xe8\xbf\x87\xe5\x88\x86\xe7\x9a\x84\xe9\x94\x99\xe8\xaf\xaf", One(Panic)), // zh_CN: 比致命错误还过分的错误
    (b"\xe6\xb3\xa8\xe6\x84\x8f", One(Notice)), // zh_CN: 注意
    (b"\xe6\xe1\xf4\xe1\xec\xf8\xee\xef", One(Fatal)), // uk: ФАТАЛЬНО, another encoding
    (b"\xe7\x81\xbe\xe9\x9a\xbe\xe6\x80\xa7\xe9\x94\x99\xe8\xaf\xaf", One(Panic)), // zh_CN since 17.12: 灾难性错误
    (b"\xe8\x87\xb4\xe5\x91\xbd\xe9\x8c\xaf\xe8\xaa\xa4", One(Fatal)), // zh_TW: 致命錯誤
    (b"\xe8\x87\xb4\xe5\x91\xbd\xe9\x94\x99\xe8\xaf\xaf", One(Fatal)), // zh_CN: 致命错误
    (b"\xe8\xad\xa6\xe5\x91\x8a", One(Warning)), // zh_CN: 警告
    (b"\xe8\xb0\x83\xe8\xaf\x95", One(Debug)), // zh_CN: 调试
    (b"\xe8\xb3\x87\xe8\xa8\x8a", One(Info)), // zh_TW: 資訊
    (b"\xe9\x8c\xaf\xe8\xaa\xa4", One(Error)), // zh_TW: 錯誤
    (b"\xe9\x94\x99\xe8\xaf\xaf", One(Error)), // zh_CN: 错误
    (b"\xe9\x99\xa4\xe9\x8c\xaf", One(Debug)), // zh_TW: 除錯
    (b"\xe9\xee\xe6\xef\xf2\xed\xe1\xe3\xe9\xf1", One(Info)), // ru: ИНФОРМАЦИЯ, another encoding
    (b"\xea\xb2\xbd\xea\xb3\xa0", One(Warning)), // ko: 경고
    (b"\xeb\x94\x94\xeb\xb2\x84\xea\xb7\xb8", One(Debug)), // ko: 디버그
    (b"\xeb\xa1\x9c\xea\xb7\xb8", One(Log)), // ko: 로그
    (b"\xec\x86\x90\xec\x83\x81", One(Panic)), // ko: 손상
    (b"\xec\x95\x8c\xeb\xa6\xbc", One(Notice)), // ko: 알림
    (b"\xec\x98\xa4\xeb\xa5\x98", One(Error)), // ko: 오류
    (b"\xec\xa0\x95\xeb\xb3\xb4", One(Info)), // ko: 정보
    (b"\xec\xb9\x98\xeb\xaa\x85\xec\xa0\x81\xec\x98\xa4\xeb\xa5\x98", One(Fatal)), // ko: 치명적오류
    (b"\xee\xe1\xec\xe1\xe7\xef\xe4\xf6\xe5\xee\xee\xf1", One(Debug)), // uk: НАЛАГОДЖЕННЯ, another encoding
    (b"\xef\xf4\xec\xe1\xe4\xeb\xe1", One(Debug)), // ru: ОТЛАДКА, another encoding
    (b"\xef\xfb\xe9\xe2\xeb\xe1", One(Error)), // ru: ОШИБКА, another encoding
    (b"\xf0\xe1\xeeI\xeb\xe1", One(Panic)), // uk: ПАНІКА, transliterated
    (b"\xf0\xe1\xee\xb6\xeb\xe1", One(Panic)), // uk: ПАНІКА, another encoding
    (b"\xf0\xe1\xee\xe9\xeb\xe1", One(Panic)), // ru: ПАНИКА, another encoding
    (b"\xf0\xef\xed\xe9\xec\xeb\xe1", One(Error)), // uk: ПОМИЛКА, another encoding
    (b"\xf0\xef\xf0\xe5\xf2\xe5\xe4\xf6\xe5\xee\xee\xf1", One(Warning)), // uk: ПОПЕРЕДЖЕННЯ, another encoding
    (b"\xf0\xef\xf7I\xe4\xef\xed\xec\xe5\xee\xee\xf1", One(Notice)), // uk: ПОВІДОМЛЕННЯ, transliterated
    (b"\xf0\xef\xf7\xb6\xe4\xef\xed\xec\xe5\xee\xee\xf1", One(Notice)), // uk: ПОВІДОМЛЕННЯ, another encoding
    (b"\xf0\xf2\xe5\xe4\xf5\xf0\xf2\xe5\xf6\xe4\xe5\xee\xe9\xe5", One(Warning)), // ru: ПРЕДУПРЕЖДЕНИЕ, another encoding
    (b"\xf3\xef\xef\xe2\xfd\xe5\xee\xe9\xe5", One(Log)), // ru: СООБЩЕНИЕ, another encoding
    (b"\xf7\xe1\xf6\xee\xef", One(Fatal)), // ru: ВАЖНО, another encoding
    (b"\xfa\xe1\xed\xe5\xfe\xe1\xee\xe9\xe5", One(Notice)), // ru: ЗАМЕЧАНИЕ, another encoding
    (b"\xfa\xe1\xf0\xe9\xf3\xf5\xf7\xe1\xee\xee\xf1", One(Log)), // uk: ЗАПИСУВАННЯ, another encoding
];
