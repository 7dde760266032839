//! Lists the files of the web console, as `make console` leaves them in `dashboards/console/dist`, so that they become part of the binary.
//!
//! Without them the binary has no console, and says so where one looks for it: nobody needs Node.js to build the service.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    // The directory is always there, since a file of it is committed: what isn't would be looked for, and built anew, each time.
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../dashboards/console/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    let site = dist.join("site");
    let mut files = Vec::new();
    if site.is_dir() {
        collect(&site, &mut files)?;
    }
    // As texts, since that is how they are looked up.
    files.sort_by_key(|file| file.to_string_lossy().into_owned());
    let mut list = String::from("&[\n");
    for file in files.iter().filter(|file| !is_packed(file)) {
        let path = file.strip_prefix(&site)?.to_string_lossy().replace('\\', "/");
        let content = |file: &Path| format!("include_bytes!({:?})", file.display().to_string());
        let packed = |ending: &str| {
            let file = PathBuf::from(format!("{}.{ending}", file.display()));
            if file.is_file() { format!("Some({})", content(&file)) } else { "None".to_owned() }
        };
        let (plain, brotli, gzip) = (content(file), packed("br"), packed("gz"));
        writeln!(
            list,
            "Asset {{ path: {:?}, plain: {plain}, brotli: {brotli}, gzip: {gzip} }},",
            format!("/{path}")
        )?;
    }
    list.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("console.rs"), list)?;
    Ok(())
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        match path.is_dir() {
            true => collect(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}

/// Whether it is another file, compressed.
fn is_packed(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "br" || ending == "gz")
}
