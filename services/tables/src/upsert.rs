//! Many rows written at once, each in the place of the one that has its key.

use std::borrow::Cow;
use std::fmt::Write as _;

use sqlx::{Error, Postgres};

use crate::connection::Rows;
use crate::query::{Value, answered, query};

/// So many rows are one statement in a file, where each takes places for its own values; a power of two.
const ROWS_OF_A_FILE: usize = 64;

/// Rows to be written: `upsert("t", &["id"], &["id", "text"])`, then [`push`](Self::push), then [`execute`](Self::execute).
#[derive(Debug)]
pub struct Upsert<'q> {
    table: &'static str,
    key: &'static [&'static str],
    columns: &'static [&'static str],
    rows: Vec<Vec<Value<'q>>>,
}

/// No rows yet, of a table that has this key, or more than it, as its primary key.
pub fn upsert<'q>(
    table: &'static str,
    key: &'static [&'static str],
    columns: &'static [&'static str],
) -> Upsert<'q> {
    Upsert { table, key, columns, rows: Vec::new() }
}

impl Upsert<'_> {
    fn text(&self, values: &str) -> String {
        let (table, columns, key) = (self.table, self.columns.join(", "), self.key.join(", "));
        let others = self.columns.iter().filter(|column| !self.key.contains(column));
        let set: Vec<String> = others.map(|column| format!("{column} = excluded.{column}")).collect();
        let set = set.join(", ");
        format!("insert into {table} ({columns}) {values} on conflict ({key}) do update set {set}")
    }
}

impl<'q> Upsert<'q> {
    /// One row more: a value for each column, always of the same kind in the same column. No two rows have the same key.
    pub fn push(&mut self, values: Vec<Value<'q>>) {
        debug_assert_eq!(values.len(), self.columns.len(), "a value for each column of {}", self.table);
        self.rows.push(values);
    }

    /// Writes them; nothing where there are none.
    ///
    /// # Errors
    /// As the database says.
    pub async fn execute<'c>(self, rows: impl Into<Rows<'c>>) -> Result<(), Error> {
        if self.rows.is_empty() {
            return Ok(());
        }
        match rows.into() {
            Rows::Sqlite(connection) => self.into_file(Rows::Sqlite(connection)).await,
            Rows::Postgres(connection) => self.onto_server(connection).await,
        }
    }

    /// By powers of two, so that few texts are prepared.
    async fn into_file(mut self, mut file: Rows<'_>) -> Result<(), Error> {
        let row = format!("({})", vec!["?"; self.columns.len()].join(", "));
        let mut rest = std::mem::take(&mut self.rows).into_iter();
        while rest.len() > 0 {
            let size = (1 << rest.len().ilog2()).min(ROWS_OF_A_FILE);
            let sql = self.text(&format!("values {}", vec![row.as_str(); size].join(", ")));
            let all = rest.by_ref().take(size).flatten();
            all.fold(query(&sql), |query, value| query.bind(value)).execute(&mut file).await?;
        }
        Ok(())
    }

    /// As one array a column: one text, however many rows.
    async fn onto_server(mut self, connection: &mut sqlx::PgConnection) -> Result<(), Error> {
        let mut columns: Vec<Column<'q>> = Vec::with_capacity(self.columns.len());
        for row in std::mem::take(&mut self.rows) {
            for (number, value) in row.into_iter().enumerate() {
                match columns.get_mut(number) {
                    Some(column) => column.push(value),
                    None => columns.push(Column::of(value)),
                }
            }
        }
        let mut arrays = String::new();
        for (number, column) in columns.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            let _ = write!(arrays, "{comma}${}::{}[]", number + 1, column.kind());
        }
        let sql = self.text(&format!("select * from unnest({arrays})"));
        let mut query = sqlx::query::<Postgres>(&sql);
        for column in columns {
            query = match column {
                Column::Texts(texts) => query.bind(texts),
                Column::Wholes(wholes) => query.bind(wholes),
                Column::Flags(flags) => query.bind(flags),
            };
        }
        answered(query.execute(connection)).await.map(drop)
    }
}

