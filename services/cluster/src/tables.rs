//! The cluster's rows.

use std::sync::Arc;
use std::time::Duration;

use sigma_tables::Address;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};

use crate::TERM;
use crate::cluster::Me;
use crate::node::Node;

/// The schema of the cluster's tables.
const SCHEMA: &str = "sigma_cluster";

/// Held while the tables are made: "Sigm" and a 4; two numbers are another lock than one.
const LOCK: (i32, i32) = (0x5369_676d, 4);

/// How long a statement may take: a word that comes later than that renews nothing in time.
const STATEMENT: Duration = Duration::from_secs(2);

/// A connection to the cluster's rows.
pub(crate) struct Tables {
    connection: PgConnection,
}

/// What was waited for in vain is as a database that is away.
async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    sigma_clock::timeout(STATEMENT, work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

impl Tables {
    pub(crate) async fn connect(address: &Address) -> Result<Self, sqlx::Error> {
        let options = address.options(SCHEMA, STATEMENT);
        Ok(Self { connection: in_time(options.connect()).await? })
    }

    /// Makes the tables where they are not there.
    pub(crate) async fn make(&mut self) -> Result<(), sqlx::Error> {
        in_time(async {
            let mut transaction = self.connection.begin().await?;
            // Two that make them at once would meet each other's rows of the catalogue.
            let lock = sqlx::query("select pg_advisory_xact_lock($1, $2)").bind(LOCK.0).bind(LOCK.1);
            lock.execute(&mut *transaction).await?;
            transaction.execute(include_str!("sql/schema.sql")).await?;
            transaction.commit().await
        })
        .await
    }

    /// All nodes, by id; none where there are no tables.
    pub(crate) async fn nodes(&mut self) -> Result<Vec<Node>, sqlx::Error> {
        let made = "select to_regclass('sigma_cluster.node') is not null";
        if !in_time(sqlx::query_scalar::<_, bool>(made).fetch_one(&mut self.connection)).await? {
            return Ok(Vec::new());
        }
        let rows =
            in_time(sqlx::query(include_str!("sql/nodes.sql")).fetch_all(&mut self.connection)).await?;
        rows.iter().map(Node::of).collect()
    }

    pub(crate) async fn join(&mut self, me: &Me) -> Result<i64, sqlx::Error> {
        let joined =
            sqlx::query_scalar(include_str!("sql/join.sql")).bind(&me.id).bind(TERM).bind(me.facts());
        in_time(joined.fetch_one(&mut self.connection)).await
    }

    /// Whether it still runs as this node.
    pub(crate) async fn renew_node(&mut self, me: &Me, token: i64) -> Result<bool, sqlx::Error> {
        let renewed = sqlx::query(include_str!("sql/renew_node.sql")).bind(&me.id).bind(token);
        let renewed = renewed.bind(TERM).bind(me.facts()).execute(&mut self.connection);
        Ok(in_time(renewed).await?.rows_affected() > 0)
    }

    /// Which of these leases are still this node's.
    pub(crate) async fn renew_leases(
        &mut self,
        node: &str,
        leases: &[(Arc<str>, i64)],
    ) -> Result<Vec<String>, sqlx::Error> {
        let (names, tokens): (Vec<String>, Vec<i64>) =
            leases.iter().map(|(name, token)| (name.to_string(), *token)).unzip();
        let renewed = sqlx::query_scalar(include_str!("sql/renew_leases.sql")).bind(node).bind(names);
        in_time(renewed.bind(tokens).bind(TERM).fetch_all(&mut self.connection)).await
    }

    /// Makes the lease's row where it is not there.
    pub(crate) async fn want_lease(&mut self, name: &str) -> Result<(), sqlx::Error> {
        let wanted = sqlx::query(include_str!("sql/want_lease.sql")).bind(name);
        in_time(wanted.execute(&mut self.connection)).await.map(drop)
    }

    /// The token, where the lease is this node's now.
    pub(crate) async fn take_lease(&mut self, node: &str, name: &str) -> Result<Option<i64>, sqlx::Error> {
        let taken = sqlx::query_scalar(include_str!("sql/take_lease.sql")).bind(node).bind(name).bind(TERM);
        in_time(taken.fetch_optional(&mut self.connection)).await
    }

    pub(crate) async fn give_back(&mut self, name: &str, token: i64) -> Result<(), sqlx::Error> {
        let given = sqlx::query(include_str!("sql/give_back.sql")).bind(name).bind(token);
        in_time(given.execute(&mut self.connection)).await.map(drop)
    }

    pub(crate) async fn leave(&mut self, node: &str, token: i64) -> Result<(), sqlx::Error> {
        let left = sqlx::query(include_str!("sql/leave.sql")).bind(node).bind(token);
        in_time(left.execute(&mut self.connection)).await.map(drop)
    }

    /// Whether the node is taken for lost by this very word.
    pub(crate) async fn bury(&mut self, node: &str, token: i64) -> Result<bool, sqlx::Error> {
        let buried = sqlx::query(include_str!("sql/bury.sql")).bind(node).bind(token);
        Ok(in_time(buried.execute(&mut self.connection)).await?.rows_affected() > 0)
    }

    pub(crate) async fn forget_nodes(&mut self) -> Result<(), sqlx::Error> {
        let forgotten = sqlx::query(include_str!("sql/forget_nodes.sql"));
        in_time(forgotten.execute(&mut self.connection)).await.map(drop)
    }
}
