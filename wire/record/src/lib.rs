//! The log record: csvlog in, Forward entries out, and back.
