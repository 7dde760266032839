//! The web console: files that are part of the binary, for every path that isn't another endpoint's.
//!
//! A path without a file is one of the console's own pages, so it gets `index.html`, which finds out by itself. Names under `/assets/` have
//! a hash of their content, so a browser never asks for them again. The policy allows nothing but this host: no inline script, no
//! inline style, no frame; and to ask the identity provider for a token, where there is one, at whichever host gives them out.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::config::Origin;
use super::problem::Problem;

/// A file, as it is and compressed.
struct Asset {
    path: &'static str,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// By their paths.
static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/console.rs"));

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
     manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'";

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><title>Trunkline</title><h1>The console wasn't built</h1>\
     <p>This binary was built without it. <code>make console</code> builds it, and a build of the service after that contains it.\
     <p>The API is there: <a href=\"/openapi.json\">/openapi.json</a>.</html>";

/// What pages may do: beyond this host, ask those of these URLs.
pub(super) fn policy<'a>(urls: impl IntoIterator<Item = &'a str>) -> HeaderValue {
    let mut policy = POLICY.as_bytes().to_vec();
    let mut known = Vec::new();
    for Origin(origin) in urls.into_iter().filter_map(origin) {
        if !known.contains(&origin) {
            policy.extend([b" ", origin.as_bytes()].concat());
            known.push(origin);
        }
    }
    HeaderValue::from_bytes(&policy).unwrap_or(HeaderValue::from_static(POLICY))
}

/// Scheme, host and port of a URL. One with anything else in this place has none: the policy's own signs could be among it.
fn origin(url: &str) -> Option<Origin> {
    let host = url.find("://")? + 3;
    let end = url[host..].find('/').map_or(url.len(), |slash| host + slash);
    Origin::try_from(url[..end].to_owned()).ok()
}

/// Answers what no other endpoint answers.
pub(super) async fn console(request: Request, policy: &HeaderValue) -> Response {
    let path = request.uri().path();
    if !matches!(*request.method(), Method::GET | Method::HEAD) || is_elsewhere(path) {
        return Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path")
            .into_response();
    }
    let found = file(path).or_else(|| if is_page(path) { file("/index.html") } else { None });
    let mut response = match found {
        Some(asset) => asset.response(request.headers()),
        None if is_page(path) && ASSETS.is_empty() => {
            let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            (StatusCode::NOT_FOUND, html, NOT_BUILT).into_response()
        }
        None => Problem::new(StatusCode::NOT_FOUND, "the console has no such file").into_response(),
    };
    protect(response.headers_mut(), policy);
    response
}

impl Asset {
    fn response(&self, headers: &HeaderMap) -> Response {
        let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
        let accepts = |name| accepted.is_some_and(|accepted| accepts(accepted, name));
        let (encoding, body) = match (self.brotli, self.gzip) {
            (Some(brotli), _) if accepts("br") => (Some("br"), brotli),
            (_, Some(gzip)) if accepts("gzip") => (Some("gzip"), gzip),
            _ => (None, self.plain),
        };
        let cached = if self.path.starts_with("/assets/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        let mut response = (
            [
                (header::CONTENT_TYPE, content_type(self.path)),
                (header::CACHE_CONTROL, cached),
                (header::VARY, "accept-encoding"),
            ],
            body,
        )
            .into_response();
        if let Some(encoding) = encoding {
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    }
}

fn file(path: &str) -> Option<&'static Asset> {
    let at = ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
    ASSETS.get(at)
}

/// Whether it belongs to other endpoints: a program that asks for one that isn't there is to get a problem, not a page.
fn is_elsewhere(path: &str) -> bool {
    ["/api", "/health", "/metrics"].iter().any(|other| {
        path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Whether it may be one of the console's pages, whose names have no dot.
fn is_page(path: &str) -> bool {
    !path.starts_with("/assets/") && !path.contains('.')
}

/// Whether `Accept-Encoding` names it, and not only to deny it.
fn accepts(accepted: &str, name: &str) -> bool {
    accepted.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let denied = |part: &str| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        parts.next() == Some(name) && !parts.any(denied)
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

fn protect(headers: &mut HeaderMap, policy: &HeaderValue) {
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Addresses of the console have what somebody searched for.
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::{accepts, is_elsewhere, is_page, policy};

    #[test]
    fn the_policy_names_the_identity_providers_origins_and_nothing_else_of_it() {
        let check = |urls: &[&str], asked: &str| {
            let policy = policy(urls.iter().copied());
            let (rest, found) = policy.to_str().unwrap().split_once("connect-src ").unwrap();
            assert_eq!(found, asked, "{urls:?}");
            assert!(rest.starts_with("default-src 'none'") && !rest.contains("http"), "{rest}");
        };
        check(&[], "'self'");
        check(&["https://id.example"], "'self' https://id.example");
        check(&["https://id.example:8443/realms/a"], "'self' https://id.example:8443");
        check(&["http://127.0.0.1:3000/"], "'self' http://127.0.0.1:3000");
        check(
            &["https://id.example/a", "https://tokens.example/b"],
            "'self' https://id.example https://tokens.example",
        );
        check(&["https://id.example/a", "https://id.example/token"], "'self' https://id.example");
        for odd in ["https://a;script-src *", "https://*", "https://u:p@id.example", "id.example"] {
            check(&["https://id.example", odd], "'self' https://id.example");
        }
    }

    #[test]
    fn an_encoding_is_accepted_where_it_is_named_and_not_denied() {
        assert!(accepts("gzip, deflate, br;q=0.5", "br"));
        assert!(accepts("br", "br"));
        for other in ["", "gzip", "br;q=0", "br; q=0.0", "brotli"] {
            assert!(!accepts(other, "br"), "{other}");
        }
    }

    #[test]
    fn pages_are_told_from_files_and_from_the_api() {
        assert!(is_page("/") && is_page("/fleet") && is_page("/sql/x"));
        assert!(!is_page("/favicon.ico") && !is_page("/assets/x") && !is_page("/openapi.json"));
        assert!(is_elsewhere("/api/v1/log") && is_elsewhere("/metrics") && is_elsewhere("/api"));
        assert!(!is_elsewhere("/apiary") && !is_elsewhere("/"));
    }
}
