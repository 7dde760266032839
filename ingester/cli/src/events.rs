//! Server-sent events out of an answer that has no end (HTML standard, "Server-sent events"), as far as the service sends them.

use std::io::{self, BufRead, BufReader, Read as _};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use ureq::BodyReader;

/// More than the service sends at once.
const LONGEST: u64 = 256 << 20;

/// Events that wait to be printed.
const WAITING: usize = 1;

/// An event; a comment is one without a name, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// What it is; empty where there is nothing but an id.
    pub name: String,
    /// What it says.
    pub data: Vec<u8>,
    /// By which one can go on behind it.
    pub id: Option<String>,
}

/// The next event; none at the end. What breaks off is not one.
fn next(answer: &mut impl BufRead) -> io::Result<Option<Event>> {
    let mut event = Event::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        answer.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Ok(None);
        }
        if line.is_empty() {
            return Ok(Some(event));
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let text = || String::from_utf8_lossy(value).into_owned();
        match &line[..colon] {
            b"event" => event.name = text(),
            b"id" => event.id = Some(text()),
            b"data" => event.data.extend_from_slice(value),
            _ => {}
        }
    }
}

/// The events as they come. Read by a thread of its own, so that one can stop to wait for them: a peer that vanished says nothing.
pub fn read(answer: BodyReader<'static>) -> Receiver<Event> {
    let (sender, events) = sync_channel(WAITING);
    thread::spawn(move || {
        let mut answer = BufReader::new(answer);
        while let Ok(Some(event)) = next(&mut answer) {
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    events
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn events_are_told_apart_and_what_breaks_off_is_none() {
        let mut answer: &[u8] =
            b": here\nid: 1\n\nevent: rows\nid:2\ndata: [1]\n\nevent: rows\ndata: [2]\n";
        let of = |name: &str, data: &[u8], id: &str| {
            Some(Event { name: name.into(), data: data.into(), id: Some(id.into()) })
        };
        assert_eq!(next(&mut answer).unwrap(), of("", b"", "1"));
        assert_eq!(next(&mut answer).unwrap(), of("rows", b"[1]", "2"));
        assert_eq!(next(&mut answer).unwrap(), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(prop::sample::select(&b"\n\n: aeid\xff"[..]), 0..80)) {
            let mut answer = bytes.as_slice();
            while next(&mut answer).unwrap().is_some() {}
        }
    }
}
