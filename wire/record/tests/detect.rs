//! Every log of the corpus is told by its beginning, also by a short one, and from anywhere within.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use trunkline_record::{End, Format, LogSettings};

#[path = "support/corpus.rs"]
mod corpus;

/// The format that a log of the corpus is in; `None` for other programs' logs.
fn expected(file: &corpus::Fixture) -> Option<Format> {
    match file.expected["format"].as_str().unwrap() {
        "patroni-text" => Some(Format::Patroni),
        "csvlog (torn)" => Some(Format::Csvlog),
        "stderr (torn)" => Some(Format::Stderr),
        "raw-text" => None,
        name => Some(name.parse().unwrap()),
    }
}

/// What has to be known of a log's writer: a prefix or format of its own.
fn settings(file: &corpus::Fixture) -> LogSettings {
    let prefix = match file.path.split('/').next().unwrap() {
        "pg13" => Some("%m %p %b %l %e %q%u@%d [%a] %x "),
        "pg17" => Some("%t|%m|%n|%p|%l|%c|%s|%v|%x|%e|%a|%u|%d|%r|%h|%i|%b|%P|%Q| "),
        _ => None,
    };
    let log_line_prefix = prefix.map(|prefix| prefix.parse().unwrap());
    LogSettings { log_line_prefix, ..LogSettings::default() }
}

#[test]
fn each_log_of_the_corpus_is_told_by_its_beginning() {
    for file in corpus::files(&[]) {
        let Some(format) = expected(&file) else { continue };
        let (log, settings) = (file.bytes(), settings(&file));
        let detect = |beginning: &[u8], end| Format::detect(beginning, &settings, end);
        let beginning = &log[..log.len().min(32 << 10)];
        assert_eq!(detect(beginning, End::More), Some(format), "{}", file.path);
        assert_eq!(detect(beginning, End::Final), Some(format), "{}", file.path);
        // A beginning that is cut anywhere is told so too, or not yet.
        for len in (0..beginning.len().min(10_000)).step_by(1009) {
            let found = detect(&beginning[..len], End::More);
            assert!(found.is_none_or(|found| found == format), "{} {len}: {found:?}", file.path);
        }
    }
}

#[test]
fn each_log_is_told_from_anywhere_within() {
    for file in corpus::files(&[]) {
        // A container log never begins within a line.
        let Some(format) = expected(&file).filter(|format| *format != Format::Cri) else {
            continue;
        };
        let (log, settings) = (file.bytes(), settings(&file));
        let detect = |beginning: &[u8], end| Format::detect(beginning, &settings, end);
        for from in (0..log.len()).step_by(log.len() / 5 + 1) {
            let beginning = &log[from..log.len().min(from + (8 << 10))];
            let found = detect(beginning, End::More);
            assert!(found.is_none_or(|found| found == format), "{} {from}: {found:?}", file.path);
        }
    }
}

#[test]
fn a_stderr_log_whose_prefix_isnt_known_is_taken_for_nothing_else() {
    for file in corpus::files(&["stderr"]) {
        let log = file.bytes();
        for from in (0..log.len()).step_by(log.len() / 4 + 1) {
            let beginning = &log[from..log.len().min(from + (8 << 10))];
            let found = Format::detect(beginning, &LogSettings::default(), End::Final);
            assert!(found.is_none_or(|found| found == Format::Stderr), "{} {found:?}", file.path);
        }
    }
}

#[test]
fn logs_of_other_programs_are_in_no_known_format() {
    let files = corpus::files(&["raw-text"]);
    let etcd = files.iter().find(|file| file.path == "patroni/etcd.txt").unwrap();
    assert_eq!(Format::detect(&etcd.bytes(), &LogSettings::default(), End::Final), None);
}
