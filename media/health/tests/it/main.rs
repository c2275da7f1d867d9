//! Ingest health as a broadcaster's feed makes it.

mod feed_scenarios;
mod laws;
mod studio;
mod warning_scenarios;
