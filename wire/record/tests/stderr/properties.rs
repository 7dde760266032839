//! Records written as a server writes them, and any bytes at all.

use proptest::collection::vec;
use proptest::prelude::*;
use trunkline_record::{Column, Format};

use super::support::{Arrival, Found};

const PREFIX: &str = "%m [%p]: %q%-6u|%d@%h ";

const PARTS: [(&str, Column); 6] = [
    ("DETAIL:  ", Column::Detail),
    ("HINT:  ", Column::Hint),
    ("QUERY:  ", Column::InternalQuery),
    ("CONTEXT:  ", Column::Context),
    ("LOCATION:  ", Column::Location),
    ("STATEMENT:  ", Column::Query),
];

/// What a server would log.
#[derive(Debug, Clone)]
struct Written {
    process: u16,
    session: Option<(String, String)>,
    severity: &'static str,
    message: Vec<u8>,
    parts: [Option<Vec<u8>>; 6],
    /// Written by a child of the server, between.
    plain: Option<Vec<u8>>,
}

/// Texts of bytes that mean something to somebody.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>()
            .prop_filter("a text ends at NUL", |byte| *byte != 0)
            .prop_map(|byte| vec![byte]),
        Just(b"\n".to_vec()),
        Just(b"\t".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"LOG:  ".to_vec()),
        Just(b"\n2026-11-22 22:46:01.123 UTC [1]: LOG:  fake".to_vec()),
        Just(b"plain words".to_vec()),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Of few lines: a prefix is put together again of eight at most.
fn name() -> impl Strategy<Value = String> {
    let few = |name: &String| name.matches('\n').count() <= 3;
    "[a-z][a-z0-9 .,\"é\n-]{0,8}[a-z]".prop_filter("too many lines", few)
}

fn written() -> impl Strategy<Value = Written> {
    (
        1u16..4,
        proptest::option::of((name(), name())),
        proptest::sample::select(vec!["LOG", "ERROR", "FATAL", "DEBUG", "FEHLER"]),
        text(),
        vec(proptest::option::of(text()), 6),
        proptest::option::of("[a-z: ]{0,20}"),
    )
        .prop_map(|(process, session, severity, message, parts, plain)| Written {
            process,
            session,
            severity,
            message,
            parts: parts.try_into().unwrap(),
            plain: plain.map(String::into_bytes),
        })
}

/// As `append_with_tabs` writes a text.
fn folded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in text {
        out.push(*byte);
        if *byte == b'\n' {
            out.push(b'\t');
        }
    }
    out
}

impl Written {
    fn write(&self, second: usize, out: &mut Vec<u8>) {
        let session = self.session.as_ref().map_or(String::new(), |(user, database)| {
            // Padded to bytes, not to characters.
            let padding = " ".repeat(6usize.saturating_sub(user.len()));
            format!("{user}{padding}|{database}@10.0.0.1 ")
        });
        let prefix = format!(
            "2026-11-22 {:02}:{:02}:{:02}.123 UTC [{}]: {session}",
            second / 3600,
            second / 60 % 60,
            second % 60,
            self.process
        );
        let mut line = |label: &str, text: &[u8]| {
            out.extend_from_slice(prefix.as_bytes());
            out.extend_from_slice(label.as_bytes());
            out.extend_from_slice(&folded(text));
            out.push(b'\n');
        };
        line(&format!("{}:  ", self.severity), &self.message);
        for ((label, _), text) in PARTS.iter().zip(&self.parts) {
            if let Some(text) = text {
                line(label, text);
            }
        }
        if let Some(plain) = &self.plain {
            out.extend_from_slice(plain);
            out.push(b'\n');
        }
    }
}

/// Whether the texts don't end in what is taken for a position, nor begin with a SQLSTATE.
fn is_plain(written: &Written) -> bool {
    let digits =
        |text: &[u8]| text.last().is_some_and(|byte| byte.is_ascii_digit() || *byte == b')');
    !digits(&written.message) && written.message.get(5..7) != Some(b": ")
}

fn check(records: &[Written], found: &Found) -> Result<(), TestCaseError> {
    prop_assert_eq!(&found.rejected, &[]);
    let mut next = found.records.iter();
    for written in records {
        let record = next.next().unwrap();
        prop_assert_eq!(record.get(Column::Message), Some(&written.message[..]));
        prop_assert_eq!(record.text(Column::ProcessId), Some(written.process.to_string()));
        let (user, database) = written.session.clone().unzip();
        prop_assert_eq!(record.text(Column::UserName), user);
        prop_assert_eq!(record.text(Column::DatabaseName), database);
        for ((_, column), text) in PARTS.iter().zip(&written.parts) {
            prop_assert_eq!(record.get(*column), text.as_deref(), "{:?}", column);
        }
        if let Some(plain) = &written.plain {
            prop_assert_eq!(next.next().unwrap().get(Column::Message), Some(&plain[..]));
        }
    }
    prop_assert!(next.next().is_none());
    Ok(())
}

proptest! {
    #[test]
    fn records_come_back_as_they_were_written(
        records in vec(written().prop_filter("tells no position", is_plain), 1..6),
        step in 1usize..300,
        break_each_time: bool,
        reset_each_time: bool,
    ) {
        let mut log = Vec::new();
        for (second, record) in records.iter().enumerate() {
            record.write(second, &mut log);
        }
        let arrival = Arrival { break_each_time, reset_each_time, ..Arrival::whole(Some(PREFIX)) };
        let found = arrival.in_pieces(step).parse(&log);
        prop_assert_eq!(found.next, log.len() as u64);
        check(&records, &found)?;
    }

    #[test]
    fn any_bytes_are_accounted_for_and_pieces_make_no_difference(
        pieces in vec(prop_oneof![
            vec(any::<u8>(), 0..20),
            Just(b"\n".to_vec()),
            Just(b"\t".to_vec()),
            Just(b"2026-11-22 22:46:01.123 UTC [1] LOG:  m".to_vec()),
            Just(b"2026-11-22 22:46:01.123 UTC [1] a@b ERROR:  m".to_vec()),
            Just(b"2026-11-22 22:46:01.123 UTC [1] a@b".to_vec()),
            Just(b"2026-11-22 22:46:01.123 UTC [1] DETAIL:  d".to_vec()),
            Just(b"2026-11-22 22:46:01.123 UTC,,,1,,6b.1,1,,2026-11-22 22:36:24 UTC,,0,LOG,00000,\"m\",,,,,,,,,\"\",\"postmaster\",,0".to_vec()),
            Just(b"2026-11-22 22:46:01,123 INFO: m".to_vec()),
            Just(b"Traceback (most recent call last):".to_vec()),
            Just(b"{\"ts\":1795387561,\"msg\":\"m\"}".to_vec()),
        ], 0..20),
        step in 1usize..100,
        format in proptest::sample::select(vec![Format::Stderr, Format::Patroni, Format::PatroniJson, Format::Cri]),
        wrapped: bool,
        assumed: bool,
        reset_each_time: bool,
    ) {
        let mut log = pieces.concat();
        if wrapped {
            let lines = log.split(|byte| *byte == b'\n');
            log = lines.flat_map(|line| [b"2026-11-22T22:46:09.1Z stdout F ", line, b"\n"].concat()).collect();
        }
        let assumed = assumed.then_some(1_000_000);
        let arrival = Arrival { format, assumed, ..Arrival::whole(None) };
        let whole = arrival.parse(&log);
        prop_assert_eq!(whole.next, log.len() as u64);
        let arrival = Arrival { reset_each_time, ..arrival };
        prop_assert_eq!(arrival.in_pieces(step).parse(&log), whole);
    }
}
