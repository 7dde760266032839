//! What becomes of each kind of line.

use trunkline_record::{Column, End, LinePrefix, Reason, Severity, Table};

use super::support::{Arrival, Found, Record};

const DEBIAN: &str = "%m [%p] %q%u@%d ";

fn parse(log: &str) -> Found {
    Arrival::whole(Some(DEBIAN)).parse(log.as_bytes())
}

/// A line of process 1 at second `second`.
fn line(second: u32, text: &str) -> String {
    format!("2026-11-22 22:46:{second:02}.123 UTC [1] web@shop {text}\n")
}

#[track_caller]
fn check(record: &Record, expected: &[(Column, &str)]) {
    for (column, value) in expected {
        assert_eq!(record.text(*column).as_deref(), Some(*value), "{column:?}");
    }
}

#[test]
fn a_record_has_all_its_parts() {
    let log = [
        "ERROR:  oops\n\tand more at character 7",
        "DETAIL:  d\n\t\n\t",
        "HINT:  h",
        "QUERY:  q\n\t\tindented",
        "CONTEXT:  c",
        "STATEMENT:  s",
    ]
    .map(|text| line(1, text))
    .concat();
    let found = parse(&log);
    assert_eq!((found.records.len(), found.next), (1, log.len() as u64));
    check(
        &found.records[0],
        &[
            (Column::Message, "oops\nand more"),
            (Column::Detail, "d\n\n"),
            (Column::Hint, "h"),
            (Column::InternalQuery, "q\n\tindented"),
            (Column::InternalQueryPos, "7"),
            (Column::Context, "c"),
            (Column::Query, "s"),
            (Column::UserName, "web"),
            (Column::DatabaseName, "shop"),
            (Column::ProcessId, "1"),
            (Column::ErrorSeverity, "ERROR"),
        ],
    );
    assert_eq!(found.records[0].get(Column::QueryPos), None);
    assert_eq!(found.records[0].get(Column::SqlStateCode), None);
}

#[test]
fn a_position_belongs_to_the_statement_that_is_shown() {
    let with = parse(&(line(1, "ERROR:  e at character 3") + &line(1, "STATEMENT:  s")));
    check(&with.records[0], &[(Column::Message, "e"), (Column::QueryPos, "3")]);
    let without = parse(&line(1, "ERROR:  e at character 3"));
    check(&without.records[0], &[(Column::Message, "e at character 3")]);
    assert_eq!(without.records[0].get(Column::QueryPos), None);
}

/// A message may begin with what looks like a SQLSTATE; only a verbose log has one there, and each of its records has a location.
#[test]
fn a_sqlstate_is_taken_from_a_message_only_with_its_location() {
    let location = line(1, "LOCATION:  f, a.c:1");
    let verbose = parse(&(line(1, "ERROR:  22012: division by zero") + &location));
    check(
        &verbose.records[0],
        &[
            (Column::Message, "division by zero"),
            (Column::SqlStateCode, "22012"),
            (Column::Location, "f, a.c:1"),
        ],
    );
    let plain = parse(&line(1, "ERROR:  22012: division by zero"));
    check(&plain.records[0], &[(Column::Message, "22012: division by zero")]);
    assert_eq!(plain.records[0].get(Column::SqlStateCode), None);

    let prefix = Arrival::whole(Some("%m [%p] %e "));
    let log = "2026-11-22 22:46:01 UTC [1] P0001 ERROR:  22012: told\n2026-11-22 22:46:01 UTC [1] P0001 LOCATION:  f, a.c:1\n";
    let other = prefix.parse(log.as_bytes());
    check(&other.records[0], &[(Column::Message, "22012: told"), (Column::SqlStateCode, "P0001")]);
}

