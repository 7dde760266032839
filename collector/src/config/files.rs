//! `[[files]]`: one glob, and how what it matches is read.

use serde::{Deserialize, Serialize};
use trunkline_record::{Format, LogSettings, LogTimezone};

/// One `[[files]]` section as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesConfig {
    /// A glob: `*` and `?` within a name, `[…]`, and `**` over directories. It should also match the
    /// names that files get when they are rotated; a file matched twice belongs to the first section.
    pub path: String,
    /// What the files hold.
    #[serde(default = "csvlog")]
    pub format: String,
    /// The server's `log_timezone`, an IANA name; without it PostgreSQL's default abbreviations apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_timezone: Option<String>,
}

/// The same, checked.
#[derive(Clone, Debug)]
pub struct Files {
    /// The glob as written.
    pub glob: String,
    /// The format of the records.
    pub format: Format,
    /// With which settings they were written.
    pub settings: LogSettings,
}

impl FilesConfig {
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
            .parse::<Format>()
            .map_err(|error| ("files.format", format!("{:?}: {error}", self.format)))?;
        let log_timezone = match &self.log_timezone {
            None => LogTimezone::default(),
            Some(zone) => zone
                .parse::<LogTimezone>()
                .map_err(|error| ("files.log_timezone", format!("{zone:?}: {error}")))?,
        };
        Ok(Files { glob: self.path.clone(), format, settings: log_timezone.into() })
    }
}

fn csvlog() -> String {
    "csvlog".to_owned()
}
