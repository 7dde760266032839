//! What an error of the database means for the batch at hand.

use tokio_postgres::Error;
use tokio_postgres::error::{Severity, SqlState};

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Try the same again later. The word is for logs and metrics.
    Transient(&'static str),
    /// The server means one of the rows; trying the same again won't help.
    Row,
    /// The server says that it is at a loss (class XX). It can be the server's state and it can be a row.
    Internal,
}

impl Class {
    /// By SQLSTATE, see appendix A of the PostgreSQL manual. What isn't known to be about a row is taken for transient: that
    /// keeps records waiting where they are safe, and shows, while the other mistake would move them to `log.rejected`.
    pub fn of(error: &Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            return Self::Transient(match cause.as_deref() {
                // The driver's words when no server of the URL has a session that can write.
                Some("database does not allow writes") => "read_only",
                _ if error.to_string() == super::connect::TLS => "tls",
                _ => "connection",
            });
        };
        // A pooler names it in English alone; a server, in its own language too.
        let ends_session = matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
            || matches!(db.severity(), "FATAL" | "PANIC");
        Self::of_report(db.code().code(), ends_session)
    }

    /// A server that ends the session over a row doesn't exist; one that ends it, or a pooler that has lost its server and says so
    /// by any SQLSTATE (PgBouncer's is 08P01), means the session.
    fn of_report(state: &str, ends_session: bool) -> Self {
        match Self::of_state(state) {
            Self::Row | Self::Internal if ends_session => Self::Transient("connection"),
            class => class,
        }
    }

    fn of_state(state: &str) -> Self {
        match state {
            // An input function ran out of bytes: binary COPY at odds with a column's type.
            "08P01" => return Self::Row,
            "25006" => return Self::Transient("read_only"),
            "57014" => return Self::Transient("cancelled"),
            "53100" => return Self::Transient("disk_full"),
            _ => {}
        }
        match state.get(..2).unwrap_or_default() {
            // Data exception, constraint violation, a view's check, limit exceeded; an exception that a trigger raised.
            "22" | "23" | "44" | "54" | "P0" => Self::Row,
            // TimescaleDB's own: what isn't there or isn't supported, and what is at a loss.
            "TS" if state.starts_with("TS5") => Self::Internal,
            "TS" => Self::Transient("schema"),
            "XX" => Self::Internal,
            "08" => Self::Transient("connection"),
            "28" => Self::Transient("authentication"),
            "3D" | "42" => Self::Transient("schema"),
            "40" | "55" => Self::Transient("concurrency"),
            "53" => Self::Transient("resources"),
            "57" => Self::Transient("shutdown"),
            "58" => Self::Transient("system"),
            _ => Self::Transient("other"),
        }
    }
}

/// Whether an error met while starting says that the configuration is wrong, so that waiting won't help: who we are (28),
/// which database (3D), what we may do and what is there (42, 0A, 58P01), or that the server wants a password and there is none.
pub fn is_configuration(error: &Error) -> bool {
    let Some(state) = error.code().map(SqlState::code) else {
        // The driver's own errors have no code; these are the words of their kinds.
        let kind = error.to_string();
        return kind == "invalid configuration" || kind == "authentication error";
    };
    ["28", "3D", "42", "0A"].iter().any(|class| state.starts_with(class)) || state == "58P01"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failover_is_waited_for() {
        for state in [
            "57P01", "57P02", "57P03", "25006", "40001", "40P01", "53300", "53100", "08006",
            "55P03",
        ] {
            assert!(matches!(Class::of_state(state), Class::Transient(_)), "{state}");
        }
    }

    #[test]
    fn a_bad_row_is_not_tried_for_ever() {
        for state in ["22021", "22P03", "23514", "23502", "54000", "P0001", "08P01"] {
            assert_eq!(Class::of_state(state), Class::Row, "{state}");
        }
    }

    #[test]
    fn a_changed_table_is_no_bad_row() {
        for state in ["42P01", "42703", "TS001", "TS101"] {
            assert_eq!(Class::of_state(state), Class::Transient("schema"), "{state}");
        }
    }

    #[test]
    fn who_ends_the_session_means_no_row() {
        for state in ["08P01", "XX000", "22023", "57P01"] {
            assert!(matches!(Class::of_report(state, true), Class::Transient(_)), "{state}");
        }
        assert_eq!(Class::of_report("08P01", false), Class::Row);
        assert_eq!(Class::of_report("XX000", false), Class::Internal);
    }
}
