//! The columns of a log record: csvlog's, in its order and by the PostgreSQL manual's names (section "Using CSV-Format Log Output"), and
//! behind them what other programs' records have.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any bytes that the server wrote.
    Text,
    /// A signed 32-bit number.
    Int4,
    /// A signed 64-bit number.
    Int8,
    /// A moment.
    Time,
    /// A [`crate::Severity`].
    Severity,
}

macro_rules! columns {
    ($($variant:ident, $name:literal, $key:literal, $kind:ident;)*) => {
        /// A column of a log record. The discriminant of csvlog's columns is their place in its line, from 0.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Column { $(#[doc = concat!("`", $name, "`")] $variant,)* }

        impl Column {
            /// All columns, csvlog's first and in its order.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$variant,)*];
            const KINDS: [Kind; Self::COUNT] = [$(Kind::$kind,)*];
            const NAMES: [&'static str; Self::COUNT] = [$($name,)*];
            const KEYS: [u8; Self::COUNT] = [$($key,)*];
        }
    };
}

// Variant, name, key in Trunkline's own forward chunks, kind.
columns! {
    LogTime, "log_time", b't', Time;
    UserName, "user_name", b'u', Text;
    DatabaseName, "database_name", b'd', Text;
    ProcessId, "process_id", b'p', Int4;
    ConnectionFrom, "connection_from", b'f', Text;
    SessionId, "session_id", b's', Text;
    SessionLineNum, "session_line_num", b'l', Int8;
    CommandTag, "command_tag", b'c', Text;
    SessionStartTime, "session_start_time", b'S', Time;
    VirtualTransactionId, "virtual_transaction_id", b'v', Text;
    TransactionId, "transaction_id", b'x', Int8;
    ErrorSeverity, "error_severity", b'e', Severity;
    SqlStateCode, "sql_state_code", b'E', Text;
    Message, "message", b'm', Text;
    Detail, "detail", b'D', Text;
    Hint, "hint", b'h', Text;
    InternalQuery, "internal_query", b'i', Text;
    InternalQueryPos, "internal_query_pos", b'I', Int4;
    Context, "context", b'C', Text;
    Query, "query", b'q', Text;
    QueryPos, "query_pos", b'Q', Int4;
    Location, "location", b'L', Text;
    ApplicationName, "application_name", b'a', Text;
    BackendType, "backend_type", b'b', Text;
    LeaderPid, "leader_pid", b'P', Int4;
    QueryId, "query_id", b'y', Int8;
    Logger, "logger", b'g', Text;
    Thread, "thread", b'T', Text;
    Component, "component", b'o', Text;
}

const BY_KEY: [Option<Column>; 256] = {
    let mut table = [None; 256];
    let mut at = 0;
    while at < Column::COUNT {
        table[Column::KEYS[at] as usize] = Some(Column::ALL[at]);
        at += 1;
    }
    table
};

impl Column {
    /// How many there are.
    pub const COUNT: usize = Self::CSVLOG + 3;

    /// How many of them the newest csvlog that is known has, PostgreSQL 14's.
    pub const CSVLOG: usize = 26;

    /// What is the same in all records of a session, as a rule; in the order in which a forward chunk has them.
    pub const OF_SESSION: [Self; 8] = [
        Self::ProcessId,
        Self::SessionStartTime,
        Self::SessionId,
        Self::ConnectionFrom,
        Self::UserName,
        Self::DatabaseName,
        Self::ApplicationName,
        Self::BackendType,
    ];

    /// The column's name in the manual, and in the tables.
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The one letter that stands for the column in Trunkline's own forward chunks.
    pub const fn key(self) -> u8 {
        Self::KEYS[self as usize]
    }

    /// What the column holds.
    pub const fn kind(self) -> Kind {
        Self::KINDS[self as usize]
    }

    /// The column whose key this is.
    pub(crate) const fn from_key(key: u8) -> Option<Self> {
        BY_KEY[key as usize]
    }
}
