//! What is asked for by environment, and how figures are printed.

use std::env;
use std::io::Write;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

/// The caller's wishes.
#[derive(Debug)]
pub struct Report {
    only: String,
    /// Records that a run moves.
    pub rows: usize,
    /// The same, where somebody says it.
    pub given_rows: Option<usize>,
    /// Runs of each side.
    pub repeat: usize,
}

impl Report {
    /// Reads `ONLY`, `ROWS` and `REPEAT`.
    pub fn from_environment() -> Result<Self> {
        let number = |name: &str, default: usize| match env::var(name) {
            Ok(text) if !text.is_empty() => {
                text.parse().with_context(|| format!("{name}={text} is no number"))
            }
            _ => Ok(default),
        };
        let is_given = env::var("ROWS").is_ok_and(|rows| !rows.is_empty());
        Ok(Self {
            given_rows: is_given.then(|| number("ROWS", 1)).transpose()?,
            only: env::var("ONLY").unwrap_or_default(),
            rows: number("ROWS", 300_000)?.max(1),
            repeat: number("REPEAT", 3)?.max(1),
        })
    }

    /// Whether any of these figures is wanted.
    pub fn wants(&self, names: &[&str]) -> bool {
        names.iter().any(|name| {
            self.only.split(',').any(|only| name.starts_with(only) || only.starts_with(name))
        })
    }

    /// Prints the 99th percentile of `values`, with the median, the least and the greatest.
    pub fn percentile(&self, name: &str, unit: &str, values: &[f64], more: Value) -> Result<()> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let median = sorted.get(sorted.len() / 2).map_or(f64::NAN, |value| round(*value));
        let nearest = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
        self.print(name, unit, &sorted, nearest, json!({"p50": median}), more)
    }

    /// Prints the median of `values`, with the least and the greatest.
    pub fn figure(&self, name: &str, unit: &str, values: &[f64], more: Value) -> Result<()> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        self.print(name, unit, &sorted, sorted.len() / 2, json!({}), more)
    }

    fn print(
        &self,
        name: &str,
        unit: &str,
        sorted: &[f64],
        place: usize,
        besides: Value,
        more: Value,
    ) -> Result<()> {
        if !self.only.split(',').any(|only| name.starts_with(only)) {
            return Ok(());
        }
        let at = |index: usize| sorted.get(index).map_or(f64::NAN, |value| round(*value));
        let mut line = Map::new();
        line.insert("name".into(), name.into());
        line.insert("value".into(), json!(at(place)));
        line.insert("unit".into(), unit.into());
        line.insert("min".into(), json!(at(0)));
        line.insert("max".into(), json!(at(sorted.len().saturating_sub(1))));
        line.insert("runs".into(), json!(sorted.len()));
        for further in [besides, more] {
            if let Value::Object(further) = further {
                line.extend(further);
            }
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", Value::Object(line))
            .and_then(|()| out.flush())
            .context("write a figure")
    }
}

/// Four digits after the point are more than any figure here deserves.
fn round(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// Says what is going on.
pub fn progress(text: &str) {
    eprintln!("bench: {text}");
}
