//! Where the answer is printed: standard output, through a pager if that is a terminal, without colours if it isn't.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::process::{Child, Command, Stdio};

use anstream::{AutoStream, ColorChoice};

use crate::Failure;

/// An open way to the reader.
pub struct Screen {
    /// None once it is closed.
    out: Option<Box<dyn Write>>,
    styled: bool,
    pager: Option<Child>,
}

impl Screen {
    /// To standard output; through the pager if `paged` and somebody reads there.
    pub fn open(color: clap::ColorChoice, paged: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let mut pager = if paged && terminal { pager() } else { None };
        let out: Box<dyn Write> = match pager.as_mut().and_then(|pager| pager.stdin.take()) {
            Some(input) => Box::new(BufWriter::new(input)),
            None => Box::new(BufWriter::new(io::stdout())),
        };
        let styled = match color {
            clap::ColorChoice::Always => true,
            clap::ColorChoice::Never => false,
            // Knows NO_COLOR and its like; the pager's input is no terminal, but what it shows ends on one.
            clap::ColorChoice::Auto => AutoStream::choice(&io::stdout()) != ColorChoice::Never,
        };
        Self { out: Some(out), styled, pager }
    }

    /// Writes text with styles, or without them where they aren't wanted.
    pub fn print(&mut self, text: &str) -> Result<(), Failure> {
        match self.styled {
            true => self.raw(text.as_bytes()),
            false => self.raw(anstream::adapter::strip_str(text).to_string().as_bytes()),
        }
    }

    /// Writes what is to stay byte by byte.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.as_mut().map_or(Ok(()), |out| Ok(out.write_all(bytes)?))
    }

    /// Shows what was written so far.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.out.as_mut().map_or(Ok(()), |out| Ok(out.flush()?))
    }

    /// Writes what is left, and waits until the pager's reader has left.
    pub fn close(mut self) -> Result<(), Failure> {
        self.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The pager sees the end only once its input is closed; a terminal that it still owns must not be left to the shell.
        self.out = None;
        if let Some(pager) = &mut self.pager {
            let _ = pager.wait();
        }
    }
}

/// `PAGER`, or `less`, told to end at once when all fits on the screen.
fn pager() -> Option<Child> {
    let command = std::env::var("PAGER").unwrap_or_else(|_| "less".to_owned());
    if command.is_empty() || command == "cat" {
        return None;
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", &command]).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        shell.env("LESS", "FRX");
    }
    shell.spawn().ok()
}
