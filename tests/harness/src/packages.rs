//! Debian packages that a test needs, installed where they are missing.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Installs them by `deploy/dev/setup.sh`, which says what it does.
pub fn install(packages: &[&str]) -> Result<()> {
    let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/dev/setup.sh");
    let output = Command::new(&setup).args(packages).output();
    let output = output.with_context(|| format!("run {}", setup.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "install {packages:?}: {}\n{said}", output.status);
    Ok(())
}
