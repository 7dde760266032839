//! Patroni's lines in its usual formats, and in any of its own.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// A line's start, in words.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen<'l> {
    time: i64,
    digits: u8,
    severity: Option<Severity>,
    as_written: Option<&'l str>,
    process_id: Option<i32>,
    logger: Option<&'l str>,
    thread: Option<&'l str>,
    location: Option<&'l str>,
    extra: Option<String>,
    message: &'l str,
}

/// 2026-11-22 22:46:17.001 UTC.
const MOMENT: i64 = 1_795_387_577_001_000;
const SECOND: i64 = 1_795_387_577_000_000;

fn see<'l>(settings: &LogSettings, line: &'l str) -> Option<Seen<'l>> {
    let start = TextReader::new(settings).start(line.as_bytes())?;
    let text = |range: &Option<Range<usize>>| line.get(range.clone()?);
    Some(Seen {
        time: start.log_time.unix_micros,
        digits: start.log_time.digits,
        severity: start.error_severity,
        as_written: text(&start.severity_as_written),
        process_id: start.process_id,
        logger: text(&start.logger),
        thread: text(&start.thread),
        location: text(&start.location),
        extra: start.extra.clone().map(|extra| String::from_utf8(extra.into()).unwrap()),
        message: &line[start.message..],
    })
}

fn settings(format: &str, dateformat: Option<&str>) -> LogSettings {
    let format = PatroniFormat::new(format, dateformat).unwrap();
    LogSettings { patroni_format: Some(format), ..LogSettings::default() }
}

#[track_caller]
fn check(settings: &LogSettings, line: &str, expected: Seen<'_>) {
    assert_eq!(see(settings, line), Some(expected), "{line}");
}

#[track_caller]
fn none(settings: &LogSettings, line: &str) {
    assert_eq!(see(settings, line), None, "{line}");
}

mod usual {
    use super::*;

