//! Connections on which the API asks as a tenant's role.
//!
//! Each belongs to a user who has no rights but to become that one role (`log.login`): a statement that takes the role off again, by
//! whatever way there is, finds itself with nothing. So what a caller may see never depends on what its statement can do.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::access::login_of;
use super::connect::Connector;
use super::metered::Metered;
use super::{Config, DatabaseUrl, Pool, PoolError};

/// The role of who sees all clusters.
pub const READER: &str = "trunkline_reader";

/// A tenant that asks nothing for so long keeps no connection.
const IDLE: Duration = Duration::from_secs(60);

/// How often that is looked at, when somebody asks.
const LOOK: Duration = Duration::from_secs(10);

/// Connections by role. For all of them together there is no bound but the number of tenants that ask within a minute.
#[derive(Debug)]
pub struct Logins {
    config: Config,
    url: DatabaseUrl,
    owner: Pool,
    timeout: Duration,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    pools: HashMap<String, Pool>,
    looked: Option<Instant>,
}

/// Why nobody can be asked as.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The role isn't a tenant's, or no longer.
    #[error("{0} is no tenant")]
    NoTenant(String),
    /// The login isn't there, and the ingester may not make it.
    #[error("{role} has no login, and none can be made: {reason}; log.login_of('{role}') makes it")]
    NoLogin {
        /// The role to become.
        role: String,
        /// The server's words.
        reason: String,
    },
    /// The database.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

impl Logins {
    /// To the database of `config.reader_url`, made by who owns the tables.
    pub fn new(config: &Config, timeout: Duration) -> Result<Self, crate::config::Error> {
        Ok(Self {
            config: config.clone(),
            url: config.reader_url()?.clone(),
            owner: Pool::for_owner(config.owner_url()?),
            timeout,
            known: Mutex::default(),
        })
    }

    /// Connections as this tenant, one of which was there a moment ago.
    pub async fn pool(&self, role: &str) -> Result<Pool, LoginError> {
        // The only role besides tenants' that has a login; nobody becomes it by being called so.
        if role == READER {
            return Err(LoginError::NoTenant(role.to_owned()));
        }
        if let Some(pool) = self.known(role) {
            match pool.get().await {
                Ok(_) => return Ok(pool),
                // The role was dropped meanwhile, or given another password.
                Err(PoolError::Database(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let url = self.url(role).await?;
        let pool = Pool::for_queries_as(role, &self.config, &url, self.timeout);
        drop(pool.get().await?);
        self.lock().pools.insert(role.to_owned(), pool.clone());
        Ok(pool)
    }

    /// A session of its own for one statement, by who can become this role; no more than so many bytes are read of it.
    pub(super) async fn session(&self, role: &str, most: u64) -> Result<Metered, LoginError> {
        let url = self.url(role).await?;
        Ok(Connector::new(&url, url.readers()).metered(most).await?)
    }

    async fn url(&self, role: &str) -> Result<DatabaseUrl, LoginError> {
        let login = login_of(&self.owner, role).await.map_err(|error| match &error {
            PoolError::Database(of_driver) => match of_driver.as_db_error() {
                Some(report) if report.code().code() == "0P000" => {
                    LoginError::NoTenant(role.to_owned())
                }
                Some(report) if report.code().code() == "42501" => LoginError::NoLogin {
                    role: role.to_owned(),
                    reason: report.message().to_owned(),
                },
                _ => error.into(),
            },
            _ => error.into(),
        })?;
        Ok(self.url.by(&login.user, &login.password))
    }

    fn known(&self, role: &str) -> Option<Pool> {
        let mut known = self.lock();
        if known.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            known.looked = Some(Instant::now());
            for pool in known.pools.values() {
                pool.close_idle(IDLE);
            }
        }
        known.pools.get(role).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
