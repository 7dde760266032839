//! One `%(attribute)s` of a format.

use std::fmt;

/// An attribute of Python's `LogRecord`, by what has to be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribute {
    /// `asctime`
    Time,
    /// `created`
    Created,
    /// `msecs`
    Millis,
    /// `levelname`; `cut` when only its first letters are written.
    Level { cut: bool },
    /// `message`
    Message,
    /// One that is a text.
    Text(&'static str),
    /// One that is a number.
    Number(&'static str),
}

impl Attribute {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "asctime" => Self::Time,
            "created" => Self::Created,
            "msecs" => Self::Millis,
            "levelname" => Self::Level { cut: false },
            "message" => Self::Message,
            "name" => Self::Text("name"),
            "module" => Self::Text("module"),
            "funcName" => Self::Text("funcName"),
            "filename" => Self::Text("filename"),
            "pathname" => Self::Text("pathname"),
            "processName" => Self::Text("processName"),
            "threadName" => Self::Text("threadName"),
            "taskName" => Self::Text("taskName"),
            "levelno" => Self::Number("levelno"),
            "lineno" => Self::Number("lineno"),
            "process" => Self::Number("process"),
            "thread" => Self::Number("thread"),
            "relativeCreated" => Self::Number("relativeCreated"),
            _ => return None,
        })
    }

    /// Whether it says where in the program.
    pub(super) fn is_location(self) -> bool {
        const PLACES: [&str; 5] = ["module", "funcName", "filename", "pathname", "lineno"];
        matches!(self, Self::Text(name) | Self::Number(name) if PLACES.contains(&name))
    }

    /// What it writes, as a pattern with one group.
    pub(super) fn pattern(self) -> &'static str {
        match self {
            Self::Time | Self::Message | Self::Text(_) => "(.*?)",
            // A level without a name is `Level 15`; programs name theirs as they like, in one word.
            Self::Level { .. } => "(Level [0-9]+|[^ \\]\\[:,;|(){}<>]+?)",
            Self::Created | Self::Millis | Self::Number(_) => "(-?[0-9]+(?:\\.[0-9]+)?)",
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Time => "asctime",
            Self::Created => "created",
            Self::Millis => "msecs",
            Self::Level { .. } => "levelname",
            Self::Message => "message",
            Self::Text(name) | Self::Number(name) => name,
        })
    }
}

/// `%(attribute)-8s`: an attribute, and how it is padded and cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conversion {
    pub attribute: Attribute,
    padded: Option<Padded>,
    precision: bool,
}

/// The widest field that a format may ask for.
const WIDEST: usize = 1000;

/// Where the blanks are with which a conversion is filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Padded {
    Before,
    Behind(usize),
}

impl Conversion {
    /// Reads the conversion at the start of `format`, which begins with a percent sign, and answers what is behind it.
    pub(super) fn parse(format: &str) -> Result<(Self, &str), String> {
        let shown = || format.chars().take(40).collect::<String>();
        let wrong = || format!("no conversion of an attribute: {:?}", shown());
        let (name, rest) =
            format.strip_prefix("%(").and_then(|rest| rest.split_once(')')).ok_or_else(wrong)?;
        let attribute = Attribute::named(name)
            .ok_or_else(|| format!("log records have no attribute {name:?}"))?;
        let flags = span(rest, |byte| b"#0- +".contains(&byte));
        let rest_behind_flags = &rest[flags.len()..];
        let width = span(rest_behind_flags, |byte| byte.is_ascii_digit());
        let rest = &rest_behind_flags[width.len()..];
        let (precision, rest) = match rest.strip_prefix('.') {
            None => ("", rest),
            Some(digits) => {
                let precision = span(digits, |byte| byte.is_ascii_digit());
                (precision, &digits[precision.len()..])
            }
        };
        let is_text = matches!(
            attribute,
            Attribute::Text(_) | Attribute::Time | Attribute::Message | Attribute::Level { .. }
        );
        match rest.as_bytes().first() {
            Some(b's') => {}
            Some(b'd' | b'i' | b'u' | b'f' | b'F') if !is_text => {}
            _ => return Err(format!("can't read back what {:?} writes", shown())),
        }
        let precision = is_text && !precision.is_empty();
        if matches!(attribute, Attribute::Time | Attribute::Message)
            && (precision || attribute == Attribute::Message && !width.is_empty())
        {
            return Err(format!("can't read back what {:?} writes", shown()));
        }
        let padded = match (width, flags.contains('-')) {
            ("", _) => None,
            (width, true) => {
                let width = width.parse().ok().filter(|width| *width <= WIDEST);
                Some(Padded::Behind(width.ok_or_else(|| format!("too wide: {:?}", shown()))?))
            }
            (_, false) => Some(Padded::Before),
        };
        Ok((Self { attribute, padded, precision }, &rest[1..]))
    }

    /// The attribute, as it was written.
    pub(super) fn cut(self) -> Attribute {
        match self.attribute {
            Attribute::Level { .. } => Attribute::Level { cut: self.precision },
            other => other,
        }
    }

    /// Appends `pattern` with the blanks around it.
    pub(super) fn padded(self, inner: &str, pattern: &mut String) {
        if self.padded == Some(Padded::Before) {
            pattern.push_str(" *");
        }
        pattern.push_str(inner);
        if self.width_behind().is_some() {
            pattern.push_str(" *");
        }
    }

    /// How many bytes it fills at least, if with blanks behind it.
    pub(super) fn width_behind(self) -> Option<usize> {
        match self.padded {
            Some(Padded::Behind(width)) => Some(width),
            _ => None,
        }
    }
}

/// The bytes at the start of a text that are so.
fn span(text: &str, is: impl Fn(u8) -> bool) -> &str {
    let len = text.bytes().take_while(|byte| is(*byte)).count();
    &text[..len]
}
