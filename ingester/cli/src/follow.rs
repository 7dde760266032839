//! `trunkline tail` and `trunkline logs --follow`: the last rows, and those that are stored from then on, each once, over as many connections
//! as it takes.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Failure;
use crate::args::{RowArgs, RowFormat};
use crate::events::{self, Event};
use crate::filter::FilterArgs;
use crate::lines::Lines;
use crate::logs;
use crate::screen::Screen;
use crate::service::Service;

const PATH: &str = "/api/v1/tail";

/// The service says something every 5 s. Who is silent for so long is gone.
const SILENCE: Duration = Duration::from_secs(20);
/// Pauses between attempts to connect again.
const AGAIN: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
];

/// Which row it is.
#[derive(Debug, PartialEq, Eq, Hash, Deserialize)]
struct Place {
    #[serde(default)]
    table: String,
    stream: String,
    position: i64,
}

#[derive(Debug, Deserialize)]
struct Skipped {
    rows: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Problem {
    detail: String,
    parameter: Option<String>,
}

pub(crate) fn follow(
    service: &Service,
    filter: &FilterArgs,
    before: u32,
    print: &RowArgs,
    screen: &mut Screen,
) -> Result<(), Failure> {
    if print.output == RowFormat::Csv {
        return Err(Failure::Usage("rows that are followed come as text, json or raw".to_owned()));
    }
    let parameters = filter.parameters()?;
    // First this, then what is there already: so nothing is missed between the two, and what is in both is known.
    let mut events = events::read(service.get(PATH, &parameters)?);
    let mut id = None;
    let shown = match before {
        0 => HashSet::new(),
        before => last_rows(service, parameters.clone(), before, print, screen)?,
    };
    screen.flush()?;
    loop {
        read(&events, &mut id, &shown, print, screen)?;
        events = connect_again(service, &parameters, id.as_deref())?;
    }
}

/// Prints the newest rows that there are, and answers which.
fn last_rows(
    service: &Service,
    mut parameters: Vec<(String, String)>,
    count: u32,
    print: &RowArgs,
    screen: &mut Screen,
) -> Result<HashSet<Place>, Failure> {
    parameters.push(("format".to_owned(), "ndjson".to_owned()));
    parameters.push(("limit".to_owned(), count.to_string()));
    let mut lines = Lines::new(service.get(logs::PATH, &parameters)?, service);
    let mut rows = Vec::new();
    while let Some(row) = lines.next()? {
        rows.push(row.to_vec());
    }
    let mut shown = HashSet::new();
    for row in rows.iter().rev() {
        logs::print(row, print, screen)?;
        shown.insert(serde_json::from_slice(row).map_err(unreadable)?);
    }
    Ok(shown)
}

/// Prints what comes over one connection, until it breaks.
fn read(
    events: &Receiver<Event>,
    last: &mut Option<String>,
    shown: &HashSet<Place>,
    print: &RowArgs,
    screen: &mut Screen,
) -> Result<(), Failure> {
    loop {
        let Event { name, data, id } = match events.recv_timeout(SILENCE) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(()),
        };
        match name.as_str() {
            "rows" => {
                let rows: Vec<&RawValue> = serde_json::from_slice(&data).map_err(unreadable)?;
                for row in rows {
                    let row = row.get().as_bytes();
                    if !shown.contains(&serde_json::from_slice(row).map_err(unreadable)?) {
                        logs::print(row, print, screen)?;
                    }
                }
                screen.flush()?;
            }
            "skipped" => {
                let skipped: Skipped = serde_json::from_slice(&data).map_err(unreadable)?;
                let count = skipped.rows.map_or("some".to_owned(), |rows| rows.to_string());
                eprintln!("trunkline: {count} rows are left out here");
            }
            "problem" => {
                let Problem { detail, parameter } =
                    serde_json::from_slice(&data).map_err(unreadable)?;
                return Err(Failure::Refused { detail, parameter });
            }
            _ => {}
        }
        // Now that it is printed.
        if id.is_some() {
            *last = id;
        }
    }
}

fn connect_again(
    service: &Service,
    parameters: &[(String, String)],
    id: Option<&str>,
) -> Result<Receiver<Event>, Failure> {
    for attempt in 0_usize.. {
        let pause = AGAIN.get(attempt).or(AGAIN.last());
        thread::sleep(pause.copied().unwrap_or_default());
        match service.get_behind(PATH, parameters, id) {
            Ok(answer) => return Ok(events::read(answer)),
            // The service is away, or says that it can't at the moment.
            Err(Failure::Unanswered(reason)) if attempt == 1 => {
                eprintln!("trunkline: {reason}; trying again");
            }
            Err(Failure::Unanswered(_)) => {}
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::Unanswered("there was no answer".to_owned()))
}

#[allow(clippy::needless_pass_by_value)] // as map_err hands it over
fn unreadable(error: serde_json::Error) -> Failure {
    Failure::Unanswered(format!("an event can't be read: {error}"))
}
