//! Where settings come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::table::{LATER, OTHER_VARIABLES, SETTINGS, Setting, nearest, setting, variable};
use crate::fault::Fault;

/// `sigma.toml` is read up to this many bytes.
const FILE_BYTES: u64 = 256 * 1024;

/// What stood on the command line.
pub(crate) type Flags = BTreeMap<&'static str, String>;

/// All that is known before a setting is understood.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    flags: Flags,
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
    file_name: PathBuf,
}

/// What a setting's text came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    Flag(&'static str),
    Variable(String),
    File(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
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
                let from = self.said(name, &from);
                return Err(Fault::new(format!("{from} is not there yet in this version"), "leave it out"));
            }
        }
        Ok(())
    }

    /// The text of a setting, and what it came from.
    pub(super) fn find(&self, name: &str) -> Option<(&str, Source)> {
        if let Some((name, text)) = self.flags.get_key_value(name) {
            return Some((text, Source::Flag(name)));
        }
        let variable = variable(name);
        if let Some(text) = self.environment.get(&variable).filter(|text| !text.is_empty()) {
            return Some((text, Source::Variable(variable)));
        }
        let text = self.file.get(name)?;
        Some((text, Source::File(self.file_name.clone())))
    }

    /// One setting's text in its right form, and what it came from; no text where nothing is set.
    ///
    /// # Errors
    /// The text is not one that the setting can have.
    pub(super) fn understood(&self, setting: &Setting) -> Result<(Option<String>, Source), Fault> {
        let Some((text, from)) = self.find(setting.name) else {
            let super::table::Default::Is(text) = &setting.default else {
                return Ok((None, Source::Default));
            };
            let text = setting
                .check(text)
                .map_err(|mend| Fault::new(format!("the default of {} is wrong", setting.name), mend))?;
            return Ok((Some(text), Source::Default));
        };
        let text = setting.check(text).map_err(|mend| {
            let from = self.said(setting.name, &from);
            // What a secret says is never told.
            let wrong = match setting.may_hide_something() {
                true => format!("{from} cannot be used"),
                false => format!("{from} cannot be `{text}`"),
            };
            Fault::new(wrong, mend)
        })?;
        Ok((Some(text), from))
    }

    /// How a person finds the place where a setting was said.
    fn said(&self, name: &str, from: &Source) -> String {
        match from {
            Source::File(path) => format!("{name} in {}", path.display()),
            other => other.to_string(),
        }
    }

    /// Variables that look like ours and are none, each with the one that is most like it.
    pub(crate) fn unknown_variables(&self) -> Vec<String> {
        let known: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
        let later: Vec<String> = LATER.iter().map(|name| variable(name)).collect();
        let known = || known.iter().map(String::as_str).chain(OTHER_VARIABLES.iter().copied());
        let is_known =
            |name: &str| known().any(|known| known == name) || later.iter().any(|later| later == name);
        // Those of our own tests are told by their beginning.
        let strange =
            self.environment.keys().filter(|name| !is_known(name) && !name.starts_with("SIGMA_TEST_"));
        let told = strange.map(|name| {
            let nearest = nearest(name, known()).unwrap_or_default();
            format!("{name} is no setting and does nothing; did you mean {nearest}?")
        });
        told.collect()
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
        let known = setting(&key);
        if known.is_some_and(Setting::is_secret) {
            let wrong = format!("{key} does not stand in {}", file.display());
            let mend = format!("set {}, or let it be made in the data folder", variable(&key));
            return Err(Fault::new(wrong, mend));
        }
        if known.is_none() && !LATER.contains(&key.as_str()) {
            let in_file = SETTINGS.iter().filter(|setting| !setting.is_secret()).map(|setting| setting.name);
            let nearest = nearest(&key, in_file).unwrap_or_default();
            let wrong = format!("{} has an unknown key `{key}`", file.display());
            return Err(Fault::new(wrong, format!("did you mean `{nearest}`?")));
        }
        let Some(text) = value_text(&value) else {
            let wrong = format!("{key} in {} is neither text nor a whole number", file.display());
            return Err(Fault::new(wrong, format!("write {key} = \"…\"")));
        };
        keys.insert(key, text);
    }
    Ok(keys)
}

/// Text, whole numbers, and lists of texts.
fn value_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(values) => {
            let texts: Option<Vec<&str>> = values.iter().map(toml::Value::as_str).collect();
            Some(texts?.join(","))
        }
        _ => None,
    }
}
