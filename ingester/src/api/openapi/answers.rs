//! The shapes of answers.

use serde_json::json;
use trunkline_query::{Tables, Type as Kind};
use trunkline_record::Severity;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat,
    SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};

use super::Named;

mod state;

pub(super) fn schemas() -> Vec<Named> {
    let pod = object(&[
        ("pod", optional(Type::String)),
        ("role", optional(Type::String)),
        ("node", optional(Type::String)),
        ("streams", plain(Type::Integer)),
        ("first_seen", time()),
        ("last_seen", time()),
        ("gaps", plain(Type::Integer)),
        ("gap_bytes", plain(Type::Integer)),
    ]);
    let cluster = object(&[
        ("namespace", optional(Type::String)),
        ("cluster", optional(Type::String)),
        ("last_seen", time()),
        ("pods", array(pod)),
    ]);
    let bucket =
        object(&[("time", time()), ("total", plain(Type::Integer)), ("severities", counts())]);
    let value = object(&[("value", optional(Type::String)), ("count", plain(Type::Integer))]);
    let facet = object(&[
        ("field", plain(Type::String)),
        ("distinct", plain(Type::Integer)),
        ("values", array(value)),
    ]);
    let mut all = state::schemas();
    all.extend([
        ("Row", row()),
        (
            "Page",
            any_of_plan(&[
                ("rows", array(reference("Row"))),
                ("next_cursor", optional(Type::String)),
                ("previous_cursor", optional(Type::String)),
            ]),
        ),
        (
            "Histogram",
            any_of_plan(&[
                ("from", optional(Type::String)),
                ("to", optional(Type::String)),
                ("step", plain(Type::Integer)),
                ("total", plain(Type::Integer)),
                ("buckets", array(bucket)),
            ]),
        ),
        ("Facets", any_of_plan(&[("facets", array(facet))])),
        (
            "Context",
            object(&[
                ("before", array(reference("Row"))),
                ("row", reference("Row")),
                ("after", array(reference("Row"))),
            ]),
        ),
        ("Clusters", object(&[("clusters", array(cluster))])),
        (
            "Search",
            object(&[
                ("id", formatted(SchemaFormat::Custom("uuid".to_owned()))),
                ("name", plain(Type::String)),
                ("query", plain(Type::String)),
                ("created_at", time()),
                ("created_by", plain(Type::String)),
            ]),
        ),
        ("Searches", object(&[("searches", array(reference("Search")))])),
        (
            "Saved",
            ObjectBuilder::new()
                .property(
                    "name",
                    ObjectBuilder::new()
                        .schema_type(Type::String)
                        .min_length(Some(1))
                        .max_length(Some(200)),
                )
                .property(
                    "query",
                    ObjectBuilder::new().schema_type(Type::String).max_length(Some(16_384)),
                )
                .required("name")
                .required("query")
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
                .into(),
        ),
        (
            "Statement",
            ObjectBuilder::new()
                .property("sql", plain(Type::String))
                .required("sql")
                .property("limit", nullable(RefOr::T(counting(1, 100_000))))
                .property(
                    "format",
                    nullable(RefOr::T(
                        ObjectBuilder::new()
                            .schema_type(Type::String)
                            .enum_values(Some(["json", "ndjson", "csv"]))
                            .into(),
                    )),
                )
                .examples([json!({"sql": "SELECT * FROM log.postgres ORDER BY log_time DESC", "limit": 10})])
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
                .into(),
        ),
        (
            "Answer",
            object(&[
                (
                    "columns",
                    array(object(&[("name", plain(Type::String)), ("type", plain(Type::String))])),
                ),
                ("rows", array(ArrayBuilder::new().items(optional(Type::String)))),
                ("truncated", plain(Type::Boolean)),
                ("elapsed_ms", plain(Type::Integer)),
            ]),
        ),
        (
            "Me",
            object(&[
                ("authenticated", plain(Type::Boolean)),
                ("name", optional(Type::String)),
                ("tenant", optional(Type::String)),
                ("access", optional(Type::String)),
                (
                    "login",
                    RefOr::T(object(&[
                        ("token", plain(Type::Boolean)),
                        (
                            "oidc",
                            RefOr::T(ObjectBuilder::new().schema_type(SchemaType::AnyValue).into()),
                        ),
                    ])),
                ),
            ]),
        ),
        ("Problem", problem()),
    ]);
    all
}

