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
        Ok(Self {
            only: env::var("ONLY").unwrap_or_default(),
            rows: number("ROWS", 300_000)?.max(1),
            repeat: number("REPEAT", 3)?.max(1),
        })
    }

    /// Whether any of these figures is wanted.
    pub fn wants(&self, names: &[&str]) -> bool {
        names.iter().any(|name| name.starts_with(&self.only) || self.only.starts_with(name))
    }

    /// Prints the median of `values`, with the least and the greatest.
    pub fn figure(&self, name: &str, unit: &str, values: &[f64], more: Value) -> Result<()> {
        if !name.starts_with(&self.only) {
            return Ok(());
        }
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).map_or(f64::NAN, |value| round(*value));
        let mut line = Map::new();
        line.insert("name".into(), name.into());
        line.insert("value".into(), json!(at(sorted.len() / 2)));
        line.insert("unit".into(), unit.into());
        line.insert("min".into(), json!(at(0)));
        line.insert("max".into(), json!(at(sorted.len().saturating_sub(1))));
        line.insert("runs".into(), json!(sorted.len()));
        if let Value::Object(more) = more {
            line.extend(more);
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
