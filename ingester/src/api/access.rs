//! Who asks, and what that one may see. Every path under `/api/v1` but `/me` goes through [`guard`].
//!
//! A caller is somebody by a token of `log.token`, or, where nothing else is configured, anybody. Either it sees all clusters, or it is
//! answered by the database role of one tenant: see [`crate::store::Logins`].

mod held;
mod limits;
mod oidc;
mod recorded;
mod streamed;
mod tokens;

use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::problem::Problem;
use super::{Api, Config};
use crate::config::Error;
use crate::store::query::statement::{Bounds, Statement, StatementError};
use crate::store::query::tail::Tail;
use crate::store::{LoginError, Logins, Pool, PoolError};
use held::Held;
pub use limits::LimitsConfig;
use limits::{Limits, Place, TooMany};
pub use oidc::OidcConfig;
use oidc::{Oidc, Refused};
use recorded::Recorded;
pub(super) use recorded::Tally;
use streamed::Streamed;
use tokens::Tokens;

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Whoever reaches the address.
    Open,
    /// Whoever has a token.
    Token,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Token => "token",
            Self::Oidc => "oidc",
        }
    }
}

/// How a caller showed who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum By {
    Open,
    Token,
    Oidc,
}

/// Somebody who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// What limits are counted by where there is no tenant, and who saved a search.
    pub(super) name: Arc<str>,
    /// The tenant's role; `None` sees all clusters.
    pub(super) tenant: Option<Arc<str>>,
    pub(super) by: By,
}

/// What decides. Clones share it.
#[derive(Debug, Clone)]
pub struct Access(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// As it was configured; without it only this machine's programs reach the listener.
    mode: Option<Mode>,
    tokens: Tokens,
    oidc: Option<Oidc>,
    logins: Logins,
    limits: Limits,
}

impl Access {
    /// As the configuration says; `pool` looks tokens up, `logins` answer tenants.
    ///
    /// # Errors
    /// Names the file that can't be used.
    pub fn new(config: &Config, pool: Pool, logins: Logins) -> Result<Self, Error> {
        let limits = Limits::new(config.limits);
        let oidc = config.oidc.as_ref().map(Oidc::new).transpose()?;
        let (mode, tokens) = (config.mode(), Tokens::new(pool));
        Ok(Self(Arc::new(Shared { mode, tokens, oidc, logins, limits })))
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.mode != Some(Mode::Token)
    }

    /// How a console logs somebody in: the provider, and what the console calls itself to it.
    pub(super) fn provider(&self) -> Option<(&str, &str)> {
        let config = &self.0.oidc.as_ref()?.config;
        Some((&config.issuer, &config.client_id))
    }

    /// Whom a console asks on its way in, by their URLs.
    pub(super) async fn provider_places(&self) -> Vec<Arc<str>> {
        match &self.0.oidc {
            Some(oidc) => oidc.places().await,
            None => Vec::new(),
        }
    }

    /// Who asks with these headers.
    pub(super) async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        if self.is_open() {
            if self.0.mode.is_none() && !is_of_this_machine(headers) {
                return Err(Problem::new(
                    StatusCode::FORBIDDEN,
                    "nothing says who may ask, so only this machine's programs may, by its own name: see http.access",
                ));
            }
            return Ok(Caller { name: "anybody".into(), tenant: None, by: By::Open });
        }
        let Some(token) = bearer(headers) else {
            return Err(Problem::unauthorized("a token is needed: Authorization: Bearer …"));
        };
        if let Some(oidc) = self.0.oidc.as_ref().filter(|_| !Tokens::is_ours(token)) {
            let identity = oidc.identify(token).await?;
            let (name, tenant) = (identity.name.into(), identity.tenant.map(Into::into));
            return Ok(Caller { name, tenant, by: By::Oidc });
        }
        let grant = self.0.tokens.find(token).await.map_err(|error| unreachable(&error))?;
        let grant = grant.ok_or_else(|| {
            Problem::unauthorized("the token isn't known, has expired or was revoked")
        })?;
        let name = format!("token {}", grant.name).into();
        Ok(Caller { name, tenant: grant.tenant.map(Into::into), by: By::Token })
    }

    /// Why a caller that was let in with this is let in no longer; `None` as long as it is, or as that can't be found out.
    async fn refuses(&self, caller: &Caller, shown: Option<&HeaderValue>) -> Option<Problem> {
        let mut headers = HeaderMap::new();
        headers.extend(shown.map(|shown| (header::AUTHORIZATION, shown.clone())));
        match self.caller(&headers).await {
            Ok(now) if now == *caller => None,
            Ok(_) => Some(Problem::unauthorized("the token means something else now")),
            Err(problem) if problem.is(StatusCode::SERVICE_UNAVAILABLE) => None,
            Err(problem) => Some(problem),
        }
    }

    /// A place among those who are being answered. Where anybody may ask nobody is told from another, and only connections are limited.
    fn enter(&self, caller: &Caller, path: &str) -> Result<Option<Place>, Problem> {
        if caller.by == By::Open {
            return Ok(None);
        }
        let who = caller.tenant.as_ref().unwrap_or(&caller.name);
        let place = self.0.limits.enter(who, path, Instant::now());
        place.map(Some).map_err(|TooMany(wait)| {
            Problem::too_many("more is being asked than this caller may ask at a time", wait)
        })
    }

    /// The database as the caller's role.
    async fn pool(&self, caller: &Caller, all: &Pool) -> Result<Pool, Problem> {
        let Some(tenant) = &caller.tenant else { return Ok(all.clone()) };
        self.0.logins.pool(tenant).await.map_err(Problem::from)
    }
}

