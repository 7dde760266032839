//! Tails PostgreSQL logs and ships them over Fluent Forward.
