//! What all nodes of a database know of its views: which generation of each serves, who runs it, what is asked of him.

use std::time::Duration;

use sigma_cluster::Cluster;
use sigma_tables::{Address, Place, Pool, Rows, Schema, Transaction, query};
use tokio::sync::watch;

use crate::failure::{Failure, RunnerError};
use crate::lease::Hold;
use crate::notices::Notices;
use crate::order::{Answer, Order};

/// Its schema.
const SCHEMA: &str = "sigma_views";

/// Connections for looking at it, and for the holder's words.
const CONNECTIONS: u32 = 3;

/// Whoever asks something of a view's holder waits so long for the answer: longer than another node needs to take over from a
/// holder that died.
const ANSWERED_WITHIN: Duration = Duration::from_secs(12);

/// An answer is looked for so often where its word is not heard.
const LOOK_FOR_ANSWER: Duration = Duration::from_millis(250);

/// A version of a view: the thing that one node runs at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ViewVersion {
    pub(crate) view: String,
    pub(crate) version: u32,
}

impl ViewVersion {
    /// The lease of whoever runs it.
    pub(crate) fn lease(&self) -> String {
        format!("projection/{}@{}", self.view, self.version)
    }

    fn word(&self, what: &str) -> String {
        format!("{what} {}@{}", self.view, self.version)
    }

    fn number(&self) -> i64 {
        i64::from(self.version)
    }
}

/// How a version of a view stands, as its holder wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Posted {
    pub(crate) generation: Option<u32>,
    pub(crate) node: String,
    pub(crate) building: Option<u32>,
    pub(crate) trouble: Option<String>,
}

/// A hand on the board.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    address: Address,
    pool: Pool,
    notices: Notices,
    pub(crate) cluster: Cluster,
}

impl Board {
    /// Makes it where it is missing.
    pub(crate) async fn open(address: &Address, cluster: Cluster) -> Result<Self, sqlx::Error> {
        let schema = Schema::new(address, SCHEMA);
        let place = Place::Schema(schema.clone());
        let mut connection = place.connect().await?;
        let mut transaction = connection.begin().await?;
        schema.make(&mut transaction).await?;
        Rows::from(&mut transaction).script(include_str!("sql/board.sql")).await?;
        transaction.commit().await?;
        connection.close().await?;
        let (pool, notices) = (place.pool(CONNECTIONS), Notices::start(address));
        Ok(Self { address: address.clone(), pool, notices, cluster })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// A connection for looking.
    pub(crate) async fn look(&self) -> Result<sigma_tables::PooledConnection, sqlx::Error> {
        self.pool.acquire().await
    }

    /// Begins a transaction that only the holder may commit.
    pub(crate) async fn begin(&self, hold: &Hold) -> Result<Transaction<'static>, Failure> {
        let mut transaction = self.pool.begin().await?;
        hold.ask(&mut transaction).await?;
        Ok(transaction)
    }

    fn node(&self) -> &str {
        self.cluster.node_id()
    }

    /// How a version stands; none before anybody ran it.
    pub(crate) async fn posted(&self, of: &ViewVersion) -> Result<Option<Posted>, sqlx::Error> {
        let mut rows = self.look().await?;
        let posted = query(include_str!("sql/posted.sql")).bind(&of.view).bind(of.number());
        let Some(row) = posted.fetch_optional(&mut rows).await? else { return Ok(None) };
        let number = |column: &str| -> Result<Option<u32>, sqlx::Error> {
            Ok(row.try_get::<Option<i64>>(column)?.and_then(|number| u32::try_from(number).ok()))
        };
        Ok(Some(Posted {
            generation: number("generation")?,
            node: row.try_get("node")?,
            building: number("building")?,
            trouble: row.try_get("trouble")?,
        }))
    }

    /// A number for the next generation, greater than those of all that there are or ever were.
    pub(crate) async fn next_number(
        &self,
        of: &ViewVersion,
        hold: &Hold,
        highest: u32,
    ) -> Result<u32, Failure> {
        let mut transaction = self.begin(hold).await?;
        let next = query(include_str!("sql/next_number.sql")).bind(&of.view).bind(i64::from(highest));
        let next: i64 = next.fetch_one(&mut transaction).await?.try_get("highest")?;
        transaction.commit().await?;
        Ok(u32::try_from(next).unwrap_or(u32::MAX))
    }

    /// Names the generation that serves.
    pub(crate) async fn serve(&self, of: &ViewVersion, hold: &Hold, generation: u32) -> Result<(), Failure> {
        let mut transaction = self.begin(hold).await?;
        let serve = query(include_str!("sql/serve.sql")).bind(&of.view).bind(of.number());
        serve.bind(i64::from(generation)).bind(self.node()).execute(&mut transaction).await?;
        transaction.commit().await?;
        self.notices.tell(of.word("swapped"));
        Ok(())
    }

