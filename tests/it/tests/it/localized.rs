//! A server whose sessions each have a language of their own, in databases of several encodings: all of it in the same files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio_postgres::Client;
use trunkline_harness::{
    Installation, PostgresServer, Settings, StopMode, Store, csv_truth, database,
};
use trunkline_it::Pipeline;
use trunkline_record::escape;

/// A language, and where its messages are written.
struct Session {
    /// `lc_messages`.
    locale: &'static str,
    /// The database's encoding as PostgreSQL calls it, and its locale; none for the server's own UTF-8.
    database: Option<(&'static str, &'static str)>,
    /// Whether the encoding lacks the language's letters, so that the words are `????`.
    unwritable: bool,
}

const fn utf8(locale: &'static str) -> Session {
    Session { locale, database: None, unwritable: false }
}

/// In a database whose locale is the one of the messages.
const fn old(encoding: &'static str, locale: &'static str) -> Session {
    Session { locale, database: Some((encoding, locale)), unwritable: false }
}

/// In a database of another language, as when somebody sets `lc_messages` to their own.
const fn unwritable(locale: &'static str) -> Session {
    Session { locale, database: Some(("LATIN1", "de_DE.ISO-8859-1")), unwritable: true }
}

/// Each language that PostgreSQL 17 is translated to, and the encodings that were usual before UTF-8.
const SESSIONS: [Session; 30] = [
    utf8("de_DE.UTF-8"),
    utf8("es_ES.UTF-8"),
    utf8("fr_FR.UTF-8"),
    utf8("id_ID.UTF-8"),
    utf8("it_IT.UTF-8"),
    utf8("ja_JP.UTF-8"),
    utf8("ka_GE.UTF-8"),
    utf8("ko_KR.UTF-8"),
    utf8("pl_PL.UTF-8"),
    utf8("pt_BR.UTF-8"),
    utf8("ru_RU.UTF-8"),
    utf8("sv_SE.UTF-8"),
    utf8("tr_TR.UTF-8"),
    utf8("uk_UA.UTF-8"),
    utf8("zh_CN.UTF-8"),
    old("LATIN1", "de_DE.ISO-8859-1"),
    old("LATIN1", "es_ES.ISO-8859-1"),
    old("LATIN1", "fr_FR.ISO-8859-1"),
    old("LATIN1", "pt_BR.ISO-8859-1"),
    old("LATIN2", "pl_PL.ISO-8859-2"),
    old("LATIN5", "tr_TR.ISO-8859-9"),
    old("KOI8R", "ru_RU.KOI8-R"),
    old("WIN1251", "ru_RU.CP1251"),
    old("KOI8U", "uk_UA.KOI8-U"),
    old("EUC_JP", "ja_JP.EUC-JP"),
    old("EUC_KR", "ko_KR.EUC-KR"),
    old("EUC_CN", "zh_CN.GB2312"),
    // Mixtures that happen. In the locale C glibc writes Russian in Latin letters.
    Session { locale: "ru_RU.UTF-8", database: Some(("LATIN1", "C")), unwritable: false },
    unwritable("ru_RU.UTF-8"),
    unwritable("zh_CN.UTF-8"),
];

/// What PL/pgSQL can raise; each message says first what it should be read as.
const RAISED: [&str; 6] = ["DEBUG", "LOG", "INFO", "NOTICE", "WARNING", "EXCEPTION"];
const PREFIX: &str = "%m [%p] %e %q%u@%d/%a ";

/// The formats in which all is written, each with its file's extension.
const FORMATS: [(&str, &str); 3] = [("csvlog", "csv"), ("jsonlog", "json"), ("stderr", "log")];

#[tokio::test(flavor = "multi_thread")]
async fn every_severity_is_found_in_every_language_and_encoding() {
    let settings = Settings::source()
        .with("log_destination", "csvlog,jsonlog,stderr")
        .with("log_min_messages", "debug1")
        .with("log_min_error_statement", "debug1")
        .with("log_line_prefix", PREFIX)
        .with("log_filename", "server.log")
        .with("log_rotation_size", "0")
        .with("autovacuum", "off");
    let installation = Installation::root_file_system().unwrap();
    let mut source = PostgresServer::start_from(installation, &settings).unwrap();
    for (number, session) in SESSIONS.iter().enumerate() {
        provoke(&source, number, session).await;
    }
    source.stop(StopMode::Fast).unwrap();
    let panics = panics(&source);

    let store = Store::database().await.unwrap();
    let directory = source.log_dir();
    let mut pipeline = Pipeline::new(store.url(), |config| {
        FORMATS.into_iter().fold(config, |config, (format, extension)| {
            let glob = directory.join(format!("*.{extension}")).display().to_string();
            match format {
                "stderr" => config.files_with(&glob, format, &[("log_line_prefix", PREFIX)]),
                _ => config.files(&glob, format),
            }
        })
    })
    .unwrap();
    pipeline.start().unwrap();
    let client = pipeline.stored(bytes_in(&directory)).await.unwrap();

    let rejected = client.query("SELECT reason FROM log.rejected", &[]).await.unwrap();
    assert!(rejected.is_empty(), "{rejected:?}");
    for (format, extension) in FORMATS {
        for session in &SESSIONS {
            session.severities(&client, format, extension).await;
        }
        the_panics(&client, &panics, extension).await;
    }
    every_byte(&client, &directory).await;
}

