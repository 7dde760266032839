//! A log filter: from the parameters of a request to a checked form, and from there to SQL with bound parameters.
//!
//! Pure: no driver, no HTTP, no clock (*now* is an argument). What a caller wrote reaches the database only as a
//! [`Param`]; the text of the SQL is made of constants.

mod columns;
mod cursor;
mod filter;
mod sql;
mod time;

pub use columns::{Type, columns};
pub use cursor::{Cursor, InvalidCursor};
pub use filter::{DEFAULT_LIMIT, Filter, FilterError, MAX_LIMIT};
pub use sql::{Param, Sql};
