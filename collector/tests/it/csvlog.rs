//! csvlog text for tests.

/// One record as PostgreSQL 14 and later write it.
pub fn record(message: &str) -> String {
    let message = message.replace('"', "\"\"");
    format!(
        "2026-11-22 23:06:32.715 UTC,\"app\",\"shop\",4711,\"[local]\",6743f0a8.1267,1,\"SELECT\",\
         2026-11-22 23:06:30 UTC,3/4,0,LOG,00000,\"{message}\",,,,,,,,,\"psql\",\
         \"client backend\",,0\n"
    )
}
