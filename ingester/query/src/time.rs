//! Moments as people give them: RFC 3339, or relative to now.

use chrono::{DateTime, TimeDelta, Utc};

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
}

fn span(text: &str) -> Option<TimeDelta> {
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
        ] {
            check(text, None);
        }
    }
}
