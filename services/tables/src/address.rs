//! Where a database is, told without its password.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

/// How our connections name themselves, for whoever looks at `pg_stat_activity`.
const APPLICATION: &str = "sigma";

/// The address of a database, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. Shown and printed without its password.
#[derive(Clone)]
pub struct Address {
    /// Large, and carried about a lot.
    options: Arc<PgConnectOptions>,
}

impl Address {
    /// Options for connections that find their tables in `schema`, and whose statements may run for so long.
    pub fn options(&self, schema: &str, statement_timeout: Duration) -> PgConnectOptions {
        let millis = statement_timeout.as_millis().max(1);
        PgConnectOptions::clone(&self.options)
            .application_name(APPLICATION)
            .disable_statement_logging()
            .options([
                ("search_path", schema.to_owned()),
                ("statement_timeout", millis.to_string()),
                // A transaction of ours that waits for nothing holds up every reader of the log.
                ("idle_in_transaction_session_timeout", millis.to_string()),
                ("lock_timeout", millis.to_string()),
                // That a table to be dropped is not there is nobody's news.
                ("client_min_messages", "warning".to_owned()),
            ])
    }
}

impl FromStr for Address {
    type Err = String;

    /// # Errors
    /// What would be right; never the text itself, which may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write postgres://USER:PASSWORD@HOST:PORT/DATABASE";
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(FORM.to_owned());
        }
        let options: PgConnectOptions = text.parse().map_err(|_| FORM.to_owned())?;
        if options.get_database().is_none_or(str::is_empty) {
            return Err(format!("it names no database; {FORM}"));
        }
        Ok(Self { options: Arc::new(options) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (user, host, port) =
            (self.options.get_username(), self.options.get_host(), self.options.get_port());
        write!(f, "postgres://{user}@{host}:{port}/{}", self.options.get_database().unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_never_told_with_its_password() {
        let address: Address = "postgres://sigma:geheim@db.example:5433/live".parse().unwrap();
        assert_eq!(address.to_string(), "postgres://sigma@db.example:5433/live");
        assert!(!format!("{address:?}").contains("geheim"));
    }

    #[test]
    fn a_wrong_address_says_what_would_be_right_and_not_itself() {
        for wrong in ["sqlite", "mysql://u:geheim@h/d", "postgres://u:geheim@h:x/d", "postgres://u:geheim@h"]
        {
            let mend = wrong.parse::<Address>().unwrap_err();
            assert!(mend.contains("postgres://USER") && !mend.contains("geheim"), "{mend}");
        }
    }
}
