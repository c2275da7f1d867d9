//! What a holder shows with each thing that he writes.

use std::sync::Arc;

use sigma_tables::{Rows, query};

/// The token of a lease that is held. Shown in every transaction that only its holder may commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence(Option<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    lease: Arc<str>,
    number: i64,
}

impl Fence {
    /// Of a process that is alone: nobody could be before it.
    pub(crate) const fn open() -> Self {
        Self(None)
    }

    pub(crate) fn of(lease: &Arc<str>, number: i64) -> Self {
        Self(Some(Token { lease: Arc::clone(lease), number }))
    }

    /// The token's number, greater with each holder; 0 where one process is alone.
    pub fn number(&self) -> i64 {
        self.0.as_ref().map_or(0, |token| token.number)
    }

    /// Whether the lease is still this holder's. To be asked in the transaction that is to be fenced, before what it
    /// writes: from a yes on nobody takes the lease until that transaction has ended.
    ///
    /// # Errors
    /// As the database says.
    pub async fn holds(&self, rows: impl Into<Rows<'_>>) -> Result<bool, sqlx::Error> {
        let Some(Token { lease, number }) = &self.0 else { return Ok(true) };
        let asked = query(include_str!("sql/fence.sql")).bind(&**lease).bind(*number);
        Ok(asked.fetch_optional(rows).await?.is_some())
    }
}
