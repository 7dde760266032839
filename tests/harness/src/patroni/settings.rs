//! A member's `patroni.yml`, as an operator would write it for short waits and a server that nobody needs afterwards.

use std::path::Path;

use serde_json::{Map, Value, json};

/// How a member logs; the rest is the same for all.
#[derive(Clone, Debug, Default)]
pub struct MemberSettings {
    log: Map<String, Value>,
    postgres: Map<String, Value>,
}

impl MemberSettings {
    /// The same with another setting of Patroni's own log, by its name in section `log`.
    pub fn log(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.log.insert(name.to_owned(), value.into());
        self
    }

    /// The same with another setting of the member's PostgreSQL.
    pub fn postgres(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.postgres.insert(name.to_owned(), value.into());
        self
    }
}

/// What is different for each member. Paths are as the member sees them.
pub(super) struct Place<'a> {
    pub cluster: &'a str,
    pub name: &'a str,
    pub etcd: &'a str,
    pub directory: &'a Path,
    pub bin: &'a str,
    pub rest_port: u16,
    pub postgres_port: u16,
}

impl Place<'_> {
    /// The file's content. JSON is YAML.
    pub fn patroni_yml(&self, settings: &MemberSettings) -> String {
        let inside = |name: &str| self.directory.join(name).display().to_string();
        let address = |port: u16| format!("127.0.0.1:{port}");
        let mut log = json!({ "dir": inside(PATRONI_LOGS), "level": "INFO" });
        let mut postgres = json!({
            "unix_socket_directories": "",
            "dynamic_shared_memory_type": "mmap",
            "shared_buffers": "16MB",
            "fsync": "off",
            "logging_collector": "on",
            "log_destination": "csvlog",
            // A base backup copies the data directory, and would copy its log too.
            "log_directory": inside(POSTGRES_LOGS),
            "log_file_mode": "0644",
            "log_timezone": "UTC",
        });
        for (defaults, set) in [(&mut log, &settings.log), (&mut postgres, &settings.postgres)] {
            for (name, value) in set {
                defaults[name] = value.clone();
            }
        }
        let user = |name: &str| json!({ "username": name, "password": "not needed" });
        json!({
            "scope": self.cluster,
            "name": self.name,
            "log": log,
            "restapi": { "listen": address(self.rest_port), "connect_address": address(self.rest_port) },
            "etcd3": { "hosts": [self.etcd] },
            "bootstrap": {
                // The shortest that Patroni takes: a lost leader is missed after 20 s.
                "dcs": { "ttl": 20, "loop_wait": 1, "retry_timeout": 3 },
                "initdb": [{ "encoding": "UTF8" }, { "locale": "C.UTF-8" }, "no-sync"],
            },
            "postgresql": {
                "listen": address(self.postgres_port),
                "connect_address": address(self.postgres_port),
                "data_dir": inside("data"),
                "bin_dir": self.bin,
                "pgpass": inside("pgpass"),
                "authentication": { "superuser": user("postgres"), "replication": user("replicator") },
                "pg_hba": ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
                "basebackup": [{ "checkpoint": "fast" }, "no-sync"],
                "parameters": postgres,
            },
        })
        .to_string()
    }
}

/// Directories beside the data directory.
pub(super) const PATRONI_LOGS: &str = "patroni";
pub(super) const POSTGRES_LOGS: &str = "postgres";
