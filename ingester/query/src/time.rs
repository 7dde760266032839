//! Moments as people give them: RFC 3339, or relative to now.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, Utc};

/// Whether the database can hold it, with room to spare for an interval to be added.
pub(crate) fn can_be_stored(moment: &DateTime<Utc>) -> bool {
    (1..=9_999).contains(&moment.year())
}

/// Reads a moment as SQL writes it, `2026-01-31 12:00`, taken for UTC unless it says otherwise, or as [`parse`] does.
pub(crate) fn literal(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let of_date = |text| {
        Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_time(chrono::NaiveTime::MIN))
    };
    let naive = |format: &str| NaiveDateTime::parse_from_str(text, format).ok();
    let zoned = |format: &str| Some(DateTime::parse_from_str(text, format).ok()?.to_utc());
    parse(text, now)
        .or_else(|| {
            ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]
                .into_iter()
                .find_map(naive)
                .or_else(|| of_date(text))
                .map(|naive| naive.and_utc())
        })
        .or_else(|| ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z"].into_iter().find_map(zoned))
        .filter(can_be_stored)
}

/// Reads `2026-01-31T12:00:00Z`, `now`, `-15m`, `now-1h`, `+5s`; units are s, m, h, d and w.
pub(crate) fn parse(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let offset = text.strip_prefix("now").unwrap_or(text);
    if offset.is_empty() {
        return (text == "now").then_some(now);
    }
    // An unescaped + arrives as a space.
    match offset.as_bytes().first() {
        Some(b'-') => now.checked_sub_signed(span(&offset[1..])?),
        Some(b'+' | b' ') => now.checked_add_signed(span(&offset[1..])?),
        _ => rfc3339(text),
    }
    .filter(can_be_stored)
}

/// Reads `15m`, as in a moment relative to now.
pub(crate) fn span(text: &str) -> Option<TimeDelta> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    if !count.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    TimeDelta::try_seconds(count.parse::<i64>().ok()?.checked_mul(unit)?)
}

fn rfc3339(text: &str) -> Option<DateTime<Utc>> {
    /// As in `+02:00`.
    const ZONE: usize = 6;
    let parsed = DateTime::parse_from_rfc3339(text).or_else(|error| {
        // A + that wasn't escaped in a URL has become a space.
        match text.len().checked_sub(ZONE).and_then(|at| text.split_at_checked(at)) {
            Some((moment, zone)) if zone.starts_with(' ') => {
                DateTime::parse_from_rfc3339(&format!("{moment}+{}", &zone[1..]))
            }
            _ => Err(error),
        }
    });
    parsed.ok().map(|moment| moment.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let now = DateTime::parse_from_rfc3339("2026-01-31T12:00:00Z").unwrap().to_utc();
        let expected = expected.map(|text| DateTime::parse_from_rfc3339(text).unwrap().to_utc());
        assert_eq!(parse(text, now), expected, "{text}");
    }

    #[test]
    fn moments() {
        check("2026-01-31T12:00:00.123456Z", Some("2026-01-31T12:00:00.123456Z"));
        check("2026-01-31T12:00:00+02:00", Some("2026-01-31T10:00:00Z"));
        check("2026-01-31T12:00:00 02:00", Some("2026-01-31T10:00:00Z"));
        check("now", Some("2026-01-31T12:00:00Z"));
    }

    #[test]
    fn relative_moments() {
        check("-15m", Some("2026-01-31T11:45:00Z"));
        check("now-1h", Some("2026-01-31T11:00:00Z"));
        check("now+30s", Some("2026-01-31T12:00:30Z"));
        check("-2d", Some("2026-01-29T12:00:00Z"));
        check("-1w", Some("2026-01-24T12:00:00Z"));
    }

    #[test]
    fn moments_as_in_sql() {
        for text in [
            "2026-01-31",
            "2026-01-31 00:00",
            "2026-01-31 00:00:00.000",
            "2026-01-31T00:00",
            "2026-01-31 01:00:00+01",
            "2026-01-31 01:00+01:00",
            "now-12h",
        ] {
            let now = DateTime::parse_from_rfc3339("2026-01-31T12:00:00Z").unwrap().to_utc();
            let expected = now - TimeDelta::hours(12);
            assert_eq!(literal(text, now), Some(expected), "{text}");
        }
    }

    #[test]
    fn nonsense() {
        for text in [
            "",
            "-",
            "-m",
            "--1m",
            "-15",
            "-15y",
            "yesterday",
            "now-",
            "-é",
            "2026-01-31",
            "-9223372036854775807w",
            "-110000w",
            "+800000w",
        ] {
            check(text, None);
        }
    }
}