#[test]
fn what_no_column_is_for_is_extra() {
    let log = line(1, "ERROR:  e") + &line(1, "BACKTRACE:  \n\t\tpostgres: a(b+0x1) [0x2]\n\t\tc");
    let extra = parse(&log).records[0].extra.clone().unwrap();
    let extra: serde_json::Value = serde_json::from_slice(&extra).unwrap();
    let backtrace = "\n\tpostgres: a(b+0x1) [0x2]\n\tc";
    assert_eq!(extra, serde_json::json!({ "backtrace": backtrace }));

    let local =
        Arrival::whole(Some("%m %L ")).parse(b"2026-11-22 22:46:01.1 UTC 10.0.0.1 LOG:  m\n");
    let extra = local.records[0].extra.clone().unwrap();
    let extra: serde_json::Value = serde_json::from_slice(&extra).unwrap();
    assert_eq!(extra, serde_json::json!({ "local_host": "10.0.0.1" }));
}

#[test]
fn lines_without_a_prefix_are_a_components() {
    let log = [
        line(1, "LOG:  one"),
        "archive: full\n\n{}\n".to_owned(),
        "stack:\n\tframe\n\tframe\n".to_owned(),
        line(2, "LOG:  two"),
    ]
    .concat();
    let found = parse(&log);
    assert_eq!(
        found.messages(),
        ["one", "archive: full", "", "{}", "stack:\n\tframe\n\tframe", "two"]
    );
    let (first, plain) = found.records.split_first().unwrap();
    for record in &plain[..4] {
        assert_eq!((record.table, record.severity), (Table::Component, None));
        assert_eq!(record.text(Column::LogTime), first.text(Column::LogTime));
    }
}

#[test]
fn a_log_that_begins_in_the_middle_waits_for_a_time() {
    let beginning = format!("\trest of a statement\n\tof two lines\n{}", line(1, "DETAIL:  d"));
    let waiting = Arrival::whole(Some("%p %u ")).ending(End::Pause).parse(b"a\nb\n");
    assert_eq!((waiting.next, waiting.records.len()), (0, 0));

    let plain = "before\n\trest\nplain\n";
    let found = parse(&format!("{plain}{}", line(1, "LOG:  m")));
    assert_eq!(found.messages(), ["before\n\trest", "plain", "m"]);
    let time = found.records[2].text(Column::LogTime);
    assert!(found.records.iter().all(|record| record.text(Column::LogTime) == time));

    let found = parse(&(beginning + &line(2, "LOG:  m")));
    let part = line(1, "DETAIL:  d");
    assert_eq!(found.messages(), ["\trest of a statement\n\tof two lines", part.trim_end(), "m"]);
    assert_eq!(found.records[0].table, Table::Component);
}

#[test]
fn a_log_without_any_time_is_rejected_or_of_the_time_that_is_assumed() {
    let arrival = Arrival::whole(Some("%p "));
    let log = b"1 LOG:  m\nplain\n";
    let found = arrival.parse(log);
    let reasons: Vec<_> = found.rejected.iter().map(|(at, _, reason)| (*at, *reason)).collect();
    assert_eq!(reasons, [(0, Reason::NoTime), (10, Reason::NoTime)]);
    let found = Arrival { assumed: Some(1_000_000), ..arrival }.parse(log);
    assert_eq!(found.messages(), ["m", "plain"]);
    check(&found.records[0], &[(Column::LogTime, "1000000"), (Column::ProcessId, "1")]);
}

#[test]
fn a_part_of_another_process_isnt_taken() {
    let other = line(1, "DETAIL:  d").replace("[1]", "[2]");
    let found = parse(&(line(1, "ERROR:  e") + &other + &line(1, "HINT:  h")));
    assert_eq!(found.messages().len(), 3);
    assert_eq!(found.records[0].get(Column::Detail), None);
    assert_eq!(found.records[1].table, Table::Component);
    let twice = parse(&(line(1, "ERROR:  e") + &line(1, "HINT:  h") + &line(1, "HINT:  h")));
    assert_eq!(twice.records.len(), 2);
}

#[test]
fn a_name_may_hold_line_feeds() {
    for name in ["quo\"te,db\n2nd", "a\n\tb\nc", "\n"] {
        let log = [
            line(1, "LOG:  before"),
            line(2, "ERROR:  e\n\tf").replace("shop", name),
            line(2, "DETAIL:  d").replace("shop", name),
            line(3, "LOG:  after"),
        ]
        .concat();
        for step in [1, 5, log.len()] {
            let found = Arrival::whole(Some(DEBIAN)).in_pieces(step).parse(log.as_bytes());
            assert_eq!(found.messages(), ["before", "e\nf", "after"], "{name:?}");
            check(&found.records[1], &[(Column::DatabaseName, name), (Column::Detail, "d")]);
        }
    }
}

