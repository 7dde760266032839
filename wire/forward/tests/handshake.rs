//! HELO, PING, PONG between both state machines, and against digests that another implementation made.

// Tests panic.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use bytes::BytesMut;
use proptest::prelude::*;
use trunkline_forward::client::{self, Client, Credentials};
use trunkline_forward::handshake::{Helo, Ping, Pong, SALT};
use trunkline_forward::server::{self, Server};
use trunkline_forward::{Error, Limits};

const KEY: &[u8] = b"a shared key";

fn helo(auth: &[u8]) -> Helo {
    // Random bytes are no UTF-8.
    Helo { nonce: vec![0xff; SALT], auth: auth.to_vec(), keepalive: true }
}

fn credentials(key: &[u8], user: Option<(&str, &[u8])>) -> Credentials {
    Credentials {
        hostname: "collector-0".into(),
        shared_key: key.to_vec(),
        user: user.map(|(name, password)| (name.into(), password.to_vec())),
    }
}

/// What the client answers to `helo`, as the server reads it.
fn ping(client: &mut Client, helo: &Helo) -> Result<Ping, Error> {
    let mut greeting = Vec::new();
    helo.encode(&mut greeting);
    let event = client.receive(&mut BytesMut::from(&greeting[..]))?;
    let Some(client::Event::Helo(answer)) = event else { panic!("{event:?}") };
    let mut server = Server::greeting(Limits::default(), helo.clone());
    match server.receive(&mut BytesMut::from(&answer[..])).unwrap() {
        Some(server::Event::Ping(ping)) => Ok(ping),
        other => panic!("{other:?}"),
    }
}

fn answer(client: &mut Client, pong: &Pong) -> Result<Option<client::Event>, Error> {
    let mut bytes = Vec::new();
    pong.encode(&mut bytes);
    client.receive(&mut BytesMut::from(&bytes[..]))
}

#[test]
fn who_holds_the_key_is_welcome_and_hears_that_the_server_holds_it_too() {
    let mut client = Client::with_credentials(credentials(KEY, None), [7; SALT]);
    let helo = helo(b"");
    let ping = ping(&mut client, &helo).unwrap();
    assert!(ping.holds(&helo, KEY));
    assert!(!client.is_established());
    let pong = Pong::welcome(&helo, &ping, "ingester", KEY);
    assert_eq!(
        answer(&mut client, &pong),
        Ok(Some(client::Event::Established { keepalive: true }))
    );
    assert!(client.is_established());
}

#[test]
fn another_key_is_noticed_on_either_side() {
    let mut client = Client::with_credentials(credentials(b"another key", None), [7; SALT]);
    let helo = helo(b"");
    let ping = ping(&mut client, &helo).unwrap();
    assert!(!ping.holds(&helo, KEY));
    let pong = Pong::welcome(&helo, &ping, "ingester", KEY);
    assert_eq!(answer(&mut client, &pong), Err(Error::Impostor));
}

#[test]
fn a_ping_that_was_overheard_is_worth_nothing_on_the_next_connection() {
    let mut client = Client::with_credentials(credentials(KEY, None), [7; SALT]);
    let ping = ping(&mut client, &helo(b"")).unwrap();
    let next = Helo { nonce: vec![0xfe; SALT], ..helo(b"") };
    assert!(!ping.holds(&next, KEY));
}

#[test]
fn a_user_is_known_by_its_password() {
    let helo = helo(b"\x80salt");
    let user = Some(("reporter", &b"secret"[..]));
    let mut client = Client::with_credentials(credentials(KEY, user), [7; SALT]);
    let named = ping(&mut client, &helo).unwrap();
    assert_eq!(named.username, b"reporter");
    assert!(named.knows(&helo, b"secret"));
    assert!(!named.knows(&helo, b"Secret"));
    let mut nobody = Client::with_credentials(credentials(KEY, None), [7; SALT]);
    assert_eq!(ping(&mut nobody, &helo).unwrap_err(), Error::UserRequired);
}

#[test]
fn a_server_that_asks_for_no_user_is_told_none_and_no_password_fits() {
    let helo = helo(b"");
    let user = Some(("reporter", &b"secret"[..]));
    let mut client = Client::with_credentials(credentials(KEY, user), [7; SALT]);
    let ping = ping(&mut client, &helo).unwrap();
    assert_eq!(ping.username, b"");
    assert!(!ping.knows(&helo, b"secret") && !ping.knows(&helo, b""));
}

