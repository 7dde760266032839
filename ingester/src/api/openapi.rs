//! `GET /openapi.json`: what can be asked and what is answered, made of the same lists that requests are read by.

mod answers;
mod parameters;

use std::sync::LazyLock;

use super::Api;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response as Answer, ResponseBuilder};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, Content, Info, License, OpenApi, OpenApiBuilder, Paths, Ref, Required, Schema,
};

/// Made once: they are the same as long as the process lives.
static OPEN: LazyLock<Vec<u8>> = LazyLock::new(|| written(&description()));
static GUARDED: LazyLock<Vec<u8>> = LazyLock::new(|| written(&guarded(description())));

pub(super) async fn openapi(State(api): State<Api>) -> Response {
    let description = if api.access.is_open() { &*OPEN } else { &*GUARDED };
    ([(header::CONTENT_TYPE, "application/json")], description.as_slice()).into_response()
}

fn written(description: &OpenApi) -> Vec<u8> {
    serde_json::to_vec(description).unwrap_or_default()
}

/// The same where callers have to say who they are.
fn guarded(mut description: OpenApi) -> OpenApi {
    const NAME: &str = "bearer";
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.description = Some(
        "A token that trunkline-ingester token create or log.create_token made, or one of the identity provider that /api/v1/me names"
            .to_owned(),
    );
    let components = description.components.get_or_insert_default();
    components.security_schemes.insert(NAME.to_owned(), SecurityScheme::Http(bearer).into());
    let needed = SecurityRequirement::new(NAME, Vec::<String>::new());
    if let Some(me) = description.paths.paths.get_mut("/api/v1/me").and_then(|me| me.get.as_mut()) {
        me.security = Some(vec![needed.clone(), SecurityRequirement::default()]);
    }
    description.security = Some(vec![needed]);
    description
}

fn description() -> OpenApi {
    let mut info = Info::new("Trunkline", env!("CARGO_PKG_VERSION"));
    info.description =
        Some("Log records of PostgreSQL servers and what runs beside them".to_owned());
    info.license = Some(License::new(env!("CARGO_PKG_LICENSE")));
    let mut components = Components::new();
    components.schemas = answers::schemas()
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema.into()))
        .collect();
    let mut paths = Paths::new();
    for (path, operation) in operations() {
        paths.paths.insert(path.to_owned(), PathItem::new(HttpMethod::Get, operation));
    }
    for (path, kind, operation) in searches() {
        let item = PathItem::new(kind.clone(), operation.clone());
        match paths.paths.get_mut(path) {
            Some(there) => there.merge_operations(item),
            None => drop(paths.paths.insert(path.to_owned(), item)),
        }
    }
    let sql = operation(
        "Rows of one statement",
        parameters::sql(),
        &[("application/json", Some("Answer")), ("application/x-ndjson", None), ("text/csv", None)],
    );
    let sql = with_body(sql, "Statement");
    paths.paths.insert("/api/v1/sql".to_owned(), PathItem::new(HttpMethod::Post, sql));
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build()
}

fn operations() -> Vec<(&'static str, Operation)> {
    let page =
        [("application/json", Some("Page")), ("application/x-ndjson", None), ("text/csv", None)];
    let json = |schema| [("application/json", Some(schema))];
    let counted = |schema| [("application/json", Some(schema)), ("application/x-ndjson", None)];
    vec![
        ("/api/v1/logs", operation("Rows of logs", parameters::logs(), &page)),
        (
            "/api/v1/histogram",
            operation(
                "Rows counted by time and severity",
                parameters::histogram(),
                &counted("Histogram"),
            ),
        ),
        (
            "/api/v1/facets",
            operation(
                "The most frequent values of columns",
                parameters::facets(),
                &counted("Facets"),
            ),
        ),
        (
            "/api/v1/context",
            operation(
                "What stands before and behind a row",
                parameters::context(),
                &json("Context"),
            ),
        ),
        (
            "/api/v1/failovers",
            operation(
                "When which pod became its cluster's leader",
                parameters::failovers(),
                &json("Failovers"),
            ),
        ),
        ("/api/v1/fleet", operation("How each cluster is", Vec::new(), &json("Fleet"))),
        (
            "/api/v1/patterns",
            operation(
                "Messages grouped by what they have in common",
                parameters::patterns(),
                &json("Patterns"),
            ),
        ),
        (
            "/api/v1/tail",
            operation(
                "Rows as they are committed, each once, as server-sent events: rows (an array of rows), skipped ({\"rows\": how many, or null}) and \
                 problem, the end; ids are tokens to go on from",
                parameters::tail(),
                &[("text/event-stream", None)],
            ),
        ),
        (
            "/api/v1/store",
            operation("What the store holds, and what becomes of it", Vec::new(), &json("Store")),
        ),
        ("/api/v1/clusters", operation("Clusters and their pods", Vec::new(), &json("Clusters"))),
        ("/api/v1/me", operation("Who asks, and how one can log in", Vec::new(), &json("Me"))),
    ]
}

