//! What must hold of a parser whatever it is given: every byte is accounted for once, in order, and pieces make no difference.
//!
//! One function for each fuzz target. `wire/record/tests/seeds.rs` calls them too, on the inputs in `seeds/`.

mod cri;
mod forward;
mod keyed;

use std::ops::ControlFlow;

use trunkline_record::{
    End, Format, LogRecord, LogSettings, Parser, PatroniFormat, Rejected, Sink,
};

pub use cri::cri;
pub use forward::forward;
pub use keyed::keyed;

/// What a target does with an input; it panics when something doesn't hold.
pub type Target = fn(&[u8]);

/// Each target by its name, which is that of its seeds' directory too.
pub const TARGETS: [(&str, Target); 8] = [
    ("cri", cri),
    ("csvlog", csvlog),
    ("forward", forward),
    ("jsonlog", jsonlog),
    ("keyed", keyed),
    ("object", object),
    ("patroni", patroni),
    ("stderr", stderr),
];

/// csvlog in any pieces.
pub fn csvlog(input: &[u8]) {
    parse(Format::Csvlog, input);
}

/// jsonlog in any pieces.
pub fn jsonlog(input: &[u8]) {
    parse(Format::Jsonlog, input);
}

/// JSON objects of any writer in any pieces.
pub fn object(input: &[u8]) {
    parse(Format::PatroniJson, input);
}

/// Patroni's text in any pieces, in the usual formats and in one of its own.
pub fn patroni(input: &[u8]) {
    let format = "%(asctime)s.%(msecs)03d %(levelname)-8s[%(name)s] %(process)d %(funcName)s:%(lineno)d %(message)s";
    let own = PatroniFormat::new(format, Some("%d/%b/%Y %H:%M:%S %z"));
    let own = LogSettings { patroni_format: own.ok(), ..LogSettings::default() };
    parse(Format::Patroni, input);
    parse_with(Format::Patroni, &own, input);
}

/// stderr logs in any pieces; the first byte says with which prefix: none, or one of some that are as unlike as can be.
pub fn stderr(input: &[u8]) {
    const PREFIXES: [&str; 6] = [
        "",
        "%m [%p] %q%u@%d ",
        "%t %-6u|%5d|%a|%r ",
        "%n %c %l %s %v %x %e %P %Q %b %i ",
        "%u%t %d%e ",
        "[%h] ",
    ];
    let Some((&which, log)) = input.split_first() else { return };
    let prefix = PREFIXES[usize::from(which) % PREFIXES.len()];
    let log_line_prefix = (!prefix.is_empty()).then(|| prefix.parse().expect("a prefix"));
    let settings = LogSettings { log_line_prefix, ..LogSettings::default() };
    parse_with(Format::Stderr, &settings, log);
}

/// Where the parser is, by what it handed over.
#[derive(Debug, Default, PartialEq, Eq)]
struct Account {
    next: u64,
    records: u64,
    /// Where each record, and each piece that is none, ends.
    ends: Vec<u64>,
}

impl Account {
    fn take(&mut self, position: u64, len: usize) -> ControlFlow<()> {
        assert_eq!(position, self.next, "handed over out of order, or with a gap");
        assert!(len > 0, "handed over nothing");
        self.next += len as u64;
        self.ends.push(self.next);
        ControlFlow::Continue(())
    }
}

impl Sink for Account {
    fn record(&mut self, position: u64, len: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        self.records += 1;
        if let Some(extra) = record.extra {
            let extra = std::str::from_utf8(extra).expect("extra is UTF-8");
            assert!(extra.starts_with('{') && extra.ends_with('}'), "extra is no object: {extra}");
        }
        self.take(position, len)
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        self.take(rejected.position, rejected.raw.len())
    }
}

/// The first byte says in what pieces the rest arrives.
fn parse(format: Format, input: &[u8]) {
    parse_with(format, &LogSettings::default(), input);
}

/// The same, of a log that was written with these settings.
fn parse_with(format: Format, settings: &LogSettings, input: &[u8]) {
    let Some((&step, log)) = input.split_first() else { return };
    let whole = parse_in_pieces(format, settings, log, log.len().max(1));
    assert_eq!(whole.next, log.len() as u64, "bytes left over");
    let pieces = parse_in_pieces(format, settings, log, usize::from(step) + 1);
    assert_eq!(pieces, whole, "pieces make a difference");
}

fn parse_in_pieces(format: Format, settings: &LogSettings, log: &[u8], step: usize) -> Account {
    let mut parser = Parser::new(format, settings);
    let mut account = Account::default();
    let (mut from, mut to) = (0, 0);
    while to < log.len() {
        to = log.len().min(to + step);
        let end = if to == log.len() { End::Final } else { End::More };
        from += parser.parse(&log[from..to], from as u64, end, &mut account);
        assert_eq!(from as u64, account.next, "consumed other than was handed over");
    }
    account
}
