//! Lines out of an answer that arrives in pieces. A line is a row, so it is bounded by what a row may be.

use std::io::{BufRead as _, BufReader, Read as _};

use ureq::BodyReader;

use crate::Failure;
use crate::service::Service;

/// More than the largest row that the store takes.
const LONGEST: u64 = 64 << 20;

/// The lines of one answer.
pub struct Lines<'a> {
    answer: BufReader<BodyReader<'static>>,
    line: Vec<u8>,
    service: &'a Service,
}

impl<'a> Lines<'a> {
    /// Of this answer of the service.
    pub fn new(answer: BodyReader<'static>, service: &'a Service) -> Self {
        Self { answer: BufReader::new(answer), line: Vec::new(), service }
    }

    /// The next line without its end; none after the last. A last line may lack its end.
    pub fn next(&mut self) -> Result<Option<&[u8]>, Failure> {
        self.line.clear();
        let read = self.answer.by_ref().take(LONGEST).read_until(b'\n', &mut self.line);
        let read = read.map_err(|error| self.service.unanswered(&error))?;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if read as u64 == LONGEST {
            return Err(Failure::Unanswered("a line of the answer has no end".to_owned()));
        }
        Ok((read > 0).then_some(&self.line))
    }
}
