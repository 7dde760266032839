//! Whose records: the table that a record belongs to.

/// A table of the store's schema `log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Table {
    /// `log.postgres`: what a PostgreSQL server wrote.
    #[default]
    Postgres,
    /// `log.patroni`: what Patroni wrote.
    Patroni,
    /// `log.component`: what anything else wrote into the same log, or beside it.
    Component,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::Patroni, Self::Component];

    /// Its name in the schema `log`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Patroni => "patroni",
            Self::Component => "component",
        }
    }

    /// The table of this name.
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name().as_bytes() == name)
    }
}
