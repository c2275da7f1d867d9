//! Tables of one text of SQL, in a SQLite file or in a schema of PostgreSQL.
//!
//! Views and process managers keep their rows here. `$1` works in both databases, and so does all else that the texts use:
//! SQLite's `json_each` is made in each schema as a function, and text sorts by its bytes in both. (sqlx's own `Any` is not
//! used: it refuses SQLite's booleans and knows no options of a connection.)

mod address;
mod connection;
mod fault;
mod place;
mod query;
mod upsert;

pub use address::Address;
pub use connection::{Connection, Pool, PooledConnection, Rows, Transaction};
pub use fault::{Trouble, constraint_met, is_gone, is_passing, trouble};
pub use place::{Place, Schema};
pub use query::{Query, Row, Value, query};
pub use upsert::{Upsert, upsert};
