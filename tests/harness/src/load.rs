//! Load on a source server: much of it by pgbench, and the odd statements that make a log hard to read.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio_postgres::NoTls;

use crate::database::connect;
use crate::process::Process;
use crate::server::PostgresServer;

/// Fills pgbench's tables in a database of the server.
pub fn pgbench_init(server: &PostgresServer, database: &str, scale: u32) -> Result<()> {
    let mut command = server.tool("pgbench")?;
    command.args(["--initialize", "--quiet", "--scale"]).arg(scale.to_string()).arg(database);
    run(&mut command)
}

/// How long pgbench runs.
#[derive(Clone, Copy, Debug)]
pub enum Extent {
    /// So many seconds.
    Seconds(u32),
    /// So many transactions of each client.
    Transactions(u32),
}

/// Runs pgbench's TPC-B to its end, blocking.
pub fn pgbench(
    server: &PostgresServer,
    database: &str,
    clients: u32,
    extent: Extent,
) -> Result<()> {
    run(&mut pgbench_command(server, database, clients, extent)?)
}

/// Starts the same in the background; its output goes to `log`.
pub fn pgbench_spawn(
    server: &PostgresServer,
    database: &str,
    clients: u32,
    extent: Extent,
    log: &Path,
) -> Result<Process> {
    Process::spawn(&pgbench_command(server, database, clients, extent)?, log)
}

/// The command behind [`pgbench`], for further options such as `--rate`.
pub fn pgbench_command(
    server: &PostgresServer,
    database: &str,
    clients: u32,
    extent: Extent,
) -> Result<Command> {
    let mut command = server.tool("pgbench")?;
    command.arg("--no-vacuum").arg(format!("--client={clients}"));
    command.arg(match extent {
        Extent::Seconds(seconds) => format!("--time={seconds}"),
        Extent::Transactions(transactions) => format!("--transactions={transactions}"),
    });
    command.arg(database);
    Ok(command)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().context("run pgbench")?;
    ensure!(
        output.status.success(),
        "pgbench failed with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// A statement whose log records are a test of their own. Most of them fail, as they should.
#[derive(Clone, Debug)]
pub enum Odd {
    /// Sent as it is, alone, by the simple protocol.
    Statement(String),
    /// A login that the server refuses: user and database.
    Login(String, String),
}

/// An endless stream of odd statements, the same for the same seed.
#[derive(Debug)]
pub struct OddStatements {
    random: StdRng,
    number: u64,
}

impl OddStatements {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed), number: 0 }
    }

    /// Text of many scripts, quotes and line ends.
    fn text(&mut self) -> String {
        const PIECES: [&str; 18] = [
            "plain words",
            "'",
            "\"",
            "\"\"\"",
            ",",
            "\n",
            "\r\n",
            "\r",
            "\t",
            "\\",
            "\\n",
            "\u{1f418}",
            "Grüße",
            "\u{2028}",
            "\u{1}",
            "\u{feff}",
            "\n2026-11-22 22:36:24.800 UTC,\"postgres\",\"x\",1,\"[local]\",1.1,1,\"idle\",,3/0,0,LOG,00000,\"x\",,,,,,,,,\"\"\n",
            "{\"timestamp\":\"2026-11-22 22:36:24.800 UTC\",\"error_severity\":\"LOG\"}\n",
        ];
        let length = self.random.random_range(1..12);
        (0..length).map(|_| PIECES[self.random.random_range(0..PIECES.len())]).collect()
    }

    /// A statement of about this many bytes.
    pub fn large(&mut self, bytes: usize) -> Odd {
        let mut body = String::with_capacity(bytes + 256);
        while body.len() < bytes {
            body += &self.text();
        }
        Odd::Statement(format!("SELECT 1/0 AS \"large\", {}", literal(&body)))
    }
}

impl Iterator for OddStatements {
    type Item = Odd;

    fn next(&mut self) -> Option<Odd> {
        self.number += 1;
        let number = self.number;
        let text = self.text();
        let quoted = literal(&text);
        let statement = match self.random.random_range(0..14) {
            0 => format!("SELECT {quoted} AS \"odd {number}\""),
            1 => format!("SELECT 1/0, {quoted}"),
            2 => format!("SELECT * FROM \"missing {}\"", text.replace(['"', '\0'], "'")),
            3 => format!("SELEC {quoted}"),
            4 => format!("SELECT {quoted}::integer"),
            5 => "DO $$ BEGIN PERFORM 1; EXECUTE 'SELECT 1/0'; END $$".to_owned(),
            6..=8 => {
                let level = ["WARNING", "NOTICE", "LOG", "INFO", "DEBUG", "EXCEPTION"]
                    [self.random.random_range(0..6)];
                let (detail, hint) = (literal(&self.text()), literal(&self.text()));
                format!(
                    "DO $odd$ BEGIN RAISE {level} '%', {quoted} USING DETAIL = {detail}, HINT = {hint}; END $odd$"
                )
            }
            9 => format!(
                "DO $odd$ BEGIN RAISE EXCEPTION '%', {quoted} USING ERRCODE = 'T{:04}'; END $odd$",
                number % 10_000
            ),
            10 => format!(
                "CREATE TEMP TABLE odd (t text CHECK (t = '')) ON COMMIT DROP; INSERT INTO odd VALUES ({quoted})"
            ),
            11 => format!("-- a comment\n\n\tSELECT\n\t\t{quoted}\n;\n"),
            12 => ";".to_owned(),
            _ => {
                return Some(match self.random.random_range(0..4) {
                    0 => Odd::Login("intruder".to_owned(), "postgres".to_owned()),
                    1 => Odd::Login("outcast".to_owned(), "postgres".to_owned()),
                    2 => {
                        Odd::Login(format!("nobody \"{number}\"\t\u{1f418}"), "postgres".to_owned())
                    }
                    _ => Odd::Login("postgres".to_owned(), format!("no,such \"{number}\" base")),
                });
            }
        };
        Some(Odd::Statement(statement))
    }
}

/// Sends odd statements to a server, each whatever the last one led to. What the server answers is not looked at, but a connection
/// that can't be made is an error.
pub async fn send(server_url: &str, odd: impl IntoIterator<Item = Odd>) -> Result<()> {
    let mut client = connect(server_url).await?;
    for odd in odd {
        match odd {
            Odd::Statement(statement) => {
                if client.is_closed() {
                    client = connect(server_url).await?;
                }
                let _ = client.batch_execute(&statement).await;
            }
            Odd::Login(user, database) => {
                let mut login: tokio_postgres::Config =
                    server_url.parse().context("parse the server's URL")?;
                login.user(&user).password("not the one").dbname(&database);
                ensure!(
                    login.connect(NoTls).await.is_err(),
                    "a login as {user:?} to {database:?} was taken"
                );
            }
        }
    }
    Ok(())
}

/// A string constant with backslash escapes, so that every control character can be written as it is.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::{Odd, OddStatements};

    #[test]
    fn the_same_seed_gives_the_same_statements() {
        let text = |seed| format!("{:?}", OddStatements::new(seed).take(200).collect::<Vec<_>>());
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
        let Odd::Statement(large) = OddStatements::new(3).large(1 << 20) else {
            panic!("no statement")
        };
        assert!(large.len() > 1 << 20 && large.contains('\n'));
    }
}
