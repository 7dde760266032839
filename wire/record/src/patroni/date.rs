//! `log.dateformat`: what Python's `time.strftime` writes, read back.

use chrono::{Datelike, NaiveDate};

use crate::{LogTimezone, Timestamp, iso};

/// What a directive of a date format writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    YearOfCentury,
    Month,
    MonthName,
    Day,
    DayOfYear,
    Hour,
    HourOfHalf,
    Half,
    Minute,
    Second,
    Fraction,
    Offset,
    Zone,
    Epoch,
}

/// A format that isn't a string of `logging`'s is this one, and three digits behind a comma.
pub(super) const DEFAULT: &str = "%Y-%m-%d %H:%M:%S";

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Appends a pattern that matches what the format writes, and the part of each of its groups. The error names what can't be read.
pub(super) fn compile(
    format: &str,
    pattern: &mut String,
    parts: &mut Vec<Part>,
) -> Result<(), String> {
    let mut rest = format.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            literal(character, pattern)?;
            continue;
        }
        let mut directive = rest.next();
        // glibc's flags change how a number is padded, and nothing else.
        while matches!(directive, Some('-' | '_' | '0' | '^' | '#' | 'E' | 'O')) {
            directive = rest.next();
        }
        let (part, matching) = match directive {
            Some('Y') => (Part::Year, "([0-9]{4})"),
            Some('y') => (Part::YearOfCentury, "([0-9]{2})"),
            Some('m') => (Part::Month, " ?([0-9]{1,2})"),
            Some('b' | 'h' | 'B') => (Part::MonthName, "([A-Za-z]{3,9})"),
            Some('d' | 'e') => (Part::Day, " ?([0-9]{1,2})"),
            Some('j') => (Part::DayOfYear, " {0,2}([0-9]{1,3})"),
            Some('H' | 'k') => (Part::Hour, " ?([0-9]{1,2})"),
            Some('I' | 'l') => (Part::HourOfHalf, " ?([0-9]{1,2})"),
            Some('p' | 'P') => (Part::Half, "([AaPp][Mm])"),
            Some('M') => (Part::Minute, " ?([0-9]{1,2})"),
            Some('S') => (Part::Second, " ?([0-9]{1,2})"),
            // `time.strftime` knows no %f; the C library leaves it as it stands.
            Some('f') => (Part::Fraction, "(?:%f|([0-9]{1,6}))"),
            Some('z') => (Part::Offset, "([+-][0-9]{4}(?:[0-9]{2})?|Z)"),
            Some('Z') => (Part::Zone, "([A-Z]{1,5}|[+-][0-9]{2,6})"),
            Some('s') => (Part::Epoch, "([0-9]{1,10})"),
            whole => {
                compile_whole(whole, pattern, parts)?;
                continue;
            }
        };
        pattern.push_str(matching);
        parts.push(part);
    }
    Ok(())
}

/// Directives that stand for several, and those that say nothing of the moment that others don't say.
fn compile_whole(
    directive: Option<char>,
    pattern: &mut String,
    parts: &mut Vec<Part>,
) -> Result<(), String> {
    let several = match directive {
        Some('T' | 'X') => "%H:%M:%S",
        Some('R') => "%H:%M",
        Some('r') => "%I:%M:%S %p",
        Some('F') => "%Y-%m-%d",
        Some('D' | 'x') => "%m/%d/%y",
        Some('c') => "%a %b %e %H:%M:%S %Y",
        Some('a' | 'A') => {
            pattern.push_str("[A-Za-z]{3,9}");
            return Ok(());
        }
        Some('u' | 'w' | 'U' | 'W' | 'V' | 'C' | 'g' | 'G') => {
            pattern.push_str("[0-9]{1,4}");
            return Ok(());
        }
        Some('t') => return literal('\t', pattern),
        Some('%') => return literal('%', pattern),
        Some(other) => return Err(format!("%{other} in the date format can't be read")),
        None => return Err("the date format ends in the middle of a directive".to_owned()),
    };
    compile(several, pattern, parts)
}

fn literal(character: char, pattern: &mut String) -> Result<(), String> {
    if matches!(character, '\n' | '\r') {
        return Err("a date with a line end can't be read line by line".to_owned());
    }
    pattern.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    Ok(())
}

