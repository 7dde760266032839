//! Callers whom an identity provider vouches for: a stand-in that signs with real keys, and whatever else a token could be.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use reqwest::StatusCode;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};
use trunkline_harness::installation::set_up;
use trunkline_ingester::api::OidcConfig;

use crate::access::Guarded;
use crate::tail::client::Client;

/// A provider: what it publishes as its keys can be changed.
struct Provider {
    issuer: String,
    keys: Arc<Mutex<Vec<Value>>>,
}

impl Provider {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/realm", listener.local_addr().unwrap());
        let keys = Arc::<Mutex<Vec<Value>>>::default();
        let (published, place) = (Arc::clone(&keys), issuer.clone());
        let discovered = json!({ "issuer": place, "jwks_uri": format!("{place}/keys") });
        let router = Router::new()
            .route(
                "/realm/.well-known/openid-configuration",
                get(async move || axum::Json(discovered)),
            )
            .route(
                "/realm/keys",
                get(async move || {
                    let keys = published.lock().unwrap().clone();
                    axum::Json(json!({ "keys": keys }))
                }),
            );
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { issuer, keys }
    }

    fn publish(&self, keys: &[&Key]) {
        *self.keys.lock().unwrap() = keys.iter().map(|key| key.public()).collect();
    }
}

enum Pair {
    Ec(EcdsaKeyPair),
    Ec384(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// How tokens may be signed by RSA.
static BY_RSA: [(&str, &dyn RsaEncoding); 6] = [
    ("RS256", &RSA_PKCS1_SHA256),
    ("RS384", &RSA_PKCS1_SHA384),
    ("RS512", &RSA_PKCS1_SHA512),
    ("PS256", &RSA_PSS_SHA256),
    ("PS384", &RSA_PSS_SHA384),
    ("PS512", &RSA_PSS_SHA512),
];

struct Key {
    id: &'static str,
    pair: Pair,
}

impl Key {
    fn ec(id: &'static str) -> Self {
        let (how, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        Self { id, pair: Pair::Ec(EcdsaKeyPair::from_pkcs8(how, pkcs8.as_ref(), &random).unwrap()) }
    }

    fn ec384(id: &'static str) -> Self {
        let (how, random) = (&ECDSA_P384_SHA384_FIXED_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(how, pkcs8.as_ref(), &random).unwrap();
        Self { id, pair: Pair::Ec384(pair) }
    }

    /// Made by OpenSSL, since ring makes none.
    fn rsa(id: &'static str) -> Self {
        let make = || {
            let mut openssl = Command::new("openssl");
            openssl.args(["genpkey", "-algorithm", "RSA", "-outform", "DER"]);
            openssl.args(["-pkeyopt", "rsa_keygen_bits:2048"]).stderr(Stdio::null()).output()
        };
        let made = make().or_else(|_| {
            set_up(&["openssl"]).unwrap();
            make()
        });
        let made = made.unwrap().stdout;
        // Which of the two forms it is in depends on OpenSSL's version.
        let pair = RsaKeyPair::from_pkcs8(&made).or_else(|_| RsaKeyPair::from_der(&made)).unwrap();
        Self { id, pair: Pair::Rsa(Box::new(pair)) }
    }

    fn ed(id: &'static str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { id, pair: Pair::Ed(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()) }
    }

    fn public(&self) -> Value {
        match &self.pair {
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kid": self.id, "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": base64(x), "y": base64(y) })
            }
            Pair::Ec384(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(48);
                json!({ "kid": self.id, "kty": "EC", "crv": "P-384", "x": base64(x), "y": base64(y) })
            }
            Pair::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "kid": self.id, "kty": "RSA", "use": "sig", "n": base64(&public.n), "e": base64(&public.e) })
            }
            Pair::Ed(pair) => {
                json!({ "kid": self.id, "kty": "OKP", "crv": "Ed25519", "x": base64(pair.public_key().as_ref()) })
            }
        }
    }

