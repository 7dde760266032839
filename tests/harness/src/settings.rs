//! What a private server is for, and the `postgresql.conf` lines that follow from it.

/// What a server promises when the machine loses power; a killed server loses nothing either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// PostgreSQL's defaults: what benchmarks and the demo measure and show.
    Durable,
    /// `fsync=off`: for tests, whose data nobody needs after a crash of the machine.
    FastAndLoose,
}

/// The settings of one private server; later ones win.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    needs_timescaledb: bool,
    lines: Vec<(String, String)>,
}

impl Settings {
    /// A server without special settings.
    pub fn plain() -> Self {
        Self::default()
    }

    /// A store: TimescaleDB is loaded, memory is modest, everything else as a DBA would find it.
    pub fn store(durability: Durability) -> Self {
        let mut settings = Self { needs_timescaledb: true, lines: Vec::new() }
            .with("shared_preload_libraries", "timescaledb")
            .with("timescaledb.telemetry_level", "off")
            // One scheduler for each database with the extension, and each test has a database.
            .with("timescaledb.max_background_workers", "64")
            .with("max_worker_processes", "96")
            .with("max_connections", "300")
            .with("shared_buffers", "256MB")
            .with("max_wal_size", "4GB");
        if durability == Durability::FastAndLoose {
            settings = settings
                .with("fsync", "off")
                .with("full_page_writes", "off")
                .with("synchronous_commit", "off");
        }
        settings
    }

    /// A source: a server whose csvlog is collected, in `log/` of its data directory, in small files.
    pub fn source() -> Self {
        Self::default()
            .with("fsync", "off")
            .with("logging_collector", "on")
            .with("log_destination", "csvlog")
            .with("log_directory", "log")
            .with("log_filename", "postgresql-%Y-%m-%d_%H%M%S")
            .with("log_rotation_age", "0")
            .with("log_rotation_size", "8MB")
            .with("log_file_mode", "0640")
            .with("log_timezone", "UTC")
            .with("max_connections", "100")
    }

    /// The same with one more setting, by the name and in the form that `postgresql.conf` takes (without quotes).
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.lines.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Whether the installation must have TimescaleDB.
    pub fn needs_timescaledb(&self) -> bool {
        self.needs_timescaledb
    }

    /// The lines for `postgresql.conf`, each value quoted.
    pub fn render(&self) -> String {
        self.lines
            .iter()
            .map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''")))
            .collect()
    }
}
