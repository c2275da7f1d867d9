//! Where settings come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Secret;
use crate::fault::Fault;

/// The settings of this version, by the name of their flag and key.
const KNOWN: [&str; 9] = [
    "data-dir",
    "http",
    "rtmp",
    "public-url",
    "public-rtmp",
    "ingest-silence",
    "node-id",
    "log",
    "log-format",
];

/// Settings of the contract that come with what makes them work: refused by name until then.
const LATER: [&str; 11] = [
    "roles",
    "srt",
    "public-srt",
    "event-store",
    "kafka",
    "clickhouse",
    "objects",
    "tls-cert",
    "tls-key",
    "rtmps",
    "internal",
];

/// Settings that stand in the environment only, never on a command line or in a file.
const ENVIRONMENT_ONLY: [&str; 2] = ["admin-token", "master-key"];

/// `sigma.toml` is read up to this many bytes.
const FILE_BYTES: u64 = 256 * 1024;

/// What stood on the command line.
pub(crate) type Flags = BTreeMap<&'static str, String>;

/// All that is known before a setting is understood.
pub(crate) struct Sources {
    flags: Flags,
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
    file_name: PathBuf,
}

impl Sources {
    /// Takes flags, environment, and the file that `config` (or `SIGMA_CONFIG`) names, else `sigma.toml` where there
    /// is one.
    ///
    /// # Errors
    /// A file that cannot be read, a key that is not known, a setting that this version does not have.
    pub(crate) fn gather(
        config: Option<&Path>,
        flags: Flags,
        environment: BTreeMap<String, String>,
    ) -> Result<Self, Fault> {
        let named = config.map(Path::to_owned).or_else(|| environment.get("SIGMA_CONFIG").map(PathBuf::from));
        let file_name = named.clone().unwrap_or_else(|| PathBuf::from("sigma.toml"));
        let text = match read(&file_name) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => String::new(),
            Err(error) => {
                let wrong = format!("{} cannot be read: {error}", file_name.display());
                return Err(Fault::new(
                    wrong,
                    "name a file that can be, or leave --config and SIGMA_CONFIG out",
                ));
            }
        };
        let file = keys(&text, &file_name)?;
        let sources = Self { flags, environment, file, file_name };
        sources.refuse_later()?;
        Ok(sources)
    }

    fn refuse_later(&self) -> Result<(), Fault> {
        for name in LATER {
            if let Some((_, from)) = self.find(name) {
                return Err(Fault::new(format!("{from} is not there yet in this version"), "leave it out"));
            }
        }
        Ok(())
    }

    /// The text of a setting, and the name of what it came from.
    fn find(&self, name: &str) -> Option<(&str, String)> {
        if let Some(text) = self.flags.get(name) {
            return Some((text, format!("--{name}")));
        }
        let variable = format!("SIGMA_{}", name.replace('-', "_").to_uppercase());
        if let Some(text) = self.environment.get(&variable).filter(|text| !text.is_empty()) {
            return Some((text, variable));
        }
        let text = self.file.get(name)?;
        Some((text, format!("{name} in {}", self.file_name.display())))
    }

    pub(super) fn optional<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Fault> {
        debug_assert!(KNOWN.contains(&name), "{name} is read and not known");
        let Some((text, from)) = self.find(name) else {
            return Ok(None);
        };
        let parsed = parse(text).map_err(|mend| Fault::new(format!("{from} cannot be `{text}`"), mend))?;
        Ok(Some(parsed))
    }

    pub(super) fn parsed<T>(
        &self,
        name: &str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Fault> {
        match self.optional(name, &parse)? {
            Some(parsed) => Ok(parsed),
            None => {
                parse(default).map_err(|mend| Fault::new(format!("the default of {name} is wrong"), mend))
            }
        }
    }

    /// A secret of the environment. What stood there is never told.
    pub(super) fn secret(
        &self,
        variable: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<Option<Secret>, Fault> {
        let Some(text) = self.environment.get(variable).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        check(text).map_err(|mend| Fault::new(format!("{variable} cannot be used"), mend))?;
        Ok(Some(Secret(text.clone())))
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn keys(text: &str, file: &Path) -> Result<BTreeMap<String, String>, Fault> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line =
            error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        Fault::new(
            format!("{} line {line} is no TOML: {}", file.display(), error.message()),
            "mend that line",
        )
    })?;
    let mut keys = BTreeMap::new();
    for (key, value) in table {
        if ENVIRONMENT_ONLY.contains(&key.as_str()) {
            let variable = format!("SIGMA_{}", key.replace('-', "_").to_uppercase());
            let wrong = format!("{key} does not stand in {}", file.display());
            return Err(Fault::new(wrong, format!("set {variable}, or let it be made in the data folder")));
        }
        if !KNOWN.contains(&key.as_str()) && !LATER.contains(&key.as_str()) {
            let wrong = format!("{} has an unknown key `{key}`", file.display());
            return Err(Fault::new(wrong, format!("did you mean `{}`?", nearest(&key))));
        }
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            _ => {
                let wrong = format!("{key} in {} is neither text nor a whole number", file.display());
                return Err(Fault::new(wrong, format!("write {key} = \"…\"")));
            }
        };
        keys.insert(key, text);
    }
    Ok(keys)
}

/// The known key that is most like `key`.
fn nearest(key: &str) -> &'static str {
    let plain = key.replace('_', "-").to_lowercase();
    let mut best = (f64::MIN, KNOWN[0]);
    for known in KNOWN {
        let likeness = strsim::jaro_winkler(&plain, known);
        if likeness > best.0 {
            best = (likeness, known);
        }
    }
    best.1
}
