//! Against a server of a few lines that answers as the test says. What a real Patroni answers is
//! tried with a whole cluster elsewhere.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use trunkline_record::Source;

use super::*;
use crate::discover::annotations::Hints;

/// As Patroni 4.0 and 3.0 answer, shortened.
const PRIMARY: &str = r#"{"state": "running", "role": "primary", "server_version": 170002,
    "timeline": 2, "patroni": {"version": "4.0.4", "scope": "orders", "name": "orders-0"}}"#;
const MASTER: &str =
    r#"{"state": "running", "role": "master", "patroni": {"version": "3.0.0", "scope": "orders"}}"#;
const STARTING: &str =
    r#"{"state": "starting", "role": "replica", "patroni": {"scope": "orders"}}"#;

struct Stub {
    url: String,
    answer: Arc<Mutex<Option<String>>>,
}

impl Stub {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/patroni", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new(None::<String>));
        let shared = Arc::clone(&answer);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let len = socket.read(&mut request).await.unwrap();
                assert!(request[..len].starts_with(b"GET /patroni HTTP/1.1\r\n"));
                let answer = shared.lock().unwrap().clone();
                if let Some(answer) = answer {
                    socket.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        Self { url, answer }
    }

    fn says(&self, status: &str, body: &str) {
        let len = body.len();
        *self.answer.lock().unwrap() =
            Some(format!("HTTP/1.0 {status}\r\nContent-Length: {len}\r\n\r\n{body}"));
    }
}

fn patroni(url: &str, cluster: Option<&str>, expires: Duration) -> (Patroni, Arc<Writer>) {
    let source = Source { cluster: cluster.map(Into::into), ..Source::default() };
    let writer = Arc::new(Writer::new(source, Hints::default()));
    let config = PatroniConfig {
        url: Some(url.to_owned()),
        role_expires: expires,
        ..PatroniConfig::default()
    };
    (Patroni::new(&config, Arc::clone(&writer)).unwrap(), writer)
}

#[tokio::test]
async fn the_role_and_the_cluster_are_what_patroni_says_at_that_moment() {
    let stub = Stub::start().await;
    let (mut patroni, writer) = patroni(&stub.url, None, Duration::from_secs(30));
    for (status, answer, role) in [
        ("200 OK", PRIMARY, "primary"),
        ("503 No", STARTING, "replica"),
        ("200 OK", MASTER, "primary"),
    ] {
        stub.says(status, answer);
        assert_eq!(patroni.ask().await, patroni.config.interval);
        assert_eq!(writer.source().role.as_deref(), Some(role));
        assert_eq!(writer.source().cluster.as_deref(), Some("orders"));
    }
    let state = patroni.shown().state;
    let (_, answer) = state.lock().unwrap().answer.clone().unwrap();
    assert_eq!(answer.patroni.version.as_deref(), Some("3.0.0"));
}

#[tokio::test]
async fn a_cluster_that_was_configured_stays() {
    let stub = Stub::start().await;
    stub.says("200 OK", PRIMARY);
    let (mut patroni, writer) = patroni(&stub.url, Some("mine"), Duration::from_secs(30));
    patroni.ask().await;
    assert_eq!(writer.source().cluster.as_deref(), Some("mine"));
}

#[tokio::test]
async fn silence_expires_the_role_after_its_time_and_not_before() {
    let stub = Stub::start().await;
    stub.says("200 OK", PRIMARY);
    let (mut patroni, writer) = patroni(&stub.url, None, Duration::from_secs(30));
    patroni.ask().await;
    let answered = patroni.answered.unwrap();
    let silent = Unanswered::Late(Duration::from_secs(1));
    patroni.miss(&silent, answered + Duration::from_secs(29));
    assert_eq!(writer.source().role.as_deref(), Some("primary"));
    patroni.miss(&silent, answered + Duration::from_secs(30));
    assert_eq!(writer.source().role, None);
    assert_eq!(writer.source().cluster.as_deref(), Some("orders"), "that can't have changed");
    assert!(patroni.shown().state.lock().unwrap().error.as_ref().unwrap().contains("no answer"));
    patroni.ask().await;
    assert_eq!(writer.source().role.as_deref(), Some("primary"));
    assert_eq!(patroni.shown().state.lock().unwrap().error, None);
}

#[tokio::test]
async fn no_answer_and_a_strange_one_are_failures_that_are_tried_again_soon() {
    let stub = Stub::start().await;
    let (mut patroni, writer) = patroni(&stub.url, None, Duration::from_secs(30));
    let long = format!("HTTP/1.0 200 OK\r\n\r\n{}", " ".repeat(LONGEST_ANSWER + 1));
    for answer in [None, Some("nonsense".to_owned()), Some(long)] {
        *stub.answer.lock().unwrap() = answer;
        assert!(patroni.ask().await < patroni.config.interval);
        assert!(patroni.shown().state.lock().unwrap().error.is_some());
    }
    stub.says("200 OK", "[]");
    patroni.ask().await;
    let error = patroni.shown().state.lock().unwrap().error.clone().unwrap();
    assert!(error.contains("can't be understood"), "{error}");
    assert_eq!(writer.source().role, None);
}