/// Whether a date in these parts says which moment it is.
pub(super) fn check(parts: &[Part]) -> Result<(), String> {
    let has = |part| parts.contains(&part);
    let year = has(Part::Year) || has(Part::YearOfCentury);
    let day = has(Part::DayOfYear) || has(Part::Day) && (has(Part::Month) || has(Part::MonthName));
    let hour = has(Part::Hour) || has(Part::HourOfHalf) && has(Part::Half);
    let missing = [(year, "year"), (day, "day"), (hour, "hour"), (has(Part::Minute), "minute")];
    match missing.iter().find(|(has, _)| !has) {
        Some((_, what)) if !has(Part::Epoch) => {
            Err(format!("the date format doesn't say the {what}"))
        }
        _ => Ok(()),
    }
}

/// A date's parts as they were found.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    epoch: Option<i64>,
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    hour: u32,
    half: Option<u32>,
    minute: u32,
    second: u32,
    fraction: Option<(u32, u8)>,
    zone: Option<&'a [u8]>,
}

impl<'a> Found<'a> {
    /// Takes in one part; `None` if it can't be what it should be.
    pub(super) fn set(&mut self, part: Part, text: &'a [u8]) -> Option<()> {
        match part {
            Part::Year => self.year = Some(number(text)?),
            // As strptime: 69 to 99 are of the last century.
            Part::YearOfCentury => {
                let year: i32 = number(text)?;
                self.year = self.year.or(Some(if year < 69 { 2000 } else { 1900 } + year));
            }
            Part::Month => self.month = Some(number(text)?),
            Part::MonthName => {
                let name = text.to_ascii_lowercase();
                let at = MONTHS.iter().position(|month| name.starts_with(month.as_bytes()))?;
                self.month = Some(u32::try_from(at).ok()? + 1);
            }
            Part::Day => self.day = Some(number(text)?),
            Part::DayOfYear => self.day_of_year = Some(number(text)?),
            Part::Hour => self.hour = number(text)?,
            Part::HourOfHalf => self.hour = number::<u32>(text)? % 12,
            Part::Half => self.half = Some(if text.eq_ignore_ascii_case(b"pm") { 12 } else { 0 }),
            Part::Minute => self.minute = number(text)?,
            Part::Second => self.second = number(text)?,
            Part::Fraction => self.fraction = Some(iso::fraction(text)?),
            Part::Offset => self.zone = Some(text),
            Part::Zone => self.zone = self.zone.or(Some(text)),
            Part::Epoch => self.epoch = Some(number(text)?),
        }
        Some(())
    }

    /// Whether the date has a fraction of its second.
    pub(super) fn has_fraction(&self) -> bool {
        self.fraction.is_some()
    }

    /// Milliseconds that stand beside the date.
    pub(super) fn set_millis(&mut self, millis: u32) -> Option<()> {
        self.fraction = (millis < 1000).then_some((millis * 1000, 3));
        self.fraction.map(|_| ())
    }

    /// The moment that the parts say.
    pub(super) fn moment(&self, zone: LogTimezone) -> Option<Timestamp> {
        let (micros, digits) = self.fraction.unwrap_or_default();
        if let Some(seconds) = self.epoch {
            return iso::moment(seconds, micros, digits);
        }
        let hour = match self.half {
            // %H beside %p.
            Some(half) if self.hour < 12 => self.hour + half,
            _ => self.hour,
        };
        let face = self.date()?.and_hms_opt(hour, self.minute, self.second)?.and_utc().timestamp();
        let offset = match self.zone {
            None => zone.offset_of_face(face),
            Some(b"Z") => 0,
            Some(name) => zone.offset(face, std::str::from_utf8(name).ok()?)?,
        };
        iso::moment(face - i64::from(offset), micros, digits)
    }

    fn date(&self) -> Option<NaiveDate> {
        let year = self.year?;
        match (self.month, self.day, self.day_of_year) {
            (Some(month), Some(day), _) => NaiveDate::from_ymd_opt(year, month, day),
            (_, _, day) => NaiveDate::from_yo_opt(year, day?),
        }
        .filter(|date| date.year() == year)
    }
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