    fn info(message: &str) -> Seen<'_> {
        let severity = Some(Severity::Info);
        Seen { time: MOMENT, digits: 3, severity, message, ..Seen::default() }
    }

    #[test]
    fn lines_in_the_usual_formats_begin_a_record() {
        let default = LogSettings::default();
        check(&default, "2026-11-22 22:46:17,001 INFO: no action", info("no action"));
        check(&default, "2026-11-22 22:46:17,001 INFO:   indented", info("  indented"));
        check(&default, "2026-11-22 22:46:17,001 INFO:", info(""));
        check(&default, "2026-11-22 22:46:17,001 INFO    : no action", info("no action"));
        check(&default, "2026-11-22 22:46:17,001 INFO     no action", info("no action"));
        check(&default, "2026-11-22 22:46:17,001 INFO   no", info("  no"));
        check(&default, "2026-11-22T22:46:17.001Z [INFO] no action", info("no action"));
        check(
            &default,
            "2026-11-22T22:46:17+0000 ERROR [patroni.ha] {MainThread} no",
            Seen {
                severity: Some(Severity::Error),
                digits: 0,
                time: SECOND,
                ..info("[patroni.ha] {MainThread} no")
            },
        );
        check(
            &default,
            "2026-11-22 22:46:17,001 - patroni.ha - CRITICAL - no",
            Seen {
                severity: Some(Severity::Fatal),
                extra: Some(r#"{"before_level":" - patroni.ha - "}"#.to_owned()),
                ..info("- no")
            },
        );
        check(
            &LogTimezone::default().into(),
            "2026-11-22 23:46:17,001 CET INFO: no action",
            info("no action"),
        );
    }

    #[test]
    fn a_time_without_a_zone_is_of_the_configured_one() {
        let berlin: LogTimezone = "Europe/Berlin".parse().unwrap();
        check(&berlin.into(), "2026-11-22 23:46:17,001 INFO: no action", info("no action"));
        check(&berlin.into(), "2026-11-22T22:46:17,001Z INFO: no action", info("no action"));
        // 2026-10-25 02:30 happens twice there.
        let first = Seen { time: 1_792_888_200_000_000, ..info("m") };
        check(&berlin.into(), "2026-10-25 02:30:00,000 INFO: m", first);
        let then = Seen { time: 1_792_891_800_000_000, ..info("m") };
        check(&berlin.into(), "2026-10-25 02:30:00,000+0100 INFO: m", then);
        check(
            &berlin.into(),
            "2026-10-25 02:30:00,000 CET INFO: m",
            Seen { time: 1_792_891_800_000_000, ..info("m") },
        );
    }

    #[test]
    fn lines_of_others_do_not() {
        let default = LogSettings::default();
        for line in [
            // PostgreSQL
            "2026-11-22 22:52:19.778 UTC [59] LOG:  starting PostgreSQL",
            "2026-11-22 22:52:19.778 UTC [63] postgres@postgres FATAL:  no",
            "2026-11-22 22:52:19.778 UTC [63] postgres@postgres ERROR:  no",
            "2026-11-22 22:52:19.778 UTC [63] WARNING:  no",
            "2026-11-22 22:52:19 UTC:10.0.0.1(5432):u@d:[63]:ERROR:  no",
            "2026-11-22 22:52:19.778 UTC ERROR:  no",
            "2026-11-22 22:52:19.778 UTC LOG:  an INFO in a message",
            "2026-11-22 22:52:19.778 UTC web@shop STATEMENT:  an INFO in a message",
            "2026-11-22 22:52:19.778 UTC [63] LOG:  an INFO in a message",
            "2026-11-22 22:52:19.778 UTC [63] STATEMENT:  SELECT 'a' AS ERROR",
            // pgbouncer, pgBackRest
            "2026-11-22 22:52:19.778 UTC [59] WARNING C-0x55: db/user@10.0.0.1:5 no",
            "2026-11-22 22:52:19.778 P00   INFO: archive-push command begin",
            "2026-11-22 22:52:19.778 P00  ERROR: [042]: no",
            // etcd
            "2026-11-22 22:46:13.461911 I | etcdmain: INFO",
            "raft2026/11/22 22:46:13 INFO: f9ad346ca51aaaa became follower",
            // continuation lines
            "Traceback (most recent call last):",
            "  File \"x.py\", line 1, in INFO",
            "localhost:5432 - accepting connections",
            "2026-11-22 22:46:17,001",
            "2026-11-22 22:46:17,001 INFORMATION: no",
            "2026-11-22 22:46:17,001 XYZ INFO: a zone that nobody knows",
            "2026-13-22 22:46:17,001 INFO: no such day",
            "1969-11-22 22:46:17,001 INFO: before time",
            "",
        ] {
            none(&default, line);
        }
        let far = format!("2026-11-22 22:46:17,001 {} INFO: far", "x".repeat(200));
        none(&default, &far);
    }
}

mod configured {
    use super::*;

    #[test]
    fn every_attribute_is_read() {
        let format = concat!(
            "[%(asctime)s] 100%% %(levelname)-8s|%(levelno)s|%(name)s|%(process)d|%(processName)s|%(threadName)s(%(thread)d)|",
            "%(pathname)s:%(lineno)d %(funcName)s|%(module)s|%(created)f|%(relativeCreated)d|%(taskName)s: %(message)s"
        );
        let line = concat!(
            "[2026-11-22 22:46:17,001] 100% WARNING |30|patroni.ha|4711|MainProcess|Thread-1 (run)(140)|",
            "/usr/lib/patroni/ha.py:1712 run_cycle|ha|1795387577.001234|58|None: a: %b | c"
        );
        check(
            &settings(format, None),
            line,
            Seen {
                time: MOMENT,
                digits: 3,
                severity: Some(Severity::Warning),
                process_id: Some(4711),
                logger: Some("patroni.ha"),
                thread: Some("Thread-1 (run)"),
                location: Some("/usr/lib/patroni/ha.py:1712 run_cycle|ha"),
                extra: Some(
                    r#"{"processName":"MainProcess","thread":140,"relativeCreated":58,"taskName":"None","created":1795387577.001234}"#
                        .to_owned(),
                ),
                message: "a: %b | c",
                ..Seen::default()
            },
        );
    }

