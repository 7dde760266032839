//! What must hold of a parser whatever it is given: every byte is accounted for once, in order, and pieces make no difference.

use std::ops::ControlFlow;

use trunkline_record::{End, Format, LogRecord, LogSettings, Parser, Rejected, Sink};

/// Where the parser is, by what it handed over.
#[derive(Debug, Default, PartialEq, Eq)]
struct Account {
    next: u64,
    records: u64,
}

impl Account {
    fn take(&mut self, position: u64, len: usize) -> ControlFlow<()> {
        assert_eq!(position, self.next, "handed over out of order, or with a gap");
        assert!(len > 0, "handed over nothing");
        self.next += len as u64;
        ControlFlow::Continue(())
    }
}

impl Sink for Account {
    fn record(&mut self, position: u64, len: usize, _: &LogRecord<'_>) -> ControlFlow<()> {
        self.records += 1;
        self.take(position, len)
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        self.take(rejected.position, rejected.raw.len())
    }
}

/// The first byte says in what pieces the rest arrives.
pub fn parse(format: Format, input: &[u8]) {
    let Some((&step, log)) = input.split_first() else { return };
    let whole = parse_in_pieces(format, log, log.len().max(1));
    assert_eq!(whole.next, log.len() as u64, "bytes left over");
    let pieces = parse_in_pieces(format, log, usize::from(step) + 1);
    assert_eq!(pieces.next, whole.next, "bytes left over of pieces");
}

fn parse_in_pieces(format: Format, log: &[u8], step: usize) -> Account {
    let mut parser = Parser::new(format, &LogSettings::default());
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
