//! The certificate that the doors show, and whose certificates the client commands believe.

mod files;
mod keeper;
mod trust;

pub(crate) use files::{Files, days_left};
pub(crate) use keeper::Keeper;
pub(crate) use trust::Trust;

/// Fewer days than this before a certificate runs out are said.
pub(crate) const WARN_DAYS: i64 = 14;