    #[test]
    fn dates_are_read_in_any_usual_format() {
        for (dateformat, date, time, digits) in [
            ("%Y-%m-%dT%H:%M:%S%z", "2026-11-22T23:46:17+0100", SECOND, 0),
            ("%d/%m/%y %H:%M:%S %Z", "22/11/26 17:46:17 EST", SECOND, 0),
            ("%d.%m.%Y, %T", "22.11.2026, 22:46:17", SECOND, 0),
            ("%a %b %e %I:%M:%S %p %Y", "Sun Nov 22 10:46:17 PM 2026", SECOND, 0),
            ("%c", "Sun Nov 22 22:46:17 2026", SECOND, 0),
            ("%A %-d %B %Y %R", "Sunday 22 November 2026 22:46", SECOND - 17_000_000, 0),
            ("%Y%j %k:%M:%S", "2026326 22:46:17", SECOND, 0),
            ("%s", "1795387577", SECOND, 0),
            ("%F %T.%f %%", "2026-11-22 22:46:17.%f %", SECOND, 0),
            ("", "2026-11-22 22:46:17,001", MOMENT, 3),
        ] {
            let settings = settings("%(asctime)s|%(message)s", Some(dateformat));
            let line = format!("{date}|m");
            check(&settings, &line, Seen { time, digits, message: "m", ..Seen::default() });
        }
    }

    #[test]
    fn milliseconds_beside_a_date_are_its_fraction() {
        let format = "%(asctime)s.%(msecs)03d %(levelname)s %(message)s";
        let settings = settings(format, Some("%Y-%m-%d %H:%M:%S"));
        let severity = Some(Severity::Info);
        let seen = Seen { time: MOMENT, digits: 3, severity, message: "m", ..Seen::default() };
        check(&settings, "2026-11-22 22:46:17.001 INFO m", seen);
        none(&settings, "2026-11-22 22:46:17.1001 INFO m");
    }

    #[test]
    fn a_time_may_be_seconds_since_1970() {
        let settings = settings("%(created)f %(levelno)d %(message)s", None);
        let severity = Some(Severity::Error);
        let seen = Seen { time: MOMENT + 2, digits: 6, severity, message: "m", ..Seen::default() };
        check(&settings, "1795387577.001002 40 m", seen);
    }

    #[test]
    fn padding_isnt_taken_for_the_messages_own_blanks() {
        let settings = settings("%(asctime)s %(levelname)-8s %(message)s", None);
        let severity = Some(Severity::Info);
        let seen = |message| Seen { time: MOMENT, digits: 3, severity, message, ..Seen::default() };
        check(&settings, "2026-11-22 22:46:17,001 INFO     m", seen("m"));
        check(&settings, "2026-11-22 22:46:17,001 INFO       m", seen("  m"));
        check(&settings, "2026-11-22 22:46:17,001 INFO     ", seen(""));
        none(&settings, "2026-11-22 22:46:17,001 INFO m");
    }

    #[test]
    fn a_level_of_ones_own_is_kept_as_it_is_written() {
        let settings = settings("%(asctime)s %(levelname)s: %(message)s", None);
        for level in ["AUDIT", "Level 15"] {
            let line = format!("2026-11-22 22:46:17,001 {level}: m");
            let as_written = Some(level);
            check(
                &settings,
                &line,
                Seen { time: MOMENT, digits: 3, as_written, message: "m", ..Seen::default() },
            );
        }
    }

    #[test]
    fn a_level_cut_to_its_first_letter_is_read() {
        let settings = settings("%(asctime)s %(levelname).1s %(message)s", None);
        let severity = Some(Severity::Fatal);
        let seen = Seen { time: MOMENT, digits: 3, severity, message: "m", ..Seen::default() };
        check(&settings, "2026-11-22 22:46:17,001 C m", seen);
    }

    #[test]
    fn an_hour_that_happens_twice_is_told_apart_where_the_date_says_its_zone() {
        let zone = "America/New_York".parse().unwrap();
        let read = |dateformat, line| {
            let settings = settings("%(asctime)s|%(message)s", Some(dateformat));
            see(&LogSettings { log_timezone: zone, ..settings }, line).unwrap().time
        };
        let first = 1_793_511_000_000_000;
        assert_eq!(read("%F %T", "2026-11-01 01:30:00|m"), first);
        assert_eq!(read("%F %T %Z", "2026-11-01 01:30:00 EDT|m"), first);
        assert_eq!(read("%F %T %Z", "2026-11-01 01:30:00 EST|m"), first + 3_600_000_000);
        assert_eq!(read("%F %T%z", "2026-11-01 01:30:00-0500|m"), first + 3_600_000_000);
        assert_eq!(read("%s", "1793511000|m"), first);
    }