#[test]
fn a_refusal_brings_the_reason() {
    let mut client = Client::with_credentials(credentials(KEY, None), [7; SALT]);
    ping(&mut client, &helo(b"")).unwrap();
    let refused = answer(&mut client, &Pong::refuse("ingester", "shared key mismatch"));
    assert_eq!(refused, Err(Error::Refused("shared key mismatch".into())));
}

#[test]
fn a_client_without_a_key_is_told_that_one_is_needed() {
    let mut greeting = Vec::new();
    helo(b"").encode(&mut greeting);
    let received = Client::new().receive(&mut BytesMut::from(&greeting[..]));
    assert_eq!(received, Err(Error::KeyRequired));
}

#[test]
fn nothing_but_a_small_ping_is_read_before_the_welcome() {
    let mut server = Server::greeting(Limits::default(), helo(b""));
    let message = [&b"\x93\xa1t\xc4\x00"[..], b"\x80"].concat();
    assert_eq!(
        server.receive(&mut BytesMut::from(&message[..])).unwrap_err(),
        Error::Expected("a PING")
    );
    let mut server = Server::greeting(Limits::default(), helo(b""));
    let huge = b"\x96\xa4PING\xdb\x00\xff\xff\xff";
    assert!(matches!(
        server.receive(&mut BytesMut::from(&huge[..])),
        Err(Error::MessageTooLarge { limit: 4096, .. })
    ));
}

#[test]
fn after_the_welcome_messages_are_read() {
    let mut server = Server::greeting(Limits::default(), helo(b""));
    server.welcome();
    let message = [&b"\x93\xa1t\xc4\x00"[..], b"\x80"].concat();
    let event = server.receive(&mut BytesMut::from(&message[..])).unwrap();
    assert!(matches!(event, Some(server::Event::Message(_))));
}

/// Python: `hashlib.sha512(b"\x07"*16 + b"collector-0" + b"\xff"*16 + b"a shared key").hexdigest()`, and so on.
#[test]
fn digests_are_those_of_the_specification() {
    let helo = helo(b"\x80salt");
    let ping = Ping::new(&helo, "collector-0", &[7; SALT], KEY, Some(("reporter", b"secret")));
    let mut bytes = Vec::new();
    ping.encode(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    for digest in [include_str!("handshake/key.sha512"), include_str!("handshake/password.sha512")]
    {
        assert!(text.contains(digest.trim()), "{digest}");
    }
    let mut bytes = Vec::new();
    Pong::welcome(&helo, &ping, "ingester", KEY).encode(&mut bytes);
    let digest = include_str!("handshake/pong.sha512");
    assert!(String::from_utf8_lossy(&bytes).contains(digest.trim()));
}

proptest! {
    #[test]
    fn messages_survive_their_bytes(
        nonce in prop::collection::vec(any::<u8>(), 1..40),
        auth in prop::collection::vec(any::<u8>(), 0..40),
        keepalive in any::<bool>(),
        host in ".*",
        reason in prop::option::of("[a-z ]{0,300}"),
    ) {
        let helo = Helo { nonce, auth, keepalive };
        let mut bytes = Vec::new();
        helo.encode(&mut bytes);
        prop_assert_eq!(Helo::decode(&bytes), Ok(helo.clone()));
        let ping = Ping::new(&helo, &host, &[1; SALT], KEY, Some((&host, KEY)));
        bytes.clear();
        ping.encode(&mut bytes);
        prop_assert_eq!(Ping::decode(&bytes), Ok(ping.clone()));
        let pong = match &reason {
            Some(reason) => Pong::refuse(&host, reason),
            None => Pong::welcome(&helo, &ping, &host, KEY),
        };
        bytes.clear();
        pong.encode(&mut bytes);
        prop_assert_eq!(Pong::decode(&bytes), Ok(pong));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut server = Server::greeting(Limits::default(), helo(b""));
        let _ = server.receive(&mut BytesMut::from(&bytes[..]));
        let mut client = Client::with_credentials(credentials(KEY, None), [7; SALT]);
        let mut buf = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = client.receive(&mut buf) {}
    }
}
