//! A span of time, as `INTERVAL '1 day 2 hours'` has it.
//!
//! Days have 24 hours: the session that runs the query is in UTC.

/// Months, which have no fixed length, and everything shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) months: i32,
    pub(crate) micros: i64,
}

/// A hundred years: no log is older, and what is longer could leave the range that the database has.
const LONGEST_MONTHS: i32 = 1_200;
const LONGEST_MICROS: i64 = 100 * 366 * DAY;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

impl Interval {
    /// Reads numbers and units, `1 day -2.5 hours`, `15m`, and `01:30:00` behind them or alone. `unit` is that of a number without one.
    pub(crate) fn parse(text: &str, unit: Option<&str>) -> Option<Self> {
        let mut all = Self { months: 0, micros: 0 };
        let mut rest = text.trim();
        if rest.is_empty() {
            return None;
        }
        while !rest.is_empty() {
            let end = rest
                .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ':' | '-' | '+')))
                .unwrap_or(rest.len());
            let (number, behind) = rest.split_at(end);
            if number.contains(':') {
                all.micros = all.micros.checked_add(clock(number)?)?;
                rest = behind.trim_start();
                continue;
            }
            let behind = behind.trim_start();
            let end = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
            let (word, behind) = behind.split_at(end);
            let word = if word.is_empty() { unit? } else { word };
            all = all.plus(Self::of(number, word)?)?;
            rest = behind.trim_start();
        }
        Some(all)
    }

    fn of(number: &str, unit: &str) -> Option<Self> {
        let unit = unit.to_ascii_lowercase();
        let months = match unit.as_str() {
            "mon" | "mons" | "month" | "months" => 1,
            "y" | "yr" | "yrs" | "year" | "years" => 12,
            _ => 0,
        };
        if months > 0 {
            let months = number.parse::<i32>().ok()?.checked_mul(months)?;
            return Self { months, micros: 0 }.checked();
        }
        let micros = match unit.as_str() {
            "us" | "microsecond" | "microseconds" => 1,
            "ms" | "millisecond" | "milliseconds" => 1_000,
            "s" | "sec" | "secs" | "second" | "seconds" => SECOND,
            "m" | "min" | "mins" | "minute" | "minutes" => MINUTE,
            "h" | "hour" | "hours" => HOUR,
            "d" | "day" | "days" => DAY,
            "w" | "week" | "weeks" => 7 * DAY,
            _ => return None,
        };
        Self { months: 0, micros: times(number, micros)? }.checked()
    }

    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        let months = self.months.checked_add(other.months)?;
        Self { months, micros: self.micros.checked_add(other.micros)? }.checked()
    }

    /// The same the other way.
    pub(crate) fn negated(self) -> Self {
        Self { months: -self.months, micros: -self.micros }
    }

    fn checked(self) -> Option<Self> {
        let is_sane = self.months.abs() <= LONGEST_MONTHS
            && (-LONGEST_MICROS..=LONGEST_MICROS).contains(&self.micros);
        is_sane.then_some(self)
    }
}

/// `1.5` times so many microseconds, exactly.
fn times(number: &str, micros: i64) -> Option<i64> {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0
        || !is_number(whole)
        || !is_number(fraction)
        || fraction.len() > 9
    {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()? };
    let scale = 10_i64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = if fraction.is_empty() { 0 } else { fraction.parse::<i64>().ok()? };
    let part = i64::try_from(i128::from(part) * i128::from(micros) / i128::from(scale)).ok()?;
    whole.checked_mul(micros)?.checked_add(part)?.checked_mul(sign)
}

/// `01:30`, `01:30:15.5`.
fn clock(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let mut parts = digits.split(':');
    let mut sum = times(parts.next()?, HOUR)?.checked_add(times(parts.next()?, MINUTE)?)?;
    if let Some(seconds) = parts.next() {
        sum = sum.checked_add(times(seconds, SECOND)?)?;
    }
    let is_clock = parts.next().is_none() && !digits.contains(['-', '+']);
    is_clock.then_some(sum.checked_mul(sign)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(i32, i64)>) {
        let expected = expected.map(|(months, micros)| Interval { months, micros });
        assert_eq!(Interval::parse(text, None), expected, "{text}");
    }

    #[test]
    fn spans_as_people_write_them() {
        check("15 minutes", Some((0, 15 * MINUTE)));
        check("1h", Some((0, HOUR)));
        check("1 day 2.5 hours", Some((0, DAY + 2 * HOUR + 30 * MINUTE)));
        check("-1 week", Some((0, -7 * DAY)));
        check("1 year 2 mons 3 days", Some((14, 3 * DAY)));
        check("01:30", Some((0, 90 * MINUTE)));
        check("1 day -00:00:01.5", Some((0, DAY - 1_500_000)));
        check("250 MS", Some((0, 250_000)));
    }

    #[test]
    fn nonsense() {
        for text in [
            "",
            " ",
            "1",
            "minutes",
            "1 fortnight",
            "1..5 s",
            ":",
            "1:2:3:4",
            "--1 s",
            "1.5 months",
            "9999999999 years",
            "100000 weeks",
            "1 day ago",
            "99999999999999999999 s",
            "+-1:00",
            "é",
        ] {
            check(text, None);
        }
        assert_eq!(Interval::parse("15", Some("minute")).map(|i| i.micros), Some(15 * MINUTE));
    }
}