    #[test]
    fn formats_that_no_line_can_be_read_with_are_refused() {
        for (format, dateformat, error) in [
            (
                "%(levelname)s: %(message)s",
                None,
                "the format has neither %(asctime)s nor %(created)f",
            ),
            ("%(asctime)s", None, "the format has no %(message)s"),
            (
                "%(asctime)s %(message)s [%(name)s]",
                None,
                "%(message)s has to be the end of the format",
            ),
            (
                "%(asctime)s %(nonsense)s %(message)s",
                None,
                "log records have no attribute \"nonsense\"",
            ),
            (
                "%(asctime)s %(name)r %(message)s",
                None,
                "can't read back what \"%(name)r %(message)s\" writes",
            ),
            (
                "%(asctime)s %(name)s%(message)s",
                None,
                "nothing stands between %(message)s and what is before it",
            ),
            (
                "%(asctime)s %s %(message)s",
                None,
                "no conversion of an attribute: \"%s %(message)s\"",
            ),
            (
                "%(asctime)s\n%(message)s",
                None,
                "a format with a line end can't be read line by line",
            ),
            ("{asctime} {message}", None, "the format has no %(message)s"),
            ("%(asctime)s %(message)s", Some("%H:%M:%S"), "the date format doesn't say the year"),
            (
                "%(asctime)s %(message)s",
                Some("%b %d %H:%M:%S"),
                "the date format doesn't say the year",
            ),
            ("%(asctime)s %(message)s", Some("%Y-%m-%d"), "the date format doesn't say the hour"),
            ("%(asctime)s %(message)s", Some("%Q"), "%Q in the date format can't be read"),
            (
                "%(asctime)s %(message)s",
                Some("%"),
                "the date format ends in the middle of a directive",
            ),
        ] {
            let refused = PatroniFormat::new(format, dateformat).unwrap_err();
            assert_eq!(refused.to_string(), error, "{format} {dateformat:?}");
        }
        assert!(PatroniFormat::DEFAULT.parse::<PatroniFormat>().is_ok());
    }
}

/// What the corpus says of a file.
fn expected(file: &str) -> serde_json::Value {
    let mut all: serde_json::Value = serde_json::from_slice(&corpus("expected.json")).unwrap();
    all["files"][file].take()
}

fn corpus(file: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/corpus");
    std::fs::read(root.join(file)).unwrap()
}

/// Reads all records of a corpus file and compares their counts; answers how many have a logger and a thread.
#[track_caller]
fn check_corpus(file: &str, settings: &LogSettings) -> (usize, usize) {
    let log = corpus(file);
    let expected = expected(file);
    let mut reader = TextReader::new(settings);
    let mut records: Vec<(TextStart, Vec<u8>)> = Vec::new();
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        match reader.start(line.strip_suffix(b"\n").unwrap()) {
            Some(start) => records.push((start, line.to_vec())),
            None => records.last_mut().unwrap().1.extend_from_slice(line),
        }
    }
    assert_eq!(records.len() as u64, expected["records"].as_u64().unwrap(), "{file}");
    let mut levels = BTreeMap::<&str, u64>::new();
    let (mut multiline, mut logger, mut thread) = (0, 0, 0);
    for (start, bytes) in &records {
        let record = start.record(bytes.strip_suffix(b"\n").unwrap());
        assert_eq!(record.table, Table::Patroni);
        *levels.entry(record.error_severity.unwrap().as_str()).or_default() += 1;
        let message = record.text(Column::Message).unwrap();
        multiline += u64::from(message.contains(&b'\n'));
        logger += usize::from(record.text(Column::Logger).is_some());
        thread += usize::from(record.text(Column::Thread).is_some());
    }
    assert_eq!(serde_json::to_value(levels).unwrap(), expected["by_severity"], "{file}");
    assert_eq!(multiline, expected["multiline_records"].as_u64().unwrap(), "{file}");
    for (key, (start, _)) in
        [("first_timestamp", records.first().unwrap()), ("last_timestamp", records.last().unwrap())]
    {
        let text = expected[key].as_str().unwrap().as_bytes();
        let (time, _) = crate::iso::read(text, LogTimezone::default()).unwrap();
        assert_eq!(start.log_time, time, "{file}");
    }
    (logger, thread)
}

