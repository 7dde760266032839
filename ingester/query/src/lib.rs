//! A log filter: from the parameters of a request to a checked form, and from there to SQL with bound parameters.
//!
//! The way of a request: [`Parameters`] are what was given; [`Filter`] reads those that say which rows, [`Page`] those that say which
//! part of them; [`Sql`] makes statements of both, for the [`Slices`] of time that are asked one after the other.
//!
//! Pure: no driver, no HTTP, no clock (*now* is an argument). What a caller wrote reaches the database only as a
//! [`Param`]; the text of the SQL is made of constants.

mod clause;
mod columns;
mod counted;
mod cursor;
mod error;
mod expression;
mod fields;
mod filter;
mod nearest;
mod page;
mod parameters;
mod render;
mod slices;
mod spelling;
mod sql;
mod strides;
mod tables;
mod template;
mod thinning;
mod time;

pub use columns::{Column, Type};
pub use counted::counted_columns;
pub use cursor::{Cursor, Direction, InvalidCursor, Place};
pub use error::FilterError;
pub use fields::{FIELDS, Field};
pub use filter::Filter;
pub use page::{DEFAULT_LIMIT, MAX_LIMIT, Order, Page};
pub use parameters::Parameters;
pub use slices::{Slice, Slices};
pub use sql::{Among, Context, Facets, Failovers, Histogram, Param, Patterns, Scope, Sql, Stored};
pub use strides::Strides;
pub use tables::Tables;
pub use template::template;
