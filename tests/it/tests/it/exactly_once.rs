//! The store's side of the guarantee, seen from the wire: what is stored again, what is refused, what is acked.

use tokio_postgres::Client;
use trunkline_harness::{Database, Store};
use trunkline_it::{Answer, Pipeline, Sender, csvlog_record};
use trunkline_record::{StreamId, escape};

struct Setup {
    pipeline: Pipeline,
    client: Client,
    _database: Database,
}

/// A running ingester with an empty store.
async fn setup() -> Setup {
    let database = Store::database().await.unwrap();
    let mut pipeline = Pipeline::new(database.url(), |config| config).unwrap();
    pipeline.start_ingester().unwrap();
    pipeline.ready().await.unwrap();
    let client = pipeline.connect().await.unwrap();
    Setup { pipeline, client, _database: database }
}

impl Setup {
    async fn sender(&self, stream: u8) -> Sender {
        Sender::connect(&self.pipeline.forward_address(), StreamId([stream; 16])).await.unwrap()
    }

    async fn messages(&self) -> Vec<String> {
        let sql = "SELECT message FROM log.postgres ORDER BY stream, position";
        self.client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    async fn number(&self, sql: &str) -> i64 {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }
}

fn log(messages: &[&str]) -> Vec<u8> {
    let records = messages.iter().enumerate();
    records
        .map(|(at, message)| csvlog_record(at as u32, "LOG", message))
        .collect::<String>()
        .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_sent_again_is_acked_again_and_stored_once() {
    let setup = setup().await;
    let log = log(&["one", "two"]);
    let mut sender = setup.sender(1).await;
    let chunk = sender.send(&log, 0, 0).await.unwrap();
    assert_eq!(sender.answer().await.unwrap(), Answer::Ack(chunk.clone()));
    assert_eq!(setup.messages().await, ["one", "two"], "an ack comes after the commit");
    let mut again = setup.sender(1).await;
    for _ in 0..3 {
        assert_eq!(again.send(&log, 0, 0).await.unwrap(), chunk);
        assert_eq!(again.answer().await.unwrap(), Answer::Ack(chunk.clone()));
    }
    assert_eq!(setup.messages().await, ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_chunk_that_is_stored_in_part_only_the_rest_is_stored() {
    let setup = setup().await;
    let mut sender = setup.sender(1).await;
    sender.send(&log(&["one", "two"]), 0, 0).await.unwrap();
    sender.answer().await.unwrap();
    // As a collector that lost its checkpoint packs them anew.
    sender.send(&log(&["one", "two", "three"]), 0, 0).await.unwrap();
    assert!(matches!(sender.answer().await.unwrap(), Answer::Ack(_)));
    assert_eq!(setup.messages().await, ["one", "two", "three"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_that_would_jump_over_others_is_refused_and_stores_nothing() {
    let setup = setup().await;
    let (first, both) = (log(&["one"]), log(&["one", "two"]));
    let mut sender = setup.sender(1).await;
    // The second chunk arrives, the first one is lost on its way.
    sender.send(&both, first.len(), 0).await.unwrap();
    assert_eq!(sender.answer().await.unwrap(), Answer::Closed);
    assert!(setup.messages().await.is_empty());
    // The collector begins again at its oldest unacked chunk.
    let mut sender = setup.sender(1).await;
    sender.send(&first, 0, 0).await.unwrap();
    sender.send(&both, first.len(), 0).await.unwrap();
    assert!(matches!(sender.answer().await.unwrap(), Answer::Ack(_)));
    assert!(matches!(sender.answer().await.unwrap(), Answer::Ack(_)));
    assert_eq!(setup.messages().await, ["one", "two"]);
    assert_eq!(setup.number("SELECT sum(gaps)::bigint FROM log.stream").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sender_holds_acks_for_is_not_waited_for_and_the_gap_is_counted() {
    let setup = setup().await;
    let (first, both, all) = (log(&["one"]), log(&["one", "two"]), log(&["one", "two", "three"]));
    let mut sender = setup.sender(1).await;
    sender.send(&first, 0, 0).await.unwrap();
    assert!(matches!(sender.answer().await.unwrap(), Answer::Ack(_)));
    // The store lost a commit that it had acked: the sender has nothing older than its third record.
    sender.send(&all, both.len(), both.len()).await.unwrap();
    assert!(matches!(sender.answer().await.unwrap(), Answer::Ack(_)));
    assert_eq!(setup.messages().await, ["one", "three"]);
    assert_eq!(setup.number("SELECT sum(gaps)::bigint FROM log.stream").await, 1);
    let lost = (both.len() - first.len()) as i64;
    assert_eq!(setup.number("SELECT sum(gap_bytes)::bigint FROM log.stream").await, lost);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_stream_does_not_disturb_its_neighbours() {
    let setup = setup().await;
    let both = log(&["one", "two"]);
    let mut bad = setup.sender(1).await;
    let mut good = setup.sender(2).await;
    bad.send(&both, log(&["one"]).len(), 0).await.unwrap();
    good.send(&both, 0, 0).await.unwrap();
    assert!(matches!(good.answer().await.unwrap(), Answer::Ack(_)));
    assert_eq!(bad.answer().await.unwrap(), Answer::Closed);
    assert_eq!(setup.messages().await, ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_none_is_kept_with_its_bytes_file_and_offset() {
    let setup = setup().await;
    let first = log(&["one"]);
    let log = [&first, &b"gar\xffbage\n"[..], &log(&["two"])].concat();
    let mut sender = setup.sender(1).await;
    sender.send(&log, 0, 0).await.unwrap();
    assert!(matches!(sender.answer().await.unwrap(), Answer::Ack(_)));
    assert_eq!(setup.messages().await, ["one", "two"]);
    let sql = "SELECT position, raw, reason, path, cluster, stream::text FROM log.rejected";
    let row = setup.client.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), first.len() as i64);
    assert_eq!(row.get::<_, Vec<u8>>(1), b"gar\xffbage\n");
    assert_eq!(row.get::<_, String>(2), "1 columns, where csvlog has 23, 24 or 26");
    assert_eq!(row.get::<_, String>(3), "/log/orders.csv");
    assert_eq!(row.get::<_, String>(4), "orders");
    assert_eq!(row.get::<_, String>(5), StreamId([1; 16]).to_string());
    sender.send(&log, 0, 0).await.unwrap();
    assert!(matches!(sender.answer().await.unwrap(), Answer::Ack(_)));
    assert_eq!(setup.number("SELECT count(*) FROM log.rejected").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_text_are_escaped_and_come_back() {
    let setup = setup().await;
    let mut log = log(&["PLACE C:\\temp", "back\\slash stays"]);
    let place = log.windows(5).position(|window| window == b"PLACE").unwrap();
    log.splice(place..place + 5, *b"caf\xe9\0");
    let mut sender = setup.sender(1).await;
    sender.send(&log, 0, 0).await.unwrap();
    assert!(matches!(sender.answer().await.unwrap(), Answer::Ack(_)));
    let sql = "SELECT message, escaped FROM log.postgres ORDER BY position";
    let rows = setup.client.query(sql, &[]).await.unwrap();
    let message: String = rows[0].get(0);
    assert_eq!(message, r"caf\xe9\x00 C:\\temp");
    assert_eq!(rows[0].get::<_, Option<Vec<String>>>(1), Some(vec!["message".to_owned()]));
    assert_eq!(escape::unescape(&message).unwrap(), b"caf\xe9\0 C:\\temp");
    assert_eq!(rows[1].get::<_, String>(0), r"back\slash stays");
    assert_eq!(rows[1].get::<_, Option<Vec<String>>>(1), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_with_every_column_and_short_ones_of_one_batch_are_all_stored() {
    let setup = setup().await;
    // Every other row has something for a column that few have, and these are more than are kept back until the others are through.
    let long = "x".repeat(4_000);
    let messages: Vec<String> = (0..400)
        .map(|at| if at % 2 == 0 { format!("short {at}") } else { format!("\x01 {at} {long}") })
        .collect();
    let mut log = log(&messages.iter().map(String::as_str).collect::<Vec<_>>());
    for byte in log.iter_mut().filter(|byte| **byte == 1) {
        *byte = 0xff;
    }
    let mut sender = setup.sender(1).await;
    sender.send(&log, 0, 0).await.unwrap();
    assert!(matches!(sender.answer().await.unwrap(), Answer::Ack(_)));
    let expected: Vec<_> = messages.iter().map(|text| text.replace('\x01', r"\xff")).collect();
    assert!(setup.messages().await == expected);
    let sql = "SELECT count(*) FROM log.postgres WHERE (escaped IS NULL) = (message LIKE 'short%')";
    assert_eq!(setup.number(sql).await, 400);
    assert_eq!(setup.number("SELECT count(*) FROM log.rejected").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_severity_in_any_language_is_stored_and_one_that_nobody_knows_is_marked() {
    let setup = setup().await;
    let log = csvlog_record(1, "FEHLER", "german") + &csvlog_record(2, "????", "unconvertible");
    let mut sender = setup.sender(1).await;
    sender.send(log.as_bytes(), 0, 0).await.unwrap();
    assert!(matches!(sender.answer().await.unwrap(), Answer::Ack(_)));
    let sql =
        "SELECT error_severity::text, extra->>'error_severity' FROM log.postgres ORDER BY position";
    let rows = setup.client.query(sql, &[]).await.unwrap();
    let rows: Vec<(String, Option<String>)> =
        rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let log_by_sqlstate = ("LOG".to_owned(), Some("????".to_owned()));
    assert_eq!(rows, [("ERROR".to_owned(), None), log_by_sqlstate]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_database_refuses_costs_its_neighbours_nothing() {
    let setup = setup().await;
    setup
        .client
        .batch_execute("ALTER TABLE log.postgres ADD CHECK (message <> 'poison')")
        .await
        .unwrap();
    let messages: Vec<String> = (0..500)
        .map(|at| if at % 171 == 3 { "poison".to_owned() } else { format!("m{at}") })
        .collect();
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    let log = log(&messages);
    let mut sender = setup.sender(1).await;
    sender.send(&log, 0, 0).await.unwrap();
    assert!(matches!(sender.answer().await.unwrap(), Answer::Ack(_)));
    let fine: Vec<_> = messages.iter().filter(|message| **message != "poison").copied().collect();
    assert_eq!(setup.messages().await, fine);
    let sql = "SELECT count(*) FROM log.rejected WHERE reason LIKE '%check%' AND convert_from(raw, 'UTF8') LIKE '%poison%'";
    assert_eq!(setup.number(sql).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_speaks_nonsense_is_closed_and_others_go_on() {
    let setup = setup().await;
    let mut good = setup.sender(1).await;
    for nonsense in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xc1], &[0x93, 0xa1, b't', 0xc6, 0xff, 0xff, 0xff, 0xff]]
    {
        let mut bad = setup.sender(2).await;
        bad.send_raw(nonsense).await.unwrap();
        assert_eq!(bad.answer().await.unwrap(), Answer::Closed, "{nonsense:x?}");
    }
    good.send(&log(&["one"]), 0, 0).await.unwrap();
    assert!(matches!(good.answer().await.unwrap(), Answer::Ack(_)));
}