#[test]
fn a_real_patronis_log_is_read_by_the_usual_formats() {
    check_corpus("patroni/pg-ord-0/patroni.log", &LogSettings::default());
    let lacking = check_corpus("patroni/pg-ord-2/patroni.log", &LogSettings::default());
    assert_eq!(lacking, (0, 0));
}

#[test]
fn a_real_patronis_log_is_read_by_its_own_format() {
    check_corpus("patroni/pg-ord-0/patroni.log", &settings(PatroniFormat::DEFAULT, None));
    let format = "%(asctime)s %(levelname)s [%(name)s] {%(threadName)s} %(message)s";
    let settings = settings(format, Some("%Y-%m-%dT%H:%M:%S%z"));
    let file = "patroni/pg-ord-2/patroni.log";
    let all = usize::try_from(expected(file)["records"].as_u64().unwrap()).unwrap();
    assert_eq!(check_corpus(file, &settings), (all, all));
}

#[test]
fn no_line_of_a_real_servers_or_etcds_log_is_taken_for_patronis() {
    let mut lines = 0;
    for file in [
        "patroni/etcd.txt",
        "patroni/pg-ord-0/stdout.txt",
        "patroni/pg-ord-0/postgres/postgresql-2026-11-22_224823.csv",
        "patroni/pg-ord-0/postgres/postgresql-2026-11-22_224823.log",
    ] {
        let mut reader = TextReader::new(&LogSettings::default());
        for line in corpus(file).split(|byte| *byte == b'\n') {
            assert_eq!(reader.start(line), None, "{file}: {}", line.escape_ascii());
            lines += 1;
        }
    }
    assert!(lines > 100);
}