    fn sign(&self, claims: &Value) -> String {
        let algorithm = match self.pair {
            Pair::Ec(_) => "ES256",
            Pair::Ec384(_) => "ES384",
            Pair::Ed(_) => "EdDSA",
            Pair::Rsa(_) => "RS256",
        };
        self.sign_as(&json!({ "alg": algorithm, "kid": self.id, "typ": "JWT" }), claims)
    }

    fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let text = format!(
            "{}.{}",
            base64(header.to_string().as_bytes()),
            base64(claims.to_string().as_bytes())
        );
        let signature = match &self.pair {
            Pair::Ec(pair) | Pair::Ec384(pair) => {
                pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec()
            }
            Pair::Rsa(pair) => {
                let how = BY_RSA.iter().find(|(name, _)| header["alg"] == *name);
                // By something, where the header names what RSA isn't.
                let how = how.map_or(BY_RSA[0].1, |(_, how)| *how);
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(how, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
                signature
            }
            Pair::Ed(pair) => pair.sign(text.as_bytes()).as_ref().to_vec(),
        };
        format!("{text}.{}", base64(&signature))
    }
}

/// RFC 4648, section 5, without padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - group.len()));
        for digit in 0..=group.len() {
            text.push(char::from(DIGITS[bits >> (18 - 6 * digit) & 63]));
        }
    }
    text
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

