//! Logs and traces: `tracing` to stderr as text or JSON, and spans to a collector where one is named.
//! The fields that stand for ever are told in `docs/logging.md`.

mod json;
mod traces;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use sigma_api::http::RequestTraces;
use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::client::colour_wanted;
use crate::fault::Fault;
use crate::settings::{LogFormat, Settings};
use traces::{Exported, ToldIds, TracedRequests};

/// What has begun: the log, and perhaps the sending of traces.
pub(crate) struct Telemetry {
    exported: Option<Exported>,
}

impl Telemetry {
    /// Sends the log to stderr and traces to where the settings name. Within a runtime.
    ///
    /// # Errors
    /// The collector's address leads nowhere that can be asked.
    pub(crate) fn begin(settings: &Settings) -> Result<Self, Fault> {
        let colour = std::io::stderr().is_terminal() && colour_wanted();
        let (subscriber, telemetry) = Self::with_writer(settings, std::io::stderr, colour)?;
        // One that was begun before serves as well.
        drop(subscriber.try_init());
        for warning in &settings.warnings {
            tracing::warn!("{warning}");
        }
        Ok(telemetry)
    }

    fn with_writer<W>(
        settings: &Settings,
        writer: W,
        colour: bool,
    ) -> Result<(impl Subscriber + Send + Sync + use<W>, Self), Fault>
    where
        W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    {
        let exported = match &settings.otlp_endpoint {
            Some(endpoint) => Some(Exported::begin(endpoint, settings)?),
            None => None,
        };
        // The text was tried when settings were read.
        let filter = EnvFilter::try_new(&settings.log).unwrap_or_default();
        let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colour);
        let lines = match settings.log_format {
            LogFormat::Text => lines.boxed(),
            LogFormat::Json => lines.fmt_fields(JsonFields::new()).event_format(json::Lines).boxed(),
        };
        // Ours alone, whatever is logged: the spans of libraries say nothing to who looks for a request.
        let ours = Targets::new().with_target("sigma", LevelFilter::INFO);
        let spans = exported.as_ref().map(|exported| exported.layer().with_filter(ours));
        let subscriber = Registry::default().with(lines.with_filter(filter)).with(spans);
        Ok((subscriber, Self { exported }))
    }

    /// Who gives each request its trace.
    pub(crate) fn requests(&self) -> Arc<dyn RequestTraces> {
        match self.exported {
            Some(_) => Arc::new(TracedRequests),
            None => Arc::new(ToldIds),
        }
    }

    /// Sends what has not been sent yet, for so long at most.
    pub(crate) async fn flush(self, within: Duration) {
        if let Some(exported) = self.exported {
            exported.flush(within).await;
        }
    }
}

#[cfg(test)]
mod tests;
