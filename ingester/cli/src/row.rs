//! A row of the answer, and how a person reads it: one line for what it says and where it comes from, then its details, as `psql` shows
//! an error.
//!
//! ```text
//! 2026-11-23 06:41:07.123 UTC orders/orders-0 ERROR 42P01 app@shop[4711] relation "ordres" does not exist
//!     STATEMENT: SELECT * FROM ordres
//! ```

use std::borrow::Cow;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use chrono::{DateTime, FixedOffset, Local, Utc};
use serde::Deserialize;

use crate::inert;

/// What of a row is shown. A column that is NULL is absent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Row<'a> {
    log_time: Option<DateTime<FixedOffset>>,
    #[serde(borrow)]
    cluster: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pod: Option<Cow<'a, str>>,
    #[serde(borrow)]
    component: Option<Cow<'a, str>>,
    #[serde(borrow)]
    logger: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error_severity: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sql_state_code: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    database_name: Option<Cow<'a, str>>,
    process_id: Option<i64>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    detail: Option<Cow<'a, str>>,
    #[serde(borrow)]
    hint: Option<Cow<'a, str>>,
    #[serde(borrow)]
    internal_query: Option<Cow<'a, str>>,
    #[serde(borrow)]
    context: Option<Cow<'a, str>>,
    #[serde(borrow)]
    query: Option<Cow<'a, str>>,
    #[serde(borrow)]
    location: Option<Cow<'a, str>>,
}

/// Which zone times are shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// UTC
    Utc,
    /// The terminal's own
    Local,
}

impl<'a> Row<'a> {
    /// Reads a row of the answer.
    pub fn read(json: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }

    /// The message alone, as the server wrote it.
    pub fn message(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    /// Appends the row for a person. What could command a terminal is made visible.
    pub fn show(&self, zone: Zone, out: &mut String) {
        let style = severity_style(self.error_severity.as_deref().unwrap_or_default());
        if let Some(time) = self.log_time {
            out.push_str(&dim(&moment(time, zone)));
            out.push(' ');
        }
        let place = [self.cluster.as_deref(), self.pod.as_deref()].into_iter().flatten();
        let place = place.collect::<Vec<_>>().join("/");
        for word in [Some(place.as_str()), self.component.as_deref()].into_iter().flatten() {
            if !word.is_empty() {
                inert::line(word, out);
                out.push(' ');
            }
        }
        if let Some(severity) = &self.error_severity {
            let _ = write!(out, "{style}");
            inert::line(severity, out);
            let _ = write!(out, "{style:#} ");
        }
        if let Some(state) = self.sql_state_code.as_deref().filter(|state| *state != "00000") {
            inert::line(state, out);
            out.push(' ');
        }
        let who = self.who();
        if !who.is_empty() {
            inert::line(&who, out);
            out.push(' ');
        }
        let _ = write!(out, "{style}");
        inert::text(self.message(), out);
        let _ = writeln!(out, "{style:#}");
        for (label, text) in self.details() {
            let _ = write!(out, "    {}", dim(&format!("{label}: ")));
            inert::text(text, out);
            out.push('\n');
        }
    }

    fn who(&self) -> String {
        let name = match (&self.user_name, &self.database_name) {
            (Some(user), Some(database)) => format!("{user}@{database}"),
            (Some(one), None) | (None, Some(one)) => one.to_string(),
            (None, None) => self.logger.as_deref().unwrap_or_default().to_owned(),
        };
        match self.process_id {
            Some(process) => format!("{name}[{process}]"),
            None => name,
        }
    }

    fn details(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("DETAIL", &self.detail),
            ("HINT", &self.hint),
            ("QUERY", &self.internal_query),
            ("CONTEXT", &self.context),
            ("STATEMENT", &self.query),
            ("LOCATION", &self.location),
        ]
        .into_iter()
        .filter_map(|(label, text)| Some((label, text.as_deref()?)))
    }
}

/// A moment to the millisecond, with its zone.
pub fn moment(time: DateTime<FixedOffset>, zone: Zone) -> String {
    match zone {
        Zone::Utc => time.with_timezone(&Utc).format("%F %T%.3f UTC").to_string(),
        Zone::Local => time.with_timezone(&Local).format("%F %T%.3f %:z").to_string(),
    }
}

/// Colours that differ in brightness too, for those who can't tell red from green.
pub fn severity_style(severity: &str) -> Style {
    let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
    match severity {
        "PANIC" | "FATAL" => colour(AnsiColor::BrightRed).bold(),
        "ERROR" => colour(AnsiColor::Red).bold(),
        "WARNING" => colour(AnsiColor::Yellow),
        "NOTICE" | "INFO" => colour(AnsiColor::Cyan),
        word if word.starts_with("DEBUG") => Style::new().dimmed(),
        _ => Style::new(),
    }
}

/// Text that steps back behind what matters.
pub fn dim(text: &str) -> String {
    let style = Style::new().dimmed();
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests;
