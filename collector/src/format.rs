//! What files hold, as people set it: a format or `auto`, and the settings that their lines depend on.
//! The configuration's `[[files]]` and `parse`'s options say the same things; here they are understood.

use std::{
    fmt,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

use trunkline_record::{
    Format, LinePrefix, LogSettings, LogTimezone, PatroniFormat, UnknownFormat,
};

/// How the format of a file is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FormatChoice {
    /// Each file's own first records tell.
    #[default]
    Auto,
    /// It was set.
    Set(Format),
}

impl From<Format> for FormatChoice {
    fn from(format: Format) -> Self {
        Self::Set(format)
    }
}

impl FromStr for FormatChoice {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        match name {
            "auto" => Ok(Self::Auto),
            name => name.parse().map(Self::Set),
        }
    }
}

impl fmt::Display for FormatChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Set(format) => format.fmt(f),
        }
    }
}

/// The settings of a log's writer as they are written down; what is absent is unknown.
#[derive(Clone, Copy, Debug, Default)]
pub struct WrittenWith<'a> {
    /// The server's `log_timezone`.
    pub log_timezone: Option<&'a str>,
    /// The server's `log_line_prefix`.
    pub log_line_prefix: Option<&'a str>,
    /// Patroni's `log.format`.
    pub patroni_format: Option<&'a str>,
    /// Patroni's `log.dateformat`.
    pub patroni_dateformat: Option<&'a str>,
    /// The format of the lines within a container's log.
    pub content: Option<&'a str>,
}

/// A setting that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct WrongSetting {
    /// Which: the name of the field in [`WrittenWith`].
    pub key: &'static str,
    /// What was set, and why it can't be.
    pub problem: String,
}

impl WrittenWith<'_> {
    /// Understands them.
    ///
    /// # Errors
    /// The first that can't be used.
    pub fn understand(&self) -> Result<LogSettings, WrongSetting> {
        Ok(LogSettings {
            log_timezone: parsed::<LogTimezone>("log_timezone", self.log_timezone)?
                .unwrap_or_default(),
            log_line_prefix: parsed::<LinePrefix>("log_line_prefix", self.log_line_prefix)?,
            patroni_format: self.patroni_format()?,
            content: parsed::<Format>("content", self.content)?,
        })
    }

    fn patroni_format(&self) -> Result<Option<PatroniFormat>, WrongSetting> {
        let Some(date) = self.patroni_dateformat else {
            return parsed("patroni_format", self.patroni_format);
        };
        let format = self.patroni_format.unwrap_or(PatroniFormat::DEFAULT);
        // On its own first, so that the date's format isn't blamed for its fault.
        parsed::<PatroniFormat>("patroni_format", Some(format))?;
        PatroniFormat::new(format, Some(date)).map(Some).map_err(|error| WrongSetting {
            key: "patroni_dateformat",
            problem: format!("{date:?}: {error}"),
        })
    }
}

fn parsed<T: FromStr<Err: fmt::Display>>(
    key: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, WrongSetting> {
    let wrong = |text: &str, error: T::Err| {
        // One line, whatever was set.
        let problem = format!("{text:?}: {error}");
        WrongSetting { key, problem }
    };
    text.map(|text| text.parse().map_err(|error| wrong(text, error))).transpose()
}

/// A file's time in the parsers' unit: microseconds since 1970; none for one before that.
pub fn unix_micros(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_micros()).ok()
}
