//! `[[files]]`: one glob, and how what it matches is read.

use serde::{Deserialize, Serialize};
use trunkline_record::LogSettings;

use crate::format::{FormatChoice, WrittenWith, WrongSetting};

/// One `[[files]]` section as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesConfig {
    /// A glob: `*` and `?` within a name, `[…]`, and `**` over directories. It should also match the
    /// names that files get when they are rotated; a file matched twice belongs to the first section.
    pub path: String,
    /// What the files hold, or `auto`.
    #[serde(default = "auto")]
    pub format: String,
    /// The server's `log_timezone`, an IANA name; without it PostgreSQL's default abbreviations apply.
    /// For Patroni's logs, the time zone of its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_timezone: Option<String>,
    /// The server's `log_line_prefix`, for stderr logs; without it the usual ones are tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_line_prefix: Option<String>,
    /// Patroni's `log.format`; without it any line that begins with a time and a level is a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patroni_format: Option<String>,
    /// Patroni's `log.dateformat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patroni_dateformat: Option<String>,
    /// What the lines within a container's log are; without it each is taken for what it looks like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// The same, checked.
#[derive(Clone, Debug)]
pub struct Files {
    /// The glob as written.
    pub glob: String,
    /// The format of the records, or that each file tells.
    pub format: FormatChoice,
    /// With which settings they were written.
    pub settings: LogSettings,
}

impl FilesConfig {
    /// What `path` matches, with everything else as it is by default.
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            format: auto(),
            log_timezone: None,
            log_line_prefix: None,
            patroni_format: None,
            patroni_dateformat: None,
            content: None,
        }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        self.build().map(drop)
    }

    /// Parses the parts; an error names the key and the problem.
    pub fn build(&self) -> Result<Files, (&'static str, String)> {
        glob::Pattern::new(&self.path)
            .map_err(|error| ("files.path", format!("{:?} is not a glob: {error}", self.path)))?;
        if !std::path::Path::new(&self.path).is_absolute() {
            return Err(("files.path", format!("{:?} is not an absolute path", self.path)));
        }
        let format = self
            .format
            .parse()
            .map_err(|error| ("files.format", format!("{:?}: {error}, or auto", self.format)))?;
        let settings = WrittenWith {
            log_timezone: self.log_timezone.as_deref(),
            log_line_prefix: self.log_line_prefix.as_deref(),
            patroni_format: self.patroni_format.as_deref(),
            patroni_dateformat: self.patroni_dateformat.as_deref(),
            content: self.content.as_deref(),
        }
        .understand()
        .map_err(|WrongSetting { key, problem }| (qualified(key), problem))?;
        Ok(Files { glob: self.path.clone(), format, settings })
    }
}

fn qualified(key: &'static str) -> &'static str {
    match key {
        "log_timezone" => "files.log_timezone",
        "log_line_prefix" => "files.log_line_prefix",
        "patroni_format" => "files.patroni_format",
        "patroni_dateformat" => "files.patroni_dateformat",
        "content" => "files.content",
        other => other,
    }
}

fn auto() -> String {
    "auto".to_owned()
}
