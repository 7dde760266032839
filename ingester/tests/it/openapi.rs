//! The description of the API is true: what it lists is understood, and what is answered has the shape that it says.

use serde_json::Value;

use crate::sender::{chunks, log};
use crate::service::{Service, start};

async fn description(service: &Service) -> Value {
    reqwest::get(service.url("/openapi.json")).await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_that_is_listed_is_understood() {
    let (service, _client, _database) = start(|_| {}).await;
    let description = description(&service).await;
    let paths = description["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 14);
    for (path, item) in paths.iter().filter(|(_, item)| item["get"].is_object()) {
        for parameter in item["get"]["parameters"].as_array().unwrap_or(&Vec::new()) {
            if parameter["in"] != "query" {
                continue;
            }
            let name = parameter["name"].as_str().unwrap();
            // Whatever is wrong with this value, or missing beside it: the name isn't.
            let value = parameter["schema"]["enum"][0].as_str().unwrap_or("1");
            let asked = reqwest::Client::new().get(service.url(path)).query(&[(name, value)]);
            let answer = asked.send().await.unwrap();
            if answer.status() == 200 {
                // It may have no end.
                continue;
            }
            let text = answer.text().await.unwrap();
            assert!(!text.contains("is unknown"), "{path} {name}: {text}");
        }
        let unlisted = reqwest::get(service.url(&format!("{path}?unlisted=1"))).await.unwrap();
        assert_eq!(unlisted.status(), 400, "{path}");
    }
    service.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_the_shape_that_is_described() {
    let (service, _client, _database) = start(|_| {}).await;
    let mut sender = service.sender(1).await;
    sender.send(&chunks(&log(5), 1 << 20)[0], 0).await;
    assert!(sender.ack().await.is_some());
    let description = description(&service).await;
    let schemas = &description["components"]["schemas"];
    let get = async |path: &str| -> Value {
        reqwest::get(service.url(path)).await.unwrap().json().await.unwrap()
    };
    let page = get("/api/v1/logs?limit=1").await;
    let row = &page["rows"][0];
    let place = format!(
        "log_time={}&stream={}&position={}",
        row["log_time"].as_str().unwrap(),
        row["stream"].as_str().unwrap(),
        row["position"]
    );
    for (path, schema) in [
        ("/api/v1/logs?limit=1".to_owned(), "Page"),
        ("/api/v1/logs?table=all&explain=1".to_owned(), "Page"),
        ("/api/v1/histogram".to_owned(), "Histogram"),
        ("/api/v1/histogram?from=-1h".to_owned(), "Histogram"),
        ("/api/v1/facets?field=user&field=severity".to_owned(), "Facets"),
        (format!("/api/v1/context?{place}"), "Context"),
        ("/api/v1/clusters".to_owned(), "Clusters"),
        ("/api/v1/failovers".to_owned(), "Failovers"),
        ("/api/v1/fleet".to_owned(), "Fleet"),
        ("/api/v1/store".to_owned(), "Store"),
        ("/api/v1/patterns".to_owned(), "Patterns"),
        ("/api/v1/me".to_owned(), "Me"),
        ("/api/v1/logs?where=nothing".to_owned(), "Problem"),
    ] {
        let answer = get(&path).await;
        if let Err(reason) = fits(&answer, &schemas[schema], schemas) {
            panic!("{path}: {reason}: {answer}");
        }
    }
    service.stopped().await;
}

/// Whether a value has the shape of a schema: as much of JSON Schema as the description uses. What isn't described isn't allowed.
fn fits(value: &Value, schema: &Value, all: &Value) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        return fits(value, &all[name.rsplit('/').next().unwrap()], all);
    }
    if let Some(either) = schema["oneOf"].as_array() {
        let found = either.iter().filter(|one| fits(value, one, all).is_ok()).count();
        return if found == 1 { Ok(()) } else { Err(format!("fits {found} of {schema}")) };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_of = |name: &Value| name == kind;
    let allowed = match &schema["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.iter().any(is_of),
        one => is_of(one),
    };
    if !allowed {
        return Err(format!("{value} is no {}", schema["type"]));
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| fits(item, &schema["items"], all)),
        Value::Object(members) => {
            for name in schema["required"].as_array().unwrap_or(&Vec::new()) {
                if !members.contains_key(name.as_str().unwrap()) {
                    return Err(format!("{name} is missing"));
                }
            }
            members.iter().try_for_each(|(name, member)| {
                let described = schema["properties"].get(name);
                match described.or(schema.get("additionalProperties")) {
                    Some(described) => fits(member, described, all),
                    None if schema.get("properties").is_none() => Ok(()),
                    None => Err(format!("{name} is not described")),
                }
            })
        }
        _ => Ok(()),
    }
}
