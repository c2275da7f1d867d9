//! Kafka's errors in words for people.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use sigma_store::LogError;

/// What a person can do about a Kafka that does not answer.
pub const BROKERS_MEND: &str =
    "see that the brokers run and are reachable from here, and that --kafka names them";

/// What an error of librdkafka says. One about a setting is told by the setting's name alone: its description holds the
/// value, which may be a password.
pub(crate) fn told(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, _, key, _) => format!("its client refuses the setting {key}"),
        error => error.to_string(),
    }
}

/// The log cannot be read now.
pub(crate) fn away(message: impl Into<String>) -> LogError {
    LogError::Unavailable { message: format!("Kafka: {}", message.into()), mend: BROKERS_MEND.to_owned() }
}

/// Whether an error says that the topic is another one than was known: deleted, or made anew and shorter.
pub(crate) fn is_of_another_topic(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::AutoOffsetReset
                | RDKafkaErrorCode::OffsetOutOfRange
        )
    )
}

pub(crate) fn unavailable(error: &KafkaError) -> LogError {
    away(told(error))
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;
    use rdkafka::consumer::BaseConsumer;

    use super::*;

    #[test]
    fn a_setting_that_is_refused_is_told_without_its_value() {
        let mut config = ClientConfig::new();
        config.set("sasl.mechanism", "open-sesame").set("security.protocol", "open-sesame");
        let error = config.create::<BaseConsumer>().err().unwrap();
        let told = told(&error);
        assert!(told.contains("the setting s") && !told.contains("sesame"), "{told}");
    }
}