#[test]
fn a_line_that_only_begins_like_a_prefix_takes_no_record_with_it() {
    let torn = "2026-11-22 22:46:01.123 UTC [1] web@sh\n";
    let found = parse(&(torn.to_owned() + &line(2, "LOG:  m") + torn));
    assert_eq!(found.messages(), [torn.trim_end(), "m", torn.trim_end()]);
    // Where the time doesn't come first, too.
    let log = "[1] 2026-11-22 22:46:01 UTC web@sh\n[1] 2026-11-22 22:46:02 UTC web@shop LOG:  m\n";
    let found = Arrival::whole(Some("[%p] %m %q%u@%d ")).parse(log.as_bytes());
    assert_eq!(found.messages(), ["[1] 2026-11-22 22:46:01 UTC web@sh", "m"]);
    // Followed by a line that is no start by itself.
    let found = parse(&(torn.to_owned() + "plain\n" + &line(2, "LOG:  m")));
    assert_eq!(found.messages(), [torn.trim_end(), "plain", "m"]);
}

#[test]
fn a_record_behind_one_that_stops_in_its_prefix_is_found() {
    let torn = "2026-11-22 22:46:01.123 UTC [1] web@sh";
    let found = parse(&format!("{torn}{}", line(2, "LOG:  m")));
    assert_eq!(found.rejected, [(0, torn.as_bytes().to_vec(), Reason::Torn)]);
    check(&found.records[0], &[(Column::Message, "m"), (Column::DatabaseName, "shop")]);
}

/// Found by fuzzing: a name that begins with a time, at the line's very beginning.
#[test]
fn a_name_with_a_time_is_a_name_where_no_prefix_begins_with_one() {
    let prefix = Arrival::whole(Some("%u%t "));
    let name = "2026-11-22 22:46:00 x";
    let found = prefix.parse(format!("{name}2026-11-22 22:46:01 UTC LOG:  m\n").as_bytes());
    check(&found.records[0], &[(Column::UserName, name), (Column::Message, "m")]);
}

#[test]
fn a_quoted_log_splits_nothing() {
    let fake = line(9, "LOG:  fake");
    let text = format!("SELECT '{fake}\n{fake}'");
    let log = line(1, &format!("LOG:  {}", text.replace('\n', "\n\t")));
    assert_eq!(parse(&log).messages(), [text]);
}

#[test]
fn an_unknown_word_begins_a_record_and_is_kept() {
    let found = parse(&(line(1, "????:  m") + &line(1, "STATEMENT:  s") + &line(1, "????:  n")));
    assert_eq!(found.messages(), ["m", "n"]);
    let severities: Vec<_> = found.records.iter().map(|record| record.severity).collect();
    assert_eq!(severities, [Some(Severity::Error), Some(Severity::Log)]);
    assert!(found.records.iter().all(|record| record.as_written.as_deref() == Some(b"????")));

    let by_state = Arrival::whole(Some("%m [%p] %e ")).parse(
        b"2026-11-22 22:46:01 UTC [1] 01004 ????:  m\n2026-11-22 22:46:01 UTC [1] 00000 LOG:  m\n",
    );
    assert_eq!(by_state.records[0].severity, Some(Severity::Warning));
    assert_eq!(by_state.records[1].as_written, None);
}

#[test]
fn other_languages_are_read() {
    let log = [
        line(1, "FEHLER:  f bei Zeichen 3"),
        line(1, "TIPP:  t"),
        line(1, "ANWEISUNG:  s"),
        line(2, "LOG:  m").replace("web@shop", "[unbekannt]@[unknown]"),
    ]
    .concat();
    let found = parse(&log);
    check(
        &found.records[0],
        &[
            (Column::Message, "f"),
            (Column::Hint, "t"),
            (Column::Query, "s"),
            (Column::QueryPos, "3"),
        ],
    );
    assert_eq!(found.records[1].get(Column::UserName), None);
    assert_eq!(found.records[1].get(Column::DatabaseName), None);
}