/// What a random record has, by attribute.
#[derive(Debug, Clone)]
struct Written {
    name: String,
    thread: String,
    process: i32,
    line: u32,
    level: (&'static str, Severity),
    message: String,
    seconds: u32,
    millis: u32,
}

prop_compose! {
    fn written()(
        name in "[a-z_]{1,8}(\\.[a-z_]{1,8}){0,2}",
        // With a blank in it, nothing would tell where it ends when a blank follows.
        thread in "[A-Z][a-z]{2,8}-[0-9]",
        process in 1..i32::MAX,
        line: u32,
        level in prop_oneof![
            Just(("DEBUG", Severity::Debug)),
            Just(("INFO", Severity::Info)),
            Just(("WARNING", Severity::Warning)),
            Just(("ERROR", Severity::Error)),
            Just(("CRITICAL", Severity::Fatal)),
        ],
        message in "[^\n]*",
        // Below 2100, of which two digits of a year are enough to know it.
        seconds in 0..3_000_000_000u32,
        millis in 0..1000u32,
    ) -> Written {
        Written { name, thread, process, line, level, message, seconds, millis }
    }
}

/// Formats of dates, whether they say the offset from UTC.
const DATES: [(&str, bool); 5] = [
    ("%Y-%m-%dT%H:%M:%S%z", true),
    ("%d/%b/%Y:%H:%M:%S %z", true),
    ("%s", true),
    ("%A, %d %B %Y %I:%M:%S %p", false),
    ("%Y.%j %T", false),
];

proptest! {
    #[test]
    fn a_record_comes_back_from_any_format(
        written in written(),
        parts in proptest::sample::subsequence(
            vec!["level", "padded", "name", "thread", "process", "line"], 0..=6,
        ).prop_shuffle(),
        separators in proptest::collection::vec(prop_oneof![Just(" "), Just("|"), Just(" - "), Just("] ["), Just(" %% é ")], 7),
        date in proptest::option::of(0..DATES.len()),
        berlin: bool,
    ) {
        let zone = if berlin { chrono_tz::Europe::Berlin } else { chrono_tz::UTC };
        let utc = chrono::DateTime::from_timestamp(i64::from(written.seconds), written.millis * 1_000_000).unwrap();
        let local = utc.with_timezone(&zone);
        let (dateformat, has_offset) = date.map_or(("", false), |at| DATES[at]);
        let (mut format, mut line) = ("%(asctime)s".to_owned(), match date {
            None => local.format("%Y-%m-%d %H:%M:%S,%3f").to_string(),
            Some(_) => local.format(dateformat).to_string(),
        });
        for (at, part) in parts.iter().enumerate() {
            let (conversion, text) = match *part {
                "level" => ("%(levelname)s", written.level.0.to_owned()),
                "padded" => ("%(levelname)-8s", format!("{:<8}", written.level.0)),
                "name" => ("%(name)s", written.name.clone()),
                "thread" => ("%(threadName)s", written.thread.clone()),
                "process" => ("%(process)6d", format!("{:>6}", written.process)),
                _ => ("%(filename)s:%(lineno)d", format!("ha.py:{}", written.line)),
            };
            format = format + separators[at] + conversion;
            line = line + &separators[at].replace("%%", "%") + &text;
        }
        let format = format + separators[6] + "%(message)s";
        let line = line + &separators[6].replace("%%", "%") + &written.message;
        let log_timezone = zone.name().parse().unwrap();
        let settings = LogSettings { log_timezone, ..settings(&format, Some(dateformat)) };
        let seen = see(&settings, &line);
        prop_assert!(seen.is_some(), "{format} {line}");
        let seen = seen.unwrap();
        let has = |part: &str| parts.contains(&part);
        let millis = if date.is_none() { written.millis } else { 0 };
        let mut time = i64::from(written.seconds) * 1_000_000 + i64::from(millis) * 1000;
        // The second of two equal hours is taken for the first, where the date doesn't say which.
        if berlin && !has_offset {
            use chrono::TimeZone;
            let first = zone.from_local_datetime(&local.naive_local()).earliest().unwrap();
            time = first.timestamp() * 1_000_000 + i64::from(millis) * 1000;
        }
        prop_assert_eq!(seen.time, time, "{} {}", format, line);
        prop_assert_eq!(seen.severity, (has("level") || has("padded")).then_some(written.level.1));
        prop_assert_eq!(seen.logger, has("name").then_some(&*written.name));
        prop_assert_eq!(seen.thread, has("thread").then_some(&*written.thread));
        prop_assert_eq!(seen.process_id, has("process").then_some(written.process));
        let location = format!("ha.py:{}", written.line);
        prop_assert_eq!(seen.location, has("line").then_some(&*location));
        prop_assert_eq!(seen.message, &*written.message);
        prop_assert_eq!(seen.extra, None);
    }

    #[test]
    fn no_line_makes_it_panic(
        line in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "2026-1[0-9]-[0-3][0-9][ T][0-2][0-9]:[0-6][0-9]:[0-6][0-9][,.]?[0-9]{0,10}[ +-]?[0-9A-Z]{0,5} .{0,8}(INFO|ERROR)[: ]{0,3}.{0,9}"
                .prop_map(String::into_bytes),
        ],
    ) {
        let format = "%(asctime)s %(msecs)s %(levelname)-8s%(process)5d %(name)s %(message)s";
        for settings in [LogSettings::default(), settings(format, Some("%c %z"))] {
            if let Some(start) = TextReader::new(&settings).start(&line) {
                prop_assert!(start.message <= line.len());
                prop_assert!(start.record(&line).text(Column::Message).is_some());
            }
        }
    }

    #[test]
    fn no_format_makes_it_panic(format in "(%[(a-z)]{0,9}[-0-9.]{0,3}[a-z]|%\\((asctime|message|name)\\)-?[0-9]{0,6}s|.){0,6}", dateformat: String) {
        if let Ok(format) = PatroniFormat::new(&format, Some(&dateformat)) {
            let settings = LogSettings { patroni_format: Some(format), ..LogSettings::default() };
            let _ = TextReader::new(&settings).start(b"2026-11-22 22:46:17,001 INFO: m");
        }
    }
}
