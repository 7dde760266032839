//! What the pipeline is compared with: `psql` that COPYs the same rows, in binary, into the same table definition.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tokio_postgres::Client;
use trunkline_harness::{Database, PostgresServer};

/// Rows of a COPY: short transactions scale over connections, one long COPY doesn't.
const ROWS_PER_COPY: i64 = 10_000;

/// The rows of a table as files of binary COPY, where the server and its `psql` see them.
pub struct Pieces {
    directory: PathBuf,
    /// The files in order, as `psql` spells them.
    files: Vec<String>,
}

impl Drop for Pieces {
    fn drop(&mut self) {
        // Best effort: the server's directory goes with the server.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Writes out the rows of `log.postgres` in the order of their time. That is kinder to an index on it than the pipeline's own order, which
/// reads one file after another.
pub async fn export(server: &PostgresServer, client: &Client) -> Result<Pieces> {
    let directory = server.data_dir().join("bench");
    fs::create_dir_all(&directory).context("make a directory for the pieces")?;
    let inside = server.installation().inside(&directory);
    // The server runs as another user.
    let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o777);
    fs::set_permissions(&directory, mode).context("open the directory to the server")?;
    client
        .batch_execute(
            "CREATE UNLOGGED TABLE piece AS \
             SELECT row_number() OVER (ORDER BY log_time, stream, position) AS number, * FROM log.postgres; \
             CREATE INDEX ON piece (number); ANALYZE piece",
        )
        .await?;
    let about = client
        .query_one(
            "SELECT (SELECT max(number) FROM piece), string_agg(quote_ident(attname), ', ' ORDER BY attnum) \
             FROM pg_attribute WHERE attrelid = 'log.postgres'::regclass AND attnum > 0 AND NOT attisdropped",
            &[],
        )
        .await?;
    let (rows, columns): (i64, String) = (about.get(0), about.get(1));
    let mut files = Vec::new();
    let mut from = 1;
    while from <= rows {
        let file = inside.join(format!("{from}.bin")).display().to_string();
        let copy = format!(
            "COPY (SELECT {columns} FROM piece WHERE number BETWEEN {from} AND {} ORDER BY number) \
             TO '{file}' (FORMAT binary)",
            from + ROWS_PER_COPY - 1
        );
        client.batch_execute(&copy).await?;
        files.push(file);
        from += ROWS_PER_COPY;
    }
    client.batch_execute("DROP TABLE piece").await?;
    Ok(Pieces { directory, files })
}

/// Copies all pieces into an empty table of `database` by so many `psql`; answers the seconds it took, and the server's CPU seconds.
pub fn run(
    server: &PostgresServer,
    database: &Database,
    pieces: &Pieces,
    connections: usize,
) -> Result<(f64, f64)> {
    let mut scripts = vec![String::new(); connections];
    for (at, file) in pieces.files.iter().enumerate() {
        scripts[at % connections] +=
            &format!("\\copy log.postgres FROM '{file}' (FORMAT binary)\n");
    }
    server.psql(database.name(), "CHECKPOINT")?;
    let before = server.cpu_seconds()?;
    let start = Instant::now();
    std::thread::scope(|scope| -> Result<()> {
        let psqls: Vec<_> = scripts
            .iter()
            .enumerate()
            .map(|(at, script)| {
                let path = pieces.directory.join(format!("{at}.sql"));
                scope.spawn(move || copy_all(server, database, &path, script))
            })
            .collect();
        psqls.into_iter().try_for_each(|psql| {
            psql.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread of psql panicked")))
        })
    })?;
    Ok((start.elapsed().as_secs_f64(), server.cpu_seconds()? - before))
}

fn copy_all(server: &PostgresServer, database: &Database, path: &Path, script: &str) -> Result<()> {
    fs::write(path, script).context("write psql's script")?;
    let inside = server.installation().inside(path);
    let output = server.psql_command(database.name())?.arg("-q").arg("-f").arg(inside).output()?;
    ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
