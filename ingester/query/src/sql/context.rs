//! The neighbours of a row: what its file, or its session, has before and behind it.

use chrono::{DateTime, TimeDelta, Utc};
use trunkline_record::{StreamId, Table};

use super::{Param, Scope, Sql};
use crate::{FilterError, Order, Parameters, Place, Slice, Tables, time};

/// Whose neighbours are asked for, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The tables in which they may be. One file's records may be in all of them.
    pub tables: Tables,
    /// The row.
    pub place: Place,
    /// Neighbours in the row's session, and not in its file.
    pub session: bool,
    /// Rows before it, at most.
    pub before: u32,
    /// Rows behind it, at most.
    pub after: u32,
    /// How far away in time they may be.
    pub window: TimeDelta,
}

/// Rows on either side when nothing else is asked for.
const DEFAULT_ROWS: u32 = 10;
/// Rows on either side at most.
const MAX_ROWS: u32 = 1_000;

impl Context {
    /// Reads `log_time`, `stream` and `position`, as a row has them; `within`, `before`, `after` and `window`.
    pub fn read(parameters: &mut Parameters<'_>, now: DateTime<Utc>) -> Result<Self, FilterError> {
        let tables = match parameters.clone().one("table")? {
            Some(_) => Tables::read(parameters)?,
            None => Tables::All,
        };
        fn needed<T>(name: &str, value: Option<T>) -> Result<T, FilterError> {
            value.ok_or_else(|| FilterError::new(name, "is needed, as the row has it"))
        }
        let log_time = parameters.read("log_time", |value| {
            time::parse(value, now)
                .ok_or_else(|| "is no moment, as 2026-01-31T12:00:00Z".to_owned())
        })?;
        let stream = parameters.read("stream", |value| {
            value.parse::<StreamId>().map_err(|_| "is no UUID".to_owned())
        })?;
        let position = parameters
            .read("position", |value| value.parse().map_err(|_| "is no number".to_owned()))?;
        let session = parameters.read("within", |value| match value {
            "stream" => Ok(false),
            "session" => Ok(true),
            _ => Err("is neither stream nor session".to_owned()),
        })?;
        let rows = |value: &str| {
            let number = value.parse().ok().filter(|rows| *rows <= MAX_ROWS);
            number.ok_or_else(|| format!("is no number from 0 to {MAX_ROWS}"))
        };
        let (before, after) = (parameters.read("before", rows)?, parameters.read("after", rows)?);
        let window = parameters.read("window", |value| {
            let span = time::span(value).filter(|span| *span <= TimeDelta::days(366));
            span.ok_or_else(|| "is no span up to 366d, as 1h (s, m, h, d, w)".to_owned())
        })?;
        Ok(Self {
            tables,
            place: Place {
                log_time: needed("log_time", log_time)?,
                stream: needed("stream", stream)?,
                position: needed("position", position)?,
            },
            session: session.unwrap_or_default(),
            before: before.unwrap_or(DEFAULT_ROWS),
            after: after.unwrap_or(DEFAULT_ROWS),
            window: window.unwrap_or(TimeDelta::hours(1)),
        })
    }
}

/// Beside whom the neighbours are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Among {
    /// Records of the same file, by their position.
    Stream,
    /// Records of the same session of the same server, by their number in it.
    Session {
        /// The session.
        session_id: String,
        /// The row's number in it.
        line: i64,
        /// The server's pod, where it is known.
        pod: Option<String>,
    },
}

impl Sql {
    /// The row itself.
    pub fn row(context: &Context) -> Self {
        let at = context.place;
        let mut sql = Self::default();
        sql.merged(context.tables, |sql, table| {
            sql.select(context.tables, table);
            sql.push(&format!("log.{} WHERE log_time = ", table.name()));
            sql.push_param(Param::Time(at.log_time));
            sql.push(" AND stream = ");
            sql.push_param(Param::Stream(at.stream));
            sql.push(" AND position = ");
            sql.push_param(Param::Int(at.position));
        });
        sql
    }

    /// Rows beside it, the nearest first, that were written no further away than `window`. [`Order::Asc`] is behind it.
    pub fn neighbours(context: &Context, among: &Among, order: Order, window: TimeDelta) -> Self {
        let at = context.place;
        let mut sql = Self::default();
        let (tables, key) = match among {
            Among::Stream => (context.tables, "position"),
            Among::Session { .. } => (Tables::One(Table::Postgres), "session_line_num"),
        };
        let (operator, by, limit) = match order {
            Order::Asc => (">", "ASC", context.after),
            Order::Desc => ("<", "DESC", context.before),
        };
        let slice = Slice { from: Some(at.log_time - window), to: Some(at.log_time + window) };
        let scope = Scope { slice, behind: None, order };
        let ending = format!(" ORDER BY {key} {by} LIMIT {}", sql.bind(Param::Int(limit.into())));
        sql.merged(tables, |sql, table| {
            sql.select(context.tables, table);
            sql.push(&format!("log.{} WHERE ", table.name()));
            let line = match among {
                Among::Stream => {
                    sql.push("stream = ");
                    sql.push_param(Param::Stream(at.stream));
                    at.position
                }
                Among::Session { session_id, line, pod } => {
                    sql.push("session_id = ");
                    sql.push_param(Param::Text(session_id.clone()));
                    sql.push(" AND coalesce(pod, '') = ");
                    sql.push_param(Param::Text(pod.clone().unwrap_or_default()));
                    *line
                }
            };
            sql.push_scope(&scope);
            sql.push(&format!(" AND {key} {operator} "));
            sql.push_param(Param::Int(line));
            sql.push(&ending);
        });
        if tables == Tables::All {
            sql.push(&ending);
        }
        sql
    }
}
