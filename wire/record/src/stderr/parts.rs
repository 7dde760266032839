//! A `log_line_prefix` taken apart: texts that stand in every line, and escapes that stand for a field each.
//!
//! Source: PostgreSQL manual, "What to Log", and how servers of version 11 to 18 read the setting: an unknown escape writes nothing, a
//! number before the letter pads the field with spaces to that many bytes, on the left or, where it is negative, on the right.

use super::InvalidPrefix;

/// As much of a line as is looked at for its prefix; no server's prefix is longer.
pub(super) const WINDOW: usize = 1024;
/// More escapes than any real prefix has; matching keeps a level of the stack for each.
const MAX_PARTS: usize = 128;

/// A part of a prefix, in the order of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// What stands in every line.
    Literal(Vec<u8>),
    /// A field.
    Field(Field),
    /// `%q`: a process that serves no session writes nothing from here on.
    Stop,
}

/// A field, and how it is padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) escape: Escape,
    /// At least so many bytes.
    pub(super) width: usize,
    /// Whether the spaces stand behind it.
    pub(super) left: bool,
}

macro_rules! escapes {
    ($($variant:ident, $letter:literal, $doc:literal;)*) => {
        /// What a field holds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Escape { $(#[doc = $doc] $variant,)* }

        impl Escape {
            /// All of them.
            pub(super) const ALL: &[Self] = &[$(Self::$variant,)*];

            fn from_letter(letter: u8) -> Option<Self> {
                match letter { $($letter => Some(Self::$variant),)* _ => None }
            }

            /// The letter behind the percent sign.
            pub(super) const fn letter(self) -> u8 {
                match self { $(Self::$variant => $letter,)* }
            }
        }
    };
}

escapes! {
    Application, b'a', "`application_name`";
    User, b'u', "The user's name.";
    Database, b'd', "The database's name.";
    RemoteHostAndPort, b'r', "`host(port)`, or `[local]`.";
    RemoteHost, b'h', "The host alone.";
    LocalHost, b'L', "The server's own address, since version 18.";
    BackendType, b'b', "What kind of process it is.";
    ProcessId, b'p', "The process.";
    LeaderPid, b'P', "The leader of its parallel group.";
    Time, b't', "The time to the second.";
    TimeMillis, b'm', "The time to the millisecond.";
    Epoch, b'n', "The time in seconds since 1970, with milliseconds.";
    CommandTag, b'i', "What the process shows as its command.";
    SqlState, b'e', "The SQLSTATE.";
    SessionId, b'c', "The session's start and process, in hexadecimal.";
    Line, b'l', "Number of the line in its session.";
    Start, b's', "When the process started.";
    VirtualTransactionId, b'v', "Backend and local transaction.";
    TransactionId, b'x', "The transaction.";
    QueryId, b'Q', "The query's identifier.";
}

impl Escape {
    /// Whether it holds any text, whose end only what follows shows.
    pub(super) fn is_text(self) -> bool {
        matches!(
            self,
            Self::Application
                | Self::User
                | Self::Database
                | Self::RemoteHostAndPort
                | Self::RemoteHost
                | Self::LocalHost
                | Self::BackendType
                | Self::CommandTag
        )
    }

    /// Whether it is told from what stands before it by its shape.
    fn has_shape(self) -> bool {
        matches!(self, Self::Time | Self::TimeMillis | Self::Epoch | Self::Start | Self::SqlState)
    }
}

/// The parts of a setting.
pub(super) fn parts(setting: &str) -> Result<Vec<Part>, InvalidPrefix> {
    let mut parts = Vec::new();
    let mut bytes = setting.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            literal(&mut parts, byte)?;
            continue;
        }
        if bytes.next_if_eq(&b'%').is_some() {
            literal(&mut parts, b'%')?;
            continue;
        }
        let left = bytes.next_if_eq(&b'-').is_some();
        let mut width = 0usize;
        while let Some(digit) = bytes.next_if(u8::is_ascii_digit) {
            width = width.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
        }
        // A server ignores an escape that the setting ends in.
        let Some(letter) = bytes.next() else { break };
        if letter == b'q' {
            parts.push(Part::Stop);
        } else if let Some(escape) = Escape::from_letter(letter) {
            if width >= WINDOW {
                let letter = char::from(letter);
                return Err(InvalidPrefix(format!("%{letter} is padded to {width} bytes")));
            }
            parts.push(Part::Field(Field { escape, width, left }));
        }
    }
    if parts.len() > MAX_PARTS {
        return Err(InvalidPrefix(format!("more than {MAX_PARTS} escapes and texts between them")));
    }
    check_neighbours(&parts)?;
    Ok(parts)
}

fn literal(parts: &mut Vec<Part>, byte: u8) -> Result<(), InvalidPrefix> {
    if matches!(byte, b'\n' | 0) {
        return Err(InvalidPrefix("a prefix is one line of text".to_owned()));
    }
    match parts.last_mut() {
        Some(Part::Literal(text)) => text.push(byte),
        _ => parts.push(Part::Literal(vec![byte])),
    }
    Ok(())
}

/// Two fields that touch can be told apart only where the second has a shape of its own.
fn check_neighbours(parts: &[Part]) -> Result<(), InvalidPrefix> {
    let mut before: Option<Escape> = None;
    for part in parts {
        match part {
            Part::Stop => {}
            Part::Literal(_) => before = None,
            Part::Field(Field { escape, .. }) => {
                if let Some(before) = before.filter(|_| !escape.has_shape()) {
                    let (before, after) =
                        (char::from(before.letter()), char::from(escape.letter()));
                    return Err(InvalidPrefix(format!(
                        "nothing stands between %{before} and %{after} that says where the one ends and the other begins"
                    )));
                }
                before = Some(*escape);
            }
        }
    }
    Ok(())
}