impl Session {
    /// What tells this session's rows from others'.
    fn application(&self) -> String {
        let (encoding, locale) = self.database.unwrap_or(("UTF8", "C.UTF-8"));
        format!("{}:{encoding}:{locale}", self.locale)
    }

    /// Asserts that what the session raised is there with its severities.
    async fn severities(&self, client: &Client, format: &str, extension: &str) {
        let sql = "SELECT coalesce(substring(message from '^wanted (\\w+)'), sql_state_code), \
                   error_severity::text, rtrim(extra->>'error_severity', '?'), \
                   (SELECT count(*) FROM unnest(ARRAY[detail, hint, context, query]) AS text WHERE text <> ''), \
                   message LIKE E'%\\n%' \
                   FROM log.postgres JOIN log.stream USING (stream) \
                   WHERE application_name = $1 AND path LIKE '%.' || $2 \
                   AND (message LIKE 'wanted%' OR sql_state_code IN ('22012', '57P01'))";
        let application = self.application();
        let found = client.query(sql, &[&application, &extension]).await.unwrap();
        let found: BTreeMap<String, (String, Option<String>, i64, bool)> = found
            .iter()
            .map(|row| (row.get(0), (row.get(1), row.get(2), row.get(3), row.get(4))))
            .collect();
        let mut expected = BTreeMap::new();
        for raised in RAISED {
            let severity = if raised == "EXCEPTION" { "ERROR" } else { raised };
            expected.insert(raised.to_owned(), (severity, 4, true));
        }
        // A division by zero in a function, and the end of the session.
        expected.insert("22012".to_owned(), ("ERROR", 2, false));
        expected.insert("57P01".to_owned(), ("FATAL", 1, false));
        // jsonlog alone has the English word in every language.
        let guessed = self.unwritable && format != "jsonlog";
        let expected = expected.into_iter().map(|(what, (severity, texts, multiline))| {
            let severity = match (guessed, severity) {
                (false, severity) => severity,
                // Read from the SQLSTATE, which knows no more; the question marks are kept.
                (true, "DEBUG" | "INFO" | "NOTICE") => "LOG",
                (true, "FATAL") => "ERROR",
                (true, severity) => severity,
            };
            // In stderr the labels of further texts are question marks, too.
            let texts = if guessed && format == "stderr" { 0 } else { texts };
            (what, (severity.to_owned(), guessed.then(String::new), texts, multiline))
        });
        assert_eq!(found, expected.collect(), "{application} in {format}");
    }
}

/// Has a session of its own write every severity but PANIC.
async fn provoke(source: &PostgresServer, number: usize, session: &Session) {
    let name = match session.database {
        None => "postgres".to_owned(),
        Some((encoding, locale)) => {
            let name = format!("old_{number}");
            let client = database::connect(&source.url("postgres")).await.unwrap();
            let sql = format!(
                "CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE '{locale}'"
            );
            client.batch_execute(&sql).await.unwrap();
            name
        }
    };
    let client = database::connect(&source.url(&name)).await.unwrap();
    let set = format!(
        "SET application_name = '{}'; SET lc_messages = '{}'",
        session.application(),
        session.locale
    );
    client.batch_execute(&set).await.unwrap();
    for raised in RAISED {
        let sql = format!(
            "DO $do$ BEGIN RAISE {raised} E'wanted {raised}\\nERROR:  and\\tmore' \
             USING DETAIL = E'the\\ndetail', HINT = E'the\\nhint'; END $do$"
        );
        // Only what is below an error's severity is a success; only what fails has its statement in the log.
        let raised = client.batch_execute(&sql).await;
        let _ = raised;
    }
    client.batch_execute("DO $$ BEGIN PERFORM 1 / 0; END $$").await.unwrap_err();
    client.batch_execute("SELECT pg_terminate_backend(pg_backend_pid())").await.unwrap_err();
}