/// A service that takes a provider's tokens.
async fn vouched_for(issuer: String) -> Guarded {
    Guarded::start(|config| {
        config.http.access = None;
        config.http.oidc = Some(OidcConfig {
            issuer,
            client_id: "console".to_owned(),
            audience: Some("trunkline".to_owned()),
            claim: "tenant".to_owned(),
            tenants: std::collections::BTreeMap::new(),
            ca_file: None,
        });
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_token_is_answered_as_its_tenant_and_no_other_token_is() {
    let provider = Provider::start().await;
    let (old, new, foreign) = (Key::ec("1"), Key::ed("2"), Key::ec("1"));
    provider.publish(&[&old]);
    let issuer = provider.issuer.clone();
    let guarded = vouched_for(issuer).await;
    let now = chrono::Utc::now().timestamp();
    let claims = json!({
        "iss": provider.issuer, "aud": ["trunkline", "other"], "sub": "7", "email": "ada@example.org", "exp": now + 600, "tenant": guarded.tenant,
    });
    let (status, page) = guarded.get("/api/v1/logs", &old.sign(&claims)).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert_eq!(
        (page["rows"].as_array().unwrap().len(), &page["rows"][0]["cluster"]),
        (1, &"mine".into())
    );
    let (_, me) = guarded.get("/api/v1/me", &old.sign(&claims)).await;
    let login =
        json!({ "token": true, "oidc": { "issuer": provider.issuer, "client_id": "console" } });
    assert_eq!(
        me,
        json!({
            "authenticated": true, "name": "oidc ada@example.org", "tenant": guarded.tenant, "access": "oidc", "login": login,
        })
    );
    // Tokens of ours are taken as well.
    assert_eq!(guarded.get("/api/v1/logs", &guarded.tenants_token().await).await.0, StatusCode::OK);
    let good = old.sign(&claims);
    let parts: Vec<_> = good.split('.').collect();
    let none = base64(br#"{"alg":"none","kid":"1"}"#);
    let public = old.public();
    let wrong = [
        ("expired", old.sign(&with(&claims, "exp", json!(now - 3_600)))),
        ("no end", old.sign(&with(&claims, "exp", Value::Null))),
        ("an end that is text", old.sign(&with(&claims, "exp", json!("4000000000")))),
        ("not yet", old.sign(&with(&claims, "nbf", json!(now + 3_600)))),
        ("another issuer", old.sign(&with(&claims, "iss", json!("https://evil.example")))),
        ("another audience", old.sign(&with(&claims, "aud", json!("other")))),
        ("no audience", old.sign(&with(&claims, "aud", Value::Null))),
        ("another's key by the same name", foreign.sign(&claims)),
        ("a key that isn't published", new.sign(&claims)),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("unsigned", format!("{none}.{}.", parts[1])),
        (
            "another content",
            format!(
                "{}.{}.{}",
                parts[0],
                base64(with(&claims, "tenant", json!("x")).to_string().as_bytes()),
                parts[2]
            ),
        ),
        (
            "by the public key as a secret",
            old.sign_as(&json!({ "alg": "HS256", "kid": "1" }), &claims),
        ),
        (
            "its own key",
            old.sign_as(&json!({ "alg": "ES256", "jwk": public, "kid": "9" }), &claims),
        ),
        ("another algorithm", old.sign_as(&json!({ "alg": "RS256", "kid": "1" }), &claims)),
        ("nothing", "..".to_owned()),
    ];
    for (what, token) in wrong {
        let (status, problem) = guarded.get("/api/v1/logs", &token).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{what}: {problem}");
    }
    // Whom the provider vouches for as nobody's, or as what is no tenant, sees nothing.
    for tenant in [
        Value::Null,
        json!(""),
        json!(7),
        json!("postgres"),
        json!("trunkline_reader"),
        json!("*"),
        json!(["nobody"]),
    ] {
        let (status, problem) =
            guarded.get("/api/v1/logs", &old.sign(&with(&claims, "tenant", tenant.clone()))).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{tenant}: {problem}");
    }
    // A tail ends with its token, for whose end clocks may differ by a minute.
    let soon = with(&claims, "exp", json!(chrono::Utc::now().timestamp() - 52));
    let mut watching = Client::connect_as(&guarded.service, "", &old.sign(&soon)).await;
    assert_eq!(watching.end().await["status"], 401);
    // Another key is found where it is published, though not at once: the provider isn't asked for each token that names one.
    provider.publish(&[&old, &new]);
    crate::service::eventually("the new key to be known", async || {
        guarded.get("/api/v1/logs", &new.sign(&claims)).await.0 == StatusCode::OK
    })
    .await;
    guarded.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_sign_is_checked_as_what_it_says_it_is() {
    let provider = Provider::start().await;
    let (rsa, other) = (Key::rsa("rsa"), Key::rsa("rsa"));
    let keys = [Key::ec("p256"), Key::ec384("p384"), Key::ed("ed"), rsa];
    provider.publish(&keys.each_ref());
    let guarded = vouched_for(provider.issuer.clone()).await;
    let claims = json!({
        "iss": provider.issuer, "aud": "trunkline", "sub": "7", "exp": chrono::Utc::now().timestamp() + 600, "tenant": guarded.tenant,
    });
    let header = |name: &str, key: &Key| json!({ "alg": name, "kid": key.id });
    let mut all = vec![("ES256", &keys[0]), ("ES384", &keys[1]), ("EdDSA", &keys[2])];
    all.extend(BY_RSA.iter().map(|(name, _)| (*name, &keys[3])));
    let ask = async |token: &str| guarded.get("/api/v1/logs", token).await.0;
    for (name, key) in &all {
        let token = key.sign_as(&header(name, key), &claims);
        assert_eq!(ask(&token).await, StatusCode::OK, "{name}");
        // One bit of the signature.
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let flipped = if signature.starts_with('A') { "B" } else { "A" };
        let forged = format!("{signed}.{flipped}{}", &signature[1..]);
        assert_eq!(ask(&forged).await, StatusCode::UNAUTHORIZED, "{name}");
        // What was signed in this way is no other.
        for (other, _) in &all {
            if other != name {
                let renamed = base64(header(other, key).to_string().as_bytes());
                let (_, rest) = token.split_once('.').unwrap();
                let renamed = format!("{renamed}.{rest}");
                assert_eq!(ask(&renamed).await, StatusCode::UNAUTHORIZED, "{name} as {other}");
            }
        }
    }
    let forged = other.sign_as(&header("PS256", &other), &claims);
    assert_eq!(ask(&forged).await, StatusCode::UNAUTHORIZED);
    guarded.stopped().await;
}
