//! A seeded csvlog of 26 columns that looks like a busy OLTP server's: sessions that come and go, statements and their durations, now
//! and then an error with its statement, multi-line statements, doubled quotes.

use std::fmt::Write as _;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// 2026-11-20 00:00:00 UTC
const START_MILLIS: i64 = 1_795_132_800_000;
const USERS: [&str; 6] = ["app", "shop", "billing", "reporting", "postgres", "replicator"];
const DATABASES: [&str; 5] = ["shop", "billing", "audit", "warehouse", "postgres"];
const APPLICATIONS: [&str; 5] = ["pgbench", "psql", "orders-api v2", "", "pgbouncer"];
const TABLES: [&str; 8] = [
    "orders",
    "order_line",
    "customer",
    "public.stock",
    "audit.raw_log",
    "account",
    "invoice",
    "payment",
];
const SESSIONS: usize = 40;

/// Writes one server's log, record after record.
pub struct Generator {
    random: StdRng,
    millis: i64,
    step_millis: i64,
    sessions: Vec<Session>,
    line: String,
}

struct Session {
    pid: u32,
    start_seconds: i64,
    user: &'static str,
    database: &'static str,
    application: &'static str,
    from: String,
    lines: u64,
    transactions: u64,
}

impl Generator {
    /// The log of this seed, its records `step_millis` apart on average.
    pub fn new(seed: u64, step_millis: i64) -> Self {
        Self::starting(seed, step_millis, START_MILLIS)
    }

    /// The same from this moment on, in milliseconds since 1970.
    pub fn starting(seed: u64, step_millis: i64, start_millis: i64) -> Self {
        let mut generator = Self {
            random: StdRng::seed_from_u64(seed),
            millis: start_millis,
            step_millis,
            sessions: Vec::new(),
            line: String::new(),
        };
        for _ in 0..SESSIONS {
            let session = generator.session();
            generator.sessions.push(session);
        }
        generator
    }

    /// The next record, its line end included.
    pub fn next_record(&mut self) -> &str {
        self.millis += self.random.random_range(0..=self.step_millis * 2);
        let at = self.random.random_range(0..SESSIONS);
        if self.random.random_range(0..500) == 0 {
            self.sessions[at] = self.session();
        }
        let event = self.event();
        let session = &mut self.sessions[at];
        session.lines += 1;
        session.transactions += u64::from(event.ends_transaction);
        let Session { pid, start_seconds, user, database, application, from, lines, transactions } =
            session;
        let (backend, transaction) = (*pid % 64 + 3, *transactions);
        let line = &mut self.line;
        line.clear();
        time(line, self.millis, true);
        // Writing into a string can't fail.
        let _ = write!(
            line,
            ",\"{user}\",\"{database}\",{pid},\"{from}\",{start_seconds:x}.{pid:x},{lines},\"{}\",",
            event.tag
        );
        time(line, *start_seconds * 1000, false);
        let _ = write!(
            line,
            ",{backend}/{transaction},{},{},{},",
            event.transaction_id, event.severity, event.sql_state
        );
        quoted(line, &event.message);
        line.push(',');
        for text in [&event.detail, &event.hint] {
            quoted_or_null(line, text);
            line.push(',');
        }
        line.push_str(",,,");
        quoted_or_null(line, &event.query);
        let position = if event.query.is_empty() { "" } else { "15" };
        let _ =
            writeln!(line, ",{position},,\"{application}\",\"client backend\",,{}", event.query_id);
        &self.line
    }

    fn session(&mut self) -> Session {
        let random = &mut self.random;
        Session {
            pid: random.random_range(300..60_000),
            start_seconds: self.millis / 1000,
            user: USERS[random.random_range(0..USERS.len())],
            database: DATABASES[random.random_range(0..DATABASES.len())],
            application: APPLICATIONS[random.random_range(0..APPLICATIONS.len())],
            from: format!(
                "10.42.{}.{}:{}",
                random.random_range(0..8),
                random.random_range(1..255),
                random.random_range(32_768..61_000)
            ),
            lines: 0,
            transactions: 1,
        }
    }

