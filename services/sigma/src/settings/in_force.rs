//! Every setting as it stands, and where it came from.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::sources::{Source, Sources};
use super::table::{SETTINGS, Setting};
use crate::client::print as out;
use crate::client::table::{text, whole};
use crate::fault::Fault;

/// What stands for a secret.
const SET: &str = "set";
const NOT_SET: &str = "not set";

/// A setting as it stands, for people: a secret is only told as set or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) name: &'static str,
    /// Empty where nothing is set.
    pub(crate) value: String,
    /// `default`, `--flag`, `SIGMA_X`, or the file's name.
    pub(crate) source: String,
}

/// Every setting's text in its right form.
#[derive(Debug)]
pub(crate) struct Values(BTreeMap<&'static str, (Option<String>, Source)>);

impl Values {
    /// Understands every setting of the table.
    ///
    /// # Errors
    /// The first that cannot be what it is said to be, in the table's order.
    pub(super) fn read(sources: &Sources) -> Result<Self, Fault> {
        let all = SETTINGS.iter().map(|setting| Ok((setting.name, sources.understood(setting)?)));
        Ok(Self(all.collect::<Result<_, Fault>>()?))
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        debug_assert!(self.0.contains_key(name), "{name} is read and not in the table");
        self.0.get(name).and_then(|(text, _)| text.clone())
    }

    /// Where a setting's text came from, where it has one.
    pub(super) fn said(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(|(text, source)| text.as_ref().map(|_| source.to_string()))
    }

    /// The text of a setting that has a default.
    pub(super) fn needed(&self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    /// A number. The table's bounds keep it inside `T`.
    pub(super) fn number<T: std::str::FromStr + Default>(&self, name: &str) -> T {
        self.needed(name).parse().unwrap_or_default()
    }

    /// A number that need not be set.
    pub(super) fn maybe(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    pub(super) fn size(&self, name: &str) -> usize {
        self.number(name)
    }

    pub(super) fn seconds(&self, name: &str) -> Duration {
        Duration::from_secs(self.number(name))
    }

    /// The parts of a setting that is a list.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let text = self.needed(name);
        text.split(',').filter(|one| !one.is_empty()).map(str::to_owned).collect()
    }

    pub(super) fn in_force(&self) -> Vec<InForce> {
        let told = |setting: &Setting| {
            let (text, source) = self.0.get(setting.name)?;
            let value = match (setting.is_secret(), text) {
                (true, Some(_)) => SET.to_owned(),
                (true, None) => NOT_SET.to_owned(),
                (false, text) => text.as_deref().map(|text| setting.told(text)).unwrap_or_default(),
            };
            Some(InForce { name: setting.name, value, source: source.to_string() })
        };
        SETTINGS.iter().filter_map(told).collect()
    }
}

/// `--print-config`: a table for people, or one JSON list.
pub(crate) fn print(in_force: &[InForce], json: bool) -> Result<(), Fault> {
    if json {
        let all =
            in_force.iter().map(|one| json!({ "name": one.name, "value": one.value, "source": one.source }));
        return out::json(&all.collect());
    }
    let rows = in_force.iter().map(|one| {
        let value = if one.value.is_empty() { "-".to_owned() } else { one.value.clone() };
        vec![one.name.to_owned(), value, one.source.clone()]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    out::lines(out::table(&[whole("SETTING"), text("VALUE"), text("FROM")], &rows))
}
