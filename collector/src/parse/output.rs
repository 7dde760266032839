//! NDJSON in large writes: records to one writer, rejected ones to the other.

use std::{
    io::{self, Write},
    ops::ControlFlow,
    path::Path,
};

use trunkline_record::{LogRecord, Rejected, Sink, ndjson};

/// Lines are gathered up to this size for one write.
const WRITE_SIZE: usize = 128 * 1024;

pub(super) struct Output<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    file: String,
    records: Vec<u8>,
    rejects: Vec<u8>,
    rejected: u64,
    failed: Option<io::Error>,
}

impl<'a> Output<'a> {
    pub(super) fn new(out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self {
            out,
            err,
            file: String::new(),
            records: Vec::with_capacity(WRITE_SIZE),
            rejects: Vec::new(),
            rejected: 0,
            failed: None,
        }
    }

    /// What follows comes from `file`.
    pub(super) fn begin(&mut self, file: &Path) {
        self.file = file.display().to_string();
    }

    /// Whether everything could be written so far.
    pub(super) fn check(&mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Writes what is left; returns how many records were rejected.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.flush()?;
        self.out.flush()?;
        self.err.flush()?;
        Ok(self.rejected)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.records)?;
        self.records.clear();
        self.err.write_all(&self.rejects)?;
        self.rejects.clear();
        Ok(())
    }

    fn flow(&mut self) -> ControlFlow<()> {
        if self.records.len() + self.rejects.len() < WRITE_SIZE {
            return ControlFlow::Continue(());
        }
        match self.flush() {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

impl Sink for Output<'_> {
    fn record(&mut self, position: u64, _: usize, record: &LogRecord<'_>) -> ControlFlow<()> {
        ndjson::write_record(&mut self.records, position, record);
        self.flow()
    }

    fn rejected(&mut self, rejected: Rejected<'_>) -> ControlFlow<()> {
        ndjson::write_rejected(&mut self.rejects, &self.file, &rejected);
        self.rejected += 1;
        self.flow()
    }
}
