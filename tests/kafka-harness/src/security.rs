//! Doors with TLS and SASL: a certificate of our own and two accounts.

use rcgen::{CertifiedKey, generate_simple_self_signed};

/// What a client of the secured doors needs, and what the node is told.
#[derive(Debug)]
pub struct Security {
    /// The certificate that the node shows, its own authority: PEM.
    pub certificate: String,
    key: String,
    /// The account for SCRAM-SHA-256.
    pub scram: (&'static str, &'static str),
    /// The account for PLAIN.
    pub plain: (&'static str, &'static str),
}

impl Security {
    pub(crate) fn new() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        Self {
            certificate: cert.pem(),
            key: signing_key.serialize_pem(),
            scram: ("sigma-scram", "open-sesame-scram"),
            plain: ("sigma-plain", "open-sesame-plain"),
        }
    }

    /// For the formatting of the storage.
    pub(crate) fn scram(&self) -> String {
        let (name, password) = self.scram;
        format!("SCRAM-SHA-256=[name={name},password={password}]")
    }

    pub(crate) fn properties(&self) -> String {
        let one_line = |pem: &str| pem.trim_end().replace('\n', " \\\n");
        let (name, password) = self.plain;
        let plain = format!(
            "org.apache.kafka.common.security.plain.PlainLoginModule required user_{name}=\"{password}\";"
        );
        let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
        let mut text = format!(
            "ssl.keystore.type=PEM\nssl.keystore.certificate.chain={}\nssl.keystore.key={}\n\
             sasl.enabled.mechanisms=SCRAM-SHA-256,PLAIN\n",
            one_line(&self.certificate),
            one_line(&self.key),
        );
        for door in ["secured", "sasl"] {
            text.push_str(&format!(
                "listener.name.{door}.scram-sha-256.sasl.jaas.config={scram}\n\
                 listener.name.{door}.plain.sasl.jaas.config={plain}\n"
            ));
        }
        text
    }
}
