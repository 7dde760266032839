//! PostgreSQL installations on this machine: where Debian, the PostgreSQL project's RPMs and `make install` put them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{in_path, run};

/// The `bin` directory of the newest suitable PostgreSQL on this machine.
pub(super) fn newest_bin(needs_timescaledb: bool) -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    let mut consider = |bin: PathBuf, library: &Path| {
        let has = |directory: &Path| directory.join("timescaledb.so").exists();
        let suits = !needs_timescaledb || has(library) || has(&library.join("postgresql"));
        if suits && let Some(version) = major_version(&bin) {
            found.push((version, bin));
        }
    };
    let debian = subdirectories(Path::new("/usr/lib/postgresql"));
    let red_hat = subdirectories(Path::new("/usr")).into_iter().filter(|directory| {
        directory.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"pgsql-"))
    });
    for home in debian.into_iter().chain(red_hat).chain([PathBuf::from("/usr/local/pgsql")]) {
        consider(home.join("bin"), &home.join("lib"));
    }
    if let Some(pg_config) = in_path("pg_config") {
        let ask = |flag: &str| {
            run(Command::new(&pg_config).arg(flag)).ok().map(|out| PathBuf::from(out.trim()))
        };
        if let (Some(bin), Some(library)) = (ask("--bindir"), ask("--pkglibdir")) {
            consider(bin, &library);
        }
    }
    // csvlog of 26 columns begins with 14.
    found
        .into_iter()
        .filter(|(version, _)| *version >= 14)
        .max_by_key(|(version, _)| *version)
        .map(|(_, bin)| bin)
}

/// The major version that `postgres --version` names; none unless `initdb` is there too.
fn major_version(bin: &Path) -> Option<u32> {
    if !bin.join("initdb").exists() {
        return None;
    }
    let text = run(Command::new(bin.join("postgres")).arg("--version")).ok()?;
    let number =
        text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn subdirectories(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
