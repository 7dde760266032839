//! What a zone's abbreviation in a log means: which offset from UTC it stands for.
//!
//! A server writes local time and the abbreviation of its `log_timezone`. `CST` and `IST` mean different things in different
//! places, so the configured zone is asked first; then PostgreSQL's own default set. What neither knows isn't guessed.

mod abbreviations;

use std::str::FromStr;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::{OffsetName, Tz};

use abbreviations::{DEFAULT, Meaning};

/// How the zones of a log's timestamps are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogTimezone(Option<Tz>);

/// A name that the IANA time zone database doesn't have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone {0:?}: expected a name such as Europe/Berlin")]
pub struct UnknownZone(pub String);

impl FromStr for LogTimezone {
    type Err = UnknownZone;

    /// By the IANA name, as in the server's setting `log_timezone`.
    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        name.parse().map(|zone| Self(Some(zone))).map_err(|_| UnknownZone(name.to_owned()))
    }
}

impl LogTimezone {
    /// Seconds east of Greenwich of a clock that shows `local` (seconds since 1970 of the clock's face) and calls its zone `name`.
    pub(crate) fn offset(self, local: i64, name: &str) -> Option<i32> {
        if name == "UTC" || name == "GMT" {
            return Some(0);
        }
        let face = DateTime::from_timestamp(local, 0)?.naive_utc();
        self.configured(face, name).or_else(|| numeric(name)).or_else(|| default(face, name))
    }

    /// The same of a clock that doesn't call its zone anything: the configured zone's, or UTC's.
    ///
    /// An hour that happens twice is taken for the first of the two, since nothing tells which it is; one that is left out, which no
    /// clock of that zone shows, is read with the offset from before.
    pub(crate) fn offset_of_face(self, local: i64) -> i32 {
        let face = DateTime::from_timestamp(local, 0).map(|face| face.naive_utc());
        let Some((zone, face)) = self.0.zip(face) else { return 0 };
        let offset = match zone.offset_from_local_datetime(&face) {
            MappedLocalTime::Single(offset) | MappedLocalTime::Ambiguous(offset, _) => offset,
            // A day is more than any zone ever left out.
            MappedLocalTime::None => zone.offset_from_utc_datetime(&(face - TimeDelta::days(1))),
        };
        offset.fix().local_minus_utc()
    }

    /// In the configured zone, where an hour that happens twice is told apart by its abbreviation.
    fn configured(self, face: NaiveDateTime, name: &str) -> Option<i32> {
        let zone = self.0?;
        let (first, second) = match zone.offset_from_local_datetime(&face) {
            MappedLocalTime::Single(only) => (only, None),
            MappedLocalTime::Ambiguous(first, second) => (first, Some(second)),
            MappedLocalTime::None => return None,
        };
        [Some(first), second]
            .into_iter()
            .flatten()
            .find(|offset| offset.abbreviation() == Some(name))
            .map(|offset| offset.fix().local_minus_utc())
    }
}

/// Zones without letters call themselves by their offset: `-03`, `+0545`, `+103045`.
fn numeric(name: &str) -> Option<i32> {
    let (sign, digits) = match name.as_bytes() {
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    if !matches!(digits.len(), 2 | 4 | 6) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let pair = |at: usize| {
        digits
            .get(at..at + 2)
            .map_or(0, |pair| i32::from(pair[0] - b'0') * 10 + i32::from(pair[1] - b'0'))
    };
    let (hours, minutes, seconds) = (pair(0), pair(2), pair(4));
    (hours < 16 && minutes < 60 && seconds < 60)
        .then_some(sign * (hours * 3600 + minutes * 60 + seconds))
}

/// In PostgreSQL's default set, whose names are upper-case.
fn default(face: NaiveDateTime, name: &str) -> Option<i32> {
    let at = DEFAULT.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    match DEFAULT[at].1 {
        Meaning::Fixed(offset) => Some(offset),
        Meaning::Zone(zone) => zone
            .offset_from_local_datetime(&face)
            .earliest()
            .map(|offset| offset.fix().local_minus_utc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The offset in hours of a face given as RFC 3339 without zone.
    #[track_caller]
    fn check(zone: Option<&str>, face: &str, name: &str, hours: Option<f64>) {
        let zone = zone.map_or(LogTimezone::default(), |zone| zone.parse().unwrap());
        let face = NaiveDateTime::parse_from_str(face, "%Y-%m-%dT%H:%M").unwrap();
        let offset =
            zone.offset(face.and_utc().timestamp(), name).map(|offset| f64::from(offset) / 3600.0);
        assert_eq!(offset, hours, "{face} {name}");
    }

    #[test]
    fn the_configured_zone_decides_what_an_ambiguous_abbreviation_means() {
        check(None, "2026-11-22T12:00", "CST", Some(-6.0));
        check(Some("Asia/Shanghai"), "2026-11-22T12:00", "CST", Some(8.0));
        check(None, "2026-11-22T12:00", "IST", Some(2.0));
        check(Some("Asia/Kolkata"), "2026-11-22T12:00", "IST", Some(5.5));
    }

    #[test]
    fn an_hour_that_happens_twice_is_told_apart_by_its_abbreviation() {
        check(Some("America/New_York"), "2026-11-01T01:30", "EDT", Some(-4.0));
        check(Some("America/New_York"), "2026-11-01T01:30", "EST", Some(-5.0));
        check(Some("Australia/Lord_Howe"), "2026-04-05T01:45", "+11", Some(11.0));
        check(Some("Australia/Lord_Howe"), "2026-04-05T01:45", "+1030", Some(10.5));
    }

    #[test]
    fn a_clock_that_names_no_zone_shows_the_configured_one() {
        let offset = |zone: Option<&str>, face: &str| {
            let zone = zone.map_or(LogTimezone::default(), |zone| zone.parse().unwrap());
            let face = NaiveDateTime::parse_from_str(face, "%Y-%m-%dT%H:%M").unwrap();
            f64::from(zone.offset_of_face(face.and_utc().timestamp())) / 3600.0
        };
        assert_eq!(offset(None, "2026-11-22T12:00"), 0.0);
        let new_york = Some("America/New_York");
        assert_eq!(offset(new_york, "2026-07-01T12:00"), -4.0);
        assert_eq!(offset(new_york, "2026-11-01T01:30"), -4.0, "the first of two");
        assert_eq!(offset(new_york, "2026-11-01T02:00"), -5.0);
        assert_eq!(offset(new_york, "2026-03-08T02:30"), -5.0, "left out");
        assert_eq!(offset(Some("Australia/Lord_Howe"), "2026-04-05T01:45"), 11.0);
    }

    #[test]
    fn zones_without_letters_say_their_offset() {
        check(None, "2026-11-22T12:00", "-03", Some(-3.0));
        check(None, "2026-11-22T12:00", "+0545", Some(5.75));
        check(None, "2026-11-22T12:00", "+1", None);
        check(None, "2026-11-22T12:00", "+9999", None);
    }

    #[test]
    fn a_server_that_hasnt_read_its_configuration_yet_writes_gmt() {
        check(Some("Europe/Berlin"), "2026-11-22T12:00", "GMT", Some(0.0));
    }

    #[test]
    fn what_nobody_knows_isnt_guessed() {
        check(None, "2026-11-22T12:00", "XYZ", None);
        check(Some("Europe/Berlin"), "2026-11-22T12:00", "", None);
    }

    #[test]
    fn the_default_set_is_sorted() {
        assert!(DEFAULT.is_sorted_by_key(|(name, _)| *name));
    }
}
