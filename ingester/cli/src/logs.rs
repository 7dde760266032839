//! `trunkline logs`: rows that a filter finds. The newest are asked for, and stand at the bottom, where a terminal's reader looks first.

use std::io::Read as _;

use crate::Failure;
use crate::args::{LogsArgs, RowArgs, RowFormat};
use crate::lines::Lines;
use crate::row::{Row, Zone};
use crate::screen::Screen;
use crate::service::Service;

pub(crate) const PATH: &str = "/api/v1/logs";

/// Bytes of CSV that are handed on at once.
const PIECE: usize = 64 << 10;

pub(crate) fn logs(service: &Service, args: &LogsArgs, screen: &mut Screen) -> Result<(), Failure> {
    let mut parameters = args.filter.parameters()?;
    let mut add = |name: &str, value: &str| parameters.push((name.to_owned(), value.to_owned()));
    let csv = args.print.output == RowFormat::Csv;
    add("format", if csv { "csv" } else { "ndjson" });
    match args.all {
        true => {
            add("order", "asc");
            add("limit", "all");
        }
        false => add("limit", &args.limit.to_string()),
    }
    let mut answer = service.get(PATH, &parameters)?;
    if csv {
        // A record may have several lines, so it comes through as it is, in the service's order.
        let mut piece = vec![0; PIECE];
        loop {
            match answer.read(&mut piece).map_err(|error| service.unanswered(&error))? {
                0 => return Ok(()),
                read => screen.raw(&piece[..read])?,
            }
        }
    }
    let mut lines = Lines::new(answer, service);
    if args.all || args.reverse {
        while let Some(row) = lines.next()? {
            print(row, &args.print, screen)?;
        }
        return Ok(());
    }
    newest_last(&mut lines, &args.print, screen)
}

/// Prints rows that come newest first the other way round. They are held for that, at most as many as were asked for.
fn newest_last(lines: &mut Lines<'_>, args: &RowArgs, screen: &mut Screen) -> Result<(), Failure> {
    let mut rows = Vec::new();
    while let Some(row) = lines.next()? {
        rows.push(row.to_vec());
    }
    rows.iter().rev().try_for_each(|row| print(row, args, screen))
}

/// Prints a row of the answer.
pub(crate) fn print(json: &[u8], args: &RowArgs, screen: &mut Screen) -> Result<(), Failure> {
    let row = || {
        Row::read(json)
            .map_err(|error| Failure::Unanswered(format!("a row can't be read: {error}")))
    };
    match args.output {
        RowFormat::Json | RowFormat::Csv => {
            screen.raw(json)?;
            screen.raw(b"\n")
        }
        RowFormat::Raw => {
            screen.raw(row()?.message().as_bytes())?;
            screen.raw(b"\n")
        }
        RowFormat::Text => {
            let mut text = String::new();
            let zone = if args.local { Zone::Local } else { Zone::Utc };
            row()?.show(zone, &mut text);
            screen.print(&text)
        }
    }
}