    fn event(&mut self) -> Event {
        let random = &mut self.random;
        let table = TABLES[random.random_range(0..TABLES.len())];
        let id: u32 = random.random_range(1..5_000_000);
        let millis = f64::from(random.random_range(8..90_000)) / 1000.0;
        let mut event = Event {
            query_id: random.random_range(-4_000_000_000_000_000_000i64..4_000_000_000_000_000_000),
            ..Event::default()
        };
        match random.random_range(0..100) {
            0..40 => {
                event.tag = "SELECT";
                event.message = format!(
                    "duration: {millis:.3} ms  execute S_{}: SELECT id, state, amount FROM {table} WHERE id = $1",
                    id % 30
                );
                event.detail = format!("Parameters: $1 = '{id}'");
            }
            40..58 => {
                event.tag = "UPDATE";
                event.transaction_id = u64::from(id) + 1_000_000;
                event.message = format!(
                    "statement: UPDATE {table} SET amount = amount + {} WHERE id = {id};",
                    id % 5000
                );
            }
            58..72 => {
                event.tag = "INSERT";
                event.message = format!(
                    "statement: INSERT INTO {table} (id, \"order\", note) VALUES ({id}, {}, '{}')",
                    id / 7,
                    ["", "urgent", "say \"please\"", "naïve café 🐘"][random.random_range(0..4)]
                );
            }
            72..81 => {
                event.tag = "SELECT";
                event.message = format!(
                    "duration: {millis:.3} ms  statement: SELECT c.id,\n       sum(l.amount) AS total\n  FROM {table} l\n  JOIN customer c ON c.id = l.customer\n WHERE l.state = 'open'\n   AND l.id > {id}\n GROUP BY c.id;"
                );
            }
            81..94 => {
                event.tag = "COMMIT";
                event.ends_transaction = true;
                event.message = format!("duration: {millis:.3} ms");
            }
            94..97 => {
                event.tag = "idle";
                event.message = format!(
                    "temporary file: path \"base/pgsql_tmp/pgsql_tmp{id}.0\", size {}",
                    u64::from(id) * 17
                );
            }
            97..99 => {
                event.tag = "INSERT";
                (event.severity, event.sql_state) = ("ERROR", "23505");
                event.message = format!(
                    "duplicate key value violates unique constraint \"{}_pkey\"",
                    table.replace('.', "_")
                );
                event.detail = format!("Key (id)=({id}) already exists.");
                event.query = format!("INSERT INTO {table} (id) VALUES ({id})");
            }
            _ => {
                event.tag = "SELECT";
                (event.severity, event.sql_state) = ("ERROR", "42P01");
                event.message = format!("relation \"{table}_{}\" does not exist", id % 100);
                event.hint = "Perhaps you meant to reference another table.".to_owned();
                event.query =
                    format!("SELECT count(*)\n  FROM {table}_{}\n WHERE note = 'x''y'", id % 100);
            }
        }
        event
    }
}

struct Event {
    severity: &'static str,
    sql_state: &'static str,
    tag: &'static str,
    message: String,
    detail: String,
    hint: String,
    query: String,
    transaction_id: u64,
    ends_transaction: bool,
    query_id: i64,
}

impl Default for Event {
    fn default() -> Self {
        Self {
            severity: "LOG",
            sql_state: "00000",
            tag: "",
            message: String::new(),
            detail: String::new(),
            hint: String::new(),
            query: String::new(),
            transaction_id: 0,
            ends_transaction: false,
            query_id: 0,
        }
    }
}

/// Appends a time in UTC as a server writes it.
fn time(line: &mut String, millis: i64, fraction: bool) {
    let format = if fraction { "%Y-%m-%d %H:%M:%S%.3f UTC" } else { "%Y-%m-%d %H:%M:%S UTC" };
    let moment = chrono::DateTime::from_timestamp_millis(millis).unwrap_or_default();
    let _ = write!(line, "{}", moment.format(format));
}

fn quoted(line: &mut String, text: &str) {
    line.push('"');
    line.push_str(&text.replace('"', "\"\""));
    line.push('"');
}

fn quoted_or_null(line: &mut String, text: &str) {
    if !text.is_empty() {
        quoted(line, text);
    }
}
