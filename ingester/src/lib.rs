//! Receives Fluent Forward and copies log records into TimescaleDB.