#[test]
fn a_time_in_no_known_zone_rejects_the_record() {
    let found = parse(&(line(1, "LOG:  m\n\tn").replace("UTC", "NOWHERE") + &line(2, "LOG:  m")));
    assert_eq!(found.rejected.len(), 1);
    assert_eq!(found.rejected[0].2, Reason::Value(Column::LogTime));
    assert_eq!(found.messages(), ["m"]);
}

#[test]
fn the_last_record_waits_for_what_may_follow() {
    let log = line(1, "LOG:  one") + &line(2, "LOG:  two");
    let parsed =
        |log: &str, end| Arrival::whole(Some(DEBIAN)).ending(end).parse(log.as_bytes()).messages();
    assert_eq!(parsed(&log, End::More), ["one"]);
    assert_eq!(parsed(&log, End::Pause), ["one", "two"]);
    // A line that hasn't ended may yet be a part of the one before.
    assert!(parsed(log.trim_end(), End::Pause).is_empty());
    assert_eq!(parsed(&(log.clone() + "\tmo"), End::Pause), ["one"]);
    assert_eq!(parsed(log.trim_end(), End::Final), ["one", "two"]);
}

#[track_caller]
fn check_prefix(prefix: &str, line: &str, expected: &[(Column, &str)]) {
    let found = Arrival::whole(Some(prefix)).parse(format!("{line}LOG:  m\n").as_bytes());
    assert_eq!(found.messages(), ["m"], "{prefix}");
    assert_eq!(found.records[0].table, Table::Postgres, "{prefix}");
    check(&found.records[0], expected);
}

#[test]
fn every_escape_is_read() {
    check_prefix(
        "%m|%a|%u|%d|%r|%b|%p|%P|%i|%e|%c|%l|%s|%v|%x|%q|%Q|%%|%z",
        "2026-11-22 22:46:01.123 UTC|a: c|u|d|::1(5432)|client backend|12|11|SELECT|22012|6b036f8e.3a6|5|2026-11-22 22:46:00 UTC|3/4|7||-36|%|",
        &[
            (Column::LogTime, "1795387561123000"),
            (Column::ApplicationName, "a: c"),
            (Column::UserName, "u"),
            (Column::DatabaseName, "d"),
            (Column::ConnectionFrom, "::1:5432"),
            (Column::BackendType, "client backend"),
            (Column::ProcessId, "12"),
            (Column::LeaderPid, "11"),
            (Column::CommandTag, "SELECT"),
            (Column::SqlStateCode, "22012"),
            (Column::SessionId, "6b036f8e.3a6"),
            (Column::SessionLineNum, "5"),
            (Column::SessionStartTime, "1795387560000000"),
            (Column::VirtualTransactionId, "3/4"),
            (Column::TransactionId, "7"),
            (Column::QueryId, "-36"),
        ],
    );
    check_prefix(
        "%n %h ",
        "1795387561.123 [local] ",
        &[(Column::LogTime, "1795387561123000"), (Column::ConnectionFrom, "[local]")],
    );
    // The session's identifier says its start and its process.
    check_prefix(
        "%t-%c-",
        "2026-11-22 22:46:01 UTC-6b036f8e.3a6-",
        &[(Column::ProcessId, "934"), (Column::SessionStartTime, "1795387278000000")],
    );
}

#[test]
fn padding_is_taken_off_on_its_own_side_only() {
    check_prefix(
        "%t %-8u|%6d|%5p|%-5l|%3P|",
        "2026-11-22 22:46:01 UTC a b     |  shop|   12|3    |   |",
        &[
            (Column::UserName, "a b"),
            (Column::DatabaseName, "shop"),
            (Column::ProcessId, "12"),
            (Column::SessionLineNum, "3"),
        ],
    );
    check_prefix(
        "%t %-3u %3d ",
        "2026-11-22 22:46:01 UTC longer a-long-one ",
        &[(Column::UserName, "longer"), (Column::DatabaseName, "a-long-one")],
    );
}

