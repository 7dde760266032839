//! A database session that keeps everything that its user gets to see: rows, errors with all their fields, and notices.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use futures_util::TryStreamExt;
use tokio_postgres::error::DbError;
use tokio_postgres::{AsyncMessage, Client, NoTls, SimpleQueryMessage};

/// The session of one user.
pub struct Session {
    client: Client,
    notices: Arc<Mutex<String>>,
}

impl Session {
    pub async fn open(url: &str) -> Self {
        let (client, mut connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        let notices = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&notices);
        tokio::spawn(poll_fn(move |context| {
            loop {
                match connection.poll_message(context) {
                    Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => {
                        kept.lock().unwrap().push_str(&all_of(&notice));
                    }
                    Poll::Ready(Some(Ok(AsyncMessage::Notification(message)))) => {
                        kept.lock().unwrap().push_str(message.payload());
                    }
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        }));
        Self { client, notices }
    }

    /// What can be seen of these queries, one after the other, as text. Errors are part of it. Afterwards the session is itself again.
    pub async fn sees(&self, queries: &[String]) -> String {
        // The role's own setting, which is there to spare accidents.
        let _ = self.client.batch_execute("SET default_transaction_read_only = off").await;
        let mut seen = String::new();
        for sql in queries {
            seen += &match sql.strip_prefix("COPY OUT ") {
                Some(copy) => self.copies(copy).await,
                None => self.runs(sql).await,
            };
        }
        // Notices come before the end of the statement that they are of.
        seen += &std::mem::take(&mut *self.notices.lock().unwrap());
        for sql in ["ROLLBACK", "RESET SESSION AUTHORIZATION", "RESET ROLE", "RESET ALL"] {
            let _ = self.client.batch_execute(sql).await;
        }
        self.notices.lock().unwrap().clear();
        seen
    }

    async fn runs(&self, sql: &str) -> String {
        let mut seen = String::new();
        let mut messages = match self.client.simple_query_raw(sql).await {
            Ok(messages) => pin!(messages),
            Err(error) => return text_of(&error),
        };
        loop {
            match messages.try_next().await {
                Ok(Some(SimpleQueryMessage::Row(row))) => {
                    for column in 0..row.len() {
                        seen.push_str(row.get(column).unwrap_or("NULL"));
                        seen.push(' ');
                    }
                    seen.push('\n');
                }
                Ok(Some(_)) => {}
                Ok(None) => return seen,
                Err(error) => return seen + &text_of(&error),
            }
        }
    }

    async fn copies(&self, sql: &str) -> String {
        let mut seen = String::new();
        let mut rows = match self.client.copy_out(sql).await {
            Ok(rows) => pin!(rows),
            Err(error) => return text_of(&error),
        };
        loop {
            match rows.try_next().await {
                Ok(Some(bytes)) => seen.push_str(&String::from_utf8_lossy(&bytes)),
                Ok(None) => return seen,
                Err(error) => return seen + &text_of(&error),
            }
        }
    }
}

fn text_of(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), all_of)
}

/// Every field in which a value could stand.
fn all_of(error: &DbError) -> String {
    let fields = [
        Some(error.message()),
        error.detail(),
        error.hint(),
        error.where_(),
        error.column(),
        error.constraint(),
    ];
    format!(
        "[{} {}]\n",
        error.code().code(),
        fields.into_iter().flatten().collect::<Vec<_>>().join(" | ")
    )
}