/// A row: the columns of its table, of which those that are NULL are left out.
fn row() -> Schema {
    let mut row = ObjectBuilder::new();
    for column in Tables::All.columns() {
        let schema = match column.kind {
            Kind::Text => plain(Type::String),
            Kind::TextArray => array(plain(Type::String)),
            Kind::Int4 | Kind::Int8 => plain(Type::Integer),
            Kind::Time => time(),
            Kind::Uuid => formatted(SchemaFormat::Custom("uuid".to_owned())),
            Kind::Severity => {
                let names = Severity::ALL.map(Severity::as_str);
                let severity = ObjectBuilder::new().schema_type(Type::String);
                RefOr::T(severity.enum_values(Some(names)).into())
            }
            Kind::Json | Kind::Bool | Kind::Interval => {
                RefOr::T(ObjectBuilder::new().schema_type(SchemaType::AnyValue).into())
            }
        };
        row = row.property(column.name, schema);
    }
    for name in ["log_time", "stream", "position"] {
        row = row.required(name);
    }
    row.into()
}

fn problem() -> Schema {
    let mut problem = ObjectBuilder::new();
    for (name, kind, needed) in [
        ("status", Type::Integer, true),
        ("title", Type::String, true),
        ("detail", Type::String, true),
        ("parameter", Type::String, false),
        ("position", Type::Integer, false),
        ("suggestion", Type::String, false),
        ("sqlstate", Type::String, false),
        ("hint", Type::String, false),
    ] {
        problem = problem.property(name, plain(kind));
        if needed {
            problem = problem.required(name);
        }
    }
    problem.into()
}

/// An answer, or, with `explain=1`, its plan.
fn any_of_plan(properties: &[(&str, RefOr<Schema>)]) -> Schema {
    let plan = object(&[("statements", array(RefOr::T(ObjectBuilder::new().into())))]);
    let either = utoipa::openapi::schema::OneOfBuilder::new();
    either.item(object(properties)).item(plan).into()
}

fn object(properties: &[(&str, RefOr<Schema>)]) -> Schema {
    let mut object = ObjectBuilder::new();
    for (name, schema) in properties {
        object = object.property(*name, schema.clone()).required(*name);
    }
    object.into()
}

fn counting(least: usize, most: usize) -> Schema {
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    number.minimum(Some(least)).maximum(Some(most)).into()
}

fn counts() -> RefOr<Schema> {
    let counts = ObjectBuilder::new();
    RefOr::T(
        counts
            .additional_properties(Some(AdditionalProperties::RefOr(plain(Type::Integer))))
            .into(),
    )
}

fn array(items: impl Into<RefOr<Schema>>) -> RefOr<Schema> {
    RefOr::T(ArrayBuilder::new().items(items.into()).into())
}

fn reference(name: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name))
}

/// This, or null.
fn nullable(schema: RefOr<Schema>) -> RefOr<Schema> {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    RefOr::T(utoipa::openapi::schema::OneOfBuilder::new().item(schema).item(null).into())
}

fn plain(kind: Type) -> RefOr<Schema> {
    RefOr::T(ObjectBuilder::new().schema_type(kind).into())
}

fn optional(kind: Type) -> RefOr<Schema> {
    let either = SchemaType::Array(vec![kind, Type::Null]);
    RefOr::T(ObjectBuilder::new().schema_type(either).into())
}

fn time() -> RefOr<Schema> {
    formatted(SchemaFormat::KnownFormat(KnownFormat::DateTime))
}

fn formatted(format: SchemaFormat) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String);
    RefOr::T(text.format(Some(format)).into())
}