#[test]
fn names_may_hold_what_the_prefix_has_between_its_fields() {
    check_prefix(
        "%t [%p]: user=%u,db=%d,app=%a,client=%h ",
        "2026-11-22 22:46:01 UTC [1]: user=a,db=b,db=c d,app=LOG:  x,client=::1,client=10.0.0.1 ",
        &[
            (Column::UserName, "a"),
            (Column::DatabaseName, "b,db=c d"),
            (Column::ConnectionFrom, "10.0.0.1"),
        ],
    );
    check_prefix(
        "%t %u@%d ",
        "2026-11-22 22:46:01 UTC a@b@c d ",
        &[(Column::UserName, "a"), (Column::DatabaseName, "b@c d")],
    );
}

/// Without a memory of what didn't fit, this would take longer than anybody waits.
#[test]
fn a_line_of_separators_is_given_up_soon() {
    let prefix = Arrival::whole(Some("%t,%u,%d,%a,%i,%b,%u,%d,%a,%i,%b|"));
    let log = format!("2026-11-22 22:46:01 UTC{}\n", ",".repeat(5000));
    let found =
        prefix.parse(format!("{log}2026-11-22 22:46:01 UTC,,,,,,,,,,|LOG:  m\n").as_bytes());
    assert_eq!(found.messages(), [log.trim_end(), "m"]);
}

#[test]
fn a_server_that_hasnt_read_its_configuration_yet_has_the_default_prefix() {
    let found = Arrival::whole(Some("%t %e %p ")).parse(
        b"2026-11-22 22:46:01.123 GMT [7] FATAL:  configuration file contains errors\n2026-11-22 22:46:02 UTC 00000 8 LOG:  m\n",
    );
    assert_eq!(found.messages(), ["configuration file contains errors", "m"]);
    check(&found.records[0], &[(Column::ProcessId, "7")]);
}

#[test]
fn impossible_prefixes_are_refused_with_their_reason() {
    for (prefix, reason) in [
        ("%m %u%d ", "between %u and %d"),
        ("%p%l", "between %p and %l"),
        ("%u%q%d", "between %u and %d"),
        ("%m\n", "one line"),
        ("%2000u ", "2000"),
    ] {
        let error = prefix.parse::<LinePrefix>().unwrap_err().to_string();
        assert!(error.contains(reason), "{prefix:?}: {error}");
    }
    for prefix in ["", "%", "%-", "%5", "%%", "%u%t ", "%y", "100% "] {
        assert!(prefix.parse::<LinePrefix>().is_ok(), "{prefix:?}");
    }
}

#[test]
fn a_prefix_that_changes_is_followed_where_none_is_configured() {
    let log = [
        "2026-11-22 22:46:01.123 UTC [1] LOG:  own",
        "2026-11-22 22:46:01.123 UTC [2] web@shop/psql LOG:  with the application",
        "2026-11-22 22:46:01.123 UTC [2] web@shop LOG:  Debian's",
        "2026-11-22 22:46:01 UTC [3]: [1-1] user=web,db=shop,app=,client=::1 LOG:  pgBadger's",
        "2026-11-22 22:46:01 UTC [4]: [1-1] 6b036f8e.4 0 shop web psql ::1 LOG:  Spilo's",
        "2026-11-22 22:46:01 UTC:10.0.0.1(5432):web@shop:[5]:LOG:  RDS'",
    ]
    .join("\n");
    let found = Arrival::whole(None).parse(log.as_bytes());
    assert!(found.records.iter().all(|record| record.table == Table::Postgres));
    let processes: Vec<_> =
        found.records.iter().map(|record| record.text(Column::ProcessId).unwrap()).collect();
    assert_eq!(processes, ["1", "2", "2", "3", "4", "5"]);
    for record in &found.records[1..] {
        check(record, &[(Column::UserName, "web")]);
    }
    check(&found.records[1], &[(Column::ApplicationName, "psql"), (Column::DatabaseName, "shop")]);
}
