//! `trunkline sql`: one statement, run by the service as the caller's role.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::Failure;
use crate::args::{SqlArgs, TableFormat};
use crate::screen::Screen;
use crate::service::Service;
use crate::table::Table;

const PATH: &str = "/api/v1/sql";

/// The longest statement that is read from standard input; the service takes less.
const LONGEST: u64 = 8 << 20;

/// Bytes that are handed on at once.
const PIECE: usize = 64 << 10;

pub(crate) fn sql(service: &Service, args: &SqlArgs, screen: &mut Screen) -> Result<(), Failure> {
    let statement = match args.statement.as_deref() {
        Some(statement) if statement != "-" => statement.to_owned(),
        _ => {
            let mut text = String::new();
            let read = std::io::stdin().take(LONGEST).read_to_string(&mut text);
            read.map_err(|error| Failure::Usage(format!("standard input: {error}")))?;
            text
        }
    };
    let format = match args.print.output {
        TableFormat::Text => "json",
        TableFormat::Json => "ndjson",
        TableFormat::Csv => "csv",
    };
    let body = json!({ "sql": statement, "limit": args.limit, "format": format });
    let mut answer = service.post(PATH, &body)?;
    if args.print.output != TableFormat::Text {
        let mut piece = vec![0; PIECE];
        loop {
            match answer.read(&mut piece).map_err(|error| service.unanswered(&error))? {
                0 => return Ok(()),
                read => screen.raw(&piece[..read])?,
            }
        }
    }
    let answer: Value = serde_json::from_slice(&service.whole(answer)?)
        .map_err(|error| Failure::Unanswered(format!("the answer is no JSON: {error}")))?;
    screen.print(&shown(&answer))
}

fn shown(answer: &Value) -> String {
    let list = |name: &str| answer[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let columns = list("columns");
    let mut table =
        Table::new(columns.iter().map(|column| column["name"].as_str().unwrap_or_default()));
    // Every value is a text, also a number's.
    table
        .align(columns.iter().map(|column| is_number(column["type"].as_str().unwrap_or_default())));
    for row in list("rows") {
        table.push(row.as_array().into_iter().flatten());
    }
    let mut text = String::new();
    table.show(&mut text);
    let more = if answer["truncated"] == true { ", and there are more: --limit" } else { "" };
    text.push_str(&crate::row::dim(&format!("({} rows{more})", list("rows").len())));
    text.push('\n');
    text
}

fn is_number(kind: &str) -> bool {
    ["int2", "int4", "int8", "numeric", "float4", "float8", "oid"].contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_though_they_come_as_text() {
        let answer = json!({
            "columns": [{ "name": "n", "type": "int8" }, { "name": "t", "type": "text" }],
            "rows": [["10", "a"], ["9", null]], "truncated": true, "elapsed_ms": 1,
        });
        let text = anstream::adapter::strip_str(&shown(&answer)).to_string();
        assert_eq!(text, "n   t\n10  a\n 9\n(2 rows, and there are more: --limit)\n");
    }
}