/// Lets nobody through who isn't somebody, or asks too much, and says to what is behind it who it is.
pub(super) async fn guard(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let caller = match api.access.caller(request.headers()).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let place = match api.access.enter(&caller, request.uri().path()) {
        Ok(place) => place,
        Err(problem) => return problem.into_response(),
    };
    let tally = Tally::default();
    let audit = api.audit.as_ref();
    let mut recorded = audit.map(|audit| Recorded::begin(audit, &caller, &tally, &request));
    let shown = request.headers().get(header::AUTHORIZATION).cloned();
    request.extensions_mut().insert(caller.clone());
    request.extensions_mut().insert(tally);
    let response = next.run(request).await;
    if let Some(recorded) = &mut recorded {
        recorded.answered(response.status());
    }
    if response.body().size_hint().exact().is_some() {
        let _until_sent = (place, recorded);
        return response.map(|body| Body::new(Held { body, _until_sent }));
    }
    // A stream has its place until its end, and ends when its caller is let in no longer.
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_of_events = kind.is_some_and(|kind| kind == "text/event-stream");
    let access = api.access.clone();
    response.map(|body| {
        let _held = (place, recorded);
        Streamed { access, caller, shown, is_of_events, _held }.body(body)
    })
}

/// What an endpoint works with: the database as the caller's role, and how long that may take.
#[derive(Debug)]
pub(super) struct Asked {
    /// Sees what the caller may see, and changes nothing.
    pub(super) pool: Pool,
    /// How long the database may work on an answer.
    pub(super) query_timeout: std::time::Duration,
    /// How long a stream of rows may take.
    pub(super) export_timeout: std::time::Duration,
    /// Rows of a caller's own statement, at most.
    pub(super) sql_rows: u32,
    /// Bytes of them that are read from the database, at most.
    pub(super) sql_bytes: u64,
    /// Rows as they are committed.
    pub(super) tail: Tail,
    /// Who may watch them at the same time.
    pub(super) watchers: Arc<Semaphore>,
    /// What the audit is told of the answer.
    pub(super) tally: Tally,
    caller: Caller,
    access: Access,
}

impl Asked {
    /// Begins to run a caller's own statement.
    pub(super) async fn statement(
        &self,
        sql: &str,
        bounds: Bounds,
    ) -> Result<Statement, StatementError> {
        let tenant = self.caller.tenant.as_deref();
        Statement::begin(&self.access.0.logins, tenant, sql, bounds).await
    }
}

impl FromRequestParts<Api> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, api).await?;
        Ok(Self {
            pool: api.access.pool(&caller, &api.all).await?,
            query_timeout: api.query_timeout,
            export_timeout: api.export_timeout,
            sql_rows: api.sql_rows,
            sql_bytes: api.sql_bytes,
            tail: api.tail.clone(),
            watchers: Arc::clone(&api.watchers),
            tally: parts.extensions.get::<Tally>().cloned().unwrap_or_default(),
            caller,
            access: api.access.clone(),
        })
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        // A path that nobody guards answers nobody.
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::unauthorized("nobody knows who asks"))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A page of any site can have a browser on this machine ask, under a name that its site makes mean 127.0.0.1.
fn is_of_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let host = host.to_str().unwrap_or_default();
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn unreachable(error: &PoolError) -> Problem {
    tracing::warn!(%error, "a token could not be looked up");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the database can't be reached at the moment")
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            Refused::Invalid(_) => Self::unauthorized(detail),
            Refused::NoTenant => Self::new(StatusCode::FORBIDDEN, detail),
            Refused::Unavailable(_) => {
                let detail = "the identity provider can't be asked for its keys at the moment";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            }
        }
    }
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match &error {
            LoginError::NoTenant(_) => Self::new(StatusCode::FORBIDDEN, error.to_string()),
            LoginError::NoLogin { .. } => {
                tracing::error!(%error, "a tenant can't be answered");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the database has no login for this caller's role; the log says what is missing",
                )
            }
            LoginError::Pool(error) => {
                tracing::warn!(%error, "a tenant could not be answered");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the database can't be reached at the moment",
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn a_token_is_what_stands_behind_bearer() {
        for (value, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Basic abc", None),
            ("Bearer", None),
        ] {
            assert_eq!(bearer(&check(header::AUTHORIZATION, value)), token, "{value}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn this_machine_goes_by_its_own_names() {
        for (host, is_ours) in [
            ("localhost:8080", true),
            ("127.0.0.1", true),
            ("[::1]:8080", true),
            ("logs.example.org", false),
            ("127.0.0.1.example.org:80", false),
            ("10.0.0.1:8080", false),
        ] {
            assert_eq!(is_of_this_machine(&check(header::HOST, host)), is_ours, "{host}");
        }
    }
}
