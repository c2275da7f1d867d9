//! Ingest health: from the media node to the session's stream of warnings.

use std::collections::BTreeMap;

use sigma_app::WarningReport;
use sigma_node::{WarningChange, WarningData};

/// What became of a warning, in the application layer's terms.
pub(super) fn warning_report(change: WarningChange) -> WarningReport {
    match change {
        WarningChange::Raised(warning) => WarningReport::Raised {
            name: warning.name.code().to_owned(),
            message: warning.message,
            data: named(&warning.data),
        },
        WarningChange::Cleared(name) => WarningReport::Cleared { name: name.code().to_owned() },
    }
}

fn named(data: &WarningData) -> BTreeMap<String, i64> {
    data.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
}
