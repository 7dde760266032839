//! `check-config`: what is in force, and what it would collect now, file by file.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use trunkline_record::{End, Format};

use crate::{
    checkpoint::Checkpoint,
    compressed::Compression,
    config::{Config, ConfigError, Files},
    discover::{
        kubernetes::{Access, Watch},
        pods::Located,
        writer::Writer,
    },
    format::FormatChoice,
    identity::FirstLine,
    sources::Sources,
    streams::Streams,
    tail::{Seen, scan},
};

/// How much of a file is looked at for its format.
const BEGINNING: u64 = 64 * 1024;

/// How long the API may take to tell of the node's pods.
const API_TIMEOUT: Duration = Duration::from_secs(5);

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

/// Prints `ok`, the effective settings, and the files that would be read now. Touches nothing.
pub fn check(file: &Path, out: &mut impl Write) -> Result<(), CheckError> {
    let config = Config::load(file)?;
    let sources = Arc::new(Sources::of(file, &config, None)?);
    let sections = sources.sections();
    writeln!(out, "ok\n\n{}", toml::to_string(&config)?)?;

    let compressed = if config.ship.compresses() { "compressed" } else { "as they are" };
    writeln!(out, "# forward chunks are sent {compressed}")?;
    let source = sources.own().source();
    writeln!(out, "# source, as it is sent:")?;
    for (name, value) in source.fields() {
        writeln!(out, "#   {name:<10} {}", value.as_deref().unwrap_or("-"))?;
    }
    if sources.pod_logs().is_some() {
        ask(&config, &sources, out)?;
    }
    let streams = Streams::new((*source).clone(), Checkpoint::peek(&config.state_dir));
    let scan = scan(sections);
    let (mut unwanted, mut waiting, mut matched) = (0, Vec::new(), Vec::new());
    let now = Instant::now();
    for seen in &scan.files {
        match sources.locate(&seen.path, seen.section, now) {
            Located::Known(writer) => matched.push((seen, writer)),
            Located::Waiting => waiting.push(seen),
            Located::Unwanted => unwanted += 1,
        }
    }
    writeln!(out, "# files that match now: {}", matched.len())?;
    for (seen, writer) in matched {
        let files = writer.hints().apply(&sections[seen.section]).into_owned();
        show(seen, &files, &writer, &sources, &streams, out)?;
    }
    for seen in waiting {
        writeln!(out, "#   of a pod that the API doesn't know: {}", seen.path.display())?;
    }
    if unwanted > 0 {
        writeln!(out, "# logs of pods that nothing selects: {unwanted}")?;
    }
    for (path, problem) in &scan.problems {
        writeln!(out, "#   can't be looked at: {}: {problem}", path.display())?;
    }
    Ok(())
}

/// Learns of the node's pods, if that doesn't take long, and says what came of it.
fn ask(config: &Config, sources: &Arc<Sources>, out: &mut impl Write) -> io::Result<()> {
    let Some(logs) = sources.pod_logs() else { return Ok(()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let watch = Watch::new(&config.kubernetes, Arc::clone(sources));
    runtime.block_on(async {
        let answered = async {
            while logs.api().access == Access::Connecting {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = watch.run(CancellationToken::new()) => {}
            () = answered => {}
            () = tokio::time::sleep(API_TIMEOUT) => {}
        }
    });
    match logs.api().access {
        Access::Off => writeln!(out, "# no Kubernetes API: pods are known by their paths alone"),
        Access::Watching => {
            writeln!(out, "# pods of this node: {}", logs.with(|pods| pods.present()))
        }
        Access::Connecting => writeln!(out, "# the Kubernetes API doesn't answer"),
        Access::Failing(problem) => {
            writeln!(out, "# the Kubernetes API can't be used: {problem}")
        }
    }
}

/// One file.
fn show(
    seen: &Seen,
    files: &Files,
    writer: &Arc<Writer>,
    sources: &Sources,
    streams: &Streams,
    out: &mut impl Write,
) -> io::Result<()> {
    let path = seen.path.display();
    let (head, packed) = match beginning(&seen.path) {
        Ok(beginning) => beginning,
        Err(error) => return writeln!(out, "#   can't be read: {path}: {error}"),
    };
    let first_line = FirstLine::of(&head);
    let format = match files.format {
        FormatChoice::Set(format) => format.to_string(),
        FormatChoice::Auto => detect(&head, files, first_line.as_ref())
            .map_or_else(|| "undecided".to_owned(), |format| format.to_string()),
    };
    write!(out, "#   {format} {:>12} bytes  ", seen.size)?;
    let stream = first_line.and_then(|line| streams.find(writer.identity(), seen.id, &line));
    match stream.map(|stream| stream.acked()) {
        None => write!(out, "{:>12}  ", "not begun")?,
        Some(acked) if packed => write!(out, "{acked:>12} stored  ")?,
        Some(acked) => write!(out, "{:>12} to go  ", seen.size.saturating_sub(acked))?,
    }
    writeln!(out, "{path}")?;
    if !Arc::ptr_eq(writer, sources.own()) {
        let source = writer.source();
        let known = source
            .fields()
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", value.as_deref()?)));
        writeln!(out, "#       {}", known.collect::<Vec<_>>().join(" "))?;
    }
    Ok(())
}

/// The file's first bytes, and whether it is compressed.
fn beginning(path: &Path) -> io::Result<(Vec<u8>, bool)> {
    let mut head = Vec::new();
    File::open(path)?.take(BEGINNING).read_to_end(&mut head)?;
    let Some(compression) = Compression::of(&head) else { return Ok((head, false)) };
    let mut content = Vec::new();
    compression.decoder(File::open(path)?)?.take(BEGINNING).read_to_end(&mut content)?;
    Ok((content, true))
}

fn detect(head: &[u8], files: &Files, first_line: Option<&FirstLine>) -> Option<Format> {
    if first_line.is_some_and(FirstLine::is_cri) {
        return Some(Format::Cri);
    }
    Format::detect(head, &files.settings, End::Pause)
}