/// What can be done about saved searches.
fn searches() -> Vec<(&'static str, HttpMethod, Operation)> {
    const ALL: &str = "/api/v1/searches";
    const ONE: &str = "/api/v1/searches/{id}";
    let json = |schema| [("application/json", Some(schema))];
    let mut created = operation("Save a search", Vec::new(), &json("Search"));
    if let Some(answer) = created.responses.responses.remove("200") {
        created.responses.responses.insert("201".to_owned(), answer);
    }
    let full = problem("There are as many as there may be");
    created.responses.responses.insert("409".to_owned(), full.into());
    let mut deleted = operation("Delete a search", parameters::search(), &[]);
    if let Some(answer) = deleted.responses.responses.remove("200") {
        deleted.responses.responses.insert("204".to_owned(), answer);
    }
    let updated = operation("Change a search", parameters::search(), &json("Search"));
    vec![
        (ALL, HttpMethod::Get, operation("Saved searches", Vec::new(), &json("Searches"))),
        (ALL, HttpMethod::Post, with_body(created, "Saved")),
        (ONE, HttpMethod::Get, operation("A saved search", parameters::search(), &json("Search"))),
        (ONE, HttpMethod::Put, with_body(updated, "Saved")),
        (ONE, HttpMethod::Delete, deleted),
    ]
}

fn operation(
    summary: &str,
    parameters: Vec<Parameter>,
    answers: &[(&str, Option<&str>)],
) -> Operation {
    let mut good = ResponseBuilder::new().description("What was asked for");
    for (kind, schema) in answers {
        let schema = schema.map(Ref::from_schema_name);
        good = good.content(*kind, Content::new(schema));
    }
    let mut operation = OperationBuilder::new()
        .summary(Some(summary))
        .parameters(Some(parameters))
        .response("200", good.build());
    for (status, description) in [
        ("400", "A parameter can't be understood"),
        ("401", "Nobody is known by this Authorization, or there is none"),
        ("403", "Who asks may not read this"),
        ("404", "There is no such row, or the database, a hub, doesn't have this"),
        ("429", "More is asked than this caller may ask at a time"),
        ("422", "The query takes longer than it may"),
        ("500", "The database could not answer"),
        ("503", "The database can't be reached"),
    ] {
        operation = operation.response(status, problem(description));
    }
    operation.build()
}

/// The same with a body of this schema, which may be refused for what it is.
fn with_body(mut operation: Operation, schema: &str) -> Operation {
    let content = Content::new(Some(Ref::from_schema_name(schema)));
    let body = RequestBodyBuilder::new().content("application/json", content);
    operation.request_body = Some(body.required(Some(Required::True)).build().into());
    for (status, description) in [
        ("408", "The content takes too long to come"),
        ("413", "The content is too long"),
        ("415", "The content isn't said to be JSON"),
    ] {
        operation.responses.responses.insert(status.to_owned(), problem(description).into());
    }
    operation
}

fn problem(description: &str) -> Answer {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content)
        .build()
}

/// A schema by its name.
type Named = (&'static str, Schema);
