//! What must hold of a parser whatever it is given: every byte is accounted for once, in order, and pieces make no difference.

use std::ops::ControlFlow;

use trunkline_record::{End, Format, LogRecord, LogSettings, Parser, Rejected, Sink};

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
pub fn parse(format: Format, input: &[u8]) {
    parse_with(format, &LogSettings::default(), input);
}

/// The same, of a log that was written with these settings.
pub fn parse_with(format: Format, settings: &LogSettings, input: &[u8]) {
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
