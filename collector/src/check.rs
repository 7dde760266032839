//! `check-config`: what is in force, and what it would collect.

use std::{
    io::{self, Write},
    path::Path,
};

use crate::{
    config::{Config, ConfigError, host_name},
    tail::scan,
};

/// Why `check-config` could not print.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The settings have no TOML form.
    #[error("settings can't be shown: {0}")]
    Show(#[from] toml::ser::Error),
    /// Standard output is gone.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

/// Prints `ok`, the effective settings, and the files that the globs match now.
pub fn check(file: &Path, out: &mut impl Write) -> Result<(), CheckError> {
    let config = Config::load(file)?;
    let sections = config.files(file)?;
    writeln!(out, "ok\n\n{}", toml::to_string(&config)?)?;

    let source = config.source.resolve(|name| std::env::var(name).ok(), host_name());
    writeln!(out, "# source, as it is sent:")?;
    for (name, value) in source.fields() {
        writeln!(out, "#   {name:<10} {}", value.as_deref().unwrap_or("-"))?;
    }
    let scan = scan(&sections);
    writeln!(out, "# files that match now: {}", scan.files.len())?;
    for seen in &scan.files {
        let format = sections[seen.section].format;
        writeln!(out, "#   {format} {:>12} bytes  {}", seen.size, seen.path.display())?;
    }
    for (path, problem) in &scan.problems {
        writeln!(out, "#   can't be looked at: {}: {problem}", path.display())?;
    }
    Ok(())
}