/// The values of a column.
enum Column<'q> {
    Texts(Vec<Option<Cow<'q, str>>>),
    Wholes(Vec<Option<i64>>),
    Flags(Vec<Option<bool>>),
}

impl<'q> Column<'q> {
    fn of(value: Value<'q>) -> Self {
        match value {
            Value::Text(text) => Self::Texts(vec![text]),
            Value::Whole(whole) => Self::Wholes(vec![whole]),
            Value::Flag(flag) => Self::Flags(vec![flag]),
        }
    }

    /// A value of another kind than those before is none.
    fn push(&mut self, value: Value<'q>) {
        match (self, value) {
            (Self::Texts(texts), Value::Text(text)) => texts.push(text),
            (Self::Wholes(wholes), Value::Whole(whole)) => wholes.push(whole),
            (Self::Flags(flags), Value::Flag(flag)) => flags.push(flag),
            (Self::Texts(texts), _) => texts.push(None),
            (Self::Wholes(wholes), _) => wholes.push(None),
            (Self::Flags(flags), _) => flags.push(None),
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Texts(_) => "text",
            Self::Wholes(_) => "bigint",
            Self::Flags(_) => "boolean",
        }
    }
}

#[cfg(test)]
mod tests {
    use harness::postgres::Cluster;

    use super::*;
    use crate::{Address, Place, Schema};

    /// So many rows that a file takes several statements.
    const MANY: i64 = 150;

    async fn write(rows: &mut Rows<'_>, times: i64) {
        let mut written = upsert("thing", &["kind", "id"], &["kind", "id", "text", "times", "odd"]);
        for id in 0..MANY {
            let text = (id % 3 > 0).then(|| format!("'{id}', \"{times}\" {{x,y}} \\"));
            let odd = (id > 0).then_some(id % 2 == 1);
            written.push(vec!["k".into(), id.into(), text.into(), times.into(), odd.into()]);
        }
        written.execute(Rows::from(rows)).await.unwrap();
    }

    /// As they stand: the text, how often, whether odd.
    type Thing = (Option<String>, i64, Option<bool>);

    async fn all(rows: &mut Rows<'_>) -> Vec<Thing> {
        let found = query("select * from thing order by id").fetch_all(Rows::from(rows)).await.unwrap();
        let thing = |row: &crate::Row| Ok((row.try_get("text")?, row.try_get("times")?, row.try_get("odd")?));
        found.iter().map(thing).collect::<Result<_, Error>>().unwrap()
    }

    async fn prove(mut rows: Rows<'_>) {
        let schema = "create table thing (kind text not null, id bigint not null, text text, times bigint not null, odd boolean, primary key (kind, id))";
        rows.script(schema).await.unwrap();
        upsert("thing", &["id"], &["id"]).execute(Rows::from(&mut rows)).await.expect("nothing to write");
        let other = "insert into thing values ('other', 0, 'stays', 7, null)";
        rows.script(other).await.unwrap();
        for times in 1..=2 {
            write(&mut rows, times).await;
        }
        rows.script("delete from thing where kind = 'other' and text = 'stays' and times = 7").await.unwrap();
        let all = all(&mut rows).await;
        let wanted = |id: i64| {
            let text = (id % 3 > 0).then(|| format!("'{id}', \"2\" {{x,y}} \\"));
            (text, 2, (id > 0).then_some(id % 2 == 1))
        };
        assert_eq!(all, (0..MANY).map(wanted).collect::<Vec<Thing>>());
    }

    #[tokio::test]
    async fn many_rows_are_written_at_once_and_each_in_the_place_of_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = Place::File(folder.path().join("x.sqlite")).connect().await.unwrap();
        prove(Rows::from(&mut file)).await;
        let address: Address = Cluster::shared().database().await.parse().unwrap();
        let schema = Schema::new(&address, "things");
        let mut server = Place::Schema(schema.clone()).connect().await.unwrap();
        schema.make(&mut server).await.unwrap();
        prove(Rows::from(&mut server)).await;
    }
}
