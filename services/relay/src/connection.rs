//! How Kafka is reached. Passwords are in no log line and no error: they go from here into librdkafka and nowhere else.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use rdkafka::ClientConfig;

/// How often librdkafka tells its figures.
const STATISTICS_EVERY: Duration = Duration::from_secs(5);

/// How long a broker that does not answer a request is waited for.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest wait between two tries to connect: who comes back is seen soon.
const LONGEST_RECONNECT: Duration = Duration::from_secs(2);

/// Where Kafka is and who we are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// `host:port,…`
    pub brokers: String,
    /// TLS, where it is spoken.
    pub tls: Option<Tls>,
    /// An account, where one is wanted.
    pub account: Option<Account>,
}

/// Whom we trust, and who we are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the authorities that are trusted; none: the machine's.
    pub authorities: Option<PathBuf>,
    /// PEM files of our certificate and its key, where the brokers ask for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// How an account shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// SCRAM-SHA-256: the password is not sent.
    ScramSha256,
    /// SCRAM-SHA-512: the password is not sent.
    ScramSha512,
    /// PLAIN: the password is sent as it is; wants TLS beneath.
    Plain,
}

impl Mechanism {
    /// Its name in SASL.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::Plain => "PLAIN",
        }
    }
}

/// An account of SASL.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// How it shows itself.
    pub mechanism: Mechanism,
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("mechanism", &self.mechanism)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// To brokers without TLS and without an account.
    pub fn plain(brokers: impl Into<String>) -> Self {
        Self { brokers: brokers.into(), tls: None, account: None }
    }

    /// What every client of ours is told.
    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "sigma")
            .set("security.protocol", self.protocol())
            .set("statistics.interval.ms", millis(STATISTICS_EVERY))
            .set("socket.timeout.ms", millis(REQUEST_TIMEOUT))
            .set("socket.nagle.disable", "true")
            .set("reconnect.backoff.max.ms", millis(LONGEST_RECONNECT))
            // A topic that is made while we run is seen soon.
            .set("topic.metadata.refresh.fast.interval.ms", "100");
        if let Some(tls) = &self.tls {
            if let Some(authorities) = &tls.authorities {
                config.set("ssl.ca.location", authorities.to_string_lossy());
            }
            if let Some((certificate, key)) = &tls.certificate {
                config.set("ssl.certificate.location", certificate.to_string_lossy());
                config.set("ssl.key.location", key.to_string_lossy());
            }
        }
        if let Some(Account { mechanism, name, password }) = &self.account {
            config
                .set("sasl.mechanism", mechanism.name())
                .set("sasl.username", name)
                .set("sasl.password", password);
        }
        config
    }

    fn protocol(&self) -> &'static str {
        match (&self.tls, &self.account) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        }
    }
}

pub(crate) fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let account = Account {
            mechanism: Mechanism::ScramSha256,
            name: "sigma".to_owned(),
            password: "open-sesame".to_owned(),
        };
        let connection = Connection { account: Some(account), ..Connection::plain("127.0.0.1:9092") };
        assert!(!format!("{connection:?}").contains("open-sesame"));
        assert!(!format!("{:?}", connection.config()).contains("open-sesame"));
    }

    #[test]
    fn what_is_spoken_follows_from_what_is_set() {
        let account =
            || Account { mechanism: Mechanism::Plain, name: "a".to_owned(), password: "b".to_owned() };
        let with = |tls: bool, sasl: bool| Connection {
            brokers: "a:1".to_owned(),
            tls: tls.then(Tls::default),
            account: sasl.then(account),
        };
        let spoken = [(false, false), (true, false), (false, true), (true, true)]
            .map(|(tls, sasl)| with(tls, sasl).config().get("security.protocol").unwrap().to_owned());
        assert_eq!(spoken, ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]);
    }
}
