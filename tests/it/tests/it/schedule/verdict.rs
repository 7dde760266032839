//! What must be true after a schedule: the tables hold each record that was written once, in its place, byte for byte, and nothing else.

use std::collections::HashMap;

use trunkline_harness::eventually;
use trunkline_it::PATIENCE;

use super::fleet::Fleet;
use super::writer::Life;

const TABLES: [&str; 3] = ["postgres", "patroni", "component"];

/// What of a row tells whether it is right.
#[derive(Debug)]
struct Stored {
    stream: String,
    position: i64,
    message: String,
}

/// Waits until all that was written is said to be stored.
pub async fn wait_for(fleet: &Fleet, lives: &[Life]) {
    let written: u64 = lives.iter().map(|life| life.size).sum();
    let what = format!("{written} bytes to be stored");
    let waited = eventually(&what, PATIENCE, || async {
        let client = fleet.connect().await;
        let sql = "SELECT coalesce(sum(position), 0)::bigint FROM log.stream WHERE pod LIKE $1";
        let pods = format!("{}-%", fleet.name);
        let stored: i64 = client.query_one(sql, &[&pods]).await?.get(0);
        anyhow::ensure!(stored.cast_unsigned() >= written, "{stored} bytes are");
        Ok(Some(()))
    });
    waited.await.unwrap_or_else(|error| panic!("{error:#}\n{}", fleet.logs()));
}

/// Compares all rows with what was written; answers how many there are.
pub async fn compare(fleet: &Fleet, lives: &[Life]) -> usize {
    let client = fleet.connect().await;
    // By table and by what their messages begin with; each list in the order of the file.
    let mut rows: HashMap<(&str, String), Vec<Stored>> = HashMap::new();
    for table in TABLES {
        let sql = format!(
            "SELECT position, message, stream::text FROM log.{table} ORDER BY stream, position"
        );
        for row in client.query(&sql, &[]).await.unwrap() {
            let (position, message, stream) = (row.get(0), row.get::<_, String>(1), row.get(2));
            let key = message.split_inclusive(' ').next().unwrap_or_default().to_owned();
            rows.entry((table, key)).or_default().push(Stored { stream, position, message });
        }
    }
    let mut records = 0;
    for life in lives {
        let key = (life.kind.table(), life.key.clone());
        let stored = rows.remove(&key).unwrap_or_default();
        for (n, (row, record)) in stored.iter().zip(&life.records).enumerate() {
            assert_eq!(row.stream, stored[0].stream, "{key:?}: record {n} is of another stream");
            assert_eq!(
                (row.position.cast_unsigned(), &row.message),
                (record.0, &record.1),
                "{key:?}: record {n} of {}, {} rows\n{}",
                life.records.len(),
                stored.len(),
                fleet.logs()
            );
        }
        assert_eq!(stored.len(), life.records.len(), "{key:?}: rows\n{}", fleet.logs());
        records += stored.len();
    }
    assert!(rows.is_empty(), "rows that nobody wrote: {:?}", rows.iter().next());
    nothing_else(fleet, &fleet.name).await;
    records
}

/// Asserts that nothing was rejected or passed over, and that no row is of another schedule than this.
pub async fn nothing_else(fleet: &Fleet, name: &str) {
    let client = fleet.connect().await;
    let sql = "SELECT reason, path, convert_from(substr(raw, 1, 200), 'LATIN1') FROM log.rejected";
    let rejected = client.query(sql, &[]).await.unwrap();
    assert!(rejected.is_empty(), "{rejected:?}");
    let sql = "SELECT path FROM log.stream WHERE gaps <> 0 OR gap_bytes <> 0";
    let gaps = client.query(sql, &[]).await.unwrap();
    assert!(gaps.is_empty(), "{gaps:?}\n{}", fleet.logs());
    for table in TABLES {
        let sql = format!("SELECT count(*) FROM log.{table} WHERE pod NOT LIKE $1 OR pod IS NULL");
        let row = client.query_one(&sql, &[&format!("{name}-%")]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0), 0, "rows of other schedules in log.{table}");
    }
}