/// Lets the stopped server fail to start, once in each locale: a setting has changed, which the startup process must write into a WAL that
/// can't be written, so it panics, in the encoding of the server's locale. Answers the names of the files without extension.
fn panics(source: &PostgresServer) -> Vec<String> {
    for entry in std::fs::read_dir(source.data_dir().join("pg_wal")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::set_permissions(path, Permissions::from_mode(0o400)).unwrap();
        }
    }
    let locales: BTreeSet<&str> = SESSIONS.iter().map(|session| session.locale).collect();
    let panics = locales.into_iter().map(|locale| {
        let name = format!("panic-{locale}");
        let mut command = source.tool("postgres").unwrap();
        command.arg("-D").arg(source.installation().inside(&source.data_dir()));
        command.arg("-p").arg(source.port().to_string());
        command.arg(format!("--log_filename={name}.log")).arg(format!("--lc_messages={locale}"));
        command.arg("--max_connections=50");
        let status = command.env("LC_ALL", locale).output().unwrap().status;
        assert!(!status.success(), "{locale}: a server that can't write WAL has started");
        name
    });
    panics.collect()
}

/// Asserts that each of these files has its one panic, and that every word in it is known.
async fn the_panics(client: &Client, names: &[String], extension: &str) {
    let sql = "SELECT substring(path from '[^/]*$'), count(*) FILTER (WHERE error_severity = 'PANIC'), \
               count(*) FILTER (WHERE error_severity = 'LOG') > 3, \
               count(*) FILTER (WHERE error_severity NOT IN ('PANIC', 'LOG', 'DEBUG')), \
               count(*) FILTER (WHERE extra->>'error_severity' IS NOT NULL) \
               FROM log.postgres JOIN log.stream USING (stream) \
               WHERE path LIKE '%/panic-%.' || $1 GROUP BY 1 ORDER BY 1";
    let rows = client.query(sql, &[&extension]).await.unwrap();
    let found: Vec<(String, i64, bool, i64, i64)> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
        .collect();
    let mut expected: Vec<_> =
        names.iter().map(|name| (format!("{name}.{extension}"), 1, true, 0, 0)).collect();
    expected.sort();
    assert_eq!(found, expected);
}

/// Compares texts with what another reader finds in the csvlog, and looks whether the server really spoke so many languages.
async fn every_byte(client: &Client, directory: &Path) {
    let mut words: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
    let mut divisions = BTreeSet::new();
    let mut escaped_rows = 0;
    for path in files(directory, "csv") {
        let truth = csv_truth::read_file(Path::new(&path)).unwrap();
        let sql = "SELECT position, escaped, error_severity::text, message, detail, hint, context \
                   FROM log.postgres p JOIN log.stream USING (stream) \
                   WHERE path = $1 ORDER BY p.position";
        let sql = sql.replace("position, escaped", "p.position, escaped");
        let rows = client.query(&sql, &[&path]).await.unwrap();
        assert_eq!(rows.len(), truth.len(), "records of {path}");
        for (row, record) in rows.iter().zip(&truth) {
            assert_eq!(row.get::<_, i64>(0).cast_unsigned(), record.position, "{path}");
            let escaped: Vec<String> = row.get::<_, Option<_>>(1).unwrap_or_default();
            escaped_rows += usize::from(!escaped.is_empty());
            for (at, column) in ["message", "detail", "hint", "context"].into_iter().enumerate() {
                let stored: Option<&str> = row.get(at + 3);
                let stored = stored.unwrap_or_default();
                let bytes = if escaped.iter().any(|name| name == column) {
                    escape::unescape(stored).unwrap()
                } else {
                    stored.as_bytes().to_owned()
                };
                assert_eq!(
                    bytes.escape_ascii().to_string(),
                    record.field(column).unwrap().escape_ascii().to_string(),
                    "{column} of {path} at {}",
                    record.position
                );
            }
            let word = record.field("error_severity").unwrap().to_owned();
            words.entry(row.get(2)).or_default().insert(word);
            if record.field("sql_state_code") == Some(b"22012") {
                divisions.insert(record.field("message").unwrap().to_owned());
            }
        }
    }
    assert!(escaped_rows > 100, "only {escaped_rows} rows with bytes that aren't UTF-8");
    assert!(!divisions.contains(&b"division by zero"[..]));
    assert!(divisions.len() > 20, "a division by zero in only {} forms", divisions.len());
    let forms: BTreeMap<_, _> = words.iter().map(|(word, forms)| (&**word, forms.len())).collect();
    for (severity, least) in
        [("ERROR", 15), ("WARNING", 15), ("FATAL", 8), ("PANIC", 8), ("LOG", 10)]
    {
        assert!(
            forms[severity] >= least,
            "{severity} in only {} forms: {forms:?}",
            forms[severity]
        );
    }
}

/// The sizes of all log files together.
fn bytes_in(directory: &Path) -> u64 {
    let files = FORMATS.iter().flat_map(|(_, extension)| files(directory, extension));
    files.map(|path| std::fs::metadata(path).unwrap().len()).sum()
}

fn files(directory: &Path, extension: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|found| found == extension));
    files.map(|path| path.display().to_string()).collect()
}