    /// Writes down what only the holder knows.
    pub(crate) async fn post(
        &self,
        of: &ViewVersion,
        hold: &Hold,
        building: Option<u32>,
        trouble: Option<&str>,
    ) -> Result<(), Failure> {
        let mut transaction = self.begin(hold).await?;
        let post = query(include_str!("sql/post.sql")).bind(&of.view).bind(of.number()).bind(self.node());
        post.bind(building.map(i64::from)).bind(trouble).execute(&mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Takes away what stands of a version.
    pub(crate) async fn forget(
        &self,
        of: &ViewVersion,
        rows: &mut Transaction<'_>,
    ) -> Result<(), sqlx::Error> {
        let forget = query("delete from standing where view = $1 and version = $2").bind(&of.view);
        forget.bind(of.number()).execute(rows).await.map(drop)
    }

    /// Tells all nodes that what serves has moved on.
    pub(crate) fn moved(&self, of: &ViewVersion) {
        self.notices.tell(of.word("moved"));
    }

    /// Changes when that is heard.
    pub(crate) fn moves(&self, of: &ViewVersion) -> watch::Receiver<u64> {
        self.notices.on(of.word("moved"))
    }

    /// Changes when it is heard that another generation serves.
    pub(crate) fn swaps(&self, of: &ViewVersion) -> watch::Receiver<u64> {
        self.notices.on(of.word("swapped"))
    }

    /// Changes when it is heard that something is asked of the holder.
    pub(crate) fn orders(&self, of: &ViewVersion) -> watch::Receiver<u64> {
        self.notices.on(of.word("asked"))
    }

    /// Asks something of whoever runs the view, and waits for his answer.
    pub(crate) async fn ask(&self, of: &ViewVersion, order: &Order) -> Answer {
        match self.try_ask(of, order).await {
            Ok(answer) => answer,
            Err(error) => Err(RunnerError::database(&self.address, &error)),
        }
    }

    async fn try_ask(&self, of: &ViewVersion, order: &Order) -> Result<Answer, sqlx::Error> {
        let what = serde_json::to_string(order).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        let mut answers = self.notices.on(of.word("answered"));
        let mut rows = self.look().await?;
        let ask = query(include_str!("sql/ask.sql")).bind(&of.view).bind(of.number()).bind(what);
        let id: i64 = ask.fetch_one(&mut rows).await?.try_get("id")?;
        drop(rows);
        self.notices.tell(of.word("asked"));
        let answered = async {
            loop {
                answers.borrow_and_update();
                let mut rows = self.look().await?;
                let asked = query("select answer from asked where id = $1").bind(id);
                let row = asked.fetch_optional(&mut rows).await?;
                drop(rows);
                match row.map(|row| row.try_get::<Option<String>>("answer")).transpose()? {
                    Some(None) => {}
                    _ => return Ok::<_, sqlx::Error>(()),
                }
                let _ = sigma_clock::timeout(LOOK_FOR_ANSWER, answers.changed()).await;
            }
        };
        if let Ok(Err(error)) = sigma_clock::timeout(ANSWERED_WITHIN, answered).await {
            return Err(error);
        }
        // Taken away with what it says by then: from here on nobody begins it any more.
        let mut rows = self.look().await?;
        let taken = query("delete from asked where id = $1 returning is_taken, answer").bind(id);
        let row = taken.fetch_optional(&mut rows).await?;
        let (is_taken, answer) = match &row {
            Some(row) => (row.try_get("is_taken")?, row.try_get::<Option<String>>("answer")?),
            None => (false, None),
        };
        Ok(match answer {
            Some(answer) => serde_json::from_str(&answer)
                .unwrap_or_else(|error| Err(RunnerError::unlike(&of.view, error))),
            None => Err(unanswered(of, is_taken)),
        })
    }

    /// The next thing that is asked of the holder; nobody else begins it from here on.
    pub(crate) async fn take_order(
        &self,
        of: &ViewVersion,
        hold: &Hold,
    ) -> Result<Option<(i64, Result<Order, RunnerError>)>, Failure> {
        let mut transaction = self.begin(hold).await?;
        query(include_str!("sql/forget_orders.sql")).execute(&mut transaction).await?;
        let take = query(include_str!("sql/take_order.sql")).bind(&of.view).bind(of.number());
        let row = take.fetch_optional(&mut transaction).await?;
        transaction.commit().await?;
        let Some(row) = row else { return Ok(None) };
        let order = serde_json::from_str(row.try_get::<&str>("what")?)
            .map_err(|error| RunnerError::unlike(&of.view, error));
        Ok(Some((row.try_get("id")?, order)))
    }

    /// Answers what was asked.
    pub(crate) async fn answer(&self, of: &ViewVersion, id: i64, answer: &Answer) -> Result<(), Failure> {
        let mut rows = self.look().await?;
        let answered = query("update asked set answer = $2 where id = $1").bind(id).bind(told(answer));
        answered.execute(&mut rows).await?;
        self.notices.tell(of.word("answered"));
        Ok(())
    }

    /// Answers what a holder began who was lost in the midst. It is not done again: what was skipped once would be skipped twice.
    pub(crate) async fn leave_orders(&self, of: &ViewVersion, hold: &Hold) -> Result<(), Failure> {
        let lost = Err(RunnerError::Unavailable {
            message: format!("the node that ran {} was lost while it did what was asked", of.view),
            mend: "see what the status says, then ask again".to_owned(),
        });
        let mut transaction = self.begin(hold).await?;
        let leave = query(include_str!("sql/leave_orders.sql")).bind(&of.view).bind(of.number());
        leave.bind(told(&lost)).execute(&mut transaction).await?;
        transaction.commit().await?;
        self.notices.tell(of.word("answered"));
        Ok(())
    }
}

fn told(answer: &Answer) -> String {
    // Unwrap safety: texts and numbers, which always are JSON.
    serde_json::to_string(answer).expect("an answer is JSON")
}

fn unanswered(of: &ViewVersion, is_taken: bool) -> RunnerError {
    let seconds = ANSWERED_WITHIN.as_secs();
    let (message, mend) = match is_taken {
        true => (
            format!("the node that runs {} is not done within {seconds} s", of.view),
            "see what the status says: it may still be at it",
        ),
        false => (
            format!("no node that runs {} has answered within {seconds} s", of.view),
            "see which nodes there are (sigma doctor), start one that runs projections, then ask again",
        ),
    };
    RunnerError::Unavailable { message, mend: mend.to_owned() }
}
