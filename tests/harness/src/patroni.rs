//! A real Patroni cluster: an etcd and members, each in namespaces of its own as if in a pod.
//!
//! A member is Patroni and the PostgreSQL that it runs; Patroni decides who is the primary. Programs come from the root file system.
//! Killing a member is losing its node: everything in it ends at once.

mod container;
mod etcd;
mod member;
mod settings;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

pub use self::etcd::Etcd;
pub use self::member::Member;
pub use self::settings::MemberSettings;
use crate::installation::Installation;
use crate::instance;
use crate::wait::eventually;

/// Bootstrap with initdb and a base backup, on a busy machine; and a failover after a lost node, which waits for 20 s at least.
const PATIENCE: Duration = Duration::from_secs(90);

/// An etcd and the members that were added. All of it ends when it is dropped, and its directories with it.
#[derive(Debug)]
pub struct PatroniCluster {
    // Dropped in this order: members end before what they depend on.
    members: Vec<Member>,
    etcd: Etcd,
    installation: Installation,
    name: String,
}

impl PatroniCluster {
    /// An etcd that runs, and no member yet. Blocks.
    pub fn start(name: &str) -> Result<Self> {
        let installation = Installation::root_file_system()?;
        instance::sweep(&installation)?;
        let etcd = Etcd::start(&installation)?;
        Ok(Self { members: Vec::new(), etcd, installation, name: name.to_owned() })
    }

    /// Makes and starts another member, which initializes the cluster or becomes a replica. Members are called by the cluster's name
    /// and a number from 0.
    pub fn add_member(&mut self, settings: MemberSettings) -> Result<()> {
        let name = format!("{}-{}", self.name, self.members.len());
        let member = Member::start(&self.installation, &self.name, name, settings, &self.etcd)?;
        self.members.push(member);
        Ok(())
    }

    /// A member by its number.
    pub fn member(&self, number: usize) -> &Member {
        &self.members[number]
    }

    /// The same, to kill it or to start it again.
    pub fn member_mut(&mut self, number: usize) -> &mut Member {
        &mut self.members[number]
    }

    /// All members.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The store of the cluster's state.
    pub fn etcd_mut(&mut self) -> &mut Etcd {
        &mut self.etcd
    }

    /// Waits until `asked` says that `leader` leads and that each of `replicas` streams from it.
    pub async fn until(&self, asked: usize, leader: usize, replicas: &[usize]) -> Result<()> {
        let expected = |number: &usize, role: &str, state: &str| {
            (self.members[*number].name().to_owned(), role.to_owned(), state.to_owned())
        };
        let mut wanted: Vec<_> =
            replicas.iter().map(|number| expected(number, "replica", "streaming")).collect();
        wanted.push(expected(&leader, "leader", "running"));
        wanted.sort();
        let what = format!("Patroni to say {wanted:?}");
        let waited = eventually(&what, PATIENCE, || async {
            let cluster = self.members[asked].get("/cluster").await?;
            let members = cluster["members"].as_array().context("no members")?;
            let field =
                |member: &Value, key: &str| member[key].as_str().unwrap_or_default().to_owned();
            let mut found: Vec<_> = members
                .iter()
                .map(|member| {
                    (field(member, "name"), field(member, "role"), field(member, "state"))
                })
                // A lost member is listed until its key expires.
                .filter(|found| wanted.iter().any(|wanted| wanted.0 == found.0))
                .collect();
            found.sort();
            ensure!(found == wanted, "it says {found:?}");
            Ok(Some(()))
        });
        waited.await.with_context(|| self.logs())
    }

    /// Asks the leader to hand over to another member, as `patronictl switchover` does; returns when Patroni says that it is done.
    pub async fn switchover(&self, leader: usize, candidate: usize) -> Result<()> {
        let [leader, candidate] = [leader, candidate].map(|number| &self.members[number]);
        let body = json!({ "leader": leader.name(), "candidate": candidate.name() });
        leader.post("/switchover", &body).await.map(drop).with_context(|| self.logs())
    }

    /// The ends of all logs, for messages.
    fn logs(&self) -> String {
        let members = self.members.iter().map(|member| format!("{}\n", member.log_tail()));
        members.collect::<String>() + &self.etcd.log_tail()
    }
}
