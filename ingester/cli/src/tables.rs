//! Commands whose answer is a table: `trunkline histogram`, `facets`, `patterns` and `clusters`.

use serde_json::Value;

use crate::Failure;
use crate::args::{FacetsArgs, HistogramArgs, PatternsArgs, TableArgs, TableFormat};
use crate::screen::Screen;
use crate::service::Service;
use crate::table::Table;

/// Severities as they stand in a row, the gravest first.
const SEVERITIES: [&str; 15] = [
    "PANIC", "FATAL", "ERROR", "WARNING", "NOTICE", "INFO", "LOG", "DEBUG", "DEBUG1", "DEBUG2",
    "DEBUG3", "DEBUG4", "DEBUG5", "NONE", "",
];

pub(crate) fn histogram(
    service: &Service,
    args: &HistogramArgs,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let mut parameters = args.filter.parameters()?;
    parameters.extend(args.step.iter().map(|step| ("step".to_owned(), step.clone())));
    let answer = Answer::get(service, "/api/v1/histogram", &parameters)?;
    answer.print(&args.print, screen, |answer| {
        let buckets = list(answer, "buckets");
        let there =
            |severity: &&str| buckets.iter().any(|step| !step["severities"][*severity].is_null());
        let severities: Vec<_> = SEVERITIES.into_iter().filter(there).collect();
        let mut table = Table::new(["time", "total"].into_iter().chain(severities.iter().copied()));
        for step in buckets {
            let counts = severities.iter().map(|severity| &step["severities"][*severity]);
            table.push([&step["time"], &step["total"]].into_iter().chain(counts));
        }
        table
    })
}

pub(crate) fn facets(
    service: &Service,
    args: &FacetsArgs,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let mut parameters = args.filter.parameters()?;
    parameters.extend(args.columns.iter().map(|column| ("field".to_owned(), column.clone())));
    parameters.push(("limit".to_owned(), args.limit.to_string()));
    let answer = Answer::get(service, "/api/v1/facets", &parameters)?;
    answer.print(&args.print, screen, |answer| {
        let mut table = Table::new(["column", "count", "value"]);
        for facet in list(answer, "facets") {
            for value in list(facet, "values") {
                table.push([&facet["field"], &value["count"], &value["value"]]);
            }
        }
        table
    })
}

pub(crate) fn patterns(
    service: &Service,
    args: &PatternsArgs,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let mut parameters = args.filter.parameters()?;
    parameters.push(("limit".to_owned(), args.limit.to_string()));
    let answer = Answer::get(service, "/api/v1/patterns", &parameters)?;
    if answer.value["complete"] == false {
        let examined = &answer.value["examined"];
        eprintln!("trunkline: there was time for the newest {examined} rows only");
    }
    answer.print(&args.print, screen, |answer| {
        let names = ["count", "severity", "first_seen", "last_seen", "pattern"];
        let mut table = Table::new(names);
        for one in list(answer, "patterns") {
            table.push([
                &one["count"],
                &one["error_severity"],
                &one["first_seen"],
                &one["last_seen"],
                &one["pattern"],
            ]);
        }
        table
    })
}

pub(crate) fn clusters(
    service: &Service,
    args: &TableArgs,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let answer = Answer::get(service, "/api/v1/clusters", &[])?;
    answer.print(args, screen, |answer| {
        let mut table = Table::new(["namespace", "cluster", "pod", "role", "node", "last_seen"]);
        for cluster in list(answer, "clusters") {
            for pod in list(cluster, "pods") {
                table.push([
                    &cluster["namespace"],
                    &cluster["cluster"],
                    &pod["pod"],
                    &pod["role"],
                    &pod["node"],
                    &pod["last_seen"],
                ]);
            }
        }
        table
    })
}

/// An answer that is whole: counts are few, however many rows were counted.
struct Answer {
    text: Vec<u8>,
    value: Value,
}

impl Answer {
    fn get(
        service: &Service,
        path: &str,
        parameters: &[(String, String)],
    ) -> Result<Self, Failure> {
        let answer = service.get(path, parameters)?;
        let text = service.whole(answer)?;
        let value = serde_json::from_slice(&text)
            .map_err(|error| Failure::Unanswered(format!("the answer is no JSON: {error}")))?;
        Ok(Self { text, value })
    }

    fn print(
        &self,
        args: &TableArgs,
        screen: &mut Screen,
        table: impl FnOnce(&Value) -> Table,
    ) -> Result<(), Failure> {
        let mut text = String::new();
        match args.output {
            TableFormat::Json => {
                screen.raw(&self.text)?;
                screen.raw(b"\n")
            }
            TableFormat::Csv => {
                table(&self.value).csv(&mut text);
                screen.raw(text.as_bytes())
            }
            TableFormat::Text => {
                table(&self.value).show(&mut text);
                screen.print(&text)
            }
        }
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}
