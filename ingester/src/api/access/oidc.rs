//! Callers that an identity provider vouches for: OpenID Connect's tokens, checked by the provider's published keys.
//!
//! The keys are read when they are first needed (discovery, then `jwks_uri`), again each hour, and when a token names one that isn't there
//! yet, which is how a provider rotates them. A claim says which tenant the caller is.

mod keys;
mod provider;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

use crate::config::Error;
use keys::{Keys, NoKeys};

/// `[http.oidc]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// The provider, by the URL that its tokens call it.
    pub issuer: String,
    /// What the console calls itself to the provider.
    pub client_id: String,
    /// For whom a token has to be; else the client.
    #[serde(default)]
    pub audience: Option<String>,
    /// The claim that says which tenant a caller is: a text, or a list of them. Dots lead into objects.
    pub claim: String,
    /// What the claim's values stand for: a tenant, or `*` for all clusters. Without any, a value is the tenant's name.
    #[serde(default)]
    pub tenants: BTreeMap<String, String>,
    /// The authorities of the provider's certificate, in PEM, in place of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

impl OidcConfig {
    pub(in crate::api) fn check(&self) -> Result<(), Error> {
        let invalid =
            |setting, reason: &str| Err(Error::Invalid { setting, reason: reason.to_owned() });
        if !keys::is_safe(&self.issuer) {
            return invalid(
                "http.oidc.issuer",
                "must begin with https://, unless it is this machine",
            );
        }
        if self.client_id.is_empty() || self.claim.is_empty() {
            return invalid("http.oidc.claim", "must not be empty, nor client_id");
        }
        Ok(())
    }
}

/// Who a token says the caller is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) name: String,
    /// `None` sees all clusters.
    pub(super) tenant: Option<String>,
}

/// Why a token opens nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("the token isn't the identity provider's, or no longer valid: {0}")]
    Invalid(String),
    #[error("the identity provider doesn't say of which tenant this caller is")]
    NoTenant,
    #[error("the identity provider can't be asked for its keys: {0}")]
    Unavailable(#[from] NoKeys),
}

/// How a token may be signed: by keys of which the provider alone has the private half.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The value that stands for all clusters in `tenants`.
const ALL: &str = "*";

/// One provider.
#[derive(Debug)]
pub(super) struct Oidc {
    pub(super) config: OidcConfig,
    keys: Keys,
}

impl Oidc {
    pub(super) fn new(config: &OidcConfig) -> Result<Self, Error> {
        provider::install();
        Ok(Self { config: config.clone(), keys: Keys::new(config)? })
    }

    /// Whom a console asks on its way in: the provider itself, and where it gives out tokens, as far as that is known.
    pub(super) async fn places(&self) -> Vec<Arc<str>> {
        let issuer = Arc::from(self.config.issuer.as_str());
        [issuer].into_iter().chain(self.keys.token_endpoint().await).collect()
    }

    /// Who asks with this token.
    pub(super) async fn identify(&self, token: &str) -> Result<Identity, Refused> {
        let invalid = |error: jsonwebtoken::errors::Error| Refused::Invalid(error.to_string());
        let header = decode_header(token).map_err(invalid)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(Refused::Invalid(format!("it is signed by {:?}", header.alg)));
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg).await?;
        let key = key.ok_or_else(|| Refused::Invalid("its key isn't known".to_owned()))?;
        let mut validation = Validation::new(header.alg);
        validation.set_audience(&[self.config.audience.as_ref().unwrap_or(&self.config.client_id)]);
        validation.set_issuer(&[&self.config.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        let claims = decode::<Value>(token, &key, &validation).map_err(invalid)?.claims;
        let tenant = self.tenant(&claims).ok_or(Refused::NoTenant)?;
        let text = |name| claims.get(name).and_then(Value::as_str);
        let name = text("email").or_else(|| text("preferred_username")).or_else(|| text("sub"));
        Ok(Identity { name: format!("oidc {}", name.unwrap_or_default()), tenant })
    }

    /// The tenant that the claims name; all clusters if one of several values stands for them.
    fn tenant(&self, claims: &Value) -> Option<Option<String>> {
        let claim = claims.get(&self.config.claim).or_else(|| {
            let mut parts = self.config.claim.split('.');
            parts.try_fold(claims, |value, part| value.get(part))
        })?;
        let values = match claim {
            Value::String(value) => vec![value.as_str()],
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if self.config.tenants.is_empty() {
            let name = values.first().filter(|name| !name.is_empty())?;
            return Some(Some((*name).to_owned()));
        }
        let found: Vec<_> =
            values.iter().filter_map(|value| self.config.tenants.get(*value)).collect();
        if found.iter().any(|tenant| *tenant == ALL) {
            return Some(None);
        }
        found.first().map(|tenant| Some((*tenant).clone()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(
        claim: &str,
        tenants: &[(&str, &str)],
        claims: &Value,
        expected: Option<Option<&str>>,
    ) {
        let pairs =
            tenants.iter().map(|(value, tenant)| ((*value).to_owned(), (*tenant).to_owned()));
        let config = OidcConfig {
            issuer: "https://id.example".to_owned(),
            client_id: "c".to_owned(),
            audience: None,
            claim: claim.to_owned(),
            tenants: pairs.collect(),
            ca_file: None,
        };
        let found = Oidc::new(&config).unwrap().tenant(claims);
        assert_eq!(found, expected.map(|tenant| tenant.map(str::to_owned)), "{claims}");
    }

    #[test]
    fn a_claim_names_the_tenant() {
        check("tenant", &[], &json!({ "tenant": "orders" }), Some(Some("orders")));
        check("tenant", &[], &json!({ "tenant": "*" }), Some(Some("*")));
        check("a.b", &[], &json!({ "a": { "b": ["x", "y"] } }), Some(Some("x")));
        check("https://a.b/c", &[], &json!({ "https://a.b/c": "x" }), Some(Some("x")));
        for claims in
            [json!({}), json!({ "tenant": "" }), json!({ "tenant": 1 }), json!({ "tenant": [] })]
        {
            check("tenant", &[], &claims, None);
        }
        let tenants = [("team", "orders"), ("sre", "*")];
        check("groups", &tenants, &json!({ "groups": ["x", "team"] }), Some(Some("orders")));
        check("groups", &tenants, &json!({ "groups": ["team", "sre"] }), Some(None));
        check("groups", &tenants, &json!({ "groups": ["orders", "*"] }), None);
    }
}
