//! Who is known by what, and what it may write.

use super::*;

fn helo(auth: &[u8]) -> Helo {
    Helo { nonce: vec![1; 16], auth: auth.to_vec(), keepalive: true }
}

fn keyed(name: &str, key: &str) -> CredentialConfig {
    CredentialConfig { name: name.into(), shared_key: Some(key.into()), ..Default::default() }
}

fn user(name: &str, key: &str, user: &str, password: &str) -> CredentialConfig {
    CredentialConfig {
        username: Some(user.into()),
        password: Some(password.into()),
        ..keyed(name, key)
    }
}

/// Whose credential a client with this key and user has.
#[track_caller]
fn check(
    configs: &[CredentialConfig],
    key: &str,
    user: Option<(&str, &str)>,
    expected: Result<&str, Unknown>,
) {
    let credentials = Credentials::build(configs).unwrap();
    let helo = helo(if credentials.need_user() { b"salt" } else { b"" });
    let user = user.map(|(name, password)| (name, password.as_bytes()));
    let ping = Ping::new(&helo, "client", &[2; 16], key.as_bytes(), user);
    let found = credentials.by_ping(&helo, &ping).map(|(credential, _)| credential.name());
    assert_eq!(found, expected);
}

#[test]
fn a_client_is_known_by_its_key() {
    let both = [keyed("a", "key of a"), keyed("b", "key of b")];
    check(&both, "key of b", None, Ok("b"));
    check(&both, "key of c", None, Err(Unknown::Key));
}

#[test]
fn users_share_a_key_and_are_told_apart_by_their_passwords() {
    let both = [user("a", "key", "ann", "1"), user("b", "key", "bob", "2")];
    check(&both, "key", Some(("bob", "2")), Ok("b"));
    check(&both, "key", Some(("bob", "1")), Err(Unknown::User));
    check(&both, "key", None, Err(Unknown::User));
    check(&both, "other", Some(("bob", "2")), Err(Unknown::Key));
}

#[test]
fn a_key_without_users_takes_clients_that_name_none() {
    let mixed = [user("a", "key of a", "ann", "1"), keyed("b", "key of b")];
    check(&mixed, "key of b", None, Ok("b"));
    check(&mixed, "key of b", Some(("ann", "1")), Err(Unknown::User));
    check(&[keyed("b", "key of b")], "key of b", Some(("ann", "1")), Ok("b"));
}

#[test]
fn a_credential_writes_only_what_it_is_bound_to() {
    let config = CredentialConfig {
        namespaces: vec!["shop-*".into()],
        clusters: vec!["orders".into(), "stock".into()],
        ..keyed("a", "key")
    };
    let credentials = Credentials::build(&[config]).unwrap();
    let may = |namespace: Option<&str>, cluster: Option<&str>| {
        let source = Source {
            namespace: namespace.map(str::to_owned),
            cluster: cluster.map(str::to_owned),
            ..Source::default()
        };
        credentials.0[0].check(&source).map_err(|forbidden| forbidden.what)
    };
    assert_eq!(may(Some("shop-eu"), Some("stock")), Ok(()));
    assert_eq!(may(Some("shop"), Some("stock")), Err("namespace"));
    assert_eq!(may(Some("shop-eu"), Some("stocks")), Err("cluster"));
    assert_eq!(may(Some("shop-eu"), None), Err("cluster"));
    assert_eq!(may(None, None), Err("namespace"));
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let refused = |config: CredentialConfig| Credentials::build(&[config]).unwrap_err().to_string();
    let nothing = CredentialConfig { name: "a".into(), ..Default::default() };
    assert!(refused(nothing).contains("neither a shared key nor a certificate"));
    let nameless = CredentialConfig { name: String::new(), ..keyed("", "key") };
    assert!(refused(nameless).contains("name: is missing"));
    let half = CredentialConfig { username: Some("ann".into()), ..keyed("a", "key") };
    assert!(refused(half).contains("belong together"));
    let pattern = CredentialConfig { namespaces: vec!["a[".into()], ..keyed("a", "key") };
    assert!(refused(pattern).contains("namespaces"));
    let missing = CredentialConfig {
        shared_key: None,
        shared_key_file: Some("/nowhere/key".into()),
        ..keyed("a", "key")
    };
    assert!(refused(missing).contains("/nowhere/key"));
    let twins = Credentials::build(&[keyed("a", "key"), keyed("b", "key")]).unwrap_err();
    assert!(twins.to_string().contains("can't be told from another"), "{twins}");
}
