//! The parameters of each endpoint.

use serde_json::json;
use trunkline_query::{FIELDS, Field};
use trunkline_record::Table;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, Required};

pub(super) fn logs() -> Vec<Parameter> {
    let mut all = filter();
    all.extend([
        one("order", choice(&["desc", "asc"]), "Newest first, or oldest first"),
        one("limit", text(), "Rows at most, 100 unless given; in NDJSON and CSV also all"),
        one("cursor", text(), "next_cursor or previous_cursor of a page"),
        one("format", choice(&["json", "ndjson", "csv"]), "As Accept says, unless given"),
        explain(),
    ]);
    all
}

pub(super) fn search() -> Vec<Parameter> {
    let mut id = one("id", text(), "As the list of searches has it");
    id.parameter_in = ParameterIn::Path;
    id.required = Required::True;
    vec![id]
}

pub(super) fn sql() -> Vec<Parameter> {
    vec![one("format", choice(&["json", "ndjson", "csv"]), "As Accept says, unless given")]
}

pub(super) fn histogram() -> Vec<Parameter> {
    let mut all = filter();
    all.extend([
        one("step", text(), "Length of a step, as 5m (s, m, h, d, w)"),
        one("buckets", number(1, 10_000), "Steps at most, 100 unless given"),
        explain(),
    ]);
    all
}

pub(super) fn facets() -> Vec<Parameter> {
    let mut all = filter();
    let field = many("field", "A column, or the parameter that compares it");
    let field = ParameterBuilder::from(field).example(Some(json!(["severity", "user"])));
    all.extend([
        field.required(Required::True).build(),
        one("limit", number(1, 1_000), "Values of each, 10 unless given"),
        explain(),
    ]);
    all
}

pub(super) fn context() -> Vec<Parameter> {
    let needed = |name, schema| {
        let mut parameter = one(name, schema, "As the row has it");
        parameter.required = Required::True;
        parameter
    };
    vec![
        table(),
        needed("log_time", text()),
        needed("stream", text()),
        needed("position", integer()),
        one("within", choice(&["stream", "session"]), "Of the row's log file, or of its session"),
        one("before", number(0, 1_000), "Rows before it, 10 unless given"),
        one("after", number(0, 1_000), "Rows behind it, 10 unless given"),
        one("window", text(), "How far away in time, 1h unless given"),
    ]
}

pub(super) fn failovers() -> Vec<Parameter> {
    let mut all = range().to_vec();
    for field in FIELDS.iter().filter(|field| ["namespace", "cluster", "pod"].contains(&field.name))
    {
        all.extend(either(field));
    }
    all.push(one("limit", number(1, 1_000), "Failovers at most, 100 unless given"));
    all
}

pub(super) fn patterns() -> Vec<Parameter> {
    let mut all = filter();
    all.push(one("limit", number(1, 500), "Patterns at most, 50 unless given"));
    all
}

pub(super) fn tail() -> Vec<Parameter> {
    let mut all = filter();
    all.push(one(
        "after",
        text(),
        "The id of an event to go on behind, as Last-Event-ID; else from now on",
    ));
    all
}

/// What every endpoint takes that is about rows.
fn filter() -> Vec<Parameter> {
    let mut all = vec![table()];
    all.extend(range());
    all.extend(FIELDS.iter().flat_map(either));
    all.extend([
        many("text", "A text, in any case, that is in one of the row's texts"),
        many("text!", "A text that is in none of them"),
        many("regex", "A regular expression that one of the row's texts matches"),
        many("regex!", "One that none of them matches"),
        many("where", "A condition in SQL over the columns of the table"),
    ]);
    all
}

fn range() -> [Parameter; 2] {
    [
        one("from", text(), "From this moment on: RFC 3339, or relative, as -15m or now-1h"),
        one("to", text(), "Before this moment"),
    ]
}

fn either(field: &Field) -> [Parameter; 2] {
    [
        many(field.name, &format!("{} is one of these; empty is NULL", field.column)),
        many(field.denied, &format!("{} is none of these", field.column)),
    ]
}

fn table() -> Parameter {
    let mut names = Table::ALL.map(Table::name).to_vec();
    names.push("all");
    one("table", choice(&names), "The table, or all of them merged in time order")
}

fn explain() -> Parameter {
    one(
        "explain",
        choice(&["0", "1", "false", "true"]),
        "1 answers with the plan instead: {\"statements\": [{\"sql\", \"plan\"}]}",
    )
}

fn one(name: &str, schema: Schema, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

fn many(name: &str, description: &str) -> Parameter {
    one(name, ArrayBuilder::new().items(RefOr::T(text())).into(), description)
}

fn text() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).into()
}

fn integer() -> Schema {
    ObjectBuilder::new().schema_type(Type::Integer).into()
}

fn number(least: usize, most: usize) -> Schema {
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    number.minimum(Some(least)).maximum(Some(most)).into()
}

fn choice(values: &[&str]) -> Schema {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values.iter().copied())).into()
}
